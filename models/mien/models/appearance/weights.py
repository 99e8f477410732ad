"""The appearance encoder's weights file, with batch norms folded into the convolutions before them.

Knows names, shapes and the file (`mien.models.weights_file`). Refuses to run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.models import weights_file
from mien.models.appearance.shapes import CODE, GROUPS, WIDTHS

F32 = NDArray[np.float32]
VERSION = 1
SHIPPED = Path(__file__).parents[1] / "weights" / "appearance.safetensors"
_HEADER = "mien_appearance"


class AppearanceWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


@dataclass(frozen=True, eq=False)
class AppearanceModel:
    """All that a weights file holds, as float32."""

    tensors: Mapping[str, F32]
    notes: dict[str, Any] = field(default_factory=dict)


def expected_tensors() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all tensors."""
    a, b, c, d, e = WIDTHS
    kernels = {"stem": (a, 3, 5, 5), "rise.0": (d, e, 1, 1), "near": (a, a, 3, 3),
               "groups": (len(GROUPS), a, 1, 1), "depth": (1, a, 1, 1)}  # fmt: skip
    for place, (into, width) in enumerate(((d, c), (c, b), (b, a)), start=1):
        kernels[f"rise.{place}"] = (width, into, 3, 3)
    levels = (("fine", a, b, 1), ("middle", b, c, 1), ("far", c, d, 2), ("whole", d, e, 2))
    for name, into, width, residuals in levels:
        kernels[f"{name}.0"] = (width, into, 3, 3)
        for place in range(1, residuals + 1):
            for part in ("first", "second"):
                kernels[f"{name}.{place}.{part}"] = (width, width, 3, 3)
    out: dict[str, tuple[int, ...]] = {"who.weight": (CODE, e), "who.bias": (CODE,)}
    for name, kernel in kernels.items():
        out |= {f"{name}.weight": kernel, f"{name}.bias": kernel[:1]}
    return out


def save_model(path: Path, tensors: Mapping[str, ArrayLike], notes: dict[str, Any]) -> None:
    """Write a weights file in float16, atomically. Raises AppearanceWeightsError."""
    arrays = {name: np.asarray(tensor, np.float16) for name, tensor in tensors.items()}
    weights_file.check(arrays, expected_tensors(), AppearanceWeightsError)
    weights_file.write(path, arrays, _HEADER, {"version": VERSION, "notes": notes})


def load_model(path: Path | None = None) -> AppearanceModel:
    """Read a weights file; None: what ships with mien. Raises AppearanceWeightsError."""
    path = SHIPPED if path is None else Path(path)
    arrays, said = weights_file.read(
        path, _HEADER, VERSION, "the appearance encoder", AppearanceWeightsError
    )
    weights_file.check(arrays, expected_tensors(), AppearanceWeightsError)
    return AppearanceModel(weights_file.widened(arrays), dict(said.get("notes", {})))
