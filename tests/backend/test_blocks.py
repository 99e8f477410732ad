"""Generators that make several frames a step, with look-ahead: lines keep time, whole."""

from dataclasses import dataclass

import numpy as np
import pytest
from rehearsal import Rehearsal

from mien.models.motion import perform
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, HOP_SAMPLES
from mien.protocol.wire import FrameFlag

JAW = ARKIT_INDEX["jawOpen"]
FRAME_US = 40_000
KINDS = [(1, 2), (2, 1), (2, 2), (3, 1), (5, 3)]


@dataclass
class BlockState:
    levels: np.ndarray  # [lanes, lookahead] heard, not shown yet

    def reset(self, mask, seeds):
        self.levels[mask] = 0.0


class BlockMotion:
    """jawOpen of a frame is its own sound's level, `lookahead` frames later."""

    def __init__(self, block, lookahead):
        self.block_frames, self.lookahead_frames = block, lookahead

    def new_state(self, lanes):
        return BlockState(np.zeros((lanes, self.lookahead_frames)))

    def step(self, state, audio, controls, mask):
        lanes, block = len(mask), self.block_frames
        hops = audio.reshape(lanes, block, HOP_SAMPLES).astype(np.float64)
        heard = np.concatenate([state.levels, np.sqrt((hops**2).mean(2))], axis=1)
        dynamics = np.zeros((lanes, block, COEFFICIENTS), np.float32)
        dynamics[mask, :, JAW] = heard[mask, :block]
        state.levels[mask] = heard[mask, block:]
        return dynamics, np.zeros((lanes, block, 6), np.float32)


def steps_of_sound(frames):
    """Every frame has a level of its own."""
    return np.repeat(np.linspace(0.1, 0.9, frames), HOP_SAMPLES).astype(np.float32)


def spoken(stage):
    return [shot for shot in stage.shots if shot.flags & FrameFlag.SPEAKING]


def streamed(stage, sound, piece):
    """Sends sound as a voice would make it: each piece when it has been said."""
    line = stage.line(seed=9)
    begun_us = stage.now_us
    for at in range(0, len(sound), piece):
        said = min(at + piece, len(sound))
        stage.until(begun_us + said * 1_000_000 // 16_000)
        line.write(sound[at:said], end=said == len(sound))
    stage.until(stage.now_us + 1_000_000)
    return begun_us


@pytest.mark.parametrize(("block", "lookahead"), KINDS)
@pytest.mark.parametrize("piece", [160, 640, 1000], ids=["10 ms", "40 ms", "62.5 ms"])
def test_sound_that_comes_in_time_is_spoken_without_a_gap(block, lookahead, piece):
    stage = Rehearsal(BlockMotion(block, lookahead))
    stage.until(200_000)
    sound = steps_of_sound(30)
    begun_us = streamed(stage, sound, piece)
    shots = spoken(stage)
    late = [s for s in stage.shots if s.flags & FrameFlag.UNDERRUN]
    if piece <= 640:  # longer ones come later than a line that has begun can wait
        assert late == []
        needed_us = -(-(block + lookahead) * FRAME_US // (piece * 62.5)) * piece * 62.5
        assert shots[0].due_us - begun_us <= needed_us + 10_000
    assert [s.pts_us for s in shots] == [k * FRAME_US for k in range(30)]
    assert shots[-1].flags & FrameFlag.LINE_END


@pytest.mark.parametrize(("block", "lookahead"), KINDS)
def test_a_line_shows_exactly_what_the_offline_pass_makes(block, lookahead):
    stage = Rehearsal(BlockMotion(block, lookahead))
    stage.until(200_000)
    sound = steps_of_sound(31)
    stage.line(seed=9).write(sound, end=True)
    stage.until(2_500_000)
    shown = [shot.dynamics[JAW] for shot in spoken(stage)]
    offline = perform(BlockMotion(block, lookahead), sound).dynamics[:, JAW]
    assert len(shown) == len(offline) == 31
    np.testing.assert_allclose(shown[8:], offline[8:], atol=1e-6)  # it joins idling until then
    np.testing.assert_allclose(offline, np.linspace(0.1, 0.9, 31), atol=1e-6)


@pytest.mark.parametrize(("block", "lookahead"), KINDS)
def test_sound_sent_at_once_begins_at_once(block, lookahead):
    stage = Rehearsal(BlockMotion(block, lookahead))
    stage.until(200_000)
    stage.line().write(steps_of_sound(10), end=True)
    stage.until(1_000_000)
    assert spoken(stage)[0].due_us <= 200_000 + 20_000


@pytest.mark.parametrize(("block", "lookahead"), KINDS)
@pytest.mark.parametrize("samples", [1, 639, 640, 641, 1280, 3000])
def test_lines_shorter_than_a_block_are_lines_too(block, lookahead, samples):
    stage = Rehearsal(BlockMotion(block, lookahead))
    first, second = stage.line(1), stage.line(2)
    first.write(np.full(samples, 0.5, np.float32), end=True)
    second.write(np.full(samples, 0.5, np.float32), end=True)
    stage.until(1_000_000)
    frames = -(-samples // HOP_SAMPLES)
    for line in (1, 2):
        shots = [s for s in spoken(stage) if s.line_id == line]
        assert [s.pts_us for s in shots] == [k * FRAME_US for k in range(frames)]
        assert shots[-1].flags & FrameFlag.LINE_END


@pytest.mark.parametrize(("block", "lookahead"), KINDS)
def test_late_sound_is_a_gap_and_nothing_of_it_is_lost(block, lookahead):
    stage = Rehearsal(BlockMotion(block, lookahead))
    sound = steps_of_sound(20)
    line = stage.line()
    line.write(sound[: 11 * HOP_SAMPLES])
    stage.until(1_000_000)
    line.write(sound[11 * HOP_SAMPLES :], end=True)
    stage.until(2_500_000)
    shots = spoken(stage)
    assert [s.pts_us for s in shots] == [k * FRAME_US for k in range(20)]
    assert any(s.flags & FrameFlag.UNDERRUN for s in stage.shots)
