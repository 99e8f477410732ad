"""Lanes: many streams in one step, none of them noticing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from mien.backend.lanes import BUCKET_LANES, Block, Feed, LaneBuckets
from mien.models.motion import SignalMotion
from mien.models.motion.diffusion.generator import DiffusionMotion
from mien.models.motion.diffusion.openvino_runtime import OpenVinoRuntime
from mien.models.motion.source import Guidance
from mien.models.motion.types import HOP_SAMPLES, Controls

sys.path.insert(0, str(Path(__file__).parents[1] / "motion"))
from random_weights import random_model


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


def test_a_bucket_holds_as_many_as_are_computed_at_once():
    buckets = LaneBuckets(SignalMotion())
    lanes = [buckets.take(seed) for seed in range(BUCKET_LANES)]
    assert {lane.bucket for lane in lanes} == {0}


# --- with a generator that denoises ------------------------------------------------------------

RUNTIME = OpenVinoRuntime(random_model(), precision="f32")
SAME = 1e-4  # what a lane's neighbours may change


def performed(generator, lanes, blocks, steps=None, cheap=(), take=None):
    """Dynamics [blocks, lanes, b, 52] of lanes that all hear something else."""
    buckets = LaneBuckets(generator)
    if take is not None:
        buckets.take_steps(take)
    places = [buckets.take(seed) for seed in range(lanes)]
    rng = np.random.default_rng(0)
    out = []
    for k in range(blocks):
        sound = 0.2 * rng.standard_normal((lanes, 2 * HOP_SAMPLES)).astype(np.float32)
        given = {
            place: Feed(sound[i], Controls.neutral(2), cheap=i in cheap)
            for i, place in enumerate(places)
        }
        asked = None if steps is None else {places[i]: n for i, n in steps(k).items()}
        made = buckets.step(given, asked)
        out.append([made[place].dynamics for place in places])
    return np.array(out)


def test_lanes_with_steps_of_their_own_move_as_where_all_have_that_number():
    generator = DiffusionMotion(RUNTIME)  # three steps
    mixed = performed(generator, 5, 12, lambda k: {0: 1, 1: 2, 2: 1, 3: 3})
    for count, lanes in ((1, [0, 2]), (2, [1]), (3, [3, 4])):
        everyone = performed(generator, 5, 12, lambda k, n=count: dict.fromkeys(range(5), n))
        assert np.abs(mixed[:, lanes] - everyone[:, lanes]).max() < SAME
        assert np.abs(mixed[-1] - everyone[-1]).max() > 0.01
        np.testing.assert_array_equal(everyone, performed(generator, 5, 12, take=count))


def test_the_steps_of_a_lane_may_change_from_block_to_block_and_touch_nobody_else():
    generator = DiffusionMotion(RUNTIME)
    changing = performed(generator, 3, 12, lambda k: {1: 1 + k % 3})
    still = performed(generator, 3, 12)
    assert np.abs(changing[:, [0, 2]] - still[:, [0, 2]]).max() < SAME
    assert np.abs(changing[:, 1] - still[:, 1]).max() > 0.01
    assert np.isfinite(changing).all()


def test_a_cheap_feed_takes_one_step_without_guidance_and_the_lane_goes_on():
    guided = DiffusionMotion(RUNTIME, guidance=Guidance(audio=0.5, emotion=1.0))
    some = performed(guided, 3, 12, cheap=(1,))
    plain = performed(DiffusionMotion(RUNTIME, steps=1), 3, 12)
    dear = performed(guided, 3, 12)
    assert np.abs(some[:, 1] - plain[:, 1]).max() < SAME
    assert np.abs(some[:, [0, 2]] - dear[:, [0, 2]]).max() < SAME
    assert np.abs(some[:, 1] - dear[:, 1]).max() > 0.01


def test_a_source_without_steps_heeds_neither_steps_nor_cheapness():
    buckets, plain = LaneBuckets(SignalMotion()), LaneBuckets(SignalMotion())
    lane, other = buckets.take(4), plain.take(4)
    for given in (feeds(np.random.default_rng(k), [lane])[lane] for k in range(5)):
        cheap = Feed(given.sound, given.controls, cheap=True)
        made = buckets.step({lane: cheap}, {lane: 2})[lane]
        np.testing.assert_array_equal(made.pose, plain.step({other: given})[other].pose)


@pytest.mark.parametrize("lanes", [9, 20])
def test_any_number_of_lanes_is_one_batch_in_which_a_lane_moves_as_it_does_alone(lanes):
    calls = []

    class Counted(DiffusionMotion):
        def step(self, state, audio, controls, mask):
            calls.append(int(mask.sum()))
            return super().step(state, audio, controls, mask)

    together = performed(Counted(RUNTIME), lanes, 6)
    assert calls == [lanes] * 6
    assert np.abs(together[:, 0] - performed(DiffusionMotion(RUNTIME), lanes, 6)[:, 0]).max() < SAME
    buckets = LaneBuckets(DiffusionMotion(RUNTIME))
    place = [buckets.take(seed) for seed in range(lanes)][-1]
    rng = np.random.default_rng(0)
    for k in range(6):
        sound = 0.2 * rng.standard_normal((lanes, 2 * HOP_SAMPLES)).astype(np.float32)
        alone = buckets.step({place: Feed(sound[-1], Controls.neutral(2))})[place]
        assert np.abs(together[k, -1] - alone.dynamics).max() < SAME


def test_a_batch_that_fails_leaves_its_lanes_as_they_were(monkeypatch):
    buckets, calm = LaneBuckets(DiffusionMotion(RUNTIME)), LaneBuckets(DiffusionMotion(RUNTIME))
    lanes, others = [buckets.take(s) for s in range(3)], [calm.take(s) for s in range(3)]
    sample, rng = RUNTIME.sample, np.random.default_rng(0)

    def refuses_many(block, times):
        if len(block.noise) > 1:
            raise RuntimeError("too many")
        return sample(block, times)

    for _ in range(5):
        sound = 0.2 * rng.standard_normal((3, 2 * HOP_SAMPLES)).astype(np.float32)
        given = [Feed(sound[i], Controls.neutral(2)) for i in range(3)]
        monkeypatch.setattr(RUNTIME, "sample", refuses_many)
        made = buckets.step(dict(zip(lanes, given, strict=True)))
        monkeypatch.setattr(RUNTIME, "sample", sample)
        expected = calm.step(dict(zip(others, given, strict=True)))
        for lane, other in zip(lanes, others, strict=True):
            assert np.abs(made[lane].dynamics - expected[other].dynamics).max() < SAME
