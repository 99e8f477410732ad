"""From parts to the 52 coefficients: mouth, mood, brows and eyes in one face.

Knows ARKit's names and how parts share a face: lips that meet stay met under a smile, lids that
shut hide wide eyes, no face is the same left and right. Refuses to remember anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.articulation_fit import CHANNELS
from mien.models.motion.lanes import F64
from mien.models.motion.life import Life
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS

# Opening between the inner lips at weight 1, in outer-eye distances: our own fit to a head model.
LIP_GAP: dict[str, float] = {
    "jawOpen": 0.343, "mouthFunnel": 0.145, "mouthClose": -0.410,
    "mouthLowerDownLeft": 0.035, "mouthLowerDownRight": 0.035,
    "mouthUpperUpLeft": 0.038, "mouthUpperUpRight": 0.038,
    "mouthShrugUpper": 0.057, "mouthShrugLower": -0.072, "mouthRollLower": -0.040,
    "noseSneerLeft": 0.024, "noseSneerRight": 0.024,
    "mouthPressLeft": -0.014, "mouthPressRight": -0.014,
}  # fmt: skip
_GAP_ROW = np.zeros(COEFFICIENTS)
for _name, _value in LIP_GAP.items():
    _GAP_ROW[ARKIT_INDEX[_name]] = _value
_I = ARKIT_INDEX
_SEAL = {
    "mouthPressLeft": 0.30, "mouthPressRight": 0.30, "mouthRollLower": 0.20,
    "mouthRollUpper": 0.13, "mouthShrugLower": 0.20,
}  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What each part of the face wants in one frame, over lanes."""

    channels: F64  # [L, 7] the mouth, in the order of CHANNELS
    closure: F64  # [L] 0..1
    mood: F64  # [L, 52]
    brows: F64  # [L, 2] raise, frown
    eye_left: F64  # [L] -1..1
    eye_up: F64  # [L] -1..1
    lids: F64  # [L] 0..1
    talk: F64  # [L] 0..1


def lip_gap(dynamics: F64) -> F64:
    """Return the linear opening between the lips, [..., 52] to [...], in outer-eye distances."""
    return np.asarray(dynamics @ _GAP_ROW)


def compose(parts: Parts, life: Life) -> F64:
    """Return the coefficients, [L, 52], each within 0..1."""
    face = parts.mood.copy()
    _mouth(face, parts, life)
    _brows(face, parts, life)
    face = np.clip(face, 0.0, 1.0)
    _close(face, parts.closure)
    _eyes(face, parts)
    return np.clip(face, 0.0, 1.0)


def _pair(face: F64, name: str, amount: F64, tilt: F64) -> None:
    """Add `amount` [L] to both sides, `tilt` [L] more on the left and less on the right."""
    face[:, _I[name + "Left"]] += amount * (1 + tilt)
    face[:, _I[name + "Right"]] += amount * (1 - tilt)


def _mouth(face: F64, parts: Parts, life: Life) -> None:
    want = dict(zip(CHANNELS, parts.channels.T, strict=True))
    tilt, lift = 0.09 * life.tilt[:, 0], 0.10 * life.tilt[:, 1]
    face[:, _I["jawOpen"]] += want["jaw"]
    face[:, _I["mouthPucker"]] += want["pucker"]
    face[:, _I["mouthFunnel"]] += want["funnel"]
    _pair(face, "mouthLowerDown", want["lower"], tilt)
    _pair(face, "mouthUpperUp", want["upper"], -tilt)
    _pair(face, "mouthStretch", want["spread"], lift)
    _pair(face, "mouthSmile", want["smile"], lift)
    smile, press, side = life.lips.T
    _pair(face, "mouthSmile", 0.025 + 0.02 * np.tanh(smile), lift)
    _pair(face, "mouthPress", np.clip(0.05 * press, 0.0, 0.10) * (1 - parts.talk), tilt)
    side = 0.022 * side * (0.5 + parts.talk)
    face[:, _I["mouthLeft"]] += np.maximum(side, 0.0)
    face[:, _I["mouthRight"]] += np.maximum(-side, 0.0)
    sway = 0.06 * np.tanh(lift * 8) * want["jaw"]
    face[:, _I["jawLeft"]] += np.maximum(sway, 0.0)
    face[:, _I["jawRight"]] += np.maximum(-sway, 0.0)


def _close(face: F64, closure: F64) -> None:
    """Bring the lips together, `closure` [L]: solved after everything else is blended."""
    shut = closure[:, None]
    for name, keep in _YIELDING.items():
        face[:, _I[name]] *= 1 - (1 - keep) * closure
    for name, weight in _SEAL.items():
        column = face[:, _I[name]]
        face[:, _I[name]] = np.maximum(column, weight * closure)
    gap = np.maximum(lip_gap(face), 0.0)
    needed = gap * shut[:, 0] / -LIP_GAP["mouthClose"] + 0.02 * closure
    face[:, _I["mouthClose"]] = np.minimum(needed, face[:, _I["jawOpen"]])


# What gives way when lips meet, and how much of it is kept.
_YIELDING = {
    "jawOpen": 0.40, "mouthFunnel": 0.10, "mouthLowerDownLeft": 0.0, "mouthLowerDownRight": 0.0,
    "mouthUpperUpLeft": 0.0, "mouthUpperUpRight": 0.0, "mouthPucker": 0.75,
    "mouthStretchLeft": 0.6, "mouthStretchRight": 0.6, "noseSneerLeft": 0.6, "noseSneerRight": 0.6,
    "mouthSmileLeft": 0.85, "mouthSmileRight": 0.85, "mouthShrugUpper": 0.0,
}  # fmt: skip


def _brows(face: F64, parts: Parts, life: Life) -> None:
    raised, frown = parts.brows.T
    tilt = 0.14 * life.tilt[:, 2]
    idle = 0.03 * life.brow[:, 0]
    face[:, _I["browInnerUp"]] += np.maximum(raised + idle, 0.0)
    _pair(face, "browOuterUp", np.maximum(0.8 * raised + idle, 0.0), tilt)
    _pair(face, "browDown", np.maximum(frown - idle, 0.0), -tilt)
    _pair(face, "eyeSquint", 0.4 * frown, tilt)
    _pair(face, "eyeWide", 0.15 * np.maximum(raised, 0.0), 0 * tilt)


def _eyes(face: F64, parts: Parts) -> None:
    left, up, lids = parts.eye_left, parts.eye_up, parts.lids
    for side, outward in (("Left", left), ("Right", -left)):
        face[:, _I["eyeLookOut" + side]] += np.maximum(outward, 0.0)
        face[:, _I["eyeLookIn" + side]] += np.maximum(-outward, 0.0)
        face[:, _I["eyeLookUp" + side]] += np.maximum(up, 0.0)
        face[:, _I["eyeLookDown" + side]] += np.maximum(-up, 0.0)
        open_lids = face[:, _I["eyeBlink" + side]]
        face[:, _I["eyeBlink" + side]] = open_lids + (1 - open_lids) * lids
        face[:, _I["eyeWide" + side]] *= 1 - lids
