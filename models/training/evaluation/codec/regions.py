"""Where in a frame figures are taken: face, mouth, eyes, and what lies inside the lips.

Knows the 170 points. Refuses to know pixels' values.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.capture.points import places

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

FACE_MARGIN, MOUTH_MARGIN, EYE_MARGIN = 0.03, 0.15, 0.25  # of a box's own width, on every side
LIP_RIM_PX = 2  # left out inside the inner lips: lips' own edges
_INNER, _OUTER = places("inner_lip"), places("outer_lip")
_EYES = (places("right_eye"), places("left_eye"))
_GAPS = [(_INNER[5], _INNER[15])]  # landmarks 13 and 14


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, the ends not included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def empty(self) -> bool:
        """Whether no pixel lies inside."""
        return self.right <= self.left or self.bottom <= self.top


@dataclass(frozen=True)
class Regions:
    """Of one frame."""

    whole: Box
    face: Box
    mouth: Box
    eyes: tuple[Box, Box]
    inside: Mask  # [S, S] within the inner lips
    gap: float  # between the inner lips' centres, of the outer-eye distance given


def regions(points: F64, iod_px: float, size_px: int) -> Regions:
    """Regions of a frame whose points [170, 2] px are known."""
    right, left = (_box(points[eye], EYE_MARGIN, size_px) for eye in _EYES)
    upper, lower = points[_GAPS[0][0]], points[_GAPS[0][1]]
    return Regions(
        Box(0, 0, size_px, size_px), _box(points, FACE_MARGIN, size_px),
        _box(points[_OUTER], MOUTH_MARGIN, size_px), (right, left), _inside(points, size_px),
        float(np.linalg.norm(upper - lower)) / iod_px,
    )  # fmt: skip


def _box(points: F64, margin: float, size_px: int) -> Box:
    low, high = points.min(0), points.max(0)
    room = margin * (high[0] - low[0])
    first = np.clip(np.floor(low - room), 0, size_px).astype(int)
    last = np.clip(np.ceil(high + room) + 1, 0, size_px).astype(int)
    return Box(int(first[0]), int(first[1]), int(last[0]), int(last[1]))


def _inside(points: F64, size_px: int) -> Mask:
    mask = np.zeros((size_px, size_px), np.uint8)
    fine = np.round(points[_INNER] * 16).astype(np.int32)
    cv2.fillPoly(mask, [fine], 1, shift=4)
    rim = np.ones((2 * LIP_RIM_PX + 1,) * 2, np.uint8)
    return np.asarray(cv2.erode(mask, rim), np.bool_)
