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
from mien.models.codec.compose import over, premultiplied_difference
from mien.models.codec.openings import coverage, opening
from mien.models.codec.pose import F64, yaw_pitch_roll
from mien.models.codec.rig import Rig

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

JAW_FEATHER_PX, TEMPLE_FEATHER_PX = 4.0, 14.0
JAW_MARGIN_PX = 6.0  # the chin's own edge and shadow travel with the chin
FILL_TAKES_PX, FILL_BLUR_PX, FILL_MIX_PX, FILL_REACH_IOD = 6, 7, 21, 0.35
FILL_DETAIL_PX, FILL_DETAIL_MOST = 11, 18.0  # rows of grain and hair that are repeated
RIM_KEPT_PX = 1.0
OUTLINE_PX = 9.0  # beyond the matte, over which plate and portrait are blended
# Heights in iod below the eyes: from here down the sheet shows neck, not cheek.
NECK_FILL_FROM, NECK_FILL_TO = 0.45, 0.75
THROAT_FROM_IOD, THROAT_LIGHT = 0.07, 0.68  # a throat lies in the chin's shadow
THROAT_HALF_IOD = (0.18, 0.36)  # this far beside the chin it is throat, and no more
TOO_DARK = (0.35, 0.70)  # of that light: no skin, and skin
CHEEK_FROM, CHEEK_TO = 0.70, 1.00  # … and from here down nothing shows beside a neck
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
        half = cv2.pyrDown(value)  # drops the axis of a single channel
        stack.append((half.reshape(*half.shape[:2], -1), cv2.pyrDown(weight)[..., None]))
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
    # Single hairs and folds are not drawn out into streaks: further up, columns mix their colours.
    wide = cv2.blur(filled, (FILL_MIX_PX, 1))
    mixed = wide[..., :3] * (filled[..., 3:] / np.maximum(wide[..., 3:], 1.0))
    share = np.clip((below - rows) / FILL_MIX_PX, 0.0, 1.0)[..., None]
    filled[..., :3] += share * (np.minimum(mixed, filled[..., 3:]) - filled[..., :3])
    # … but grain and hair go on: what lies right below, to and fro.
    solid = sheet.astype(np.float32)
    fine = (solid - cv2.blur(solid, (FILL_DETAIL_PX, FILL_DETAIL_PX)))[..., :3]
    fine = np.clip(fine, -FILL_DETAIL_MOST, FILL_DETAIL_MOST)  # a collar's edge is no grain
    fine *= cv2.erode(sheet[..., 3], np.ones((5, 5), np.uint8))[..., None] == 255
    swing = np.abs((below - rows + FILL_DETAIL_PX) % (2 * FILL_DETAIL_PX) - FILL_DETAIL_PX)
    back = np.minimum(below + 1 + FILL_DETAIL_PX - swing, height - 1)
    detail = fine[back, columns] * (filled[..., 3:] / 255.0)
    filled[..., :3] += (below > rows)[..., None] * detail
    filled[..., :3] = np.clip(filled[..., :3], 0.0, filled[..., 3:])
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
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    first, right, below = head_plane(rig, corners)[:, 1]  # a plane: even steps each way
    steps = np.arange(size)
    return np.asarray(first + (right - first) * steps + (below - first) * steps[:, None])


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


def with_throat(neck: U8, rig: Rig, picture: U8, corner: tuple[int, int]) -> U8:
    """A premultiplied `neck` [H, W, 4] with a throat where it took on a collar or its shadow.

    Its corner lies at `corner` x, y of `picture` [S, S, 4]. Under the chin, much darker than the
    chin is no skin; a shaded chin stands for it. What is dark beside a neck is hair.
    """
    chin = rig.landmarks[list(topology.UNDER_CHIN), :2]
    inward = chin + THROAT_FROM_IOD * rig.scale * np.array([0.0, -1.0])
    columns, rows = np.clip(np.round(inward).astype(int), 2, picture.shape[0] - 3).T
    skin = [np.median(picture[r - 2 : r + 3, c - 2 : c + 3, :3].reshape(-1, 3), axis=0)
            for r, c in zip(rows, columns, strict=True)]  # fmt: skip
    throat = THROAT_LIGHT * np.median(skin, axis=0)
    colour = neck[..., :3].astype(np.float32)
    alpha = neck[..., 3:].astype(np.float32) / 255.0
    light = cv2.GaussianBlur(colour.mean(-1), (0, 0), 3.0)[..., None]
    dark = 1.0 - smoothstep(light / max(float(throat.mean()), 1.0), *TOO_DARK)
    aside = np.abs(np.arange(neck.shape[1]) + corner[0] - chin[:, 0].mean()) / rig.scale
    dark *= (1.0 - smoothstep(aside, *THROAT_HALF_IOD))[:, None]
    colour += dark.astype(np.float32) * (throat.astype(np.float32) * alpha - colour)
    return np.asarray(np.concatenate([np.clip(colour + 0.5, 0, 255), neck[..., 3:]], -1), np.uint8)


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
    neck = with_throat(neck, rig, sheet, (window[1].start, window[0].start))
    # Behind a turned face's far cheek there is no neck, nor beside it below the ears: what may
    # show there is cheek.
    beside = 1.0 - smoothstep(heights(rig, size)[window], CHEEK_FROM, CHEEK_TO)
    cheek = np.maximum(far_side(rig, size)[window], beside)
    share = under[window] * (1.0 - cheek * (1.0 - neck[..., 3] / 255.0))
    out = sheet.copy()
    part = sheet[window].astype(np.float32)
    out[window] = part + share[..., None].astype(np.float32) * (neck - part) + 0.5
    return out


def blended_plate(portrait: U8, plate: U8, matte: U8) -> U8:
    """The portrait [S, S, 3] outside the person of `matte` [S, S], its `plate` within.

    The two meet softly, a little outside: a matte that ends a pixel early would leave the person's
    outline standing on the background.
    """
    away = cv2.distanceTransform((matte == 0).astype(np.uint8), cv2.DIST_L2, 5)
    own = smoothstep(away, 0.5, OUTLINE_PX)[..., None]
    return np.asarray(plate + own * (portrait.astype(np.float32) - plate) + 0.5, np.uint8)


def build_layers(portrait: U8, plate: U8, matte: U8, rig: Rig) -> Layers:
    """Take `portrait` [S, S, 3] apart with `plate` [S, S, 3] and person alpha `matte` [S, S]."""
    size = portrait.shape[0]
    plate = blended_plate(portrait, plate, matte)
    skin = without_openings(portrait, rig)
    sheet = premultiplied_difference(skin, plate, matte)
    alpha = face_alpha(rig, size)
    alpha = (alpha.astype(np.int32) * sheet[..., 3] // 255).astype(np.uint8)
    sheet = with_neck(sheet, alpha, rig)

    below = np.empty((size, size, 4), np.uint8)
    over(sheet, plate, below)
    face = premultiplied_difference(skin, below[..., :3], alpha)
    face[alpha == 0] = 0
    return Layers(plate, sheet, face, below)
