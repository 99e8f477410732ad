"""The canonical face: one layout for everybody's skin, so that maps of it mean the same place.

Knows where each vertex of the face mesh lies in it (the mean face seen from the front, with its
rim) and how a portrait's skin is unrolled into it. Refuses to know networks.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec.basis import face_basis
from mien.models.codec.rasteriser import rasterise

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

CANONICAL_PX = 128
RIM_IOD = 0.13  # how far the rim lies beyond the outline
MARGIN_PX = 2.0
FADE_PX = 10.0


def layout_of(outline: I32) -> F32:
    """Where the vertices of a `FaceMesh` with this outline [n] lie, [478 + 2n + 1, 2] px.

    Landmarks, rim, middle and backing, as the mesh has them.
    """
    mean = face_basis().mean[:, :2].astype(np.float64)
    low, high = mean.min(0) - RIM_IOD, mean.max(0) + RIM_IOD
    scale = (CANONICAL_PX - 2 * MARGIN_PX) / float((high - low).max())
    middle = mean[outline].mean(0)
    away = mean[outline] - middle
    rim = mean[outline] + RIM_IOD * away / np.linalg.norm(away, axis=1, keepdims=True)
    every = np.concatenate([mean, rim, middle[None], mean[outline]])
    centred = (every - (low + high) / 2) * scale + (CANONICAL_PX - 1) / 2
    return np.asarray(centred, np.float32)


@cache
def inner() -> F32:
    """How far a place is inside the face, [128, 128]: 0 at its outline, 1 from `FADE_PX` on.

    Hair, ears and neck beside the face are other layers; what is done to the skin ends before them.
    """
    points = face_basis().mean[:468, :2].copy()
    outline = cv2.convexHull(points, returnPoints=False)[:, 0]
    hull = np.zeros((CANONICAL_PX, CANONICAL_PX), np.uint8)
    cv2.fillPoly(hull, [np.round(layout_of(outline)[outline]).astype(np.int32)], 1)
    deep = cv2.distanceTransform(hull, cv2.DIST_L2, 5)
    x = np.clip((deep - 1.0) / FADE_PX, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x), np.float32)


def unrolled(portrait: U8, source: F32, places: F32, triangles: I32) -> tuple[U8, F32]:
    """A portrait's skin in the canonical layout: [128, 128, 3], and where there is any [128, 128].

    `source` [N, 2] px of the portrait and `places` [N, 2] of the same vertices.
    """
    size = CANONICAL_PX
    grid, depth = np.zeros((size, 3, size), np.float32), np.zeros((size, size), np.float32)
    points = np.c_[places, np.zeros(len(places))].astype(np.float32)
    backing = (len(places) - 478) // 2 + 478
    points[backing:, 2] = 1.0  # behind everything, as in the mesh
    values = np.c_[source, np.ones(len(source))].astype(np.float32)
    rasterise(points, values, triangles, grid, depth)
    where = np.ascontiguousarray(grid[:, :2].transpose(0, 2, 1))
    shrunk = cv2.GaussianBlur(portrait, (0, 0), 0.8)  # two portrait px make one here
    skin = cv2.remap(shrunk, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    seen = grid[:, 2]
    return np.asarray(skin * (seen[..., None] > 0), np.uint8), seen
