"""An actor performed without threads and without waiting: time is a number."""

import numpy as np

from mien.backend.actor import Actor
from mien.backend.config import PacingConfig
from mien.backend.lanes import LaneBuckets
from mien.backend.line import Line, LineSpec, PcmFormat
from mien.backend.modelset import StreamEars
from mien.models.motion.limits import PoseLimits
from mien.protocol.wire import Audio

PCM = PcmFormat(16_000, 1, is_float=True)
WIDE = PoseLimits((-1.0,) * 3, (1.0,) * 3)


class Rehearsal:
    """One actor on one generator; `until` plays to a time and returns the shots."""

    def __init__(self, generator, seed=0):
        self.lanes = LaneBuckets(generator)
        self.lane = self.lanes.take(seed)
        self.actor = Actor(1, generator, PacingConfig(), seed, 0, WIDE)
        self.now_us = 0
        self.shots = []
        self.told = []

    def line(self, line_id=1, seed=0, pcm=PCM, window_bytes=1 << 22, **spec):
        line = Line(LineSpec(line_id, pcm, seed, **spec), StreamEars(pcm), window_bytes)
        self.actor.say(line)
        self.heard()
        return Writer(self, line)

    def heard(self):
        self.actor.heard(self.now_us)

    def until(self, end_us):
        """Plays every tick that is due before `end_us`; the shots of this stretch."""
        before = len(self.shots)
        while self.actor.due_us < end_us:
            self.now_us = max(self.now_us, self.actor.due_us)
            self.tick()
        self.now_us = max(self.now_us, end_us)
        return self.shots[before:]

    def tick(self):
        actor = self.actor
        actor.plan(self.now_us)
        while actor.wants_block():
            seed, actor.reset_seed = actor.reset_seed, None
            if seed is not None:
                self.lanes.reset(self.lane, seed)
            made = self.lanes.step({self.lane: actor.script.feed(actor.clock_frame)})[self.lane]
            if isinstance(made, Exception):
                actor.fail(self.now_us + PacingConfig().hold_retry_us)
            else:
                actor.script.give(made)
        shot = actor.take_shot()
        if shot is not None:
            self.shots.append(shot)
            self.told += shot.happenings
        return shot


class Writer:
    """The client's side of a line."""

    def __init__(self, rehearsal, line):
        self.rehearsal, self.line = rehearsal, line
        self.seq = self.samples = 0

    def write(self, sound, end=False):
        frame_bytes = self.line.spec.pcm.frame_bytes
        data = np.asarray(sound, "<f4").tobytes() if not isinstance(sound, bytes) else sound
        count = len(data) // frame_bytes
        chunk = Audio(1, 1, self.line.line_id, self.seq, self.samples, count, int(end))
        verdict = self.line.append(chunk, data, self.rehearsal.now_us)
        if verdict.refused is None:
            self.seq += 1
            self.samples += count
        self.rehearsal.heard()
        return verdict

    def end(self):
        return self.write(b"", end=True)
