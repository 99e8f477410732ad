"""Where everything around the face goes when the head moves: skull, ears, hair, neck, shoulders.

A coarse grid over the picture; each node has a depth behind the face and a share of the head's
movement: all of it at the skull, falling off along the neck, none at the shoulders.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.layers import face_outline, head_plane, smoothstep
from mien.models.codec.pose import F64
from mien.models.codec.relief import Relief
from mien.models.codec.rig import Posed, Rig

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

CELLS = 36  # grid cells across the picture
BORDER_CELLS = 3  # beyond the picture's edge, so that a moving sheet stays covered
SKULL_RECEDES_IOD = 0.55  # distance from the face over which depth falls back to the skull's middle
SEEN_FROM_IOD = 0.12  # … and over which to what the portrait shows, where that is known
NECK_FROM, NECK_TO = 0.80, 2.0  # iod below the eyes: share of movement falls from 1 to 0
WIDE_FROM, WIDE_TO = 1.7, 2.6  # iod beside the jaw: hoods and long hair hang on the shoulders
NECK_IN_FRONT_IOD = 0.18  # of the pivot
FACE_FROM_TO_IOD = (-0.03, 0.12)  # inside the face's outline: from here on its own depth counts


def grid_triangles(columns: int, rows: int) -> I32:
    """Two triangles a cell of a node grid, [2·(columns−1)·(rows−1), 3]."""
    node = np.arange(columns * rows).reshape(rows, columns)
    a, b, c, d = node[:-1, :-1], node[:-1, 1:], node[1:, 1:], node[1:, :-1]
    first = np.stack([a, b, c], -1).reshape(-1, 3)
    second = np.stack([a, c, d], -1).reshape(-1, 3)
    return np.asarray(np.concatenate([first, second]), np.int32)


@njit(cache=True, nogil=True, boundscheck=False)
def _interpolate(landmarks: F64, flat: F64, scale: float) -> F64:  # pragma: no cover - compiled
    """Depths of `landmarks` [M, 3] at picture positions [N, 2], by inverse distance (Shepard)."""
    out = np.empty(flat.shape[0])
    for i in range(flat.shape[0]):
        total, whole = 0.0, 0.0
        for k in range(landmarks.shape[0]):
            dx, dy = flat[i, 0] - landmarks[k, 0], flat[i, 1] - landmarks[k, 1]
            near = np.sqrt(dx * dx + dy * dy) + 0.02 * scale
            weight = 1.0 / (near * near * near)
            total += weight * landmarks[k, 2]
            whole += weight
        out[i] = total / whole
    return out


def _inside_face(rig: Rig, flat: F64) -> F64:
    """How far positions [N, 2] px are inside the face's outline, iod; outside less than 0."""
    contour = face_outline(rig).reshape(-1, 1, 2)
    away = [cv2.pointPolygonTest(contour, (float(a), float(b)), True) for a, b in flat]
    return np.array(away) / rig.scale


def _seen_depth(rig: Rig, flat: F64, relief: Relief, size: int) -> F64:
    """Depths [N] px: the face's own inside its outline, what the portrait shows around it."""
    skin = rig.landmarks[: topology.SKIN]
    face = _interpolate(skin, flat, rig.scale)
    seen = relief.at(flat, size) * rig.scale
    seen += np.median(skin[:, 2] - relief.at(skin[:, :2], size, fine=True) * rig.scale)
    inside = _inside_face(rig, flat)
    rim = _interpolate(rig.landmarks[list(topology.FACE_OVAL)], flat, rig.scale)
    away = smoothstep(np.maximum(-inside, 0.0), 0.0, SEEN_FROM_IOD)
    near = smoothstep(inside, *FACE_FROM_TO_IOD)
    depth = rim + near * (face - rim)
    return np.asarray(depth + away * (seen - depth))


@njit(cache=True, nogil=True, boundscheck=False)
def _laid_out(
    nodes: F64, moved: F64, share: F64, step: float, scale: float, points: F32, flow: F32
) -> None:  # pragma: no cover - compiled
    for i in range(nodes.shape[0]):
        for k in range(2):
            way = share[i] * (moved[i, k] - nodes[i, k])
            points[i, k] = (nodes[i, k] + way + 0.5) * step - 0.5
            flow[i, k] = -way * scale
        points[i, 2] = nodes[i, 2] + share[i] * (moved[i, 2] - nodes[i, 2])


class Sheet:
    """The node grid of one character."""

    def __init__(self, rig: Rig, size: int, relief: Relief | None = None) -> None:
        """`relief`: how deep the portrait lies; None: as a mean head does around this face."""
        step = size / CELLS
        line = (np.arange(CELLS + 1 + 2 * BORDER_CELLS) - BORDER_CELLS) * step - 0.5
        x, y = np.meshgrid(line, line)
        flat = np.stack([x, y], -1).reshape(-1, 2)
        self.triangles = grid_triangles(len(line), len(line))
        depth = self._depth(rig, flat) if relief is None else _seen_depth(rig, flat, relief, size)
        self.nodes = np.concatenate([flat, depth[:, None]], 1)
        self.share = self._share(rig, flat)  # [N]

    @staticmethod
    def _share(rig: Rig, flat: F64) -> F64:
        u, v = head_plane(rig, flat).T
        along = 1.0 - smoothstep(v, NECK_FROM, NECK_TO)
        beside = smoothstep(np.abs(u), WIDE_FROM, WIDE_TO) * smoothstep(v, 0.3, 1.0)
        return np.asarray(along * (1.0 - beside))

    @staticmethod
    def _depth(rig: Rig, flat: F64) -> F64:
        """Depth [N] px: the face's own inside its oval, back to the skull's middle around it, and
        the neck's below."""
        oval = rig.landmarks[list(topology.FACE_OVAL)]
        inside = _inside_face(rig, flat)
        rim = _interpolate(oval, flat, rig.scale)
        face = _interpolate(rig.landmarks[: topology.SKIN], flat, rig.scale)
        near = smoothstep(inside, *FACE_FROM_TO_IOD)
        middle = rig.pivot[2]
        away = smoothstep(np.maximum(-inside, 0.0), 0.0, SKULL_RECEDES_IOD)
        depth = rim + near * (face - rim)
        depth = depth + away * (middle - depth)
        v = head_plane(rig, flat)[:, 1]
        neck = middle - NECK_IN_FRONT_IOD * rig.scale
        at_neck = smoothstep(v, 0.7, 1.15)
        return np.asarray(depth + at_neck * (neck - depth))

    def laid(self, posed: Posed, step: float, scale: float) -> tuple[F32, F32]:
        """The nodes after the head's movement, for a grid of `step` cells a portrait pixel.

        Returns points [N, 3] in cells and the way back to where they came from [N, 2] px, times
        `scale`.
        """
        points = np.empty(self.nodes.shape, np.float32)
        flow = np.empty((len(points), 2), np.float32)
        _laid_out(self.nodes, posed.rigid.apply(self.nodes), self.share, step, scale, points, flow)
        return points, flow
