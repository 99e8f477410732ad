"""From a face in a picture to the 512 px portrait.

Knows how much room a head needs and how to invent the little that a picture lacks at its edge.
Refuses to know how faces are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.models.character import PORTRAIT_SIZE_PX
from mien.models.enrolment.landmarks import Face

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_SIDE_PER_FACE = 1.95  # so that the face takes about half of the frame
_SIDE_PER_FACE_TIGHT = 1.8  # what we settle for rather than invent an edge
_FACE_BELOW_CENTRE = 0.04  # of the side: hair needs more room than a chin
_MAX_SHIFT = 0.08  # of the side, rather than invent an edge


@dataclass(frozen=True)
class Frame:
    """A square of the picture, in px from edge to edge; it may stick out of the picture."""

    left_px: float
    top_px: float
    side_px: float

    @property
    def scale(self) -> float:
        """Portrait px per picture px."""
        return PORTRAIT_SIZE_PX / self.side_px

    def grown(self, factor: float) -> Frame:
        """The square about the same centre, `factor` times as wide."""
        side_px = self.side_px * factor
        shift_px = (side_px - self.side_px) / 2
        return Frame(self.left_px - shift_px, self.top_px - shift_px, side_px)

    def share_inside(self, width_px: int, height_px: int) -> float:
        """How much of the square lies in a picture of that size, 0..1."""
        across = min(self.left_px + self.side_px, width_px) - max(self.left_px, 0.0)
        down = min(self.top_px + self.side_px, height_px) - max(self.top_px, 0.0)
        return max(across, 0.0) * max(down, 0.0) / self.side_px**2

    def to_portrait(self, landmarks: F32) -> F32:
        """Picture points [N, 3] in portrait px (both with pixel centres at integers)."""
        origin = np.array([self.left_px - 0.5, self.top_px - 0.5, 0.0])
        moved = (landmarks - origin) * self.scale - np.array([0.5, 0.5, 0.0])
        return np.asarray(moved, np.float32)


def choose_frame(face: Face, width_px: int, height_px: int) -> Frame:
    """The square around a face that shows a head and shoulders and invents least."""
    x, y, width, height = face.box
    extent = max(width, height)
    # A tighter square helps only where the picture is too small for the roomy one.
    room = float(min(width_px, height_px))
    side = float(np.clip(room, extent * _SIDE_PER_FACE_TIGHT, extent * _SIDE_PER_FACE))
    centre_x = x + width / 2 + 0.5
    centre_y = y + height / 2 + 0.5 - _FACE_BELOW_CENTRE * side
    return Frame(
        _shift_inside(centre_x - side / 2, side, width_px),
        _shift_inside(centre_y - side / 2, side, height_px),
        side,
    )


def _shift_inside(start: float, side: float, length: float) -> float:
    slack = _MAX_SHIFT * side
    before, after = -start, start + side - length  # how far it sticks out at each end
    if before > 0 and after > 0:
        return start
    wanted = max(before, 0.0) - max(after, 0.0)
    room = max(-after, 0.0) if wanted > 0 else max(-before, 0.0)
    return start + float(np.clip(wanted, -min(slack, room), min(slack, room)))


def cut_portrait(rgb: U8, frame: Frame) -> U8:
    """The framed square at 512 px [512, 512, 3], resampled once (Lanczos, area-aware)."""
    source, frame = _with_margins(rgb, frame)
    right, bottom = frame.left_px + frame.side_px, frame.top_px + frame.side_px
    box = (max(frame.left_px, 0.0), max(frame.top_px, 0.0), right, bottom)
    box = (box[0], box[1], min(box[2], source.shape[1]), min(box[3], source.shape[0]))
    size = (PORTRAIT_SIZE_PX, PORTRAIT_SIZE_PX)
    resized = Image.fromarray(source).resize(size, Image.Resampling.LANCZOS, box=box)
    return np.array(resized)


def cut_alpha(alpha: U8, frame: Frame) -> U8:
    """The framed square of an alpha channel [512, 512]; what is invented repeats the edge."""
    scale = frame.scale
    move = np.array(
        [
            [scale, 0, (0.5 - frame.left_px) * scale - 0.5],
            [0, scale, (0.5 - frame.top_px) * scale - 0.5],
        ]
    )
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shrunk = alpha
    if scale < 0.5:  # warpAffine does not average: shrink first
        size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
        shrunk = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
        move = np.array([[1.0, 0, -frame.left_px * scale], [0, 1.0, -frame.top_px * scale]])
    cut = cv2.warpAffine(
        shrunk,
        move,
        (PORTRAIT_SIZE_PX, PORTRAIT_SIZE_PX),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cut, np.uint8)


def _with_margins(rgb: U8, frame: Frame) -> tuple[U8, Frame]:
    """The part of the picture that matters, extended where the frame sticks out of it.

    Pictures far larger than the portrait are first averaged down by a whole number, to not much
    more than twice the portrait: an 8k picture would cost gigabytes otherwise.
    """
    height, width = rgb.shape[:2]
    coarse = max(1, int(0.45 / frame.scale))
    pad = int(np.ceil(4 / min(frame.scale, 1.0)))  # the resampler reads a little beyond
    x0, y0 = int(np.floor(frame.left_px)) - pad, int(np.floor(frame.top_px)) - pad
    x1 = int(np.ceil(frame.left_px + frame.side_px)) + pad
    y1 = int(np.ceil(frame.top_px + frame.side_px)) + pad
    inside = rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    missing = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    if coarse > 1:
        size = (inside.shape[1] // coarse, inside.shape[0] // coarse)
        whole = inside[: size[1] * coarse, : size[0] * coarse]
        inside = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    x0, y0 = max(x0, 0), max(y0, 0)
    if any(margin > pad for margin in missing):
        top, bottom, left, right = (-(-margin // coarse) for margin in missing)
        inside = _extend(inside, (top, bottom, left, right))
        x0, y0 = x0 - left * coarse, y0 - top * coarse
    origin = (frame.left_px - x0) / coarse, (frame.top_px - y0) / coarse
    return inside, Frame(*origin, frame.side_px / coarse)


def _extend(rgb: U8, margins: tuple[int, int, int, int]) -> U8:
    """Mirror the edge outward, and let it melt into blur so that no copy can be recognised."""
    top, bottom, left, right = margins
    wide = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    inside = np.full(rgb.shape[:2], 1, np.uint8)
    outside = 1 - cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_CONSTANT)
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 5)[..., None]
    height, width = wide.shape[:2]
    side = max(height, width)
    scale = min(1.0, 256 / side)  # blur needs no resolution
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(wide, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    result = wide.astype(np.float32)
    for reach, sigma in ((0.02, 0.008), (0.06, 0.02), (0.14, 0.05)):
        blurred = cv2.GaussianBlur(small, (0, 0), sigma * side * scale)
        weight = np.clip(away / (reach * side), 0, 1)
        result += (cv2.resize(blurred, (width, height)) - result) * weight
    return np.asarray(np.clip(result + 0.5, 0, 255), np.uint8)
