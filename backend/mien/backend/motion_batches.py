"""Blocks of motion for many actors together, and what they cost.

Knows the generator, everybody's lanes, and the figures that Stats tells of motion. Refuses to know
who is due. The performance thread's own, but for `figures`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mien.backend.clock import ceil_to, now_us
from mien.backend.lanes import Block, Feed, Lane, LaneBuckets
from mien.backend.motion import steps_of
from mien.backend.performer import Performer
from mien.backend.scheduling.costs import CostTable
from mien.backend.scheduling.steward import Steward
from mien.models.motion.types import HOP_SAMPLES, Controls, MotionGenerator

LATE_US = 20_000  # a block that is ready so much later than its frame was due is late
_KEPT = 512  # batches that quantiles are taken of
_LAGS, _LAG_QUANTILE, _LAG_STEP_US, _MOST_LAG_US = 128, 0.9, 2_000, 30_000
_PROFILED = 3  # blocks of each kind, the first of which does not count


@dataclass(frozen=True)
class MotionFigures:
    """What Stats says of what moves all actors."""

    full_steps: int  # of denoising; 0 where there is nothing to denoise
    step_drops: int  # how often an actor was given fewer
    reduced_blocks: int
    late_blocks: int
    batch_us: tuple[int, ...]  # the newest batches, ascending


class MotionBatches:
    """The stage's motion."""

    def __init__(self, generator: MotionGenerator, steward: Steward) -> None:
        self.generator = generator
        self.lanes = LaneBuckets(generator)
        self.full_steps = steps_of(generator)
        self._steward = steward
        self._batches: deque[int] = deque(maxlen=_KEPT)
        self._lags: deque[int] = deque(maxlen=_LAGS)
        self.lag_us = 0
        self.step_drops = self._reduced = self._late = 0

    def warm(self, together: int) -> None:
        """Compiles for every size of batch and fills the first rows of the cost table.

        `together`: as many as are moved in one batch. Raises what the generator raises.
        """
        self.lanes.warm()
        full = self.full_steps or 0
        for steps in sorted({full, min(full, 1)}, reverse=True):
            for count in (1, together):
                self._profile(self._steward.costs, count, steps)

    def step(self, group: list[Performer]) -> Mapping[Lane, Block | Exception]:
        """One block for each of a group, each with the steps that it was given."""
        for performer in group:
            seed, performer.actor.reset_seed = performer.actor.reset_seed, None
            if seed is not None:
                self.lanes.reset(performer.lane, seed)
        feeds = {p.lane: self._feed(p) for p in group}
        steps = {p.lane: p.rung.steps for p in group if p.rung.steps}
        began_us, began_ns = now_us(), time.thread_time_ns()
        made = self.lanes.step(feeds, steps)
        self._count(group, began_us, (time.thread_time_ns() - began_ns) / 1000)
        return made

    def _even_out(self, lag_us: int) -> None:
        """Learns by how much frames that need a block come later than those that need none.

        `lag_us` is how long all frames are held back to come evenly: of two frames of a block only
        the first waits for the computation, and a face would limp.
        """
        self._lags.append(lag_us)
        ordered = sorted(self._lags)
        usual_us = ordered[min(int(_LAG_QUANTILE * len(ordered)), len(ordered) - 1)]
        if abs(usual_us - self.lag_us) > _LAG_STEP_US:
            self.lag_us = min(max(ceil_to(usual_us, _LAG_STEP_US), 0), _MOST_LAG_US)

    @staticmethod
    def _feed(performer: Performer) -> Feed:
        feed = performer.actor.script.feed(performer.actor.clock_frame)
        return feed if performer.detail.visible else replace(feed, cheap=True)

    def figures(self) -> MotionFigures:
        """For Stats. From any thread."""
        batches = tuple(sorted(self._batches.copy()))
        full = self.full_steps or 0
        return MotionFigures(full, self.step_drops, self._reduced, self._late, batches)

    def _count(self, group: list[Performer], began_us: int, core_us: float) -> None:
        at_us = now_us()
        self._batches.append(at_us - began_us)
        lags = [at_us - p.actor.shown_due_us for p in group]
        self._late += sum(lag > LATE_US for lag in lags)
        self._even_out(min(lags))
        self._reduced += sum(p.rung.steps < (self.full_steps or 0) for p in group)
        self._steward.spending.noted(core_us)
        steps = {p.rung.steps for p in group}
        if len(steps) == 1:
            self._steward.costs.note_motion(len(group), steps.pop(), core_us)

    def _profile(self, costs: CostTable, count: int, steps: int) -> None:
        lanes = LaneBuckets(self.generator)
        places = [lanes.take(seed) for seed in range(count)]
        block = self.generator.block_frames
        silence = np.zeros(block * HOP_SAMPLES, np.float32)
        feeds = {place: Feed(silence, Controls.neutral(block)) for place in places}
        for run in range(_PROFILED):
            began_ns = time.thread_time_ns()
            lanes.step(feeds, dict.fromkeys(places, steps) if steps else None)
            if run:
                costs.note_motion(count, steps, (time.thread_time_ns() - began_ns) / 1000)
