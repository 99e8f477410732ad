"""The fitted face basis: mean face, mirror map, mesh, and what each coefficient moves.

Made by `training/face_basis.py`. Units: outer-eye-corner distance (iod); axes of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class FaceBasis:
    """Shared by all characters; read-only."""

    mean: F32  # [478, 3]
    dynamics: F32  # [52, 478, 3] displacement at coefficient 1
    mirror: NDArray[np.int32]  # [478] the same landmark on the other side
    rigid_weight: F32  # [478] how far a landmark is part of the skull, 0..1
    triangles: NDArray[np.int32]  # [T, 3] the skin, its openings filled

    def shape(self, name: str) -> F32:
        """Displacement [478, 3] at coefficient 1 of an ARKit name."""
        return np.asarray(self.dynamics[ARKIT_INDEX[name]])


@cache
def face_basis() -> FaceBasis:
    """The shipped basis, read once."""
    blob = files("mien.models").joinpath("data/face_basis.safetensors").read_bytes()
    arrays = load(blob)
    return FaceBasis(
        mean=arrays["mean"],
        dynamics=arrays["dynamics"].astype(np.float32),
        mirror=arrays["mirror"],
        rigid_weight=arrays["rigid_weight"],
        triangles=arrays["triangles"],
    )
