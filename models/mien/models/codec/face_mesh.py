"""The face's mesh: landmarks, a rim around them, and what of it shows when a head has turned.

Knows vertices and triangles, in the portrait and posed, and how they become what `rasteriser`
fills. Refuses to know pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.codec.pose import F64
from mien.models.codec.rig import Posed

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

BEHIND_PX = 4096.0  # deep: only where nothing else is
RIM_PX = 16.0  # the mesh reaches this far beyond the outline, where the layer's alpha has ended
RIM_FROM, RIM_BY = 0.25, 0.75  # of the skin's area in the portrait, as it turns away


def winding(points: F64, triangles: I32) -> F64:
    """Twice the signed areas px² of `triangles` [T, 3] over `points` [N, 2 or more]."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    u, v = b - a, c - a
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


@njit(inline="always")
def _wound(points: F64, corners: I32) -> float:  # pragma: no cover - compiled
    a, b, c = corners[0], corners[1], corners[2]
    ux, uy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    vx, vy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
    return float(ux * vy - uy * vx)


@njit(cache=True, nogil=True, boundscheck=False)
def _posed(
    points: F64, outline: I32, edge: I32, facing: F64, offset: F64, scale: float, turn: F64,
    out: F64,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Landmarks, rim, middle and backing of a posed face into `out`."""
    landmarks, count = points.shape[0], outline.shape[0]
    turned = np.zeros(count)
    for t in range(edge.shape[0]):
        area = max(_wound(points, edge[t]), 0.0)
        for i in range(count):
            turned[i] += facing[i, t] * area
    out[:landmarks] = points
    middle = landmarks + count
    out[middle] = 0.0
    for i in range(count):
        at = points[outline[i]]
        share = min(max((turned[i] / (scale * scale) - RIM_FROM) / (RIM_BY - RIM_FROM), 0.0), 1.0)
        share = scale * share * share * (3.0 - 2.0 * share)
        for k in range(3):
            away = turn[k, 0] * offset[i, 0] + turn[k, 1] * offset[i, 1] + turn[k, 2] * offset[i, 2]
            out[landmarks + i, k] = at[k] + share * away
            out[middle, k] += at[k] / count
            out[middle + 1 + i, k] = at[k]
        out[middle + 1 + i, 2] += BEHIND_PX
    out[middle, 2] += BEHIND_PX


@njit(cache=True, nogil=True, boundscheck=False)
def _seen(points: F64, always: I32, edge: I32) -> I32:  # pragma: no cover - compiled
    out = np.empty((always.shape[0] + edge.shape[0], 3), np.int32)
    count = always.shape[0]
    out[:count] = always
    for t in range(edge.shape[0]):
        if _wound(points, edge[t]) > 0.0:
            out[count] = edge[t]
            count += 1
    return out[:count]


@njit(cache=True, nogil=True, boundscheck=False)
def _laid_out(
    moved: F64, source: F64, places: F32, gains: F32, step: float, scale: float, points: F32,
    values: F32, bounds: F64,
) -> None:  # fmt: skip # pragma: no cover - compiled
    bounds[0], bounds[1] = moved[0, :2], moved[0, :2]
    for i in range(moved.shape[0]):
        for k in range(2):
            bounds[0, k] = min(bounds[0, k], moved[i, k])
            bounds[1, k] = max(bounds[1, k], moved[i, k])
        points[i, 0] = (moved[i, 0] + 0.5) * step - 0.5
        points[i, 1] = (moved[i, 1] + 0.5) * step - 0.5
        points[i, 2] = moved[i, 2]
        values[i, 0] = (source[i, 0] - moved[i, 0]) * scale
        values[i, 1] = (source[i, 1] - moved[i, 1]) * scale
        values[i, 2] = gains[i] if i < gains.shape[0] else np.float32(1.0)
        values[i, 3], values[i, 4] = places[i, 0], places[i, 1]


@dataclass(frozen=True)
class Laid:
    """A posed mesh as `rasteriser` takes it."""

    points: F32  # [N, 3] cells, and a depth
    values: F32  # [N, 5] see `dressing`
    triangles: I32  # [T, 3] that show
    low: F64  # [2] px of the portrait: where it begins
    high: F64  # [2] and ends


class FaceMesh:
    """The landmark mesh and a rim around the portrait's outline of the face.

    The rim carries the face layer's soft edge: its alpha ends before the mesh does.
    """

    def __init__(self, landmarks: F64) -> None:
        points = landmarks[: topology.SKIN, :2].astype(np.float32)
        self.outline = cv2.convexHull(points, returnPoints=False)[:, 0]
        around = landmarks[self.outline] - landmarks[self.outline].mean(0)
        around[:, 2] = 0.0
        self.offset = RIM_PX * around / np.linalg.norm(around, axis=1, keepdims=True)
        rim = topology.LANDMARKS + np.arange(len(self.outline))
        a, b = self.outline, np.roll(self.outline, -1)
        c, d = np.roll(rim, -1), rim
        band = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        # The outline is convex, the mesh is not: what lies between is filled from behind.
        middle = int(rim[-1]) + 1
        back = middle + 1 + np.arange(len(self.outline))
        fan = np.stack([back, np.roll(back, -1), np.full_like(back, middle)], 1)
        skin = face_basis().triangles
        outer = np.isin(skin, [*self.outline, *topology.FACE_OVAL]).any(1)
        self.triangles = np.concatenate([skin[~outer], fan]).astype(np.int32)
        self.source = self._at_rest(landmarks)
        around_it = np.concatenate([skin[outer], band])
        wound = winding(self.source, around_it) < 0.0
        around_it[wound] = around_it[wound][:, ::-1]
        self._edge = np.ascontiguousarray(around_it, np.int32)  # wound alike, as in the portrait
        self._skin_edge = self._edge[: int(outer.sum())]
        touching = np.stack([(self._skin_edge == i).any(1) for i in self.outline])
        size = winding(self.source, self._skin_edge)
        self._facing = touching / np.maximum(touching @ size, 1e-6)[:, None]  # [outline, edge]

    def _at_rest(self, landmarks: F64) -> F64:
        outline = landmarks[self.outline]
        back = np.concatenate([outline.mean(0, keepdims=True), outline])
        back[:, 2] += BEHIND_PX
        return np.concatenate([landmarks, outline + self.offset, back])

    def posed(self, posed: Posed) -> F64:
        """Landmarks, rim and backing of a posed face, [N, 3] px.

        Where the skin at the outline turns away the rim draws in: it would stand out behind the
        cheek that has become the outline.
        """
        out = np.empty_like(self.source)
        rigid = posed.rigid
        _posed(
            posed.points, self.outline, self._skin_edge, self._facing, self.offset, rigid.scale,
            rigid.turn, out,
        )  # fmt: skip
        return out

    def seen(self, points: F64) -> I32:
        """The triangles [T, 3] to draw at posed `points`.

        Those at the edge of a turned face that look away are left out: there the cheek ends, and
        what lies behind its edge is not face.
        """
        out: I32 = _seen(points, self.triangles, self._edge)
        return out

    def laid(self, posed: Posed, places: F32, gains: F32, step: float, scale: float) -> Laid:
        """A posed face for a grid of `step` cells a portrait pixel.

        Displacements are times `scale`. `places` [N, 2] in the canonical layout; `gains` of the
        landmarks [478], or none [0].
        """
        moved = self.posed(posed)
        points = np.empty(moved.shape, np.float32)
        values = np.empty((len(moved), 5), np.float32)
        bounds = np.empty((2, 2))
        _laid_out(moved, self.source, places, gains, step, scale, points, values, bounds)
        return Laid(points, values, self.seen(moved), bounds[0], bounds[1])
