"""SignalMotion as a stream: chunks, lanes, masks, seeds, ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_speech import babble, silence

from mien.models.motion import (
    ARKIT_INDEX,
    COEFFICIENTS,
    EMOTIONS,
    HOP_SAMPLES,
    Controls,
    Performer,
    SignalMotion,
    perform,
)
from mien.models.motion.perform import join

GENERATOR = SignalMotion()
LINE = babble(2.0, seed=3)
WHOLE = perform(GENERATOR, LINE, seed=5)


def step_through(lanes: int, audio: np.ndarray, seeds: list[int], masks: np.ndarray | None = None):
    """Run `audio` [lanes, frames * HOP] and return dynamics and pose [frames, lanes, ...]."""
    state = GENERATOR.new_state(lanes)
    state.reset(np.ones(lanes, bool), np.array(seeds, np.uint64))
    frames = audio.shape[1] // HOP_SAMPLES
    out = []
    for k in range(frames):
        mask = np.ones(lanes, bool) if masks is None else masks[k]
        block = audio[:, k * HOP_SAMPLES : (k + 1) * HOP_SAMPLES].astype(np.float32)
        out.append(GENERATOR.step(state, block, [Controls.neutral(1)] * lanes, mask))
    return np.array([d[:, 0] for d, _ in out]), np.array([p[:, 0] for _, p in out]), state


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_any_chunking_gives_the_same_motion(cuts):
    performer = Performer(GENERATOR, seed=5)
    pieces, at = [], 0
    for size in cuts:
        pieces.append(performer.write(LINE[at : at + size]))
        at += size
    pieces += [performer.write(LINE[at:]), performer.end()]
    streamed = join(pieces)
    assert len(streamed) == len(WHOLE)
    assert np.abs(streamed.dynamics - WHOLE.dynamics).max() < 1e-6
    assert np.abs(streamed.pose - WHOLE.pose).max() < 1e-6


def test_motion_covers_the_sound_and_needs_80_ms_ahead():
    assert len(WHOLE) == 50
    assert len(perform(GENERATOR, LINE[:641])) == 2
    performer = Performer(GENERATOR)
    assert len(performer.write(LINE[: 2 * HOP_SAMPLES])) == 0
    assert len(performer.write(LINE[2 * HOP_SAMPLES : 3 * HOP_SAMPLES])) == 1


def test_a_frame_does_not_depend_on_sound_beyond_the_look_ahead():
    other = LINE.copy()
    cut = 25 * HOP_SAMPLES
    other[cut:] = 0.3 * np.random.default_rng(0).standard_normal(len(other) - cut)
    changed = perform(GENERATOR, other, seed=5)
    known = 25 - GENERATOR.lookahead_frames
    np.testing.assert_array_equal(changed.dynamics[:known], WHOLE.dynamics[:known])
    assert np.abs(changed.dynamics[known:] - WHOLE.dynamics[known:]).max() > 0.05


def test_a_lane_does_not_know_its_neighbours():
    frames = 30
    line = LINE[: frames * HOP_SAMPLES]
    noise = 0.1 * np.random.default_rng(1).standard_normal((4, len(line)))
    noise[3] = line
    alone_d, alone_p, _ = step_through(1, line[None], [9])
    beside_d, beside_p, _ = step_through(4, noise, [1, 2, 3, 9])
    assert np.abs(beside_d[:, 3] - alone_d[:, 0]).max() < 1e-6
    assert np.abs(beside_p[:, 3] - alone_p[:, 0]).max() < 1e-6


def test_lanes_outside_the_mask_are_untouched():
    frames = 24
    audio = np.stack([LINE[: frames * HOP_SAMPLES]] * 2)
    masks = np.ones((frames, 2), bool)
    masks[8:16, 1] = False
    dynamics, pose, _ = step_through(2, audio, [4, 4], masks)
    assert not dynamics[8:16, 1].any() and not pose[8:16, 1].any()
    # The lane that stood still goes on as if the eight frames of sound had never been.
    cut = np.concatenate([audio[1, : 8 * HOP_SAMPLES], audio[1, 16 * HOP_SAMPLES :]])
    expected, _, _ = step_through(1, cut[None], [4])
    shown = np.concatenate([dynamics[:8, 1], dynamics[16:, 1]])
    assert np.abs(shown - expected[:, 0]).max() < 1e-6


def test_reset_starts_only_the_lanes_in_its_mask_anew():
    audio = np.stack([LINE[: 20 * HOP_SAMPLES]] * 2)
    _, _, state = step_through(2, audio, [1, 2])
    kept = state.take(np.array([0]))
    state.reset(np.array([False, True]), np.array([7, 8], np.uint64))
    np.testing.assert_array_equal(state.take(np.array([0])).hearing.bands_db, kept.hearing.bands_db)
    assert state.frame.tolist() == [kept.frame[0], -GENERATOR.lookahead_frames]
    assert state.seed.tolist() == [1, 8]


def test_a_seed_gives_the_same_motion_again_and_another_seed_another():
    again = perform(GENERATOR, LINE, seed=5)
    other = perform(GENERATOR, LINE, seed=6)
    np.testing.assert_array_equal(again.dynamics, WHOLE.dynamics)
    np.testing.assert_array_equal(again.pose, WHOLE.pose)
    assert np.abs(other.pose - WHOLE.pose).max() > np.radians(0.5)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["nan", "inf", "huge", "square", "silence", "constant", "tiny"]),
    st.integers(0, 2**64 - 1),
    st.sampled_from(EMOTIONS),
)
def test_whatever_comes_in_coefficients_stay_in_range(kind, seed, emotion):
    n = 12 * HOP_SAMPLES
    audio = {
        "nan": np.full(n, np.nan),
        "inf": np.full(n, np.inf),
        "huge": 1e30 * np.random.default_rng(0).standard_normal(n),
        "square": np.sign(np.sin(np.arange(n) / 20)),
        "silence": np.zeros(n),
        "constant": np.ones(n),
        "tiny": np.full(n, 1e-30),
    }[kind].astype(np.float32)

    def controls(first: int, frames: int) -> Controls:
        wish = Controls.neutral(frames)
        wish.emotion[:, EMOTIONS.index(emotion)] = 1.0
        wish.gaze_rad[:] = (2.0, -2.0)
        return wish

    motion = perform(GENERATOR, audio, controls, seed=seed)
    assert np.isfinite(motion.dynamics).all() and np.isfinite(motion.pose).all()
    assert motion.dynamics.min() >= 0.0 and motion.dynamics.max() <= 1.0
    close, jaw = ARKIT_INDEX["mouthClose"], ARKIT_INDEX["jawOpen"]
    assert (motion.dynamics[:, close] <= motion.dynamics[:, jaw]).all()


def test_controls_that_are_not_numbers_count_as_no_wish():
    wish = Controls.neutral(1)
    for array in (wish.gaze_rad, wish.distance, wish.emotion, wish.head, wish.blink):
        array[:] = np.nan

    def broken(first: int, frames: int) -> Controls:
        return wish

    motion = perform(GENERATOR, LINE, broken, seed=5)
    np.testing.assert_array_equal(motion.dynamics, WHOLE.dynamics)


def test_no_sound_gives_no_motion():
    assert len(perform(GENERATOR, silence(0))) == 0


def test_a_step_of_the_wrong_shape_is_refused():
    state = GENERATOR.new_state(2)
    with pytest.raises(ValueError, match="wants audio"):
        GENERATOR.step(
            state, np.zeros((1, HOP_SAMPLES), np.float32), [Controls.neutral(1)] * 2,
            np.ones(2, bool),
        )  # fmt: skip


def test_the_memory_of_a_stream_is_small_and_of_fixed_size():
    state = GENERATOR.new_state(1)
    before = state.lane_bytes
    step_through(1, LINE[None, : 5 * HOP_SAMPLES], [0])
    assert before < 32_000
    assert step_through(1, LINE[None], [0])[2].lane_bytes == before
    assert WHOLE.dynamics.shape == (50, COEFFICIENTS)
