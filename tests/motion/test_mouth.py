"""Lips: they open on vowels, meet on murmurs and stops, and rest in noise."""

from __future__ import annotations

import numpy as np
import pytest
from motion_speech import babble, burst, hiss, silence, voiced

from mien.models.motion import ARKIT_INDEX, SignalMotion, perform
from mien.models.motion.face import lip_gap

GENERATOR = SignalMotion()
JAW = ARKIT_INDEX["jawOpen"]
FRAME_S = 0.04


def gap_of(audio: np.ndarray, seed: int = 1) -> np.ndarray:
    return lip_gap(perform(GENERATOR, audio, seed=seed).dynamics.astype(np.float64))


def syllables(consonant: str, count: int = 6) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """a-C-a-C-a with the times of the consonants."""
    pieces, spans = [silence(0.3)], []
    for k in range(count):
        pieces.append(voiced("a", 0.16, 125 + 5 * (k % 3)))
        sound = {
            "m": voiced("m", 0.09),
            "p": np.concatenate([silence(0.08), burst(k)]),
            "s": hiss(0.10, k),
        }[consonant]
        start = sum(map(len, pieces)) / 16_000
        spans.append((start, start + len(sound) / 16_000))
        pieces.append(sound)
    pieces += [voiced("a", 0.2), silence(0.4)]
    return np.concatenate(pieces), spans


@pytest.mark.parametrize("consonant", ["m", "p"])
def test_lips_meet_in_ama_and_apa_and_open_between(consonant):
    audio, spans = syllables(consonant)
    gap = gap_of(audio)
    times = np.arange(len(gap)) * FRAME_S
    closed = [gap[(times >= a - 0.04) & (times <= b + 0.04)].min() < 0.02 for a, b in spans]
    opened = [gap[(times >= a - 0.14) & (times <= a)].max() > 0.08 for a, b in spans]
    assert all(closed)
    assert all(opened)


def test_an_s_narrows_the_jaw_but_does_not_close_the_lips():
    audio, spans = syllables("s")
    gap = gap_of(audio)
    times = np.arange(len(gap)) * FRAME_S
    for a, b in spans:
        inside = gap[(times >= a - 0.02) & (times <= b + 0.02)].min()
        before = gap[(times >= a - 0.14) & (times <= a)].max()
        assert 0.02 < inside < 0.75 * before


def test_an_open_vowel_opens_more_than_a_close_one_and_a_front_one_is_wider():
    words = [silence(0.3)]
    for k in range(6):
        words += [voiced("a", 0.2, 120 + k), silence(0.05), voiced("i", 0.2, 130), silence(0.05)]
    motion = perform(GENERATOR, np.concatenate(words), seed=1).dynamics
    starts = 0.3 + 0.5 * np.arange(6)
    at_a = np.round((starts + 0.1) / FRAME_S).astype(int)
    at_i = np.round((starts + 0.35) / FRAME_S).astype(int)
    stretch = ARKIT_INDEX["mouthStretchLeft"]
    assert motion[at_a, JAW].mean() > 1.2 * motion[at_i, JAW].mean()
    assert motion[at_i, stretch].mean() > motion[at_a, stretch].mean() + 0.02


def test_lips_follow_the_sound_within_a_frame():
    onsets = 0.5 + 0.6 * np.arange(5)
    audio = silence(4.0)
    for onset in onsets:
        at = int(onset * 16_000)
        vowel = voiced("a", 0.25)
        audio[at : at + len(vowel)] += vowel
    gap = gap_of(audio)
    for onset in onsets:
        frame = round(onset / FRAME_S)
        assert gap[frame - 4] < 0.02
        assert gap[frame + 2] > 0.08


def test_a_whisper_level_and_a_shout_level_move_the_lips_alike():
    line = babble(5.0, seed=2)
    loud, quiet = gap_of(line), gap_of(line * np.float32(10 ** (-30 / 20)))
    after = slice(25, None)
    assert np.corrcoef(loud[after], quiet[after])[0, 1] > 0.97
    assert abs(np.percentile(loud[after], 95) - np.percentile(quiet[after], 95)) < 0.02


def test_unvoiced_speech_moves_the_lips_too():
    rng = np.random.default_rng(0)
    line = babble(4.0, seed=5)
    frame = np.abs(np.fft.rfft(line.reshape(-1, 160), axis=1))
    phase = np.exp(2j * np.pi * rng.random(frame.shape))
    whisper = np.fft.irfft(frame * phase, 160, axis=1).ravel().astype(np.float32)
    gap = gap_of(0.1 * whisper)
    assert np.percentile(gap[25:], 90) > 0.07


@pytest.mark.parametrize("level", [0.001, 0.01, 0.1])
def test_steady_noise_does_not_move_the_lips(level):
    noise = level * np.random.default_rng(4).standard_normal(16_000 * 6)
    jaw = perform(GENERATOR, noise.astype(np.float32), seed=1).dynamics[:, JAW]
    assert jaw[3 * 25 :].max() < 0.04


def test_speech_over_noise_still_opens_the_mouth():
    line = babble(6.0, seed=7)
    noise = 0.15 * np.sqrt(np.mean(line**2)) * np.random.default_rng(4).standard_normal(len(line))
    clean, noisy = gap_of(line), gap_of(line + noise.astype(np.float32))
    assert np.corrcoef(clean[50:], noisy[50:])[0, 1] > 0.7


def test_the_mouth_comes_to_rest_soon_after_the_sound_ends():
    audio = np.concatenate([babble(2.0, seed=1), silence(1.0)])
    gap = gap_of(audio)
    assert np.abs(gap[50 + 6 :]).max() < 0.012


def test_openings_are_as_fast_and_as_wide_as_real_ones():
    gap = gap_of(babble(12.0, seed=11))
    speed = np.abs(np.diff(gap)) * 25
    assert 0.05 < np.median(gap) < 0.14
    assert 0.13 < np.percentile(gap, 95) < 0.27
    assert np.percentile(speed, 95) < 3.8  # four syllables a second without rest; readers: 2.5
