"""Lids that meet: how far each goes is solved from the coefficients, never blended.

The upper lid does most of a blink; what the crease above and the pouch below do follows.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

_TOLD = ("eyeBlink", "eyeSquint", "cheekSquint", "eyeWide", "eyeLookUp", "eyeLookDown")


@njit(cache=True, nogil=True, boundscheck=False)
def _moved(
    shape: F64, c: F32, told: I32, places: I32, opening: F64
) -> None:  # pragma: no cover - compiled
    blink, squint, cheek = float(c[told[0]]), float(c[told[1]]), float(c[told[2]])
    wide, up, down = float(c[told[3]]), float(c[told[4]]), float(c[told[5]])
    ajar = 1.0 - blink  # what opens an eye does nothing to a shut one; what closes it adds up
    upper = 0.9 * blink + 0.2 * squint + 0.08 * cheek + 0.55 * down
    upper -= ajar * (0.10 * wide + 0.12 * up)
    lower = 0.1 * blink + 0.26 * squint + 0.28 * cheek
    lower += ajar * (0.06 * up - 0.18 * down - 0.02 * wide)
    if upper + lower > 1.0:
        upper, lower = upper / (upper + lower), lower / (upper + lower)
    for i in range(places.shape[1]):
        for k in range(3):
            shape[places[0, i], k] += opening[i, k] * upper
            shape[places[1, i], k] -= opening[i, k] * lower
            shape[places[2, i], k] += opening[i, k] * 0.35 * upper
            shape[places[3, i], k] -= opening[i, k] * 0.4 * lower


class LidSolver:
    """Moves the lids of one eye."""

    def __init__(self, shape: F64, side: str, *contours: tuple[int, ...]) -> None:
        """`shape` [478, 3] at rest, iod; `contours`: upper and lower lid, with their corners, and
        crease and pouch, without."""
        upper, lower, crease, pouch = contours
        self._told = np.array([ARKIT_INDEX[stem + side] for stem in _TOLD], np.int32)
        self._places = np.array([upper[1:-1], lower[1:-1], crease, pouch], np.int32)
        self._opening = shape[list(lower[1:-1])] - shape[list(upper[1:-1])]

    def solve(self, shape: F64, c: F32) -> None:
        """Move the lids of `shape` [478, 3] in place, under coefficients [52] in 0..1."""
        _moved(shape, c, self._told, self._places, self._opening)
