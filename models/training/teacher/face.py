"""The whole face: mouth and mood in one, then the promises that blending cannot keep.

Knows ARKit's coefficients. Refuses to know time: every frame is made for itself. What is
promised after everything is added: lips meet for p, b, m; the lower lip touches the teeth for f, v;
the jaw is narrow for s and sh; lips never meet elsewhere in speech; mouthClose <= jawOpen.
"""

from __future__ import annotations

import numpy as np

from mien.models.codec.basis import face_basis
from mien.models.codec.lips import LOWER, UPPER
from mien.models.motion.types import ARKIT_INDEX
from training.teacher.articulation import Mouth
from training.teacher.curves import F64
from training.teacher.style import Style
from training.teacher.visemes import CHANNELS

I = ARKIT_INDEX  # noqa: E741
JAW, CLOSE = I["jawOpen"], I["mouthClose"]
LEAST_GAP_IOD = 0.047  # of the inner lips in speech, outside contacts
_MIDDLE = 4  # of the nine pairs of inner lip points
GAP: F64 = (
    face_basis().dynamics[:, LOWER[_MIDDLE], 1] - face_basis().dynamics[:, UPPER[_MIDDLE], 1]
).astype(np.float64)  # [52] linear opening in outer-eye distances at weight 1
_TEETH_GAP_IOD = 0.025
_SIBILANT_JAW = 0.13


def sides(name: str) -> tuple[int, ...]:
    """Return the column of a coefficient, or of its left and right."""
    return (I[name],) if name in I else (I[name + "Left"], I[name + "Right"])


def add(face: F64, name: str, amount: F64 | float, tilt: float = 0.0) -> None:
    """Add `amount` [T] to a coefficient; `tilt` more on the left and less on the right."""
    columns = sides(name)
    if len(columns) == 1:
        face[:, columns[0]] += amount
    else:
        face[:, columns[0]] += amount * (1.0 + tilt)
        face[:, columns[1]] += amount * (1.0 - tilt)


def lip_gap(face: F64) -> F64:
    """The linear opening between the middles of the inner lips, [..., 52] to [...]."""
    return np.asarray(face @ GAP)


# How tilt goes with channels: lips that part unevenly do not part so above and below.
_TILT = {"lower": 1.0, "upper": -0.8, "stretch": 1.2, "smile": 1.3, "dimple": 1.5, "frown": -1.0,
         "press": 0.5}  # fmt: skip


def speak(mouth: Mouth, style: Style) -> F64:
    """Return what speech alone does to a face, [T, 52], not yet within any bounds."""
    face = np.zeros((len(mouth.speech), len(I)))
    for column, (channel, name) in enumerate(CHANNELS.items()):
        add(face, name, mouth.channels[:, column], style.unevenness * _TILT.get(channel, 0.0))
    return face


def blend_mood(face: F64, mood: F64, mouth: Mouth) -> None:
    """Add what the face feels, `mood` [T, 52]: a smile yields to rounding, a press to speech."""
    rounded = np.clip(face[:, I["mouthPucker"]] + 0.6 * face[:, I["mouthFunnel"]], 0.0, 1.0)
    opened = np.clip(face[:, JAW] / 0.4, 0.0, 1.0)
    yields = {
        "mouthSmile": 0.6 * rounded, "mouthStretch": 0.65 * rounded, "mouthDimple": 0.5 * rounded,
        "mouthPress": 0.85 * mouth.speech, "mouthFrown": 0.35 * opened,
        "mouthShrugLower": 0.65 * mouth.speech, "mouthRollLower": 0.8 * mouth.speech,
        "mouthRollUpper": 0.8 * mouth.speech, "jawOpen": 0.6 * opened,
        "mouthFunnel": 0.5 * rounded,
    }  # fmt: skip
    felt = mood.copy()
    for name, given in yields.items():
        for column in sides(name):
            felt[:, column] *= 1.0 - given
    np.clip(face, 0.0, 1.0, out=face)
    face += felt * (1.0 - face)  # what speech does already is not done twice


def keep_promises(face: F64, mouth: Mouth, style: Style) -> F64:
    """Return the face [T, 52] within 0..1 with every contact made and none by accident."""
    face = np.clip(face, 0.0, 1.0)
    close, labiodental = mouth.close, mouth.labiodental
    face[:, JAW] -= mouth.sibilant * np.maximum(face[:, JAW] - _SIBILANT_JAW, 0.0)
    _touch_teeth(face, labiodental)
    _part(face, (1.0 - np.maximum(close, labiodental)) * mouth.speech)
    _meet(face, close, style)
    return np.clip(face, 0.0, 1.0)


def _give_way(face: F64, amount: F64, table: dict[str, float]) -> None:
    for name, given in table.items():
        for column in sides(name):
            face[:, column] *= 1.0 - given * amount


_TO_TEETH = {"mouthLowerDown": 1.0, "mouthFunnel": 0.85, "mouthShrugUpper": 0.9,
             "noseSneer": 0.3, "mouthPucker": 0.3, "mouthPress": 0.5,
             "mouthShrugLower": 0.4}  # fmt: skip
_TO_LIPS = {"mouthLowerDown": 1.0, "mouthUpperUp": 1.0, "mouthFunnel": 0.9, "mouthShrugUpper": 1.0,
            "noseSneer": 0.35, "mouthStretch": 0.4, "mouthPucker": 0.2, "mouthSmile": 0.12,
            "jawForward": 0.5, "tongueOut": 1.0}  # fmt: skip
_SEAL = {"mouthPress": 0.24, "mouthRollLower": 0.14, "mouthRollUpper": 0.08,
         "mouthShrugLower": 0.14}  # fmt: skip


def _touch_teeth(face: F64, amount: F64) -> None:
    _give_way(face, amount, _TO_TEETH)
    jaw = face[:, JAW]
    face[:, JAW] = jaw + amount * (np.clip(jaw, 0.05, 0.09) - jaw)
    roll = face[:, I["mouthRollLower"]]
    face[:, I["mouthRollLower"]] = np.maximum(roll, 0.58 * amount)
    for column in sides("mouthUpperUp"):  # the upper teeth show
        up = face[:, column]
        face[:, column] = up + amount * (np.clip(up, 0.20, 0.40) - up)
    surplus = np.maximum(lip_gap(face) - _TEETH_GAP_IOD, 0.0) * amount
    face[:, CLOSE] = np.maximum(
        face[:, CLOSE], np.minimum(surplus / -GAP[CLOSE], 0.5 * face[:, JAW])
    )


def _part(face: F64, amount: F64) -> None:
    """Open lips that speech has not asked to meet: half by the jaw, half by the lower lip."""
    for name in ("mouthPress", "mouthRollLower", "mouthRollUpper"):
        for column in sides(name):
            over = np.maximum(face[:, column] - 0.22, 0.0)
            face[:, column] -= 0.8 * over * amount
    lack = np.maximum(LEAST_GAP_IOD - lip_gap(face), 0.0) * amount
    lower = sides("mouthLowerDown")
    face[:, JAW] += 0.6 * lack / GAP[JAW]
    face[:, list(lower)] += (0.4 * lack / GAP[list(lower)].sum())[:, None]


def _meet(face: F64, amount: F64, style: Style) -> None:
    _give_way(face, amount, _TO_LIPS)
    jaw = face[:, JAW]
    face[:, JAW] = jaw + amount * (np.clip(0.45 * jaw, 0.055, 0.15) - jaw)
    for name, weight in _SEAL.items():
        for column in sides(name):
            face[:, column] = np.maximum(face[:, column], weight * style.press * amount**2)
    late = amount**2  # the jaw leads, the lips follow
    gap = np.maximum(lip_gap(face) + 0.004, 0.0) * late
    needed = np.maximum(gap / -GAP[CLOSE], face[:, JAW] * late)
    face[:, CLOSE] = np.minimum(np.maximum(face[:, CLOSE], needed), face[:, JAW])
