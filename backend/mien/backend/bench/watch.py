"""The daemon, looked at from outside and by its own Stats while it is under load.

Knows processor time, memory, file descriptors, threads and shared memory of a process, and asks for
Stats now and then. Refuses to judge.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import psutil

from mien.backend.bench.load.process import LoadError
from mien.backend.bench.theatre import Theatre
from mien.protocol import Client, MienError, Stats
from mien.protocol.ring_memory import monotonic_us

SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Look:
    """One look."""

    at_us: int  # monotonic clock
    cpu_s: float  # processor time so far
    rss_bytes: int
    shm_bytes: int  # of its rings
    fds: int
    threads: int
    stats: Stats


class Watch:
    """`with Watch(theatre) as watch:` looks every `every_s`, on a thread of its own."""

    def __init__(
        self, theatre: Theatre, every_s: float = 1.0, seen: Callable[[Look], None] | None = None
    ) -> None:
        """`seen` is told of every look, on the watch's thread."""
        self.looks: list[Look] = []
        self._theatre, self._every_s, self._seen = theatre, every_s, seen
        self._problem: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._process = psutil.Process(self._theatre.pid)
        self._client = self._theatre.connect()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(30.0)
        self._client.close()

    @property
    def client(self) -> Client:
        """The client that looks on."""
        return self._client

    def check(self) -> None:
        """Raises LoadError if there is nothing to look at any more."""
        if self._problem is not None:
            raise LoadError(f"the daemon went away while it was measured: {self._problem}")

    def within(self, start_us: int, end_us: int) -> list[Look]:
        """The looks of a stretch of time; the last one at least."""
        self.check()
        found = [look for look in self.looks if start_us <= look.at_us <= end_us]
        if not found and not self.looks:
            raise LoadError("the daemon was not looked at even once: measure for longer")
        return found or self.looks[-1:]

    def cpu_fraction(self, start_us: int, end_us: int) -> float:
        """Of the whole machine, by the daemon."""
        self.check()
        at = np.array([look.at_us for look in self.looks], np.float64)
        spent = np.array([look.cpu_s for look in self.looks])
        start_us, end_us = max(start_us, int(at[0])), min(end_us, int(at[-1]))
        used = float(np.interp(end_us, at, spent) - np.interp(start_us, at, spent))
        return used * 1e6 / max(end_us - start_us, 1) / (psutil.cpu_count() or 1)

    def _run(self) -> None:
        while True:
            try:
                look = self._look()
            except (MienError, psutil.Error, OSError) as problem:
                self._problem = problem
                return
            self.looks.append(look)
            if self._seen is not None:
                self._seen(look)
            if self._stopping.wait(self._every_s):
                return

    def _look(self) -> Look:
        stats = self._client.stats()
        with self._process.oneshot():
            times = self._process.cpu_times()
            return Look(
                monotonic_us(),
                times.user + times.system,
                self._process.memory_info().rss,
                self._shm_bytes(),
                self._process.num_fds() if hasattr(self._process, "num_fds") else 0,
                self._process.num_threads(),
                stats,
            )

    def _shm_bytes(self) -> int:
        mine = SHARED_MEMORY.glob(f"mien-{self._theatre.server_id[:8]}-*")
        return sum(path.stat().st_size for path in mine)


def rungs_of(looks: list[Look]) -> dict[str, float]:
    """On which rungs actors stood, as shares of all actors at all looks."""
    counted = Counter(actor.rung for look in looks for actor in look.stats.actors)
    total = sum(counted.values())
    return {rung: round(count / total, 4) for rung, count in counted.most_common()}


def daemon_missed_ratio(looks: list[Look]) -> float:
    """As the daemon counts: late or not drawn, of the pictures it meant to make meanwhile."""
    first = {actor.actor_id: actor for actor in looks[0].stats.actors}
    missed = made = 0
    for actor in looks[-1].stats.actors:
        before = first.get(actor.actor_id)
        dropped = actor.dropped_frames - (before.dropped_frames if before else 0)
        missed += dropped + actor.deadline_misses - (before.deadline_misses if before else 0)
        made += dropped + actor.frames - (before.frames if before else 0)
    return round(missed / made, 5) if made else 0.0
