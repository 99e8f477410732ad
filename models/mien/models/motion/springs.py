"""Critically damped springs: how a head or a brow reaches for a target without a jolt.

Knows the exact solution over one frame. Refuses to know what moves.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.lanes import F64
from mien.models.motion.types import FRAME_RATE_HZ

FRAME_S = 1.0 / FRAME_RATE_HZ


def follow(x: F64, speed: F64, target: F64 | float, stiffness_hz: F64 | float) -> tuple[F64, F64]:
    """Return place and speed one frame later; `stiffness_hz` is 1 / the time to close in."""
    decay = np.exp(-stiffness_hz * FRAME_S)
    away = x - target
    pull = speed + stiffness_hz * away
    return (
        np.asarray(target + decay * (away + pull * FRAME_S)),
        np.asarray(decay * (speed - stiffness_hz * pull * FRAME_S)),
    )


def kick(height: F64 | float, stiffness_hz: float) -> F64:
    """Return the speed that makes a spring at rest swing out by `height` and come back."""
    return np.asarray(height * stiffness_hz * np.e)


def approach(x: F64, target: F64 | float, time_s: F64 | float) -> F64:
    """Return `x` one frame later on its exponential way to `target`."""
    return np.asarray(x + (target - x) * (1.0 - np.exp(-FRAME_S / time_s)))
