"""What coefficients mean for lips: how far they are apart, whether they meet, how round they are.

Knows the face basis and the codec's closure rule. Refuses to know phones, sound and pixels.
Lengths are in outer-eye-corner distances (iod).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.basis import face_basis
from mien.models.codec.lips import LOWER, MIN_DEMAND, PRESS_SHUTS, UPPER
from mien.models.codec.topology import INNER_MOUTH_CORNERS
from mien.models.motion.types import ARKIT_INDEX, F32

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

CLOSED_GAP_IOD = 0.012
CLOSED_DEMAND = 0.9
MIDDLE_PAIR = len(UPPER) // 2
_MIDDLE_THREE = slice(MIDDLE_PAIR - 1, MIDDLE_PAIR + 2)

JAW, CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
_PRESS = [ARKIT_INDEX["mouthPressLeft"], ARKIT_INDEX["mouthPressRight"]]
_ROLL = [ARKIT_INDEX["mouthRollLower"], ARKIT_INDEX["mouthRollUpper"]]
PUCKER, FUNNEL = ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]


@cache
def gap_basis() -> F64:
    """How each coefficient parts each of the nine inner lip pairs, [52, 9]."""
    basis = face_basis().dynamics.astype(np.float64)
    return np.asarray(basis[:, LOWER, 1] - basis[:, UPPER, 1])


@cache
def width_basis() -> F64:
    """How each coefficient widens the mouth between its inner corners, [52]."""
    basis = face_basis().dynamics.astype(np.float64)
    right, left = INNER_MOUTH_CORNERS
    return np.asarray(basis[:, left, 0] - basis[:, right, 0])


def opening(dynamics: F32 | F64) -> F64:
    """The gap [T] of the middle inner lip pair, linear in the coefficients [T, 52]."""
    return np.asarray(dynamics @ gap_basis()[:, MIDDLE_PAIR])


def width(dynamics: F32 | F64) -> F64:
    """How much wider the mouth is than at rest, [T], linear in the coefficients [T, 52]."""
    return np.asarray(dynamics @ width_basis())


def jaw(dynamics: F32 | F64) -> F64:
    """How far the jaw is down, [T] 0..1."""
    return np.asarray(dynamics[:, JAW], np.float64)


def rounding(dynamics: F32 | F64) -> F64:
    """How round the lips are, [T]: pucker, and funnel for six tenths."""
    return np.asarray(dynamics[:, PUCKER] + 0.6 * dynamics[:, FUNNEL], np.float64)


def demand(dynamics: F32 | F64) -> F64:
    """How absolutely coefficients [T, 52] ask for shut lips, [T] 0..1.

    `LipSolver.demand` for many frames at once; a test holds the two together.
    """
    jaw_open, close = dynamics[:, JAW], dynamics[:, CLOSE]
    press, roll = dynamics[:, _PRESS].mean(1), dynamics[:, _ROLL].mean(1)
    against_jaw = _ease((close / np.maximum(jaw_open, MIN_DEMAND) - 0.4) / 0.55)
    asked = _ease(close / MIN_DEMAND) * against_jaw
    still = np.maximum(0.0, 1.0 - jaw_open / 0.12)
    return np.maximum(asked, still * _ease(np.maximum(press, roll) / PRESS_SHUTS))


def closed(dynamics: F32 | F64) -> Mask:
    """Where the lips meet, [T]: the codec is told to shut them, or they hardly part.

    Hardly: the smallest of the middle three gaps is at most .012 iod.
    """
    gap = (dynamics @ gap_basis()[:, _MIDDLE_THREE]).min(1)
    return np.asarray((gap <= CLOSED_GAP_IOD) | (demand(dynamics) >= CLOSED_DEMAND))


def _ease(x: F64) -> F64:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))
