"""What one block of motion and one picture cost on this machine.

Knows a table of processor times: filled once when the daemon starts, and kept honest by every
measurement after. Refuses to know actors and what to do about it. Any thread may note.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

BATCHES = (1, 2, 4, 8, 16, 32, 64)  # sizes that motion is computed in
SIZES_PX = (128, 192, 256, 384, 512)  # of pictures
_FRESH = 0.05  # how much the newest measurement counts
_FIRST = 5  # of so many the least counts
_MOST = 3.0  # a single measurement counts no more than this many times what is usual
# Before anything was measured: 512 px at 16 ms, a part that does not shrink, the rest by area.
_GUESS_FIXED_US, _GUESS_AREA_US = 2_500.0, 13_500.0
_GUESS_MOTION_US, _GUESS_LANE_US, _GUESS_STEP_US = 3_000.0, 1_000.0, 0.35


@dataclass
class _Mean:
    value: float
    count: int = 0

    def add(self, value: float) -> None:
        self.count += 1
        if self.count <= _FIRST:  # the first ones find everything cold
            self.value = value if self.count == 1 else min(self.value, value)
        else:
            self.value += _FRESH * (min(value, _MOST * self.value) - self.value)


@dataclass(frozen=True)
class Cost:
    """A row of the table."""

    stage: str  # motion, decode
    batch: int
    steps: int
    size_px: int
    us: float


def batch_of(actors: int) -> int:
    """The size of batch in which so many are computed."""
    return next((size for size in BATCHES if size >= actors), BATCHES[-1])


class CostTable:
    """The table. Times in microseconds of a core; pictures' of a GPU where that draws."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._motion: dict[tuple[int, int], _Mean] = {}  # batch, steps
        self._decode: dict[int, _Mean] = {}  # size

    def note_motion(self, actors: int, steps: int, us: float) -> None:
        """A block for `actors` together took `us`."""
        with self._lock:
            self._motion.setdefault((batch_of(actors), steps), _Mean(us)).add(us)

    def note_decode(self, size_px: int, us: float) -> None:
        """A picture took `us`."""
        with self._lock:
            self._decode.setdefault(size_px, _Mean(us)).add(us)

    def forget_decode(self, guess_us: float | None = None) -> None:
        """Pictures are drawn elsewhere from here on: what a whole one cost there is a guess."""
        with self._lock:
            self._decode.clear()
            if guess_us is not None:
                self._decode[SIZES_PX[-1]] = _Mean(guess_us)

    def decode_us(self, size_px: int) -> float:
        """Of a picture; what was never drawn is judged by its neighbours. None is free."""
        if not size_px:
            return 0.0
        with self._lock:
            known = {size: mean.value for size, mean in self._decode.items()}
        return _interpolated(known, size_px)

    def motion_us(self, actors: int, steps: int) -> float:
        """Of a block for `actors`, in as many batches as they need."""
        whole, rest = divmod(actors, BATCHES[-1])
        total = whole * self._batch_us(BATCHES[-1], steps)
        return total + (self._batch_us(batch_of(rest), steps) if rest else 0.0)

    def rows(self) -> list[Cost]:
        """What was measured, in order."""
        with self._lock:
            motion = [Cost("motion", b, s, 0, m.value) for (b, s), m in self._motion.items()]
            decode = [Cost("decode", 0, 0, size, m.value) for size, m in self._decode.items()]
        key = [(c.batch, c.steps, c.size_px, c) for c in motion + decode]
        return [c for *_, c in sorted(key, key=lambda row: row[:3])]

    def _batch_us(self, batch: int, steps: int) -> float:
        with self._lock:
            exact = self._motion.get((batch, steps))
            known = {key: mean.value for key, mean in self._motion.items()}
        if exact is not None:
            return exact.value
        if not known:
            return (_GUESS_MOTION_US + _GUESS_LANE_US * batch) * (1.0 + _GUESS_STEP_US * steps)
        # The nearest that was measured, scaled: lanes and steps cost in proportion to what they
        # are more, and never less than nothing.
        near = min(known, key=lambda key: (abs(key[1] - steps), abs(key[0] - batch)))
        lanes = (_GUESS_MOTION_US + _GUESS_LANE_US * batch) / (
            _GUESS_MOTION_US + _GUESS_LANE_US * near[0]
        )
        effort = (1.0 + _GUESS_STEP_US * steps) / (1.0 + _GUESS_STEP_US * near[1])
        return known[near] * lanes * effort


def _interpolated(known: Mapping[int, float], size_px: int) -> float:
    if size_px in known:
        return known[size_px]
    guess = _guess(size_px)
    if not known:
        return guess
    near = min(known, key=lambda size: abs(size - size_px))
    return known[near] * guess / _guess(near)


def _guess(size_px: int) -> float:
    return _GUESS_FIXED_US + _GUESS_AREA_US * (size_px / SIZES_PX[-1]) ** 2
