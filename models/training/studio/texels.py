"""Where on the resting head each texel of the skin lies.

Knows texture coordinates. Refuses to know what is painted. Tile 0 is the face, tile 1 the back of
the head and the neck.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from training.studio.head import HeadModel

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Tile:
    """One square of texels; row 0 is v = 0."""

    rest: F32  # [S, S, 3] place on the mean head, model units; filled beyond the islands
    inside: NDArray[np.bool_]  # [S, S]
    gradient_u: F32  # [S, S, 3] multiplies dh/du (texels) into a tilt of the normal
    gradient_v: F32

    def tilt(self, height: F32) -> F32:
        """How a relief [S, S] in model units tilts normals, in axes of the resting head."""
        dv, du = np.gradient(height)
        return np.asarray(du[..., None] * self.gradient_u + dv[..., None] * self.gradient_v)


class Texels:
    """Both tiles, and the facial curves in tile 0."""

    def __init__(self, head: HeadModel, size: int) -> None:
        self.head, self.size = head, size
        corners = head.corners("face", "head_neck")
        self._corners = corners
        tile_of = corners.uv[corners.triangles].min(1)[:, 0].astype(int)
        rest = head.neutral[corners.source]
        self.tiles = [
            _tile(rest, corners.uv - [tile, 0], corners.triangles[tile_of == tile], size)
            for tile in (0, 1)
        ]

    def uv_of(self, vertices: I32) -> F64:
        """Texel coordinates (column, row) in tile 0 of face vertices. [N, 2]"""
        known = {int(v): i for i, v in enumerate(self._corners.source)
                 if self._corners.uv[i, 0] < 1}  # fmt: skip
        rows = [known[int(v)] for v in vertices]
        return self._corners.uv[rows].astype(np.float64) * self.size

    def landmark_curve(self, marks: list[int], count: int = 120, *, closed: bool = False) -> F64:
        """A smooth curve through some of the 68 landmarks, in texels. [count, 2]"""
        points = self.uv_of(self.head.landmarks68[marks])
        if closed:
            points = np.concatenate([points, points[:1]])
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(step)])
        spline = CubicSpline(along, points, bc_type="periodic" if closed else "natural")
        return np.asarray(spline(np.linspace(0, along[-1], count)))

    def distance_to(self, curve: F64, *, closed: bool = False) -> F32:
        """Distance of every texel to a curve, as a share of the texture's side. [S, S]"""
        canvas = np.full((self.size, self.size), 255, np.uint8)
        cv2.polylines(canvas, [np.round(curve * 16).astype(np.int32)], closed, 0, 1, shift=4)
        return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 5) / self.size, np.float32)

    def filled(self, curve: F64, blur: float = 0.0) -> F32:
        """1 inside a closed curve. [S, S]"""
        canvas = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(canvas, [np.round(curve * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        mask = canvas.astype(np.float32) / 255
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur * self.size)) if blur else mask


def _tile(rest: F32, uv: F32, triangles: I32, size: int) -> Tile:
    place = np.zeros((size, size, 3), np.float32)
    inside = np.zeros((size, size), np.bool_)
    _raster(np.ascontiguousarray(uv * size, np.float32), rest, triangles, place, inside)
    if inside.any():
        _, label = cv2.distanceTransformWithLabels(
            (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        index = np.zeros(label.max() + 1, np.int64)
        index[label[inside]] = np.flatnonzero(inside)
        place = place.reshape(-1, 3)[index[label]]
    du, dv = np.gradient(place, axis=1), np.gradient(place, axis=0)
    scale = [d / np.maximum((d**2).sum(-1, keepdims=True), 1e-4) for d in (du, dv)]
    return Tile(place, inside, scale[0].astype(np.float32), scale[1].astype(np.float32))


@numba.njit(cache=True)  # type: ignore[misc]
def _raster(uv: F32, rest: F32, triangles: I32, out: F32, inside: F32) -> None:  # pragma: no cover
    size = out.shape[0]
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = uv[i, 0], uv[i, 1], uv[j, 0], uv[j, 1], uv[k, 0], uv[k, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        for y in range(max(0, int(min(ay, by, cy))), min(size, int(max(ay, by, cy)) + 2)):
            for x in range(max(0, int(min(ax, bx, cx))), min(size, int(max(ax, bx, cx)) + 2)):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) / area
                w2 = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / area
                if w1 < -0.02 or w2 < -0.02 or w1 + w2 > 1.02:
                    continue
                inside[y, x] = True
                for c in range(3):
                    out[y, x, c] = (1 - w1 - w2) * rest[i, c] + w1 * rest[j, c] + w2 * rest[k, c]
