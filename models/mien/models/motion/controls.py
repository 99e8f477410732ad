"""A track of cues to the controls of any frame.

Knows how cues ease in and out and lie over each other. Refuses to know sound and generators.
Of two cues of one kind, the later lies over the earlier by its own easing; blinks take the larger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.cues import (
    BlinkCue,
    Cue,
    CueError,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
)
from mien.models.motion.types import EMOTIONS, F32, FRAME_RATE_HZ, Controls

F64 = NDArray[np.float64]
MAX_CUES = 10_000
FRAME_US = 1_000_000 // FRAME_RATE_HZ

_NEUTRAL: dict[type[Cue], tuple[float, ...]] = {
    EmotionCue: (1.0,) + (0.0,) * (len(EMOTIONS) - 1),
    GazeCue: (0.0, 0.0),
    DistanceCue: (1.0,),
    HeadCue: (0.0, 0.0, 0.0),
    BlinkCue: (0.0,),
}


@lru_cache(maxsize=8)
def _no_wishes(frames: int) -> Controls:
    """Neutral controls to be shared: their arrays cannot be written to."""
    controls = Controls.neutral(frames)
    for array in vars(controls).values():
        array.setflags(write=False)
    return controls


def cue_values(cue: Cue) -> tuple[float, ...]:
    """Return what a cue asks for, as numbers."""
    match cue:
        case EmotionCue():
            return cue.felt
        case GazeCue():
            return (cue.theta_rad, cue.phi_rad)
        case DistanceCue():
            return (cue.distance,)
        case HeadCue():
            return cue.rotation_rad
        case BlinkCue():
            return (cue.amount,)


def envelope(cue: Cue, times_us: NDArray[np.int64]) -> F64:
    """Return how much a cue counts at each time, [T] 0..1: 0 at its very start and end."""
    ease = cue.easing_us
    since = (times_us - cue.start_us).astype(np.float64)
    weight = _ease(since, ease)
    if cue.duration_us:
        weight = np.minimum(weight, _ease(cue.duration_us - since, ease))
    return weight


def _ease(since_us: F64, ease_us: int) -> F64:
    """A minimum-jerk step; with no time to ease, the cue counts from its start to its end."""
    if ease_us == 0:
        return np.asarray((since_us >= 0).astype(np.float64))
    u = np.clip(since_us / ease_us, 0.0, 1.0)
    return np.asarray(u**3 * (u * (6 * u - 15) + 10))


@dataclass(frozen=True)
class _Lane:
    """The cues of one kind, and when each can be seen at all."""

    cues: tuple[Cue, ...]
    first_us: NDArray[np.int64]
    last_us: NDArray[np.int64]

    @classmethod
    def of(cls, cues: list[Cue]) -> _Lane:
        last = np.full(len(cues), np.iinfo(np.int64).max, np.int64)
        hidden_us = np.iinfo(np.int64).max
        for i in range(len(cues) - 1, -1, -1):
            cue = cues[i]
            last[i] = cue.start_us + cue.duration_us if cue.duration_us else hidden_us
            if not cue.duration_us:  # once this one holds, nothing before it is seen
                hidden_us = min(hidden_us, cue.start_us + cue.easing_us)
        return cls(tuple(cues), np.array([c.start_us for c in cues], np.int64), last)

    def seen(self, from_us: int, to_us: int) -> list[Cue]:
        chosen = np.flatnonzero((self.first_us <= to_us) & (self.last_us >= from_us))
        return [self.cues[i] for i in chosen]


class CueTrack:
    """The cues of one line, sorted; `track(first_frame, frames)` gives their controls.

    A track never changes: `with_cue` returns another one.
    """

    def __init__(self, cues: Iterable[Cue] = ()) -> None:
        self.cues: tuple[Cue, ...] = tuple(sorted(cues, key=lambda cue: cue.start_us))
        if len(self.cues) > MAX_CUES:
            raise CueError("too_many", f"a line takes {MAX_CUES} cues, not {len(self.cues)}")
        self._lanes = {
            kind: _Lane.of([cue for cue in self.cues if isinstance(cue, kind)]) for kind in _NEUTRAL
        }

    def __len__(self) -> int:
        return len(self.cues)

    def with_cue(self, cue: Cue) -> CueTrack:
        """Return this track and one cue more."""
        return CueTrack((*self.cues, cue))

    def __call__(self, first_frame: int, frames: int) -> Controls:
        """Return the controls of `frames` frames from `first_frame`; before 0 they are as at 0."""
        if not self.cues:  # as a rule, and asked for every frame of every actor
            return _no_wishes(frames)
        times_us = np.maximum(np.arange(first_frame, first_frame + frames), 0) * FRAME_US
        return self.at(times_us.astype(np.int64))

    def at(self, times_us: NDArray[np.int64]) -> Controls:
        """Return the controls at any times, [T] µs ascending."""
        return Controls(
            self._blend(GazeCue, times_us),
            self._blend(DistanceCue, times_us)[:, 0],
            self._blend(EmotionCue, times_us),
            self._blend(HeadCue, times_us),
            self._blinks(times_us),
        )

    def _blend(self, kind: type[Cue], times_us: NDArray[np.int64]) -> F32:
        value = np.tile(np.array(_NEUTRAL[kind]), (len(times_us), 1))
        if len(times_us):
            for cue in self._lanes[kind].seen(int(times_us[0]), int(times_us[-1])):
                weight = envelope(cue, times_us)[:, None]
                value = (1 - weight) * value + weight * np.array(cue_values(cue))
        return value.astype(np.float32)

    def _blinks(self, times_us: NDArray[np.int64]) -> F32:
        value = np.zeros(len(times_us))
        if len(times_us):
            for cue in self._lanes[BlinkCue].seen(int(times_us[0]), int(times_us[-1])):
                value = np.maximum(value, cue_values(cue)[0] * envelope(cue, times_us))
        return value.astype(np.float32)
