"""The teacher's head, eyes and moods: wishes obeyed as people do, and a life of its own."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from teacher_scenes import scene, silence

from mien.models.motion.gaze import eye_weights
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS
from mien.models.motion.types import ARKIT_INDEX, EMOTIONS, Controls
from training.teacher import NEUTRAL, Performance, random_controls, teach
from training.teacher.face import lip_gap

I = ARKIT_INDEX  # noqa: E741


@pytest.fixture(scope="module")
def talks() -> list[Performance]:
    """Half a minute each, by four speakers."""
    return [teach(*scene(seed, 30.0), seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def rests() -> list[Performance]:
    """A minute of silence each, by four people."""
    return [teach(silence(60.0), [], seed=seed) for seed in range(4)]


def _wish(frames: int, **changes: np.ndarray) -> Controls:
    return dataclasses.replace(Controls.neutral(frames), **changes)


def _gaze_step(frames: int, at: int, yaw_deg: float, pitch_deg: float) -> Controls:
    gaze = np.zeros((frames, 2), np.float32)
    gaze[at:] = np.radians((yaw_deg, pitch_deg))
    return _wish(frames, gaze_rad=gaze)


def _feels(frames: int, emotion: str, strength: float) -> Controls:
    weights = np.zeros((frames, len(EMOTIONS)), np.float32)
    weights[:, EMOTIONS.index(emotion)] = strength
    weights[:, 0] += 1.0 - strength
    return _wish(frames, emotion=weights)


def test_the_same_seed_gives_the_same_performance_and_another_seed_another() -> None:
    audio, segments = scene(1, 8.0)
    controls = random_controls(np.random.default_rng(3), 200)
    first, again = (teach(audio, segments, seed=5, controls=controls) for _ in range(2))
    other = teach(audio, segments, seed=6, controls=controls)
    for name in ("dynamics", "pose", "gaze_rad", "close", "labiodental", "speech"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.pose - other.pose).max() > 0.02


def test_shapes_follow_the_sound() -> None:
    p = teach(np.zeros(640 * 30 + 1, np.float32), [], seed=1)
    assert p.dynamics.shape == (31, 52) and p.pose.shape == (31, 6)
    assert p.gaze_rad.shape == (31, 2) and p.close.shape == (31,)
    assert all(getattr(p, f.name).dtype == np.float32 for f in dataclasses.fields(p))


@pytest.mark.parametrize("samples", [1, 640, 641, 3000])
def test_the_shortest_scenes_are_performed(samples: int) -> None:
    assert np.isfinite(teach(np.zeros(samples, np.float32), [], seed=1).dynamics).all()


def test_controls_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="frames of controls"):
        teach(silence(1.0), [], seed=1, controls=Controls.neutral(24))


def test_eyes_lead_the_head_to_a_new_gaze() -> None:
    p = teach(silence(6.0), [], seed=2, controls=_gaze_step(150, 50, 24.0, 0.0))
    theta = np.degrees(p.gaze_rad[:, 0])
    arrived = int(np.argmax(theta > 20.0))
    assert 3 <= arrived - 50 <= 8  # a latency of 0.12 s and a saccade
    yaw = np.degrees(p.pose[:, 1])
    turned = yaw[90:150].mean() - yaw[30:50].mean()
    assert abs(yaw[arrived] - yaw[30:50].mean()) < 0.35 * abs(turned)
    assert 3.0 < turned < 12.0


@pytest.mark.parametrize("aim", [(20.0, 8.0), (-30.0, -10.0), (5.0, 0.0)])
def test_gaze_stays_on_what_was_asked_for(aim: tuple[float, float]) -> None:
    audio, segments = scene(7, 20.0)
    controls = _gaze_step(500, 25, *aim)
    for seed in range(3):
        p = teach(audio, segments, seed=seed, controls=controls)
        miss = np.hypot(*(p.gaze_rad[40:] - controls.gaze_rad[40:]).T)
        assert np.degrees(miss.mean()) < 1.2 and np.degrees(miss.max()) < 5.0


def test_gaze_follows_a_slow_sweep_smoothly() -> None:
    t = np.arange(250) / 25
    sweep = np.stack([np.radians(15) * np.sin(2 * np.pi * 0.15 * t), 0 * t], 1).astype(np.float32)
    p = teach(silence(10.0), [], seed=1, controls=_wish(250, gaze_rad=sweep))
    assert np.degrees(np.hypot(*(p.gaze_rad - sweep)[20:].T)).mean() < 2.0


def test_glances_away_are_rare_in_speech(talks: list[Performance]) -> None:
    away = [np.hypot(*p.gaze_rad[p.speech > 0.5].T) > np.radians(4.0) for p in talks]
    assert 0.005 < np.concatenate(away).mean() < 0.12


def test_eye_coefficients_are_gaze_less_head(talks: list[Performance]) -> None:
    p = talks[0]
    left, up = eye_weights(p.gaze_rad.astype(np.float64), p.pose[:, :3].astype(np.float64))
    shown = p.dynamics[:, I["eyeLookOutLeft"]] - p.dynamics[:, I["eyeLookInLeft"]]
    assert np.allclose(shown, left, atol=1e-4)
    lifted = p.dynamics[:, I["eyeLookUpRight"]] - p.dynamics[:, I["eyeLookDownRight"]]
    assert np.allclose(lifted, up, atol=1e-4)


def test_distance_moves_the_head_in_depth() -> None:
    distance = np.ones(150, np.float32)
    distance[50:] = 0.8
    p = teach(silence(6.0), [], seed=3, controls=_wish(150, distance=distance))
    shown = 1.0 - p.pose[:, 5] / CAMERA_HEAD_WIDTHS
    assert abs(shown[:50].mean() - 1.0) < 0.004 and abs(shown[75:].mean() - 0.8) < 0.004
    assert 0.82 < shown[56] < 0.98  # on its way, not a jump


@pytest.mark.parametrize("emotion", EMOTIONS[1:])
def test_a_stronger_mood_shows_more(emotion: str) -> None:
    audio, segments = scene(8, 8.0)
    strengths = (0.0, 0.25, 0.5, 0.75, 1.0)
    made = [
        teach(audio, segments, seed=8, style=NEUTRAL, controls=_feels(200, emotion, s))
        for s in strengths
    ]
    upper = [c for name, c in I.items() if not name.startswith(("eyeLook", "eyeBlink"))]
    means = np.array([p.dynamics[:, upper].mean(0) for p in made])
    shown = [float(np.linalg.norm(m - means[0])) for m in means]
    assert all(a < b for a, b in itertools.pairwise(shown)) and shown[-1] > 0.3


def test_moods_are_unlike_each_other_even_in_speech() -> None:
    audio, segments = scene(9, 8.0)
    made = [
        teach(audio, segments, seed=9, style=NEUTRAL, controls=_feels(200, e, 1.0)).dynamics.mean(0)
        for e in EMOTIONS
    ]
    for k, one in enumerate(made):
        assert all(np.linalg.norm(one - other) > 0.35 for other in made[:k])


def test_speech_moves_the_head_as_much_as_real_talkers_do(talks: list[Performance]) -> None:
    degrees = np.degrees(np.concatenate([p.pose[:, :3] for p in talks]))
    speed = [
        25 * np.degrees(np.abs(np.diff(p.pose[:, :3], axis=0)))[p.speech[1:] > 0.5] for p in talks
    ]
    assert 40 < np.percentile(np.concatenate(speed).max(1), 95) < 95
    assert (np.abs(degrees).max(0) < np.array((18, 25, 16))).all()
    assert (degrees.std(0) > (1.0, 1.5, 0.8)).all()


def test_blinks_are_as_often_and_as_short_as_real_ones(
    talks: list[Performance], rests: list[Performance]
) -> None:
    for p in (*talks, *rests):
        shut = p.dynamics[:, I["eyeBlinkLeft"]] > 0.45
        begins = np.flatnonzero(shut[1:] & ~shut[:-1])
        minutes = len(shut) / 25 / 60
        assert 7 <= len(begins) / minutes <= 32
    everyone = np.concatenate([p.dynamics[:, I["eyeBlinkLeft"]] > 0.45 for p in (*talks, *rests)])
    number = (everyone[1:] & ~everyone[:-1]).sum()
    assert 10 <= number / (len(everyone) / 25 / 60) <= 25
    assert 0.08 <= everyone.sum() / number * 0.04 <= 0.22


def test_silence_lives_but_does_not_chatter(rests: list[Performance]) -> None:
    for p in rests:
        assert not p.close.any() and not p.speech.any()
        assert np.percentile(lip_gap(p.dynamics), 95) < 0.035
        assert np.abs(np.diff(p.dynamics[:, I["jawOpen"]])).max() < 0.03
        for start in range(0, len(p.speech) - 125, 125):  # never still for five seconds
            assert np.degrees(p.pose[start : start + 125, :3].std(0).max()) > 0.10
            assert p.dynamics[start : start + 125].std(0).max() > 0.01
        speed = 25 * np.degrees(np.abs(np.diff(p.pose[:, :3], axis=0)))
        assert np.percentile(speed, 95) < 20


def test_the_idle_head_breathes(rests: list[Performance]) -> None:
    f_hz = np.fft.rfftfreq(1500, 0.04)
    for p in rests:
        y = p.pose[:, 4] + 0.15 * p.pose[:, 0]
        power = np.abs(np.fft.rfft((y - y.mean()) * np.hanning(1500))) ** 2
        assert power[(f_hz > 0.15) & (f_hz < 0.40)].sum() > 1.5 * power[f_hz >= 0.45].sum()


def test_random_controls_stay_in_range_and_mostly_ask_for_nothing() -> None:
    rng = np.random.default_rng(1)
    made = [random_controls(rng, 600) for _ in range(60)]
    gaze = np.concatenate([c.gaze_rad for c in made])
    assert np.degrees(np.abs(gaze)).max(0)[0] <= 35.01
    assert np.degrees(np.abs(gaze)).max(0)[1] <= 20.01
    assert 0.5 < (np.abs(gaze).max(1) < 1e-6).mean() < 0.9
    distance = np.concatenate([c.distance for c in made])
    assert distance.min() > 0.69 and distance.max() < 1.41
    emotion = np.concatenate([c.emotion for c in made])
    assert emotion.min() >= 0 and emotion.sum(1).max() <= 1.001
    assert 0.35 < (emotion[:, 0] > 0.99).mean() < 0.85
    assert (emotion[:, 1:].max(0) > 0.5).all()
