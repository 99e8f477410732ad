"""Weights files of the codec's networks: safetensors with a JSON header in their metadata.

Knows how such a file is written whole or not at all, read, and held against the shapes that are
expected. Refuses to know networks, and needs neither torch nor OpenVINO.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

F32 = NDArray[np.float32]


def write(path: Path, arrays: Mapping[str, NDArray[Any]], key: str, header: dict[str, Any]) -> None:
    """Write `arrays` with a JSON `header` under the metadata `key`, atomically."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(kept, new, metadata={key: json.dumps(header)})
        new.chmod(0o644)  # as any other file of a package
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def read(
    path: Path, key: str, version: int, what: str, error: type[ValueError]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return arrays and header. Raises `error` with the reason; `what` says whose weights."""
    if not path.is_file():
        raise error(f"no weights of {what} at '{path.name}'")
    try:
        with safe_open(path, "numpy") as file:
            said = (file.metadata() or {}).get(key)
            if said is None:
                raise error(f"'{path.name}' holds other weights than those of {what}")
            header = json.loads(said)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, OSError) as problem:
        raise error(f"'{path.name}' cannot be read: {problem}") from None
    if header.get("version", 0) > version:
        raise error(f"'{path.name}' was made by a newer mien")
    return arrays, header


def check(
    arrays: Mapping[str, NDArray[Any]],
    expected: Mapping[str, tuple[int, ...]],
    error: type[ValueError],
) -> None:
    """Raise `error` unless `arrays` are the expected ones: names, shapes, finite floats."""
    missing, unknown = expected.keys() - arrays.keys(), arrays.keys() - expected.keys()
    if missing or unknown:
        raise error(
            f"{len(missing)} tensors are missing and {len(unknown)} are unknown: "
            f"{', '.join(sorted([*missing, *unknown])[:4])}"
        )
    for name, wanted in expected.items():
        array = arrays[name]
        if array.shape != wanted:
            raise error(f"tensor '{name}' is {array.shape}, not {wanted}")
        if array.dtype not in (np.float16, np.float32):
            raise error(f"tensor '{name}' is {array.dtype}, not float")
        if not np.isfinite(array).all():
            raise error(f"tensor '{name}' is not finite everywhere")


def widened(arrays: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
    """The arrays as float32."""
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


@dataclass(frozen=True, eq=False)
class Weights:
    """All that a weights file of one shape holds, as float32."""

    tensors: Mapping[str, F32]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """The weights files of one network that has one shape."""

    header: str
    version: int
    what: str  # whose weights, in messages
    error: type[ValueError]
    expected: Callable[[], Mapping[str, tuple[int, ...]]]
    shipped: Path

    def save(self, path: Path, tensors: Mapping[str, ArrayLike], notes: dict[str, Any]) -> None:
        """Write a weights file in float16, atomically. Raises `error`."""
        arrays = {name: np.asarray(tensor, np.float16) for name, tensor in tensors.items()}
        check(arrays, self.expected(), self.error)
        write(path, arrays, self.header, {"version": self.version, "notes": notes})

    def load(self, path: Path | None = None) -> Weights:
        """Read a weights file; None: what ships with mien. Raises `error`."""
        path = self.shipped if path is None else Path(path)
        arrays, said = read(path, self.header, self.version, self.what, self.error)
        check(arrays, self.expected(), self.error)
        return Weights(widened(arrays), dict(said.get("notes", {})))
