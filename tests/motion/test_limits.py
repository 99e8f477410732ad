"""Limits: coefficients in range, heads within their portraits, no jumps, soft interruptions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_speech import babble, silence

from mien.models.motion import (
    ARKIT_INDEX,
    COEFFICIENTS,
    LimiterState,
    PoseLimits,
    SignalMotion,
    limit,
    perform,
    soften,
)
from mien.models.motion.limits import MAX_TURN_RAD_S, SPEECH, clamp, limit_one, soft_limit

I = ARKIT_INDEX  # noqa: E741
ALL = np.ones(1, bool)
WIDE = PoseLimits()


def show(state: LimiterState, dynamics: np.ndarray, pose: np.ndarray, limits=WIDE):
    """One lane, frame by frame: [T, 52] and [T, 6] in and out."""
    frames = [
        limit(state, d[None, None].astype(np.float32), p[None, None].astype(np.float32),
              [limits], ALL)
        for d, p in zip(dynamics, pose, strict=True)
    ]  # fmt: skip
    return np.array([d[0, 0] for d, _ in frames]), np.array([p[0, 0] for _, p in frames])


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5) | st.just(float("nan")), min_size=4, max_size=4))
def test_coefficients_are_clamped_and_lips_close_no_further_than_the_jaw_is_open(values):
    face = np.zeros((1, COEFFICIENTS))
    face[0, [I["jawOpen"], I["mouthClose"], I["eyeBlinkLeft"], I["tongueOut"]]] = values
    out = clamp(face)
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1
    assert out[0, I["mouthClose"]] <= out[0, I["jawOpen"]]


@settings(deadline=None)
@given(st.floats(-50, 50), st.floats(-0.5, -0.01), st.floats(0.01, 0.5))
def test_a_soft_limit_is_never_passed_and_keeps_order(value, low, high):
    at, above = soft_limit(np.array([value, value + 0.01]), np.array(low), np.array(high))
    assert low <= at <= high
    assert above >= at


def test_limits_are_the_portraits_own_on_each_side():
    limits = PoseLimits.of([-0.1, 0.3, -0.2, 0.05, -0.15, 0.25])
    pose = np.zeros((1, 6))
    for sign, bounds in ((-1, (-0.2, -0.1, -0.15)), (1, (0.05, 0.3, 0.25))):
        pose[0, :3] = sign * 9.0
        _, out = show(LimiterState.fresh(1), np.zeros((1, COEFFICIENTS)), pose, limits)
        np.testing.assert_allclose(out[0, :3], bounds, atol=1e-6)


def test_well_inside_the_limits_nothing_changes():
    motion = perform(SignalMotion(), silence(2.0), seed=1)
    dynamics, pose = show(LimiterState.fresh(1), motion.dynamics, motion.pose)
    np.testing.assert_allclose(dynamics, motion.dynamics, atol=1e-6)
    np.testing.assert_allclose(pose, motion.pose, atol=1e-6)


def test_the_head_is_never_faster_than_a_head():
    rng = np.random.default_rng(0)
    pose = rng.uniform(-1, 1, (100, 6))
    _, out = show(LimiterState.fresh(1), np.zeros((100, COEFFICIENTS)), pose)
    assert np.abs(np.diff(out[:, :3], axis=0)).max() <= MAX_TURN_RAD_S / 25 + 1e-6


def test_limits_must_lie_about_zero():
    with pytest.raises(ValueError, match="about zero"):
        PoseLimits.of([0.1, 0.3, -0.2, 0.2, -0.2, 0.2])
    with pytest.raises(ValueError, match="six"):
        PoseLimits.of([0.1, 0.3])


def test_a_generator_begun_anew_is_joined_without_a_jump():
    generator = SignalMotion()
    first = perform(generator, babble(2.0, seed=1), seed=1)
    second = perform(generator, babble(2.0, seed=2), seed=99)
    state = LimiterState.fresh(1)
    _, before = show(state, first.dynamics, first.pose)
    state.join(ALL)
    _, after = show(state, second.dynamics, second.pose)
    seam = np.degrees(np.abs(after[0, :3] - before[-1, :3]).max())
    gap = np.degrees(np.abs(second.pose[0, :3] - first.pose[-1, :3]).max())
    assert gap > 0.8
    assert seam < 0.25 * gap + 0.5
    np.testing.assert_allclose(after[20:], second.pose[20:], atol=1e-5)


def test_softening_shuts_the_mouth_within_three_frames_and_keeps_the_mood():
    motion = perform(SignalMotion(), babble(2.0, seed=1), seed=1).dynamics
    widest = int(motion[:, I["jawOpen"]].argmax())
    face = np.repeat(motion[widest : widest + 1], 4, axis=0)
    out = soften(face, np.arange(-1, 3))
    jaw = out[:, I["jawOpen"]]
    assert jaw[0] == face[0, I["jawOpen"]]
    assert jaw[0] > jaw[1] > jaw[2] > jaw[3] == 0.0
    assert not out[3, SPEECH].any()
    rest = np.setdiff1d(np.arange(COEFFICIENTS), SPEECH)
    np.testing.assert_array_equal(out[:, rest], face[:, rest])


def test_an_interrupted_line_shuts_the_mouth_within_120_ms_while_the_head_goes_on():
    motion = perform(SignalMotion(), babble(4.0, seed=1), seed=1)
    state = LimiterState.fresh(1)
    cut = 10 + int(motion.dynamics[10:50, I["jawOpen"]].argmax())
    show(state, motion.dynamics[:cut], motion.pose[:cut])
    state.interrupt(ALL)
    dynamics, pose = show(state, motion.dynamics[cut:], motion.pose[cut:])
    assert dynamics[0, I["jawOpen"]] < motion.dynamics[cut, I["jawOpen"]]
    assert not dynamics[2:10, SPEECH].any()
    np.testing.assert_allclose(pose, motion.pose[cut:], atol=1e-6)


def test_a_new_line_may_speak_at_once_after_an_interruption():
    motion = perform(SignalMotion(), babble(2.0, seed=1), seed=1)
    state = LimiterState.fresh(1)
    show(state, motion.dynamics[:20], motion.pose[:20])
    state.interrupt(ALL)
    show(state, motion.dynamics[20:24], motion.pose[20:24])
    state.join(ALL)
    dynamics, _ = show(state, motion.dynamics, motion.pose)
    np.testing.assert_allclose(dynamics[8:], motion.dynamics[8:], atol=1e-5)


def test_lanes_outside_the_mask_are_untouched():
    state = LimiterState.fresh(2)
    dynamics = np.full((2, 1, COEFFICIENTS), 0.5, np.float32)
    pose = np.full((2, 1, 6), 0.1, np.float32)
    mask = np.array([True, False])
    out_d, out_p = limit(state, dynamics, pose, [WIDE, WIDE], mask)
    assert out_d[0].any() and not out_d[1].any() and not out_p[1].any()
    assert state.any_shown.tolist() == [1, 0]


def test_the_compiled_limiter_does_as_the_one_in_numpy():
    """Joins, interruptions, leaps, and numbers that are none, over many frames."""
    rng = np.random.default_rng(5)
    limits = PoseLimits((-0.3, -0.5, -0.2), (0.4, 0.5, 0.3))
    one, many = LimiterState.fresh(1), LimiterState.fresh(1)
    mask = np.ones(1, np.bool_)
    for frame in range(400):
        if rng.random() < 0.05:
            one.join(mask)
            many.join(mask)
        if rng.random() < 0.05:
            one.interrupt(mask)
            many.interrupt(mask)
        face = rng.normal(0.3, 0.5, 52).astype(np.float32)
        place = rng.normal(0, 0.4, 6).astype(np.float32)
        if frame % 50 == 7:
            face[:3], place[1] = (np.nan, np.inf, -np.inf), np.nan
        want = limit(many, face[None, None], place[None, None], [limits], mask)
        dynamics, pose = limit_one(one, face, place, limits)
        np.testing.assert_allclose(dynamics, want[0][0, 0], atol=1e-6)
        np.testing.assert_allclose(pose, want[1][0, 0], atol=1e-6)
        for name in ("any_shown", "joined", "joining", "hushed"):
            assert getattr(one, name)[0] == getattr(many, name)[0], name
