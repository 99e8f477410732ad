"""Lanes: many streams in one step, none of them noticing."""

import numpy as np

from mien.backend.lanes import BUCKET_LANES, Block, Feed, LaneBuckets
from mien.models.motion import SignalMotion
from mien.models.motion.types import HOP_SAMPLES, Controls


def feeds(rng, lanes):
    return {
        lane: Feed(0.2 * rng.standard_normal(HOP_SAMPLES).astype(np.float32), Controls.neutral(1))
        for lane in lanes
    }


def test_a_lane_in_a_batch_moves_as_it_does_alone():
    rng = np.random.default_rng(1)
    together, alone = LaneBuckets(SignalMotion()), LaneBuckets(SignalMotion())
    lanes = [together.take(seed) for seed in range(BUCKET_LANES + 2)]
    single = alone.take(3)
    for k in range(20):
        given = feeds(rng, lanes if k % 3 else lanes[3:5])
        batch = together.step(given)
        mine = alone.step({single: given[lanes[3]]})
        np.testing.assert_array_equal(batch[lanes[3]].dynamics, mine[single].dynamics)
        np.testing.assert_array_equal(batch[lanes[3]].pose, mine[single].pose)
    assert {lane.bucket for lane in lanes} == {0, 1}


def test_a_lane_given_back_is_used_again_and_remembers_nothing():
    rng = np.random.default_rng(2)
    buckets = LaneBuckets(SignalMotion())
    first = buckets.take(1)
    fresh = LaneBuckets(SignalMotion())
    for _ in range(10):
        buckets.step(feeds(rng, [first]))
    buckets.give_back(first)
    again, new = buckets.take(9), fresh.take(9)
    assert again == first
    feed = feeds(rng, [again])[again]
    np.testing.assert_array_equal(
        buckets.step({again: feed})[again].pose, fresh.step({new: feed})[new].pose
    )


class Fussy(SignalMotion):
    """Refuses loud sound, and answers one sample with something that is no number."""

    def step(self, state, audio, controls, mask):
        if np.abs(audio).max() > 5:
            raise RuntimeError("too loud")
        dynamics, pose = super().step(state, audio, controls, mask)
        pose[np.flatnonzero(audio[:, 0] == 0.125)] = np.nan
        return dynamics, pose


def test_one_lane_that_fails_fails_alone():
    buckets = LaneBuckets(Fussy())
    lanes = [buckets.take(k) for k in range(4)]
    given = feeds(np.random.default_rng(3), lanes)
    given[lanes[1]].sound[:] = 9.0
    given[lanes[2]].sound[0] = 0.125
    made = buckets.step(given)
    assert isinstance(made[lanes[1]], RuntimeError)
    assert isinstance(made[lanes[2]], FloatingPointError)
    assert isinstance(made[lanes[0]], Block) and isinstance(made[lanes[3]], Block)


def test_a_lane_costs_what_its_arrays_take():
    buckets = LaneBuckets(SignalMotion())
    buckets.take(0)
    assert 1_000 < buckets.lane_bytes < 1_000_000
