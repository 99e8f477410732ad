"""One actor's frame as numbers: what the processor works out, written where the kernels read it.

Knows the rig, the lids, the lips, and `layout`. Refuses to know devices. What is worked out here is
what `eyes.draw_eye`, `lidskin.draw_lid` and `mouth.Mouth.draw` work out before their own kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.models.codec import eyes as eye_rules
from mien.models.codec import lidskin
from mien.models.codec import mouth as mouth_rules
from mien.models.codec.eyes import EyeLayer, slit_of
from mien.models.codec.gpu import layout
from mien.models.codec.lips import ease
from mien.models.codec.mouth import Mouth, tongue_lift
from mien.models.codec.openings import Opening
from mien.models.codec.pose import F64, yaw_pitch_roll
from mien.models.codec.rig import EYES, Posed
from mien.models.codec.sprites import SpriteSet, sprites, sprites_at
from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]
RIGID = 19  # numbers of a head's movement, see `Rigid.packed`


def write_opening(row: F32, opening: Opening) -> None:
    """An opening [OPENING]."""
    row[layout.X0 : layout.Y1 + 1] = opening.bounds
    row[layout.ORIGIN_X : layout.ORIGIN_Y + 1] = opening.origin
    row[layout.ALONG_X : layout.ALONG_Y + 1] = opening.along
    row[layout.LENGTH] = opening.length
    row[layout.TOP : layout.BOTTOM] = opening.top
    row[layout.BOTTOM : layout.OPENING] = opening.bottom


def write_eye(row: F32, layer: EyeLayer, posed: Posed, size: int) -> None:
    """An eye [EYE]; see `eyes.draw_eye`."""
    slit = slit_of(posed, layer.eye, size)
    opened = float((slit.bottom - slit.top).max()) / layer.rest_height
    look = posed.gaze_px[EYES.index(layer.eye)]
    away = float(np.hypot(*look)) * posed.rigid.scale / posed.iod_px
    clean = max(
        ease(away, eye_rules.CLEAN_FROM_IOD, eye_rules.CLEAN_BY_IOD),
        ease(opened - 1.0, eye_rules.WIDE_FROM, eye_rules.WIDE_BY),
    )
    shade = max(
        eye_rules.LID_SHADE * min(max(1.0 - opened, 0.0), 1.0), eye_rules.CLEAN_SHADE * clean
    )
    write_opening(row[layout.SLIT :], slit)
    row[layout.EYE_WIDE], row[layout.EYE_HIGH] = layer.white.shape[1], layer.white.shape[0]
    row[layout.EYE_X], row[layout.EYE_Y] = layer.origin
    back = posed.rigid.way_back(layer.plane, layer.middle)
    row[layout.BACK : layout.BACK + 6] = back.ravel()
    row[layout.LOOK_X], row[layout.LOOK_Y] = look
    row[layout.SHADE], row[layout.SHADE_PX] = shade, 0.3 * layer.rest_height
    row[layout.HANG] = eye_rules.LASHES_HANG_IOD * posed.iod_px
    row[layout.CLEAN] = clean
    row[layout.LASH : layout.LASH + 3] = layer.lash
    shut = ease(1.0 - opened, eye_rules.LASH_FROM, 1.0)
    row[layout.LASH_WIDTH] = eye_rules.LASH_WIDTH_IOD * posed.iod_px
    row[layout.LASH_STRENGTH] = eye_rules.LASH_STRENGTH * shut
    amount = ease(1.0 - opened, lidskin.DRAWN_FROM, lidskin.DRAWN_BY)
    write_opening(row[layout.LID :], lidskin.lid_of(posed, layer.eye, size))
    if amount <= 0.0:
        row[layout.LID + layout.X0 : layout.LID + layout.Y1 + 1] = 0.0
    row[layout.LID_AMOUNT], row[layout.LID_IOD_PX] = amount, posed.iod_px
    row[layout.LID_LASH_PX] = lidskin.LASH_WIDTH_IOD * posed.iod_px


def write_mouth(
    row: F32, mouth: Mouth, gap: Opening, posed: Posed, dynamics: F32, size: int
) -> SpriteSet:
    """A mouth [MOUTH] whose lips leave `gap`, `dynamics` in 0..1; returns its sprites.

    See `mouth.Mouth.draw`.
    """
    yaw, pitch, roll = yaw_pitch_roll(posed.rigid.turn @ mouth.rig.rotation)
    every, seen = sprites(), sprites_at(float(np.degrees(yaw)))
    jaw = mouth._jaw(seen, posed.jaw / mouth.scale * every.px_per_iod)
    widest = float((gap.bottom - gap.top).max()) / posed.iod_px
    lift = tongue_lift(dynamics)
    own, high_wide = mouth.own, seen.layers["cavity"].shape
    write_opening(row[layout.GAP :], gap)
    back = mouth._to_canvas(posed, seen, float(pitch), float(roll))
    row[layout.CANVAS : layout.CANVAS + 6] = back.ravel()
    row[layout.JAW : layout.JAW + 2] = jaw
    row[layout.SPRITE_WIDE], row[layout.SPRITE_HIGH] = high_wide[1], high_wide[0]
    row[layout.OWN_WIDE], row[layout.OWN_HIGH] = own.depth.shape[1], own.depth.shape[0]
    row[layout.OWN_X], row[layout.OWN_Y] = own.origin
    own_back = posed.rigid.way_back(own.plane, own.middle)
    row[layout.OWN_BACK : layout.OWN_BACK + 6] = own_back.ravel()
    row[layout.OWN_KEEP] = mouth._own_share(widest, posed)
    row[layout.TINT : layout.TINT + 3] = _tint(mouth, widest)
    row[layout.TONGUE_TINT : layout.TONGUE_TINT + 3] = mouth.tint
    row[layout.SHADOW_PX] = mouth_rules.LIP_SHADOW_IOD * posed.iod_px
    row[layout.TONGUE_UP] = mouth_rules.TONGUE_LIES_PX + mouth_rules.TONGUE_LIFTS_PX * lift
    row[layout.LIFT], row[layout.TEETH] = lift, mouth.teeth
    row[layout.SEAM : layout.SEAM + 3] = mouth.seam
    row[layout.SEAM_WIDTH] = mouth_rules.SEAM_WIDTH_IOD * posed.iod_px
    open_at_rest = mouth.gap > mouth_rules.OPEN_AT_REST_IOD
    row[layout.SEAM_STRENGTH] = mouth_rules.SEAM_STRENGTH * posed.shut if open_at_rest else 0.0
    _write_tongue(row, gap, jaw, float(dynamics[ARKIT_INDEX["tongueOut"]]), size)
    return seen


def _tint(mouth: Mouth, widest: float) -> F64:
    dim = ease(widest, 0.0, mouth_rules.NARROW_IS_DARK_IOD)
    beside_own = mouth_rules.DARKEST_BESIDE_OWN - mouth_rules.DARKEST
    darkest = mouth_rules.DARKEST + mouth.teeth * beside_own
    return np.asarray(mouth.tint * (darkest + (1.0 - darkest) * dim))


def _write_tongue(row: F32, gap: Opening, jaw: F64, out_by: float, size: int) -> None:
    """A tongue that is out; where it is not, its area is empty."""
    start = mouth_rules.TONGUE_OUT_FROM
    amount = min(max((out_by - start) / (1.0 - start), 0.0), 1.0)
    area = slice(layout.TONGUE_AREA, layout.TONGUE_AREA + 4)
    row[layout.TONGUE_STRENGTH], row[area] = 0.0, 0.0
    if amount <= 0.01:
        return
    x0, y0, x1, y1 = gap.bounds
    reach = int(0.5 * gap.length) + 8
    row[area] = max(x0 - 4, 0), max(y0 - 4, 0), min(x1 + 4, size), min(y1 + reach, size)
    row[layout.TONGUE_STRENGTH] = ease(amount, 0.0, 0.3)
    row[layout.TONGUE_JAW] = jaw[0]
    row[layout.TONGUE_JAW + 1] = jaw[1] + (1.0 - amount) * mouth_rules.TONGUE_REACH_PX


def write_face(row: F32, points: F64, size: int) -> None:
    """The area of a frame [4] that a face with vertices `points` [V, 2 or more] px touches."""
    row[:2] = np.clip(np.floor(points[:, :2].min(0)) - 2, 0, size)
    row[2:4] = np.clip(np.ceil(points[:, :2].max(0)) + 3, 0, size)
