"""Lids as drawn: moves the landmarker's lid contours out to where a portrait's eye really ends.

Landmarkers trained on photographs place the lids of painted and cartoon eyes several pixels inside
the drawn eye; a blink then leaves a rim of white and lashes behind. What is not skin and hangs
together with the eye is eye; each contour point walks outward to its edge, and stays where it is
when there is no clear edge near.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

PATCH_EYE_PX = 128  # the eye's width in the upright patch that is searched
PATCH_SIZE = (256, 192)
RING_SHARE = 0.6  # of the way to crease or pouch, at most
REACH_UP, REACH_DOWN, REACH_OUT = 0.22, 0.20, 0.20  # of the eye's width
SKIN_ABOVE, SKIN_BELOW = 0.06, 0.22  # where skin is sampled, beyond crease and pouch
MIN_CONTRAST = 14.0  # CIELAB distance between eye and skin, below which nothing is moved
MIN_EDGE, MAX_EDGE = 11.0, 22.0  # CIELAB distance at which skin ends; a white is not far from it
LIGHTNESS_WEIGHT = 0.7


def upright_patch(upper: F64, lower: F64) -> F64:
    """Affine 2×3 from portrait px to a patch where the eye lies level and `PATCH_EYE_PX` wide."""
    left, right = upper[0], upper[-1]
    along = right - left
    scale = PATCH_EYE_PX / np.hypot(*along)
    cos, sin = along / np.hypot(*along)
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    middle = (upper.mean(0) + lower.mean(0)) / 2
    shift = np.array(PATCH_SIZE) / 2 - turn @ middle
    return np.concatenate([turn, shift[:, None]], 1)


def transform(affine: F64, points: F64) -> F64:
    """Apply a 2×3 affine to points [N, 2]."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2])


def eye_mask(patch: U8, upper: F64, lower: F64, skin_points: F64) -> U8 | None:
    """What of `patch` [h, w, 3] is eye: unlike the skin around, joined to the contour's inside.

    Contours and `skin_points` [N, 2] in patch px. None where eye and skin look too alike to tell.
    """
    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB).astype(np.float32)
    inside = np.zeros(patch.shape[:2], np.uint8)
    outline = np.concatenate([upper, lower[-2:0:-1]])
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 255)
    core = cv2.erode(inside, np.ones((5, 5), np.uint8))
    if not core.any():
        return None
    columns, rows = np.round(skin_points).astype(int).T
    rows = np.clip(rows, 2, patch.shape[0] - 3)
    columns = np.clip(columns, 2, patch.shape[1] - 3)
    places = zip(rows, columns, strict=True)
    around = [lab[r - 2 : r + 3, c - 2 : c + 3].reshape(-1, 3) for r, c in places]
    weight = np.array([LIGHTNESS_WEIGHT, 1.0, 1.0], np.float32)
    tones = np.array([np.median(tone, axis=0) for tone in around])
    # Skin is shaded: the distance to the nearest of several skin tones counts.
    distance = np.min([np.linalg.norm((lab - tone) * weight, axis=-1) for tone in tones], axis=0)
    contrast = float(np.median(distance[core > 0]))
    if contrast < MIN_CONTRAST:
        return None
    eye = (distance > np.clip(0.3 * contrast, MIN_EDGE, MAX_EDGE)).astype(np.uint8)
    eye = cv2.morphologyEx(eye, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    eye |= (core > 0).astype(np.uint8)
    _, labels = cv2.connectedComponents(eye)
    joined = eye * np.isin(labels, np.unique(labels[core > 0])).astype(np.uint8)
    solid = np.maximum.accumulate(joined, 0) & np.maximum.accumulate(joined[::-1], 0)[::-1]
    return np.asarray(solid, np.uint8)  # a white as pale as skin is enclosed above and below


def walk(mask: U8, start: F64, step: F64, reach: float) -> float:
    """How far from `start` along unit `step` the mask goes on, px; 0 where it never ends."""
    for distance in range(int(reach) + 1):
        column, row = np.round(start + step * distance).astype(int)
        outside = not (0 <= row < mask.shape[0] and 0 <= column < mask.shape[1])
        if outside or mask[row, column] == 0:
            return float(distance)
    return 0.0


def smooth_lid(points: F64) -> F64:
    """A lid contour [N, 2] as one smooth arc through its corners: a cubic in the eye's own x."""
    x = (points[:, 0] - points[0, 0]) / (points[-1, 0] - points[0, 0])
    chord = points[0, 1] + x * (points[-1, 1] - points[0, 1])
    # A bow that is zero at both corners: x(1−x) times a line.
    bow = (x * (1.0 - x))[:, None] * np.stack([np.ones_like(x), x], 1)
    fit, *_ = np.linalg.lstsq(bow, points[:, 1] - chord, rcond=None)
    return np.stack([points[:, 0], chord + bow @ fit], 1)


def drawn_contours(mask: U8, top: F64, bottom: F64) -> tuple[F64, F64]:
    """Both lid contours [N, 2] moved out to where `mask` ends: smooth arcs, shared corners."""
    left = top[0] - [walk(mask, top[0], np.array([-1.0, 0.0]), REACH_OUT * PATCH_EYE_PX), 0.0]
    right = top[-1] + [walk(mask, top[-1], np.array([1.0, 0.0]), REACH_OUT * PATCH_EYE_PX), 0.0]

    def moved(contour: F64, step: float, reach: float) -> F64:
        share = (contour[:, 0] - top[0, 0]) / (top[-1, 0] - top[0, 0])
        placed = contour.copy()
        placed[:, 0] += (1 - share) * (left[0] - top[0, 0]) + share * (right[0] - top[-1, 0])
        outward = np.array([0.0, step])
        placed[1:-1, 1] += [step * walk(mask, point, outward, reach) for point in placed[1:-1]]
        placed[0], placed[-1] = left, right
        return smooth_lid(placed)

    return (
        moved(top, -1.0, REACH_UP * PATCH_EYE_PX),
        moved(bottom, 1.0, REACH_DOWN * PATCH_EYE_PX),
    )


def keep_inside(moved: F64, contour: F64, ring: F64) -> None:
    """Hold a moved lid contour [N, 2] short of the skin ring beyond it (heights [N − 2])."""
    room = RING_SHARE * np.abs(ring - contour[1:-1, 1])
    travel = moved[1:-1, 1] - contour[1:-1, 1]
    moved[1:-1, 1] = contour[1:-1, 1] + np.clip(travel, -room, room)


def refine_lids(portrait: U8, landmarks: F32) -> F32:
    """Landmarks [478, 3] with lid contours moved out to the drawn eye.

    `portrait` [S, S, 3] RGB.
    """
    out = landmarks.copy()
    sides = (
        (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID, topology.RIGHT_LID_CREASE,
         topology.RIGHT_LID_POUCH),
        (topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID, topology.LEFT_LID_CREASE,
         topology.LEFT_LID_POUCH),
    )  # fmt: skip
    for upper, lower, crease, pouch in sides:
        points = landmarks[:, :2].astype(np.float64)
        affine = upright_patch(points[list(upper)], points[list(lower)])
        patch = cv2.warpAffine(
            portrait, affine, PATCH_SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        top, bottom = transform(affine, points[list(upper)]), transform(affine, points[list(lower)])
        skin = transform(affine, points[[*crease[1:6:2], *pouch[1:6:2]]])
        skin[:3, 1] -= SKIN_ABOVE * PATCH_EYE_PX
        skin[3:, 1] += SKIN_BELOW * PATCH_EYE_PX
        mask = eye_mask(patch, top, bottom, skin)
        if mask is None:
            continue
        new_top, new_bottom = drawn_contours(mask, top, bottom)
        ring_above = transform(affine, points[list(crease)])[:, 1]
        ring_below = transform(affine, points[list(pouch)])[:, 1]
        keep_inside(new_top, top, ring_above)
        keep_inside(new_bottom, bottom, ring_below)
        inverse = cv2.invertAffineTransform(affine)
        out[list(upper), :2] = transform(inverse, new_top)
        out[list(lower), :2] = transform(inverse, new_bottom)
    return out
