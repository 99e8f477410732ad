"""Lanes: the motion states of all actors, in buckets of fixed size.

Knows which lane belongs to whom and how a batch step is put together and taken apart again: all
lanes that are due with one number of denoising steps go together, however many they are. When a
batch fails, each lane is stepped alone, so that one actor's trouble stays its own. Refuses to know
actors, lines and time, and who deserves how many steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.models.motion.types import F32, HOP_SAMPLES, Controls, MotionGenerator, MotionState

# As many as are ever computed at once. A bucket takes memory as its lanes are used, not before:
# its arrays begin as zeros that no one has touched.
BUCKET_LANES = 64


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
    cheap: bool = False  # nobody sees it: as little work as keeps the lane going


@dataclass(frozen=True, eq=False)
class Block:
    """What one lane gave back."""

    dynamics: F32  # [block, 52]
    pose: F32  # [block, 6]


class LaneBuckets:
    """Grows by whole buckets; a lane that was freed is used again."""

    def __init__(self, generator: MotionGenerator) -> None:
        self._full = generator
        self._steps: int | None = None  # of all lanes that are given no others; None: all there are
        self._kinds: dict[int | None, MotionGenerator] = {None: generator}  # by steps
        cheap = getattr(generator, "cheap", None)
        self._cheap: MotionGenerator = generator if cheap is None else cheap()
        self._states: list[MotionState] = []
        self._free: list[Lane] = []

    def take(self, seed: int) -> Lane:
        """A lane of one's own, freshly started from `seed`."""
        if not self._free:
            self._states.append(self._full.new_state(BUCKET_LANES))
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
        warm = getattr(self._full, "warm", None)
        if warm is not None:
            warm(BUCKET_LANES)

    def take_steps(self, steps: int) -> None:
        """From now on so many denoising steps, for lanes that get no number of their own."""
        self._steps = steps

    def step(
        self, feeds: Mapping[Lane, Feed], steps: Mapping[Lane, int] | None = None
    ) -> dict[Lane, Block | Exception]:
        """One block for every lane in `feeds`, in a batch for each number of denoising steps.

        `steps` are those of single lanes; the others take what `take_steps` said last, at first
        all that the generator has. They may change from block to block. A feed that is `cheap`
        takes the least there is. Numbers mean nothing to a generator that does not denoise.
        """
        batches: dict[tuple[int, MotionGenerator], dict[Lane, Feed]] = {}
        for lane, feed in feeds.items():
            kind = self._kind((steps or {}).get(lane, self._steps), feed)
            batches.setdefault((lane.bucket, kind), {})[lane] = feed
        results: dict[Lane, Block | Exception] = {}
        for (bucket, kind), mine in batches.items():
            results.update(self._step_batch(kind, bucket, mine))
        return results

    def _kind(self, steps: int | None, feed: Feed) -> MotionGenerator:
        if feed.cheap:
            return self._cheap
        if steps not in self._kinds:
            with_steps = getattr(self._full, "with_steps", None)
            self._kinds[steps] = self._full if with_steps is None else with_steps(steps)
        return self._kinds[steps]

    def _step_batch(
        self, generator: MotionGenerator, bucket: int, feeds: Mapping[Lane, Feed]
    ) -> Mapping[Lane, Block | Exception]:
        try:
            return self._run(generator, bucket, feeds)
        except Exception as error:  # whatever a model throws must not stop the stage
            if len(feeds) == 1:
                return {lane: error for lane in feeds}
        results: dict[Lane, Block | Exception] = {}
        for lane, feed in feeds.items():
            results.update(self._step_batch(generator, bucket, {lane: feed}))
        return results

    def _run(
        self, generator: MotionGenerator, bucket: int, feeds: Mapping[Lane, Feed]
    ) -> Mapping[Lane, Block | Exception]:
        block = generator.block_frames
        sound = np.zeros((BUCKET_LANES, block * HOP_SAMPLES), np.float32)  # [L, block * HOP]
        mask = np.zeros(BUCKET_LANES, np.bool_)
        controls = [Controls.neutral(block)] * BUCKET_LANES
        for lane, feed in feeds.items():
            sound[lane.index] = feed.sound
            controls[lane.index] = feed.controls
            mask[lane.index] = True
        dynamics, pose = generator.step(self._states[bucket], sound, controls, mask)
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
