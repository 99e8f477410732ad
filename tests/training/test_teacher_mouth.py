"""The teacher's mouth: contacts that are always made, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from teacher_scenes import scene, silence

from mien.models.codec.lips import LipSolver
from mien.models.motion.types import ARKIT_INDEX, EMOTIONS, Controls
from training.speech.phones import VISEMES, Segment
from training.teacher import NEUTRAL, Performance, teach
from training.teacher.face import lip_gap

I = ARKIT_INDEX  # noqa: E741
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def scenes() -> list[tuple[Performance, list[Segment]]]:
    """Scenes by speakers unlike each other."""
    made = [scene(seed) for seed in SEEDS]
    return [(teach(a, s, seed=seed), s) for seed, (a, s) in zip(SEEDS, made, strict=True)]


def _frames(p: Performance, s: Segment) -> np.ndarray:
    t = np.arange(len(p.speech)) * 0.04
    return np.flatnonzero((t >= s.start_s - 0.02) & (t <= s.end_s + 0.02))


def _shut(p: Performance, s: Segment) -> bool:
    rows = p.dynamics[_frames(p, s)]
    return any(lip_gap(c) <= 0.0 and LipSolver.demand(c) >= 0.9 for c in rows)


def _felt(frames: int, emotion: str) -> Controls:
    plain = Controls.neutral(frames)
    weights = np.zeros((frames, len(EMOTIONS)), np.float32)
    weights[:, EMOTIONS.index(emotion)] = 1.0
    return Controls(plain.gaze_rad, plain.distance, weights, plain.head, plain.blink)


def test_lips_meet_at_every_p_and_m(scenes: list[tuple[Performance, list[Segment]]]) -> None:
    bilabials = [(p, s) for p, all_of_it in scenes for s in all_of_it if s.viseme in ("p", "m")]
    assert len(bilabials) > 20
    assert all(_shut(p, s) for p, s in bilabials)


@settings(max_examples=25, deadline=None)
@given(
    names=st.lists(st.sampled_from(VISEMES), min_size=3, max_size=14),
    milliseconds=st.lists(st.integers(30, 240), min_size=14, max_size=14),
    seed=st.integers(0, 2**31),
)
def test_no_string_of_sounds_keeps_lips_from_meeting(
    names: list[str], milliseconds: list[int], seed: int
) -> None:
    t, segments = 0.31, []
    for name, length in zip(names, milliseconds, strict=False):
        segments.append(Segment(t, t + length / 1000, name, 0.0))
        t += length / 1000
    p = teach(silence(t + 0.5), segments, seed=seed)
    assert all(_shut(p, s) for s in segments if s.viseme in ("p", "m"))
    assert np.isfinite(p.dynamics).all() and np.isfinite(p.pose).all()
    assert p.dynamics.min() >= 0.0 and p.dynamics.max() <= 1.0


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_no_mood_keeps_lips_from_meeting_or_shuts_them_by_accident(emotion: str) -> None:
    audio, segments = scene(4, 10.0)
    p = teach(audio, segments, seed=4, controls=_felt(250, emotion))
    assert all(_shut(p, s) for s in segments if s.viseme in ("p", "m"))
    assert _least_free_gap(p) >= 0.035


def test_lips_meet_nowhere_else_in_speech(scenes: list[tuple[Performance, list[Segment]]]) -> None:
    assert all(_least_free_gap(p) >= 0.035 for p, _ in scenes)
    for p, _ in scenes:
        free = (p.speech > 0.99) & (p.close < 0.01) & (p.labiodental < 0.01)
        assert max(LipSolver.demand(c) for c in p.dynamics[free]) < 0.5


def _least_free_gap(p: Performance) -> float:
    free = (p.speech > 0.99) & (p.close < 0.01) & (p.labiodental < 0.01)
    return float(lip_gap(p.dynamics[free]).min())


def test_the_lower_lip_finds_the_teeth_at_every_f(
    scenes: list[tuple[Performance, list[Segment]]],
) -> None:
    hits = [
        any(lip_gap(c) <= 0.032 and c[I["mouthRollLower"]] >= 0.4
            for c in p.dynamics[_frames(p, s)])
        for p, segments in scenes for s in segments if s.viseme == "f"
    ]  # fmt: skip
    assert len(hits) > 8 and all(hits)


@pytest.mark.parametrize("sibilant", ["s", "sh"])
@pytest.mark.parametrize("seed", range(4))
def test_the_jaw_is_narrow_at_a_short_sibilant_between_wide_vowels(
    sibilant: str, seed: int
) -> None:
    word = [Segment(0.4, 0.6, "aa", 1.0), Segment(0.6, 0.66, sibilant), Segment(0.66, 0.9, "aa")]
    p = teach(silence(1.4), word, seed=seed, controls=_felt(35, "surprised"))
    jaw = p.dynamics[:, I["jawOpen"]]
    assert jaw[_frames(p, word[1])].min() < 0.16 < 0.30 < jaw[12:15].max()


def test_mouth_close_never_exceeds_jaw_open(
    scenes: list[tuple[Performance, list[Segment]]],
) -> None:
    for p, _ in scenes:
        assert (p.dynamics[:, I["mouthClose"]] <= p.dynamics[:, I["jawOpen"]] + 1e-6).all()


def test_rounded_and_spread_vowels_look_different() -> None:
    word = [Segment(0.4 + 0.25 * k, 0.65 + 0.25 * k, v, 0.0) for k, v in enumerate(("uw", "iy"))]
    p = teach(silence(1.5), word, seed=1, style=NEUTRAL)
    uw, iy = p.dynamics[13], p.dynamics[19]
    assert uw[I["mouthPucker"]] > 0.5 > 0.2 > iy[I["mouthPucker"]]
    assert iy[I["mouthStretchLeft"]] > uw[I["mouthStretchLeft"]] + 0.15


def test_a_held_vowel_opens_with_its_own_loudness() -> None:
    t = np.arange(int(3.0 * 16_000)) / 16_000
    swelling = 0.02 + 0.18 * np.sin(np.pi * np.clip((t - 0.5) / 2.0, 0, 1)) ** 2
    voice = (swelling * np.sin(2 * np.pi * 180 * t)).astype(np.float32)
    p = teach(voice, [Segment(0.5, 2.5, "ao", 0.0)], seed=1, style=NEUTRAL)
    jaw = p.dynamics[:, I["jawOpen"]]
    assert jaw[36:40].mean() > 1.15 * max(jaw[19:21].mean(), jaw[54:56].mean())


def test_no_gesture_starts_long_before_its_sound() -> None:
    p = teach(silence(2.0), [Segment(1.0, 1.3, "uw", 0.0)], seed=1, style=NEUTRAL)
    early = p.dynamics[:22, I["mouthPucker"]]  # until 0.16 s before the sound
    assert early.max() < 0.02 < p.dynamics[25, I["mouthPucker"]]


def test_lips_are_a_function_of_the_sounds_and_the_speaker() -> None:
    audio, segments = scene(5, 12.0)
    gaps = [lip_gap(teach(audio, segments, seed=k, style=NEUTRAL).dynamics) for k in range(3)]
    talking = teach(audio, segments, seed=0).speech > 0.5
    assert np.corrcoef(np.array(gaps)[:, talking])[0, 1:].min() > 0.97


def test_speakers_open_their_mouths_unlike_each_other() -> None:
    audio, segments = scene(6, 12.0)
    made = [teach(audio, segments, seed=seed) for seed in range(6)]
    talking = made[0].speech > 0.5
    jaws = np.array([p.dynamics[talking, I["jawOpen"]] for p in made])
    alike = np.corrcoef(jaws)[np.triu_indices(6, 1)]
    assert 0.6 < np.median(alike) < 0.93


def test_the_mouth_has_many_dimensions(scenes: list[tuple[Performance, list[Segment]]]) -> None:
    mouth = np.concatenate([p.dynamics[p.speech > 0.5][:, 14:41] for p, _ in scenes])
    values = np.linalg.eigvalsh(np.cov(mouth.T.astype(np.float64)))[::-1]
    needed = int((np.cumsum(values) / values.sum() < 0.9).sum()) + 1
    assert needed >= 4


def test_openings_are_as_wide_and_as_quick_as_real_talkers(
    scenes: list[tuple[Performance, list[Segment]]],
) -> None:
    gap = np.concatenate([lip_gap(p.dynamics)[p.speech > 0.5] for p, _ in scenes])
    speed = np.concatenate(
        [25 * np.abs(np.diff(lip_gap(p.dynamics)))[p.speech[1:] > 0.5] for p, _ in scenes]
    )
    assert 0.06 < np.median(gap) < 0.14 and 0.14 < np.percentile(gap, 95) < 0.26
    assert 1.4 < np.percentile(speed, 95) < 3.2
