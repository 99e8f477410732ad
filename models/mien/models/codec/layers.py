"""The portrait taken apart into background plate, person sheet and face.

Each layer is the difference between the portrait and the layers below it, so that the stack at
rest is the portrait exactly, however rough a matte is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.compose import over_reference, premultiplied_difference
from mien.models.codec.openings import coverage, opening
from mien.models.codec.pose import F64, yaw_pitch_roll
from mien.models.codec.rig import Rig

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

JAW_FEATHER_PX, TEMPLE_FEATHER_PX = 4.0, 14.0
JAW_MARGIN_PX = 6.0  # the chin's own edge and shadow travel with the chin
FILL_TAKES_PX, FILL_BLUR_PX, FILL_REACH_IOD = 6, 7, 0.35
RIM_KEPT_PX = 1.0
# Heights in iod below the eyes: from here down the sheet shows neck, not cheek.
NECK_FILL_FROM, NECK_FILL_TO = 0.45, 0.75
# … and from here down the face's edge is crisp.
CRISP_FROM, CRISP_TO = -0.35, 0.20


@dataclass(frozen=True)
class Layers:
    """Pixels of one character, 8 bit, premultiplied where they carry alpha."""

    plate: U8  # [S, S, 3]
    sheet: U8  # [S, S, 4] person outside the face, neck continued under the chin
    face: U8  # [S, S, 4]
    below: U8  # [S, S, 4] opaque: sheet over plate at rest


def smoothstep(x: F64 | F32, low: float, high: float) -> F64:
    """Cubic ease from 0 at `low` to 1 at `high`."""
    t = np.clip((np.asarray(x, np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def head_plane(rig: Rig, points: F64) -> F64:
    """Picture px [N, 2] → iod from between the eyes, along the head's own roll, [N, 2]."""
    right, left = topology.OUTER_EYE_CORNERS
    eyes = (rig.landmarks[right, :2] + rig.landmarks[left, :2]) / 2
    down = rig.rotation[:2, 1] / np.linalg.norm(rig.rotation[:2, 1])
    across = np.array([down[1], -down[0]])
    return np.asarray((points - eyes) @ np.stack([across, down], 1) / rig.scale)


def fill_from_known(values: F32, known: F32) -> F32:
    """Smoothly continue `values` [H, W, C] from where `known` [H, W] is 1 (push-pull pyramid)."""
    weight = known[..., None].astype(np.float32)
    stack: list[tuple[F32, F32]] = [(values * weight, weight)]
    while min(stack[-1][0].shape[:2]) > 2:
        value, weight = stack[-1]
        stack.append((cv2.pyrDown(value), cv2.pyrDown(weight)[..., None]))
    guess = stack[-1][0] / np.maximum(stack[-1][1], 1e-6)
    for value, weight in reversed(stack[:-1]):
        size = (value.shape[1], value.shape[0])
        coarse = cv2.resize(guess, size, interpolation=cv2.INTER_LINEAR).reshape(value.shape)
        sure = np.clip(weight, 0.0, 1.0)
        guess = sure * (value / np.maximum(weight, 1e-6)) + (1.0 - sure) * coarse
    return np.asarray(guess, np.float32)


def fill_upwards(sheet: U8, known: U8, reach_px: float) -> U8:
    """Continue a premultiplied sheet [H, W, 4] upwards into what is not `known` [H, W].

    Every column goes on with the few pixels right below its gap: a neck rises under the chin, and
    beside it the background stays clear. Above `reach_px` the fill fades out.
    """
    height, width = known.shape
    values = cv2.blur(sheet.astype(np.float32), (FILL_BLUR_PX, 1))
    rows = np.arange(height)[:, None]
    below = np.where(known > 0, rows, height - 1)
    below = np.minimum.accumulate(below[::-1], 0)[::-1]  # next known row at or below
    columns = np.broadcast_to(np.arange(width), below.shape)
    taken = [
        values[np.minimum(below + k, height - 1), columns] for k in range(1, FILL_TAKES_PX + 1)
    ]
    filled = cv2.blur(np.mean(taken, 0), (FILL_BLUR_PX, 1))
    fade = np.clip(2.0 - (below - rows) / reach_px, 0.0, 1.0)[..., None]
    return np.asarray(filled * fade + 0.5, np.uint8)


def far_side(rig: Rig, size: int) -> F64:
    """How far each pixel lies on the hidden side of a turned face, 0..1, [S, S]; 0 if frontal."""
    yaw = float(yaw_pitch_roll(rig.rotation)[0])
    columns = (np.arange(size) - rig.landmarks[topology.NOSE_TIP, 0]) / rig.scale * np.sign(yaw)
    turned = smoothstep(np.array(abs(yaw)), 0.2, 0.4)
    return np.broadcast_to(turned * smoothstep(columns, -0.15, 0.1), (size, size))


def heights(rig: Rig, size: int) -> F64:
    """Height below the eyes of every pixel, iod along the head, [S, S]."""
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2)
    return head_plane(rig, grid.astype(np.float64))[:, 1].reshape(size, size)


def face_outline(rig: Rig) -> F32:
    """The outline of the face in the portrait, [N, 2] px.

    The hull of all skin landmarks: of a turned face the far side of the oval lies hidden behind
    the cheek, which is the outline then.
    """
    points = rig.landmarks[: topology.SKIN, :2].astype(np.float32)
    return np.asarray(cv2.convexHull(points)[:, 0], np.float32)


def face_alpha(rig: Rig, size: int) -> U8:
    """Alpha of the face layer [S, S]: crisp just outside the jaw, soft inside the temples."""
    oval = np.zeros((size, size), np.uint8)
    contour = face_outline(rig)
    cv2.fillPoly(oval, [np.round(contour * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    inside = cv2.distanceTransform(oval, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(255 - oval, cv2.DIST_L2, 5)
    jaw = smoothstep(heights(rig, size), CRISP_FROM, CRISP_TO)
    feather = TEMPLE_FEATHER_PX * (1.0 - jaw) + JAW_FEATHER_PX * jaw
    alpha = np.clip((inside - outside + JAW_MARGIN_PX * jaw - 1.0) / feather, 0.0, 1.0)
    return np.asarray(alpha * 255.0 + 0.5, np.uint8)


def without_openings(portrait: U8, rig: Rig) -> U8:
    """The portrait [S, S, 3] with skin where its eyes and its mouth gap are.

    Where lids or lips meet, the flow jumps and samples lie between its two sides; they must find
    skin there, not eye or teeth. A rim one pixel wide inside each opening stays as it is.
    """
    size = portrait.shape[0]
    contours = (
        (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID),
        (topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID),
        (topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP),
    )
    out = portrait.astype(np.float32)
    for upper, lower in contours:
        points = rig.landmarks[:, :2]
        gap = opening(points[list(upper)], points[list(lower)], size)
        x0, y0, x1, y1 = gap.bounds
        wide, high = x1 - x0, y1 - y0
        x0, x1 = max(x0 - wide // 2, 0), min(x1 + wide // 2, size)
        y0, y1 = max(y0 - high, 0), min(y1 + high, size)
        y, x = np.mgrid[y0:y1, x0:x1].astype(np.float64)
        covered = coverage(gap, x.ravel(), y.ravel()).reshape(x.shape)
        part = (covered >= 1.0).astype(np.uint8) * 255
        box = out[y0:y1, x0:x1]
        depth = cv2.distanceTransform(part, cv2.DIST_L2, 3)
        known = (cv2.dilate(part, np.ones((7, 7), np.uint8)) == 0).astype(np.float32)
        filled = fill_from_known(box, known)
        share = np.clip(depth - RIM_KEPT_PX, 0.0, 1.0)[..., None]
        box += share * (filled - box)
    return np.asarray(out + 0.5, np.uint8)


def with_neck(sheet: U8, alpha: U8, rig: Rig) -> U8:
    """The sheet [S, S, 4] with its neck continued under the lower part of a face of `alpha`."""
    size = alpha.shape[0]
    under = smoothstep(heights(rig, size), NECK_FILL_FROM, NECK_FILL_TO) * (alpha > 0)
    rows, columns = np.flatnonzero(under.any(1)), np.flatnonzero(under.any(0))
    if not rows.size:
        return sheet
    window = (
        slice(rows[0], min(rows[-1] + FILL_TAKES_PX + 4, size)),
        slice(max(columns[0] - FILL_BLUR_PX, 0), columns[-1] + FILL_BLUR_PX),
    )
    seen = cv2.erode((alpha[window] == 0).astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    neck = fill_upwards(sheet[window], seen, FILL_REACH_IOD * rig.scale)
    # Behind a turned face's far cheek there is no neck: what may show there is cheek.
    share = under[window] * (1.0 - far_side(rig, size)[window] * (1.0 - neck[..., 3] / 255.0))
    out = sheet.copy()
    part = sheet[window].astype(np.float32)
    out[window] = part + share[..., None].astype(np.float32) * (neck - part) + 0.5
    return out


def build_layers(portrait: U8, plate: U8, matte: U8, rig: Rig) -> Layers:
    """Take `portrait` [S, S, 3] apart with `plate` [S, S, 3] and person alpha `matte` [S, S]."""
    size = portrait.shape[0]
    plate = np.where(matte[..., None] > 0, plate, portrait)  # background is nobody's layer
    skin = without_openings(portrait, rig)
    sheet = premultiplied_difference(skin, plate, matte)
    alpha = face_alpha(rig, size)
    alpha = (alpha.astype(np.int32) * sheet[..., 3] // 255).astype(np.uint8)
    sheet = with_neck(sheet, alpha, rig)

    below = np.empty((size, size, 4), np.uint8)
    over_reference(sheet, plate, below)
    face = premultiplied_difference(skin, below[..., :3], alpha)
    face[alpha == 0] = 0
    return Layers(plate, sheet, face, below)
