"""A head movement in the picture: points carried, and planes through them.

Knows one camera and the few numbers of a movement; compiled, since every frame carries a few
thousand points. Refuses to know faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]

NEAREST = 0.3  # of the camera's distance: what would come closer yet grows no more


@njit(inline="always")
def _carry(
    x: float, y: float, z: float, m: F64
) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """A point after the movement `m`, see `Rigid.packed`."""
    deep = max(1.0 + (z - m[12]) / m[16], NEAREST)
    u, v, w = (x - m[17]) * deep - m[10] + m[17], (y - m[18]) * deep - m[11] + m[18], z - m[12]
    a = m[0] * u + m[1] * v + m[2] * w
    b = m[3] * u + m[4] * v + m[5] * w
    c = m[6] * u + m[7] * v + m[8] * w
    deep = max(1.0 + c / m[16], NEAREST)
    a = (a + m[10] - m[17]) / deep - m[10] + m[17]
    b = (b + m[11] - m[18]) / deep - m[11] + m[18]
    return m[9] * a + m[10] + m[13], m[9] * b + m[11] + m[14], m[9] * c + m[12] + m[15]


@njit(cache=True, nogil=True, boundscheck=False)
def _carried(points: F64, m: F64, out: F64) -> None:  # pragma: no cover - compiled
    for i in range(points.shape[0]):
        out[i, 0], out[i, 1], out[i, 2] = _carry(points[i, 0], points[i, 1], points[i, 2], m)


@njit(cache=True, nogil=True, boundscheck=False)
def _way_back(plane: F64, x: float, y: float, m: F64) -> F64:  # pragma: no cover - compiled
    ax, ay, _ = _carry(x, y, plane[0] * x + plane[1] * y + plane[2], m)
    bx, by, _ = _carry(x + 1.0, y, plane[0] * (x + 1.0) + plane[1] * y + plane[2], m)
    cx, cy, _ = _carry(x, y + 1.0, plane[0] * x + plane[1] * (y + 1.0) + plane[2], m)
    a, b, c, d = bx - ax, cx - ax, by - ay, cy - ay
    whole = a * d - b * c
    out = np.empty((2, 3))
    out[0, 0], out[0, 1], out[1, 0], out[1, 1] = d / whole, -b / whole, -c / whole, a / whole
    for k in range(2):
        out[k, 2] = (x if k == 0 else y) - out[k, 0] * ax - out[k, 1] * ay
    return out


@dataclass(frozen=True)
class Rigid:
    """A head movement in the picture, as a camera at a `distance` before the pivot sees it.

    Points are taken from the picture into space, turned about the pivot and seen again: what comes
    closer grows, what goes away shrinks. Then the whole is scaled and shifted.
    """

    turn: F64  # [3, 3] from the portrait's pose, picture axes
    scale: float
    pivot: F64  # [3] px
    shift: F64  # [3] px
    distance: float  # px of the portrait
    axis: F64  # [2] px: where the camera's axis meets the picture

    @cached_property
    def packed(self) -> F64:
        """All of it in a row, [19], for compiled code."""
        parts = (self.turn.ravel(), self.scale, self.pivot, self.shift, self.distance, self.axis)
        return np.hstack(parts)

    def apply(self, points: F64) -> F64:
        """Move `points` [N, 3] px; z stays a depth, not a picture's."""
        out = np.empty(points.shape)
        _carried(points, self.packed, out)
        return out

    def way_back(self, plane: F64, at: tuple[float, float]) -> F64:
        """The affine [2, 3] from the moved picture to the portrait, for a plane near `at` px.

        `plane` [3]: depth px = plane · (x, y, 1).
        """
        back: F64 = _way_back(plane, at[0], at[1], self.packed)
        return back


def carried_reference(rigid: Rigid, points: F64) -> F64:
    """What `Rigid.apply` gives, in NumPy."""

    def deep(z: F64) -> F64:
        return np.maximum(1.0 + z / rigid.distance, NEAREST)

    spot = rigid.pivot.copy()
    spot[:2] -= rigid.axis
    away = points - rigid.pivot
    away[:, :2] = (points[:, :2] - rigid.axis) * deep(away[:, 2:]) - spot[:2]
    moved = away @ rigid.turn.T
    moved[:, :2] = (moved[:, :2] + spot[:2]) / deep(moved[:, 2:]) - spot[:2]
    return np.asarray(rigid.scale * moved + rigid.pivot + rigid.shift)
