"""Lanes: the motion states of all actors, in buckets of fixed size.

Knows which lane belongs to whom and how a batch step is put together and taken apart again. When a
batch fails, each lane is stepped alone, so that one actor's trouble stays its own. Refuses to know
actors, lines and time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.models.motion.types import F32, HOP_SAMPLES, Controls, MotionGenerator, MotionState

BUCKET_LANES = 8
_BATCHES = (1, 2, 4, BUCKET_LANES)  # sizes that generators compute a bucket's lanes in


@dataclass(frozen=True)
class Lane:
    """A place in a bucket."""

    bucket: int
    index: int


@dataclass(frozen=True, eq=False)
class Feed:
    """What one lane is given for a block."""

    sound: F32  # [block * HOP_SAMPLES]
    controls: Controls  # [block], for the frames that come out


@dataclass(frozen=True, eq=False)
class Block:
    """What one lane gave back."""

    dynamics: F32  # [block, 52]
    pose: F32  # [block, 6]


class LaneBuckets:
    """Grows by whole buckets; a lane that was freed is used again."""

    def __init__(self, generator: MotionGenerator) -> None:
        self._full = self._generator = generator
        self._states: list[MotionState] = []
        self._free: list[Lane] = []

    def take(self, seed: int) -> Lane:
        """A lane of one's own, freshly started from `seed`."""
        if not self._free:
            self._states.append(self._generator.new_state(BUCKET_LANES))
            bucket = len(self._states) - 1
            self._free = [Lane(bucket, index) for index in reversed(range(BUCKET_LANES))]
        lane = self._free.pop()
        self.reset(lane, seed)
        return lane

    def give_back(self, lane: Lane) -> None:
        """The lane may go to another actor."""
        self._free.append(lane)

    def reset(self, lane: Lane, seed: int) -> None:
        """Starts one lane anew; the others do not notice."""
        mask = np.zeros(BUCKET_LANES, np.bool_)
        mask[lane.index] = True
        self._states[lane.bucket].reset(mask, np.full(BUCKET_LANES, seed, np.uint64))

    @property
    def lane_bytes(self) -> int:
        """Memory of one lane's state."""
        return _array_bytes(self._states[0]) // BUCKET_LANES if self._states else 0

    def warm(self) -> None:
        """Has the generator compile for every number of lanes, so that no live block waits for it.

        Raises what the generator raises.
        """
        warm = getattr(self._generator, "warm", None)
        if warm is not None:
            warm(_BATCHES)

    def take_steps(self, steps: int) -> None:
        """From now on with so many denoising steps; states go on as they are."""
        with_steps = getattr(self._full, "with_steps", None)
        if with_steps is not None:
            self._generator = with_steps(steps)

    def step(
        self, feeds: Mapping[Lane, Feed], steps: Mapping[Lane, int] | None = None
    ) -> dict[Lane, Block | Exception]:
        """One block for every lane in `feeds`, a batch a bucket."""
        results: dict[Lane, Block | Exception] = {}
        if steps:
            for count in sorted(set(steps.values())):
                self.take_steps(count)
                mine = {lane: feed for lane, feed in feeds.items() if steps.get(lane) == count}
                results.update(self.step(mine))
            return results
        for bucket in sorted({lane.bucket for lane in feeds}):
            mine = {lane: feed for lane, feed in feeds.items() if lane.bucket == bucket}
            results.update(self._step_bucket(bucket, mine))
        return results

    def _step_bucket(
        self, bucket: int, feeds: Mapping[Lane, Feed]
    ) -> Mapping[Lane, Block | Exception]:
        try:
            return self._run(bucket, feeds)
        except Exception as error:  # whatever a model throws must not stop the stage
            if len(feeds) == 1:
                return {lane: error for lane in feeds}
        results: dict[Lane, Block | Exception] = {}
        for lane, feed in feeds.items():
            results.update(self._step_bucket(bucket, {lane: feed}))
        return results

    def _run(self, bucket: int, feeds: Mapping[Lane, Feed]) -> Mapping[Lane, Block | Exception]:
        block = self._generator.block_frames
        sound = np.zeros((BUCKET_LANES, block * HOP_SAMPLES), np.float32)  # [L, block * HOP]
        mask = np.zeros(BUCKET_LANES, np.bool_)
        controls = [Controls.neutral(block)] * BUCKET_LANES
        for lane, feed in feeds.items():
            sound[lane.index] = feed.sound
            controls[lane.index] = feed.controls
            mask[lane.index] = True
        dynamics, pose = self._generator.step(self._states[bucket], sound, controls, mask)
        return {lane: _block(dynamics[lane.index], pose[lane.index]) for lane in feeds}


def _block(dynamics: F32, pose: F32) -> Block | Exception:
    if np.isfinite(dynamics).all() and np.isfinite(pose).all():
        return Block(dynamics.copy(), pose.copy())
    return FloatingPointError("the motion generator gave something that is not a number")


def _array_bytes(state: object) -> int:
    """Bytes of all arrays in a state, through nested dataclasses and lists."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    if dataclasses.is_dataclass(state):
        return sum(_array_bytes(getattr(state, f.name)) for f in dataclasses.fields(state))
    if isinstance(state, list | tuple):
        return sum(_array_bytes(item) for item in state)
    return 0
