"""Where the motion encoder looks: squares around a face, level with its eyes.

Knows the way from a picture to a crop and back. Positions in pictures are in px, whole numbers are
pixel centres; positions in crops run from -1 to 1, edge to edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.capture.points import EYE_LOOK, EYE_POINTS, MOUTH_LOOK, places
from mien.models.capture.shapes import CROP_PX, DETAIL_PX, EYE_PX, MOUTH_PX
from mien.models.capture.shapes import REACH as CLOSER

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
REACH = 1.2  # the crop's side over the larger extent of the face's points
_FACE = sorted(
    {p for name in ("outer_lip", "right_brow", "left_brow", "nose", "oval") for p in places(name)}
)


@dataclass(frozen=True)
class Crop:
    """A square of a picture, turned."""

    x: float  # centre, px
    y: float
    side: float  # px
    angle: float = 0.0  # rad, of its own x axis, clockwise as one sees it

    def _turn(self) -> F64:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def into(self, points: F64 | F32) -> F64:
        """Points [..., 2] of the picture as points of the crop."""
        away = np.asarray(points, np.float64) - (self.x, self.y)
        return np.asarray(away @ self._turn() * (2.0 / self.side))

    def out(self, points: F64 | F32) -> F64:
        """Points [..., 2] of the crop as points of the picture."""
        away = 0.5 * self.side * np.asarray(points, np.float64)
        return np.asarray(away @ self._turn().T + (self.x, self.y))

    def cut(self, picture: U8, size: tuple[int, int] = (DETAIL_PX, DETAIL_PX)) -> U8:
        """The crop of `picture` [H, W, C], [height, width, C]; edges are held.

        `size` is width and height; `side` is the width.
        """
        scale = size[0] / self.side
        there = self._turn().T * scale
        middle = np.array([size[0] - 1, size[1] - 1]) / 2
        matrix = np.c_[there, middle - there @ [self.x, self.y]]
        # Shrunk much, a picture needs a low pass first.
        if scale < 0.5:
            picture = cv2.blur(picture, (round(0.7 / scale),) * 2)
        cut: U8 = cv2.warpAffine(
            picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return cut


def around(points: F64 | F32) -> Crop:
    """The crop for a face whose points [P, 2] px are known, roughly or well."""
    points = np.asarray(points, np.float64)
    left, right = (points[EYE_POINTS[side]].mean(0) for side in ("left", "right"))
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    turned = Crop(0.0, 0.0, 2.0, angle).into(points[_FACE])
    low, high = turned.min(0), turned.max(0)
    middle = Crop(0.0, 0.0, 2.0, angle).out((low + high) / 2)
    side = max(float((high - low).max()) * REACH, 4.0)
    return Crop(float(middle[0]), float(middle[1]), side, angle)


@dataclass(frozen=True)
class Box:
    """Where a second look goes: a square of a crop, in the crop's -1..1."""

    x: float  # centre
    y: float
    half: float  # of the side

    def cut_from(self, detail: U8, size: int, mirrored: bool = False) -> U8:
        """The part [size, size, 3] of a crop [DETAIL_PX, DETAIL_PX, 3]."""
        scale = DETAIL_PX / 2
        x, y = (scale * (v + 1.0) - 0.5 for v in (self.x, self.y))
        part = Crop(x, y, 2.0 * scale * self.half).cut(detail, (size, size))
        return np.ascontiguousarray(part[:, ::-1]) if mirrored else part

    def place(self, inside: F64 | F32, mirrored: bool = False) -> F64:
        """Points [P, 2] in -1..1 of the part as points of the crop."""
        signs = (-1.0, 1.0) if mirrored else (1.0, 1.0)
        return np.asarray((self.x, self.y) + self.half * np.asarray(inside, np.float64) * signs)


def boxes(points: F64 | F32) -> tuple[Box, Box, Box]:
    """Boxes around the left eye, the right eye and the mouth of points [P, 2] in a crop."""
    found = []
    for part in (EYE_LOOK["left"], EYE_LOOK["right"], MOUTH_LOOK):
        low, high = points[part].min(0), points[part].max(0)
        x, y = (low + high) / 2
        half = float(np.clip(0.5 * CLOSER * (high - low).max(), 0.1, 1.0))
        found.append(Box(float(x), float(y), half))
    left, right, mouth = found
    return left, right, mouth


def closer(detail: U8, where: tuple[Box, Box, Box]) -> tuple[F32, F32]:
    """What second looks see: eyes [2, 3, EYE_PX, EYE_PX], the right one in a mirror, and mouth."""
    left, right, mouth = where
    eyes = [left.cut_from(detail, EYE_PX), right.cut_from(detail, EYE_PX, mirrored=True)]
    return np.stack([tensor(eye) for eye in eyes]), tensor(mouth.cut_from(detail, MOUTH_PX))


def halved(detail: U8) -> U8:
    """The first look's crop [CROP_PX, CROP_PX, 3] of one [DETAIL_PX, DETAIL_PX, 3]."""
    return np.asarray(cv2.resize(detail, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA))


def tensor(crop: U8) -> F32:
    """A crop [H, W, 3] as a network takes it: [3, H, W], -1..1."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / 127.5 - 1.0
