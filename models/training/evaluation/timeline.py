"""Frames, seconds and phones on one axis.

Knows when motion frame i is shown (i * 40 ms), how to read motion between frames, and which
moments are speech. Refuses to know what the curves mean.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import F32, FRAME_RATE_HZ

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

FINE_HZ = 100
SILENCE = "sil"
BILABIALS = ("p", "m")
LABIODENTALS = ("f",)


class Phone(Protocol):
    """A stretch of one viseme, in seconds from the start of the line."""

    @property
    def start_s(self) -> float:
        """When it begins."""

    @property
    def end_s(self) -> float:
        """When it ends."""

    @property
    def viseme(self) -> str:
        """Its name in `training.speech.phones.VISEMES`."""


def frame_times(frames: int) -> F64:
    """Presentation times of motion frames, [T] s."""
    return np.arange(frames) / FRAME_RATE_HZ


def fine_times(frames: int) -> F64:
    """A 100 Hz grid over the same time, first to last frame, [N] s."""
    return np.arange((frames - 1) * (FINE_HZ // FRAME_RATE_HZ) + 1) / FINE_HZ


def between_frames(values: F32 | F64) -> F64:
    """Values [T, ...] at 25 Hz, linearly at 100 Hz, [N, ...]: as a player shows them."""
    steps = FINE_HZ // FRAME_RATE_HZ
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    at = np.arange((len(flat) - 1) * steps + 1)
    left = np.minimum(at // steps, max(len(flat) - 2, 0))
    share = (at / steps - left)[:, None]
    right = np.minimum(left + 1, len(flat) - 1)
    fine = (1 - share) * flat[left] + share * flat[right]
    return np.asarray(fine.reshape(len(fine), *np.shape(values)[1:]))


def smoothly_between(values: F64) -> F64:
    """Values [T] at 25 Hz by Catmull-Rom splines at 100 Hz, [N]: for slopes without corners."""
    steps = FINE_HZ // FRAME_RATE_HZ
    padded = np.concatenate([values[:1], values, values[-1:], values[-1:]])
    at = np.arange((len(values) - 1) * steps + 1)
    k, u = at // steps + 1, (at % steps) / steps
    before, here, after, later = padded[k - 1], padded[k], padded[k + 1], padded[k + 2]
    return np.asarray(
        here
        + 0.5 * u * (after - before)
        + u**2 * (before - 2.5 * here + 2 * after - 0.5 * later)
        + u**3 * (1.5 * (here - after) + 0.5 * (later - before))
    )


def within(
    times_s: F64, phones: Sequence[Phone], visemes: Collection[str], margin_s: float = 0.0
) -> Mask:
    """Which times [N] lie in a phone of these visemes, widened by a margin on both sides."""
    mask = np.zeros(len(times_s), np.bool_)
    for phone in phones:
        if phone.viseme in visemes:
            mask |= (times_s >= phone.start_s - margin_s) & (times_s <= phone.end_s + margin_s)
    return mask


def speech(times_s: F64, phones: Sequence[Phone], margin_s: float = 0.0) -> Mask:
    """Which times [N] lie in speech: in some phone, and this far from any silence."""
    if not phones:
        return np.zeros(len(times_s), np.bool_)
    inside = (times_s >= phones[0].start_s + margin_s) & (times_s <= phones[-1].end_s - margin_s)
    return inside & ~within(times_s, phones, (SILENCE,), margin_s)


def runs(mask: Mask) -> list[slice]:
    """The stretches of truth in a mask, in order."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
