"""Fewer denoising steps when motion takes too long, more again when there is room."""

import json
import time

import numpy as np
import pytest
from stage_helpers import wait_for
from tiny_models import TinyModels, TinyMotion

from mien.backend.cli.top import motion_line
from mien.backend.config import DaemonConfig, StepsConfig
from mien.backend.lanes import Feed, LaneBuckets
from mien.backend.steps import StepBudget, ladder_of
from mien.models.motion.types import HOP_SAMPLES, Controls
from mien.protocol.client import Client
from mien.protocol.stats import MotionStats

SECOND = 1_000_000
FRAME_US = 40_000


class Stage:
    """A stage whose motion costs `us_a_step` for each step, once a frame."""

    def __init__(self, us_a_step, full=4, config=None):
        self.budget = StepBudget(full, config or StepsConfig())
        self.us_a_step = us_a_step
        self.at_us = 0
        self.taken = []

    def run(self, seconds, late=0):
        for _ in range(round(seconds * SECOND / FRAME_US)):
            self.at_us += FRAME_US
            cost_us = self.us_a_step * (self.budget.steps or 1)
            changed = self.budget.spent(self.at_us, cost_us, 1, late)
            if changed is not None:
                self.taken.append((round(self.at_us / SECOND, 1), changed))
        return self.budget.steps


@pytest.mark.parametrize(
    ("full", "ladder"),
    [(4, (4, 2, 1)), (10, (10, 5, 2, 1)), (1, (1,)), (None, ()), (0, ())],
)
def test_each_rung_is_half_of_the_one_above(full, ladder):
    assert ladder_of(full) == ladder


def test_motion_that_fits_keeps_all_its_steps():
    stage = Stage(us_a_step=2_000)  # 8 of 40 ms
    assert stage.run(20) == 4
    assert stage.taken == []


def test_motion_that_takes_too_long_takes_fewer_steps_within_a_second():
    stage = Stage(us_a_step=9_000)  # 36 of 40 ms
    assert stage.run(1.5) == 2
    assert stage.run(20) == 2  # 18 ms of 40 is fine, 36 would not be
    assert len(stage.taken) == 1


def test_far_too_much_goes_down_to_a_single_step_and_no_further():
    stage = Stage(us_a_step=30_000)
    assert stage.run(5) == 1
    assert [steps for _, steps in stage.taken] == [2, 1]


def test_steps_come_back_when_there_is_room():
    stage = Stage(us_a_step=9_000)
    stage.run(2)
    stage.us_a_step = 1_500  # an actor has left
    assert stage.run(1) == 2  # not at once
    assert stage.run(4) == 4


def test_a_load_at_the_border_does_not_swing_to_and_fro():
    stage = Stage(us_a_step=6_500)  # 26 of 40 ms at four steps, 13 at two
    stage.run(60)
    assert len(stage.taken) == 1


def test_a_load_that_comes_and_goes_is_met_with_growing_patience():
    stage = Stage(us_a_step=9_000)
    for _ in range(20):
        stage.us_a_step = 9_000
        stage.run(3)
        stage.us_a_step = 1_000
        stage.run(4)
    drops = [at for at, steps in stage.taken if steps == 2]
    gaps = np.diff(drops)
    assert gaps[-1] > 2 * gaps[0]


def test_blocks_that_are_late_for_other_reasons_do_not_cost_steps():
    stage = Stage(us_a_step=500)
    assert stage.run(10, late=1) == 4
    assert stage.budget.figures().late_blocks == 250


def test_blocks_that_are_late_by_motions_own_fault_do():
    stage = Stage(us_a_step=4_000)  # 16 of 40 ms: would fit, but comes too late
    assert stage.run(1.5, late=1) == 2


def test_what_cannot_denoise_is_only_watched():
    stage = Stage(us_a_step=40_000, full=None)
    assert stage.run(3, late=1) is None
    figures = stage.budget.figures()
    assert (figures.steps, figures.full_steps, figures.step_drops) == (0, 0, 0)
    assert figures.late_blocks == 75 and max(figures.batch_us) == 40_000


def test_reduced_blocks_are_counted():
    stage = Stage(us_a_step=9_000)
    stage.run(10)
    figures = stage.budget.figures()
    assert figures.step_drops == 1
    assert 200 < figures.reduced_blocks < 250


# --- with a generator --------------------------------------------------------------------------


class SteppedMotion(TinyMotion):
    """Each step costs `STEP_S` and adds a tenth to browInnerUp; states are shared by all."""

    STEP_S = 0.009

    def __init__(self, steps=4):
        self.steps = steps

    def with_steps(self, steps):
        return SteppedMotion(steps)

    def step(self, state, audio, controls, mask):
        time.sleep(self.STEP_S * self.steps)
        dynamics, pose = super().step(state, audio, controls, mask)
        dynamics[np.flatnonzero(mask), :, 43] = 0.1 * self.steps
        return dynamics, pose


class SteppedModels(TinyModels):
    def generator(self, choice):
        return SteppedMotion()


def test_lanes_go_on_from_where_they_were_with_other_steps():
    lanes, plain = LaneBuckets(SteppedMotion()), LaneBuckets(SteppedMotion())
    lane, other = lanes.take(3), plain.take(3)
    feed = Feed(np.full(HOP_SAMPLES, 0.3, np.float32), Controls.neutral(1))
    for k in range(6):
        if k == 3:
            lanes.take_steps(1)
        made, straight = lanes.step({lane: feed})[lane], plain.step({other: feed})[other]
        np.testing.assert_array_equal(made.pose, straight.pose)
        assert made.dynamics[0, 43] == pytest.approx(0.4 if k < 3 else 0.1)
    lanes.take_steps(4)
    assert lanes.step({lane: feed})[lane].dynamics[0, 43] == pytest.approx(0.4)


def test_a_generator_without_steps_stays_as_it_is():
    lanes = LaneBuckets(TinyMotion())
    lanes.take_steps(1)
    lane = lanes.take(0)
    feed = Feed(np.zeros(HOP_SAMPLES, np.float32), Controls.neutral(1))
    assert lanes.step({lane: feed})[lane].dynamics.shape == (1, 52)


def test_a_stage_that_cannot_keep_up_says_so_and_keeps_its_frame_rate(start_daemon):
    daemon = start_daemon(models="test_steps:SteppedModels")
    with Client.connect(daemon.run_dir) as client:
        actor = client.spawn(b"hero", curves=True)
        motion = wait_for(lambda: (m := client.stats().motion).step_drops and m, 8, "fewer steps")
        assert (motion.steps, motion.full_steps, motion.source) == (2, 4, "diffusion")
        wait_for(lambda: client.stats().actors[0].fps >= 20, 8, "the full rate")
        assert client.stats().motion.reduced_blocks > 0
        assert wait_for(lambda: abs(actor.curves.dynamics[43] - 0.2) < 1e-3)
    assert "2 denoising steps instead of 4" in daemon.words


def test_top_names_what_moves_the_faces_and_how_it_keeps_up():
    words = motion_line(MotionStats("diffusion", "openvino", 2, 4, 1, 1234, 5, 6.5, 9.25))
    assert words == (
        "motion by diffusion, 2 of 4 steps, openvino, 6.5 ms a batch (p95 9.2), "
        "1,234 blocks with fewer steps, 5 late"
    )
    assert "signal" in motion_line(MotionStats("signal", "", 0, 0, 0, 0, 0, 0.5, 0.7))


def test_the_daemons_choice_of_motion_is_plain_values():
    assert DaemonConfig().motion.source == "diffusion"
    assert json.loads(json.dumps(DaemonConfig().motion.__dict__))["steps"] is None
