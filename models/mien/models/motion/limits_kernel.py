"""The limiter for one lane, compiled: what a live stage runs for every frame of every actor.

Knows the same steps as `limits.limit`, which is its reference, in plain loops. Refuses to know why.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.motion.lanes import F64, I64

_LARGEST = float(np.finfo(np.float64).max)


@njit(cache=True, nogil=True, inline="always")
def _within(value: float, low: float, high: float) -> float:  # pragma: no cover - compiled
    return min(max(value, low), high)


@njit(cache=True, nogil=True)
def _clamp(
    face: F64, jaw_open: int, mouth_close: int, coefficients: int
) -> None:  # pragma: no cover
    for i in range(coefficients):
        value = face[i]
        face[i] = 0.0 if math.isnan(value) else _within(value, 0.0, 1.0)
    face[mouth_close] = min(face[mouth_close], face[jaw_open])


@njit(cache=True, nogil=True)
def advance(
    new: F64, shown: F64, offset: F64, counts: I64, low: F64, high: F64, knee: float,
    lengths: F64, speech: NDArray[np.bool_], gains: F64, hush_frames: int, wake_frames: int,
    most_step: F64, jaw_open: int, mouth_close: int, never: int,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """One frame in place: `new` [58] is what was performed, and becomes what is shown.

    `counts` [4]: any shown, frames since joined, joining, frames since hushed. `shown`, `offset`
    [58] and `counts` are the lane's memory.
    """
    coefficients = len(new) - 6
    _clamp(new, jaw_open, mouth_close, coefficients)
    for i in range(coefficients, len(new)):
        new[i] = 0.0 if math.isnan(new[i]) else _within(new[i], -_LARGEST, _LARGEST)
    for k in range(3):
        value = new[coefficients + k]
        most = max(high[k] if value >= 0.0 else -low[k], 1e-6)
        soft = knee * most
        over = max(abs(value) - soft, 0.0)
        room = most - soft
        turned = min(abs(value), soft) + room * math.tanh(over / room)
        new[coefficients + k] = math.copysign(turned, value)
    if counts[2] > 0:
        for i in range(len(new)):
            offset[i] = shown[i] - new[i]
        counts[1] = 0
        counts[2] = 0
    hushed = counts[3]
    if hushed < len(gains):
        spoken = gains[max(hushed, 0)]
    else:
        spoken = _within((hushed - len(gains) - hush_frames) / wake_frames, 0.0, 1.0)
    for i in range(len(new)):
        u = _within((counts[1] + 1) / lengths[i], 0.0, 1.0)
        new[i] += offset[i] * (1.0 - u * u * u * (u * (6 * u - 15) + 10))
        if i < coefficients and speech[i]:
            new[i] *= spoken
    if counts[0]:
        for k in range(6):
            i = coefficients + k
            new[i] = shown[i] + _within(new[i] - shown[i], -most_step[k], most_step[k])
    _clamp(new, jaw_open, mouth_close, coefficients)
    shown[:] = new
    counts[0] = 1
    counts[1] = min(counts[1] + 1, never)
    counts[3] = min(hushed + 1, never)
