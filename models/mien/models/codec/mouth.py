"""The mouth's inside: rendered teeth and tongue behind the portrait's lips, in its light.

Upper teeth hold on to the skull, lower teeth and tongue to the jaw; lips are a window on them. A
portrait that shows its own teeth keeps them, rigid, and rendered ones go on where its own end.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.codec.eyes import EyeLayer
from mien.models.codec.harmony import light_of
from mien.models.codec.lips import ease
from mien.models.codec.mouth_inside import draw_inside, draw_tongue
from mien.models.codec.openings import PORTRAIT_PX, Opening, dark_edge, draw_seam, opening
from mien.models.codec.pose import F64, yaw_pitch_roll
from mien.models.codec.profiles import LearnedParts
from mien.models.codec.rig import Posed, Rig
from mien.models.codec.sprites import SpriteSet, sprites, sprites_at
from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

SUBNASALE = 2
TEETH_LOWER_IOD = 0.034  # people show a little more of their upper teeth than the head model
TEETH_BEHIND_LIPS_IOD = 0.10
NEUTRAL_SKIN = np.array([199.0, 171.0, 148.0])  # skin and eye white under the sprites' own light
NEUTRAL_WHITE = np.array([222.0, 214.0, 206.0])
LIGHT_RANGE = (0.40, 1.12)
LOWER_TEETH_LOWER_IOD = 0.02
TINT_SHARE = 0.8
NARROW_IS_DARK_IOD = 0.12  # little light enters a mouth that is open less than this
DARKEST, DARKEST_BESIDE_OWN = 0.62, 0.9
LIP_SHADOW_IOD = 0.055
STILL_IOD = 0.004  # lips that moved less have not moved
OWN_FADE_IOD = 0.012  # a mouth that shows no teeth keeps its own pixels this far into an opening
NEUTRAL_TEETH = np.array([226.0, 214.0, 196.0])
OWN_TEETH = 0.999  # below 1: their patch gets soft edges once it leaves its place
OPEN_AT_REST_IOD = 0.012
PLAIN_GAINS = np.ones((2, 2, 4), np.float32)
SEAM_WIDTH_IOD, SEAM_STRENGTH = 0.009, 0.75
TONGUE_REACH_PX = 46.0  # how far the tongue draws back on the canvas when it is not out
TONGUE_LIES_PX, TONGUE_LIFTS_PX = 9.0, 17.0  # on the canvas: above the head model's, and to a tip
TONGUE_OUT_FROM = 0.30  # tongueOut below this only lifts the tip behind the teeth


@dataclass(frozen=True)
class OwnMouth:
    """What the portrait shows between its lips, in a box of the portrait."""

    origin: tuple[int, int]
    colour: F32  # [h, w, 3]
    depth: F32  # [h, w] px inside the inner lip contour
    plane: F64

    @property
    def middle(self) -> tuple[float, float]:
        """Middle of the box, px of the portrait."""
        height, width = self.depth.shape
        return self.origin[0] + width / 2, self.origin[1] + height / 2


def light_tint(portrait: F32, rig: Rig, eyes: tuple[EyeLayer, ...]) -> F64:
    """Colour [3] by which the sprites are multiplied to stand in the portrait's light."""
    cheeks = rig.landmarks[[50, 280, 205, 425, 101, 330], :2]
    columns, rows = np.clip(np.round(cheeks).astype(int), 2, portrait.shape[0] - 3).T
    skin = np.mean([portrait[r - 2 : r + 3, c - 2 : c + 3].mean((0, 1))
                    for r, c in zip(rows, columns, strict=True)], 0)  # fmt: skip
    white = np.mean([np.percentile(eye.white.reshape(-1, 3), 80, axis=0) for eye in eyes], 0)
    ratio = 0.5 * skin / NEUTRAL_SKIN + 0.5 * white / NEUTRAL_WHITE
    level = float(np.clip(ratio.mean(), *LIGHT_RANGE))
    return np.asarray(level * (1.0 - TINT_SHARE + TINT_SHARE * ratio / ratio.mean()))


def own_mouth(portrait: F32, rig: Rig) -> OwnMouth:
    """Lift what lies between the portrait's lips out of `portrait` [S, S, 3]."""
    outline = rig.landmarks[[*topology.UPPER_INNER_LIP, *topology.LOWER_INNER_LIP[-2:0:-1]]]
    low = np.floor(outline[:, :2].min(0)).astype(int) - 6
    high = np.ceil(outline[:, :2].max(0)).astype(int) + 7
    (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, portrait.shape[0])
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    points = np.round((outline[:, :2] - (x0, y0)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_8, 4)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    plane, *_ = np.linalg.lstsq(
        np.c_[outline[:, :2], np.ones(len(outline))], outline[:, 2], rcond=None
    )
    box = np.ascontiguousarray(portrait[y0:y1, x0:x1], np.float32)
    return OwnMouth((int(x0), int(y0)), box, depth.astype(np.float32), plane)


def teeth_colour(own: OwnMouth) -> F64:
    """The colour [3] of lit teeth between the portrait's lips."""
    inside = own.colour[own.depth > 1.5]
    inside = inside if len(inside) > 8 else own.colour.reshape(-1, 3)
    bright = inside[inside.sum(1).argsort()[-max(len(inside) // 3, 1) :]]
    return np.asarray(np.median(bright, axis=0), np.float64)


def lip_gap(posed: Posed, size: int) -> Opening:
    """The gap between the posed lips."""
    upper, lower = (list(side) for side in (topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP))
    return opening(posed.points[upper, :2], posed.points[lower, :2], size)


def tongue_lift(c: F32) -> float:
    """How far the tip of the tongue is up behind the upper teeth, 0..1, under coefficients [52].

    ARKit has no coefficient for it. l, n, t, d and th open the jaw a little, part the lips and
    neither round nor spread them; so do short open vowels, whose tongue lies high as well. A
    little tongueOut asks for it by name.
    """

    def both(stem: str) -> float:
        return float(c[ARKIT_INDEX[stem + "Left"]] + c[ARKIT_INDEX[stem + "Right"]]) / 2

    jaw = float(c[ARKIT_INDEX["jawOpen"]])
    rounded = float(c[ARKIT_INDEX["mouthFunnel"]] + c[ARKIT_INDEX["mouthPucker"]])
    spread = both("mouthStretch") + both("mouthSmile")
    close = float(c[ARKIT_INDEX["mouthClose"]])
    guessed = ease(jaw, 0.05, 0.16) * (1.0 - ease(jaw, 0.26, 0.42))
    guessed *= 1.0 - ease(rounded, 0.05, 0.30)
    guessed *= 1.0 - 0.7 * ease(spread, 0.15, 0.50)
    guessed *= 0.35 + 0.65 * ease(both("mouthLowerDown"), 0.05, 0.20)
    guessed *= 1.0 - ease(close / max(jaw, 1e-3), 0.2, 0.7)
    out = float(c[ARKIT_INDEX["tongueOut"]])
    return max(guessed, ease(out, 0.02, 0.20))


class Mouth:
    """One character's mouth."""

    def __init__(
        self, portrait: F32, rig: Rig, rest: F32, eyes: tuple[EyeLayer, ...],
        learned: LearnedParts | None = None,
    ) -> None:  # fmt: skip
        """`portrait` [S, S, 3] 0..255; `rest` [2]: lip gap in iod, sureness of teeth.

        `learned`: what has learned how mouths are lit; None: by rule alone.
        """
        mean = face_basis().mean.astype(np.float64)
        shape = rig.shape
        height = np.linalg.norm(shape[SUBNASALE] - shape[topology.CHIN]) / np.linalg.norm(
            mean[SUBNASALE] - mean[topology.CHIN]
        )
        down = (mean[topology.UPPER_LIP_CENTRE] - mean[SUBNASALE]) * [1.0, height, 1.0]
        lip = shape[SUBNASALE] + down
        if float(rest[0]) < OPEN_AT_REST_IOD:  # a shut mouth's own lip line says it better
            lip = shape[topology.UPPER_LIP_CENTRE].copy()
        self.anchor = lip + np.array([0.0, TEETH_LOWER_IOD, 0.0])
        right, left = topology.INNER_MOUTH_CORNERS
        width = abs(shape[left, 0] - shape[right, 0]) / abs(mean[left, 0] - mean[right, 0])
        self.scale = float(np.clip(width, 0.5, 1.6) ** 0.6)
        self.gap = float(rest[0])
        self.teeth = float(rest[1])
        self.own = own_mouth(portrait, rig)
        self.tint = light_tint(portrait, rig, eyes)
        if self.teeth > 0.0:  # own teeth are the best witness of their light
            own = teeth_colour(self.own) / NEUTRAL_TEETH
            self.tint = self.tint + self.teeth * (own - self.tint)
        upper, lower = (list(side) for side in (topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP))
        lips = rig.landmarks[upper, :2]
        gap = opening(lips, rig.landmarks[lower, :2], int(PORTRAIT_PX))
        self._widest_at_rest = max(self.gap, 0.0)
        drawn = float((gap.bottom - gap.top).max()) / rig.scale
        if abs(drawn - self._widest_at_rest) > STILL_IOD:  # a moustache: lips found anew since
            self._widest_at_rest = drawn
        self.seam = dark_edge(portrait, lips) * 0.8
        self.rig = rig
        light = light_of(portrait, rig, self.tint)
        self._harmony = None if learned is None else learned.light(light)

    @property
    def nbytes(self) -> int:
        """Memory that it keeps of its own; sprites are everybody's."""
        return self.own.colour.nbytes + self.own.depth.nbytes

    def _gains(self, gap: Opening, posed: Posed, dynamics: F32, turning: F32) -> F32:
        if self._harmony is None:
            return PLAIN_GAINS
        gains = self._harmony.gains(dynamics, turning, gap, posed.iod_px)
        return np.asarray(1.0 + (1.0 - self.teeth) * (gains - 1.0), np.float32)

    def draw(self, out: U8, posed: Posed, dynamics: F32, turning: F32) -> None:
        """Draw the mouth's inside, a shut mouth's line and the tongue into `out` [n, n, 4].

        `dynamics` [52] in 0..1; `turning` [3]: the head's rotation vector, public axes.
        """
        gap = lip_gap(posed, int(PORTRAIT_PX))
        turn = posed.rigid.turn @ self.rig.rotation
        yaw, pitch, roll = yaw_pitch_roll(turn)
        every, seen = sprites(), sprites_at(float(np.degrees(yaw)))
        back = self._to_canvas(posed, seen, float(pitch), float(roll))
        jaw = self._jaw(seen, posed.jaw / self.scale * every.px_per_iod)
        widest = float((gap.bottom - gap.top).max()) / posed.iod_px
        dim = ease(widest, 0.0, NARROW_IS_DARK_IOD)
        darkest = DARKEST + self.teeth * (DARKEST_BESIDE_OWN - DARKEST)
        tint = self.tint * (darkest + (1.0 - darkest) * dim)
        layers = seen.layers
        lift = tongue_lift(dynamics)
        draw_inside(
            out, layers["cavity"], layers["tongue_rest"], layers["lower"], layers["upper"],
            back, jaw, self.own.colour, self.own.depth, *self.own.origin,
            posed.rigid.way_back(self.own.plane, self.own.middle),
            self._own_share(widest, posed),
            gap.bounds, gap.origin, gap.along, gap.length, gap.top, gap.bottom, tint,
            LIP_SHADOW_IOD * posed.iod_px, TONGUE_LIES_PX + TONGUE_LIFTS_PX * lift, lift,
            self._gains(gap, posed, dynamics, turning),
        )  # fmt: skip
        if self.gap > OPEN_AT_REST_IOD:
            width = SEAM_WIDTH_IOD * posed.iod_px
            draw_seam(out, gap, self.seam, width, SEAM_STRENGTH * posed.shut)
        out_by = float(dynamics[ARKIT_INDEX["tongueOut"]])
        tongue = min(max((out_by - TONGUE_OUT_FROM) / (1.0 - TONGUE_OUT_FROM), 0.0), 1.0)
        if tongue > 0.01:
            self._draw_tongue(out, gap, seen, back, jaw, tongue)

    def _own_share(self, widest: float, posed: Posed) -> float:
        """How much of the portrait's own mouth pixels stays: teeth for good, a dark gap briefly."""
        moved = abs(widest - self._widest_at_rest) + posed.jaw
        fading = float(np.clip(1.0 - (moved - STILL_IOD) / OWN_FADE_IOD, 0.0, 1.0))
        return max(fading, self.teeth * OWN_TEETH)

    def _to_canvas(self, posed: Posed, seen: SpriteSet, pitch: float, roll: float) -> F64:
        """Affine 2×3 from picture px to the sprites' canvas."""
        at = posed.rigid.apply(self.rig.to_picture(self.anchor[None]))[0, :2]
        per_px = sprites().px_per_iod / (posed.iod_px * self.scale)
        cos, sin = np.cos(roll), np.sin(roll)
        linear = per_px * np.array([[cos, -sin], [sin, cos]])
        lowered = TEETH_BEHIND_LIPS_IOD * np.sin(pitch) * sprites().px_per_iod
        shift = seen.lip + np.array([0.0, lowered]) - linear @ at
        return np.concatenate([linear, shift[:, None]], 1)

    @staticmethod
    def _jaw(seen: SpriteSet, travel_px: float) -> F64:
        """Where a canvas row now shows what the open-jaw sprites have: row · a + b, [2].

        Incisors travel `travel_px` down from a shut jaw, molars less, as on a hinge.
        """
        every = sprites()
        unit = travel_px / every.incisor_travel_px
        incisor = float(seen.incisors_open[1])
        molar = seen.molars_open_y
        lag = every.jaw_open - unit
        lower = LOWER_TEETH_LOWER_IOD * every.px_per_iod
        now_incisor = incisor - lag * every.incisor_travel_px + lower
        now_molar = molar - lag * every.molar_travel_px + lower
        slope = (incisor - molar) / max(now_incisor - now_molar, 4.0)
        return np.array([slope, incisor - slope * now_incisor])

    def _draw_tongue(
        self, out: U8, gap: Opening, seen: SpriteSet, back: F64, jaw: F64, amount: float
    ) -> None:
        size = int(PORTRAIT_PX)
        x0, y0, x1, y1 = gap.bounds
        reach = int(0.5 * gap.length) + 8
        area = (max(x0 - 4, 0), max(y0 - 4, 0), min(x1 + 4, size), min(y1 + reach, size))
        drawn_back = jaw.copy()
        drawn_back[1] += (1.0 - amount) * TONGUE_REACH_PX
        strength = ease(amount, 0.0, 0.3)
        draw_tongue(
            out, seen.layers["tongue_out"], back, drawn_back, area, gap.origin, gap.along,
            gap.length, gap.top, self.tint, strength,
        )  # fmt: skip
