"""The person's matte: which share of each portrait pixel is person, hair edges soft.

Knows three witnesses: a segmentation model, the face's own points, and the picture's alpha. The
model says where, colours say where exactly. Refuses to know what the matte is used for.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec.topology import FACE_OVAL

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# A cut-out: this much of the frame is transparent, and the face is not.
_CUT_OUT_TRANSPARENT, _CUT_OUT_FACE = 0.03, 0.95
_SURE_PERSON, _SURE_BACKGROUND = 0.85, 0.12
_BAND_RADII_PX = (13, 7)  # how far from the edge we doubt it: first the model's, then our own
_ALIKE = 0.16  # colour distance (of 1 a channel) below which two sides cannot be told apart
_GUIDE_RADIUS_PX, _GUIDE_EPSILON = 3, 4e-4
_VEIL = 0.1  # the filter leaves this much on both sides of an edge; it is stretched away


def person_matte(portrait: U8, landmarks: F32, person: F32, alpha: U8 | None) -> U8:
    """Alpha [512, 512] of the person in `portrait` [512, 512, 3].

    `person` is the segmentation model's probability [512, 512], `alpha` the picture's own
    transparency or None, `landmarks` [478, 3] px.
    """
    face = face_mask(landmarks, portrait.shape[0])
    if alpha is not None and _is_cut_out(alpha, face):
        return alpha
    likely = np.maximum(person, cv2.GaussianBlur(face.astype(np.float32), (0, 0), 2.0))
    likely = _one_piece(likely, face)
    matte = _follow_colours(portrait, likely)
    matte = _without_islands(np.maximum(matte, face), face)
    if alpha is not None:
        matte = np.minimum(matte, alpha / np.float32(255))
    return np.asarray(np.clip(matte * 255 + 0.5, 0, 255), np.uint8)


def face_mask(landmarks: F32, side_px: int) -> U8:
    """1 inside the oval of the face, [side, side]."""
    mask = np.zeros((side_px, side_px), np.uint8)
    outline = np.round(landmarks[list(FACE_OVAL), :2]).astype(np.int32)
    cv2.fillPoly(mask, [outline], (1,))
    return mask


def _is_cut_out(alpha: U8, face: U8) -> bool:
    opacity = alpha / np.float32(255)
    return bool(
        (opacity < 0.5).mean() > _CUT_OUT_TRANSPARENT and opacity[face > 0].mean() > _CUT_OUT_FACE
    )


def _one_piece(likely: F32, face: U8) -> F32:
    """Drop what does not touch the face's own piece, and close holes within it."""
    solid = (likely > 0.5).astype(np.uint8)
    solid = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, _disc(5)), np.uint8) | face
    piece = _touching(solid, face)
    filled = piece | _holes(piece)
    near = cv2.dilate(filled, _disc(2 * _BAND_RADII_PX[0] + 1))
    kept = np.where(near > 0, likely, 0)
    return np.asarray(np.where((filled > piece) | (solid > likely), 1.0, kept), np.float32)


def _follow_colours(portrait: U8, likely: F32) -> F32:
    """Settle the band around the model's edge by the colours on its two sides."""
    guide = portrait.astype(np.float32) / 255
    matte = likely
    for radius_px in _BAND_RADII_PX:
        person = cv2.erode((matte > _SURE_PERSON).astype(np.uint8), _disc(radius_px))
        background = 1 - cv2.dilate((matte > _SURE_BACKGROUND).astype(np.uint8), _disc(radius_px))
        matte = _between(guide, person, background, matte)
        matte = np.asarray(
            cv2.ximgproc.guidedFilter(guide, matte, _GUIDE_RADIUS_PX, _GUIDE_EPSILON), np.float32
        )
        matte = np.clip((matte - _VEIL) / (1 - 2 * _VEIL), 0, 1)
        matte[person > 0] = 1
        matte[background > 0] = 0
    return matte


def _between(guide: F32, person: U8, background: U8, matte: F32) -> F32:
    """Where each pixel lies on the line from the nearby background's colour to the person's.

    Where the two colours are alike the line says nothing and `matte` stands.
    """
    inside, outside = _local_colour(guide, person), _local_colour(guide, background)
    line = inside - outside
    length = (line**2).sum(axis=2)
    along = np.clip(((guide - outside) * line).sum(axis=2) / np.maximum(length, 1e-6), 0, 1)
    trust = length / (length + _ALIKE**2)
    return np.asarray(matte + (along - matte) * trust, np.float32)


def _local_colour(guide: F32, where: U8) -> F32:
    """The mean colour of the pixels `where` around each pixel, from near if there are any."""
    sums = np.dstack([guide * where[..., None], where.astype(np.float32)])
    total = np.zeros_like(sums)
    for reach_px, shrink, share in ((8.0, 2, 1.0), (24.0, 4, 0.01), (80.0, 16, 0.0001)):
        total += share * _wide_blur(sums, reach_px, shrink)
    return np.asarray(total[..., :3] / np.maximum(total[..., 3:], 1e-9), np.float32)


def _wide_blur(values: F32, reach_px: float, shrink: int) -> F32:
    """A Gaussian blur at 1/shrink of the resolution, which so wide a blur does not need."""
    height, width = values.shape[:2]
    size = (width // shrink, height // shrink)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), reach_px / shrink)
    return np.asarray(cv2.resize(blurred, (width, height)), np.float32)


def _without_islands(matte: F32, face: U8) -> F32:
    """Last tidying: no speck apart from the person, no hole within."""
    body = _touching((matte > 0.08).astype(np.uint8), face)
    solid = _touching((matte > 0.5).astype(np.uint8), face)
    matte = np.where(body > 0, matte, 0)
    return np.asarray(np.where(_holes(solid) > 0, 1.0, matte), np.float32)


def _touching(mask: U8, face: U8) -> U8:
    """The connected parts of `mask` that meet the face."""
    count, labels = cv2.connectedComponents(mask, connectivity=4)
    wanted = np.zeros(count, np.uint8)
    wanted[labels[(face > 0) & (mask > 0)]] = 1
    wanted[0] = 0
    return np.asarray(wanted[labels], np.uint8)


def _holes(piece: U8) -> U8:
    """Background that the piece encloses: it does not reach the frame's border."""
    count, labels = cv2.connectedComponents(1 - piece, connectivity=4)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    enclosed = np.ones(count, np.uint8)
    enclosed[edge] = 0
    enclosed[0] = 0  # the piece itself
    return np.asarray(enclosed[labels], np.uint8)


def _disc(diameter_px: int) -> U8:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))
    return np.asarray(kernel, np.uint8)
