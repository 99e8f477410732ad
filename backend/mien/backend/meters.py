"""Figures about an actor and the process.

Knows how to count frames and sum up delays over a sliding window. Refuses to know what to do about
them.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mien.backend.clock import now_us

_WINDOW_US = 1_000_000
_LATENCIES = 512


@dataclass(frozen=True)
class ActorFigures:
    """A look at an `ActorMeter`."""

    fps: float
    frames: int
    dropped: int
    deadline_misses: int
    latency_p50_ms: float
    latency_p95_ms: float


class ActorMeter:
    """Counts one actor's frames. Written by one thread, read by another: no figure is vital."""

    def __init__(self) -> None:
        self.frames = self.dropped = self.deadline_misses = 0
        self._written: deque[int] = deque()
        self._latency_us: deque[int] = deque(maxlen=_LATENCIES)

    def wrote(self, at_us: int, latency_us: int, missed: bool) -> None:
        """A frame is in the ring."""
        self.frames += 1
        self.deadline_misses += missed
        self._latency_us.append(latency_us)
        self._written.append(at_us)
        while self._written and self._written[0] <= at_us - _WINDOW_US:
            self._written.popleft()

    def figures(self, at_us: int) -> ActorFigures:
        """Over the last second (fps) and the last 512 frames (latency)."""
        recent = [t for t in self._written.copy() if t > at_us - _WINDOW_US]
        ordered = sorted(self._latency_us.copy())
        return ActorFigures(
            float(len(recent)),
            self.frames,
            self.dropped,
            self.deadline_misses,
            quantile_ms(ordered, 0.5),
            quantile_ms(ordered, 0.95),
        )


def quantile_ms(ordered: Sequence[int], q: float) -> float:
    """A quantile, in milliseconds, of microseconds in ascending order; 0 of none."""
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)] / 1000 if ordered else 0.0


class ProcessMeter:
    """This process's share of one core since the last look, and its memory."""

    def __init__(self) -> None:
        self.started_us = now_us()
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()
        self._fraction = 0.0

    def cpu_fraction(self) -> float:
        """Of one core, over at least the last second."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        if wall_s - self._wall_s >= 1.0:
            self._fraction = (cpu_s - self._cpu_s) / (wall_s - self._wall_s)
            self._wall_s, self._cpu_s = wall_s, cpu_s
        return self._fraction

    @staticmethod
    def memory_bytes() -> int:
        """Resident memory; 0 where it cannot be told."""
        if sys.platform.startswith("linux"):
            with open("/proc/self/statm", "rb") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        try:
            import psutil
        except ImportError:
            return 0
        return int(psutil.Process().memory_info().rss)
