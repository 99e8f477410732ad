"""Sends a line's sound as a voice would make it: piece by piece, in real time.

Knows when each piece left. Refuses to send ahead, though the daemon would take it.
"""

from __future__ import annotations

import threading
import time

import numpy as np

from mien.backend.demo.strand import FRAME_US
from mien.backend.render import Sound
from mien.protocol import ActorHandle, Cue, LineHandle, MienError

LATE_S = 20.0


class Speaker:
    """One line on its way, on a thread of its own."""

    def __init__(self, actor: ActorHandle, sound: Sound, cues: list[Cue], seed: int) -> None:
        """Opens the line and starts to send. Raises what the daemon answers."""
        self.sound = sound
        self.sent_us: list[int] = []  # when the k-th 40 ms had left
        self.problem: MienError | None = None
        self.asked_us = time.monotonic_ns() // 1000
        rate = sound.sample_rate_hz
        self.line: LineHandle = actor.stream(sample_rate=rate, cues=cues, seed=seed)
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the line was spoken, or cannot be any more."""
        return self.line.over or self.problem is not None

    def raise_problem(self) -> None:
        """What went wrong on the way, if anything did."""
        if self.problem is not None:
            raise self.problem
        self.line.wait(LATE_S)

    @property
    def expected_frames(self) -> int:
        """A frame for every 40 ms begun."""
        return -(-len(self.sound) * 1_000_000 // (self.sound.sample_rate_hz * FRAME_US))

    def _send(self) -> None:
        rate = self.sound.sample_rate_hz
        pcm = np.round(self.sound.mono().samples[:, 0] * 32767.0).astype(np.int16)
        started = time.monotonic()
        try:
            for k in range(self.expected_frames):
                wait_s = started + k * FRAME_US / 1e6 - time.monotonic()
                if wait_s > 0:
                    time.sleep(wait_s)
                first, last = (n * FRAME_US * rate // 1_000_000 for n in (k, k + 1))
                self.line.write(pcm[first:last])
                self.sent_us.append(time.monotonic_ns() // 1000)
            self.line.end()
        except MienError as problem:
            self.problem = problem
