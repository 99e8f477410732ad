"""The skin maps' weights files: one network's tensors, and the shape that its header names.

Knows names, shapes and the one file format (safetensors in float16, a JSON header in its metadata;
without a shape in it, as files were first written, the narrow one is meant). Refuses to run
anything and needs neither torch nor OpenVINO.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.models import weights_file
from mien.models.codec.skin_shape import NARROW, SkinShape, expected_tensors, shape_from

F32 = NDArray[np.float32]
VERSION = 1
_FOLDER = Path(__file__).parents[1] / "weights"
SHIPPED, SHIPPED_WIDE = _FOLDER / "skin.safetensors", _FOLDER / "skin_gpu.safetensors"
_HEADER, _WHAT = "mien_skin", "skin maps"


class SkinWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


@dataclass(frozen=True, eq=False)
class SkinModel:
    """All that a weights file holds, as float32."""

    tensors: Mapping[str, F32]
    notes: dict[str, Any] = field(default_factory=dict)
    shape: SkinShape = NARROW


def save_model(
    path: Path, tensors: Mapping[str, ArrayLike], notes: dict[str, Any], shape: SkinShape = NARROW
) -> None:
    """Write a weights file in float16, atomically.

    Raises SkinWeightsError for tensors that do not fit `shape`.
    """
    arrays = {name: np.asarray(tensor, np.float16) for name, tensor in tensors.items()}
    weights_file.check(arrays, expected_tensors(shape), SkinWeightsError)
    header = {"version": VERSION, "shape": asdict(shape), "notes": notes}
    weights_file.write(path, arrays, _HEADER, header)


def load_model(path: Path | None = None) -> SkinModel:
    """Read a weights file; None: the narrow one that ships with mien. Raises SkinWeightsError."""
    path = SHIPPED if path is None else Path(path)
    arrays, said = weights_file.read(path, _HEADER, VERSION, _WHAT, SkinWeightsError)
    try:
        shape = shape_from(said.get("shape"))
    except (TypeError, KeyError, ValueError) as error:
        raise SkinWeightsError(f"the header of '{path.name}' does not fit: {error}") from None
    weights_file.check(arrays, expected_tensors(shape), SkinWeightsError)
    return SkinModel(weights_file.widened(arrays), dict(said.get("notes", {})), shape)


@cache
def shipped_model(wide: bool = False) -> SkinModel:
    """The weights that ship with mien, read once. Raises SkinWeightsError."""
    return load_model(SHIPPED_WIDE if wide else SHIPPED)
