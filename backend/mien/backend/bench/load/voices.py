"""Everybody's speech, sent by one thread on one clock.

Knows when each piece of 40 ms has to leave and when it did. A second thread opens the lines ahead
of time: the answer to Say must not hold up the clock. Refuses to know frames.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.backend.bench.load.plan import CHUNK_US, LoadPlan
from mien.protocol import ActorHandle, LineHandle, MienError, RequestTimeoutError
from mien.protocol.ring_memory import monotonic_us

_OPEN_AHEAD_US = 1_500_000
_SHIFT_S = 1.7  # into the speech, from one actor to the next, so that they do not chant
_LOOK_S = 0.1
_OPENED_S = 10.0


@dataclass(eq=False)
class Spoken:
    """One line: who says it, which samples, and when each piece of 40 ms left."""

    actor: int
    first_sample: int
    samples: int
    start_us: int  # planned, from the first sound of all
    handle: LineHandle | None = None
    opened: threading.Event = field(default_factory=threading.Event)
    sent_us: list[int] = field(default_factory=list)


class Voices:
    """All actors' lines. `open_first`, then `run`."""

    def __init__(
        self, actors: list[ActorHandle], plan: LoadPlan, pcm: NDArray[np.int16], rate_hz: int
    ) -> None:
        """`pcm` [samples] is said over and over."""
        self._actors, self._plan, self._rate_hz = actors, plan, rate_hz
        self._loop = len(pcm)
        self._sound = np.tile(pcm, 2 + int(self._longest_s * rate_hz) // len(pcm))
        self.lines = sorted(self._script(), key=lambda line: line.start_us)
        self.lags_us: list[int] = []
        self._stopping = threading.Event()
        self._problem: MienError | None = None

    def open_first(self) -> None:
        """Opens the lines that are said first. Raises what the daemon answers."""
        if self._plan.live:
            for line in self.lines:
                if line.start_us < CHUNK_US:
                    self._open(line)

    def run(self, check: Callable[[], None]) -> None:
        """Speaks everything; returns when the last piece of sound would have been said.

        `check` is called now and then, and raises when there is no point in going on.
        """
        began_us = monotonic_us()
        opener = threading.Thread(target=self._open_in_time, args=(began_us,), daemon=True)
        opener.start()
        try:
            if self._plan.live:
                self._stream(began_us, check)
            self._wait_until(began_us + round(self._plan.seconds * 1e6), check)
        finally:
            self._stopping.set()
            opener.join(_OPENED_S)

    @property
    def _longest_s(self) -> float:
        return min(self._plan.line_s or self._plan.seconds, self._plan.seconds)

    def _script(self) -> list[Spoken]:
        """Who says what when."""
        plan = self._plan
        step_us = round((self._longest_s + plan.pause_s) * 1e6)
        lines = []
        for actor in range(len(self._actors)):
            start_us = actor * CHUNK_US // len(self._actors) if plan.spread else 0
            first = round(actor * _SHIFT_S * self._rate_hz)
            while (left_us := plan.seconds * 1e6 - start_us) > CHUNK_US:
                samples = round(min(self._longest_s * 1e6, left_us) * self._rate_hz / 1e6)
                lines.append(Spoken(actor, first % self._loop, samples, start_us))
                first, start_us = first + samples, start_us + step_us
        return lines

    def _open(self, line: Spoken) -> None:
        actor, seed = self._actors[line.actor], self._plan.first_seed + line.first_sample
        if self._plan.live:
            line.handle = actor.stream(sample_rate=self._rate_hz, seed=seed)
        else:
            pcm = self._sound[line.first_sample : line.first_sample + line.samples]
            at_us = monotonic_us()
            lead_s = self._plan.lead_s
            line.handle = actor.say(pcm, sample_rate=self._rate_hz, seed=seed, lead_s=lead_s)
            line.sent_us = [at_us] * self._pieces(line)
        line.opened.set()

    def _open_in_time(self, began_us: int) -> None:
        """Opens every other line a little before it is said. On a thread of its own."""
        ahead_us = _OPEN_AHEAD_US if self._plan.live else 0
        for line in self.lines:
            if line.handle is not None:
                continue
            wait_s = (began_us + line.start_us - ahead_us - monotonic_us()) / 1e6
            if self._stopping.wait(max(wait_s, 0.0)):
                return
            try:
                self._open(line)
            except MienError as problem:
                self._problem = problem
                return

    def _stream(self, began_us: int, check: Callable[[], None]) -> None:
        turns = [(line.start_us, index, 0) for index, line in enumerate(self.lines)]
        heapq.heapify(turns)
        while turns:
            due_us, index, piece = heapq.heappop(turns)
            self._wait_until(began_us + due_us, check)
            line = self.lines[index]
            self._wait_opened(line)
            if self._send(line, piece):
                heapq.heappush(turns, (due_us + CHUNK_US, index, piece + 1))
            self.lags_us.append(line.sent_us[-1] - began_us - due_us)

    def _send(self, line: Spoken, piece: int) -> bool:
        """One piece; whether more follow."""
        assert line.handle is not None
        low, high = (
            min(k * CHUNK_US * self._rate_hz // 1_000_000, line.samples) for k in (piece, piece + 1)
        )
        line.handle.write(self._sound[line.first_sample + low : line.first_sample + high])
        line.sent_us.append(monotonic_us())
        if high < line.samples:
            return True
        line.handle.end()
        return False

    def _pieces(self, line: Spoken) -> int:
        return -(-line.samples * 1_000_000 // (self._rate_hz * CHUNK_US))

    def _wait_opened(self, line: Spoken) -> None:
        if not line.opened.wait(_OPENED_S):
            raise self._problem or RequestTimeoutError("the daemon did not open a line in time")

    def _wait_until(self, at_us: int, check: Callable[[], None]) -> None:
        while (left_s := (at_us - monotonic_us()) / 1e6) > 0:
            time.sleep(min(left_s, _LOOK_S))
            if self._problem is not None:
                raise self._problem
            check()
