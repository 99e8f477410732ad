"""Landmarks' depths, corrected by what the appearance encoder sees.

MediaPipe's points are right in the picture and rough in depth: on renders they are off by a tenth
of the outer-eye distance and more, which shows as soon as a head turns. Knows how the two are
joined. Refuses to move points in the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.appearance.reader import Appearance
from mien.models.appearance.shapes import GROUPS
from mien.models.character import PORTRAIT_SIZE_PX
from mien.models.codec import topology
from mien.models.codec.layers import smoothstep
from mien.models.codec.relief import Relief, sampled

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

REACH_IOD = 0.1  # over which a correction is shared with neighbours
LOCAL = 0.3  # points that count as unmoved: where few are seen, a correction fades
MOST_IOD, STEEPEST = 0.35, 0.5  # larger corrections, and steeper ones, are misreadings
INSIDE_IOD = (0.03, 0.15)
SKIN, SURE = ("face", "beard"), 0.5
LEAST_POINTS = 20.0  # of skin, or the portrait was not understood
# Points on edges tell nothing: beside a lid or lip lies something else.
_EDGES = {*topology.EYES, *topology.UPPER_INNER_LIP, *topology.LOWER_INNER_LIP}


def _well_inside(points: F64) -> F64:
    """0 at the outline of `points` [N, 2] iod, where a face turns away, to 1 well within, [N]."""
    hull = cv2.convexHull(points[: topology.SKIN].astype(np.float32))
    deep = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in points]
    return smoothstep(np.array(deep), *INSIDE_IOD)


def with_seen_depth(landmarks: F32, appearance: Appearance, size: int = PORTRAIT_SIZE_PX) -> F32:
    """`landmarks` [478, 3] px of a portrait `size` px wide, with z as `appearance` has it.

    Where no skin is seen a point goes with its neighbours.
    """
    points = landmarks.astype(np.float64)
    right, left = topology.OUTER_EYE_CORNERS
    iod = float(np.linalg.norm(points[right] - points[left]))
    relief = Relief(appearance.depth, 1.0 - appearance.shares[GROUPS.index("background")])
    away = relief.at(points[:, :2], size, fine=True) * iod - points[:, 2]
    skin = sampled(appearance.shares[[GROUPS.index(g) for g in SKIN]].sum(0), points[:, :2], size)
    weight = skin * (skin > SURE) * _well_inside(points[:, :2] / iod)
    weight[[*_EDGES, *range(topology.SKIN, topology.LANDMARKS)]] = 0.0
    if weight.sum() < LEAST_POINTS:
        return landmarks
    centred = points[:, :2] - points[: topology.SKIN, :2].mean(0)
    root = np.sqrt(weight)[:, None]
    plane = root * np.c_[centred, np.ones(len(points))]
    (across, down, ahead), *_ = np.linalg.lstsq(plane, root[:, 0] * away, rcond=None)
    tilted = centred @ np.clip([across, down], -STEEPEST, STEEPEST)
    rest = np.clip(away - tilted - ahead, -MOST_IOD * iod, MOST_IOD * iod)
    apart = points[:, None, :2] - points[None, :, :2]
    near = np.exp(-(apart**2).sum(-1) / (2 * (REACH_IOD * iod) ** 2))
    points[:, 2] += tilted + (near @ (weight * rest)) / (near @ weight + LOCAL)
    return points.astype(np.float32)
