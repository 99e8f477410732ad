"""Augmentation and styled speech: times stay true, chance is seeded, nothing breaks."""

from itertools import pairwise

import numpy as np
import pytest

from training.speech import augment, codecs, sung
from training.speech.audit import fit
from training.speech.phones import Segment
from training.speech.shards import Utterance
from training.speech.vocoder import analyse, synthesise
from training.speech.voice import Spoken

RATE = 16_000
CHANGES = ("reverb", "equalise", "noise", "music", "level")


def vowel(seconds, pitch_hz=120.0, formants_hz=(700, 1200, 2600)):
    """A buzz through resonances: enough of a voice for tests."""
    count = int(seconds * RATE)
    pulses = np.zeros(count)
    pulses[:: int(RATE / pitch_hz)] = 1
    n = np.arange(800)
    for hz in formants_hz:
        ring = np.exp(-n * 0.012) * np.sin(2 * np.pi * hz / RATE * (n + 1))
        pulses = np.convolve(pulses, ring)[:count]
    return (pulses / np.abs(pulses).max() * 0.5).astype(np.float32)


def babbling(pitch_hz=120.0):
    """sil aa p aa td iy p aa sil: vowels with true closures between."""
    plan = [("sil", 0.2), ("aa", 0.25), ("p", 0.08), ("aa", 0.2), ("td", 0.07), ("iy", 0.2),
            ("p", 0.08), ("aa", 0.3), ("sil", 0.2)]  # fmt: skip
    rng = np.random.default_rng(0)
    pieces, segments, at_s = [], [], 0.0
    for viseme, seconds in plan:
        high = (300, 2300, 3000) if viseme == "iy" else (700, 1200, 2600)
        quiet = (1e-4 * rng.standard_normal(int(seconds * RATE))).astype(np.float32)
        pieces.append(quiet if viseme in ("sil", "p", "td") else vowel(seconds, pitch_hz, high))
        segments.append(Segment(at_s, at_s + seconds, viseme))
        at_s += seconds
    return Spoken(np.concatenate(pieces), segments)


def fits(spoken):
    return fit("x", [Utterance(spoken.audio, spoken.segments, "x", "en", "train")])


@pytest.mark.parametrize("seed", range(12))
def test_a_random_chain_is_the_same_for_the_same_seed_and_keeps_labels_true(seed):
    one = babbling()
    others = [vowel(0.7, 200.0)]
    changed = augment.augment(one.audio, np.random.default_rng(seed), others)
    again = augment.augment(one.audio, np.random.default_rng(seed), others)
    np.testing.assert_array_equal(changed.audio, again.audio)
    assert changed.audio.dtype == np.float32 and np.isfinite(changed.audio).all()
    assert np.abs(changed.audio).max() < 4
    assert len(changed.audio) / len(one.audio) == pytest.approx(changed.scale, rel=0.05)


@pytest.mark.parametrize(("pitch", "formants"), [(1.25, 1.0), (0.8, 1.0), (1.0, 1.15), (1.2, 0.9)])
def test_pitch_and_formants_move_apart(pitch, formants):
    audio = vowel(1.5)
    changed = augment.voice(audio, pitch, formants)
    before, after = analyse(audio), analyse(changed.audio)
    assert changed.scale == pytest.approx(1 / pitch, rel=1e-3)
    moved = np.median(after.pitch_hz) / np.median(before.pitch_hz)
    assert moved == pytest.approx(pitch, rel=0.03)
    middle = slice(20, -20)

    def centre(a):
        power = np.exp(a.log_envelope[middle].mean(0))
        return float((power * np.arange(len(power))).sum() / power.sum())

    assert centre(after) / centre(before) == pytest.approx(formants, rel=0.06)


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_tempo_changes_length_but_not_pitch_and_segments_follow(factor):
    one = babbling()
    changed = augment.tempo(one.audio, factor)
    moved = Spoken(changed.audio, augment.follow(one.segments, changed.scale))
    assert len(changed.audio) == pytest.approx(len(one.audio) * factor, rel=0.03)
    assert fits(moved).vowel_db > fits(moved).stop_db + 15
    pitch = np.median(analyse(changed.audio).pitch_hz)
    assert pitch == pytest.approx(np.median(analyse(one.audio).pitch_hz), rel=0.03)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_sound_leaves_times_alone(change):
    one = babbling()
    for seed in range(4):
        audio = getattr(augment, change)(one.audio, np.random.default_rng(seed))
        assert audio.shape == one.audio.shape and np.isfinite(audio).all()
        assert abs(fits(Spoken(audio, one.segments)).shift_s) <= 0.0125


@pytest.mark.parametrize(
    "code",
    [
        codecs.mu_law,
        lambda audio: codecs.few_bits(audio, 7),
        lambda audio: codecs.narrow(audio, 8000),
        lambda audio: codecs.coded(audio, "mp3", "libmp3lame", 32),
        lambda audio: codecs.coded(audio, "ogg", "libopus", 16),
    ],
    ids=["mu_law", "bits", "narrow", "mp3", "opus"],
)
def test_a_codec_brings_sound_back_without_delay(code):
    one = babbling()
    audio = code(one.audio)
    assert audio.shape == one.audio.shape
    assert abs(fits(Spoken(audio, one.segments)).shift_s) <= 0.005
    assert np.sqrt(np.mean(audio**2)) == pytest.approx(np.sqrt(np.mean(one.audio**2)), rel=0.25)


@pytest.mark.parametrize("change", ["augment", *CHANGES])
def test_silence_survives(change):
    quiet = np.zeros(RATE, np.float32)
    made = getattr(augment, change)(quiet, np.random.default_rng(3))
    audio = made.audio if isinstance(made, augment.Changed) else made
    assert np.isfinite(audio).all()


def test_the_vocoder_gives_back_what_it_took_apart():
    audio = vowel(1.0)
    taken = analyse(audio)
    rows = np.arange(len(taken.pitch_hz), dtype=np.float32)
    rng = np.random.default_rng(0)
    again = synthesise(taken, rows, taken.pitch_hz, taken.voicing, rng)[: len(audio)]
    assert np.median(analyse(again).pitch_hz) == pytest.approx(120, rel=0.03)
    assert np.sqrt(np.mean(again**2)) == pytest.approx(np.sqrt(np.mean(audio**2)), rel=0.35)


@pytest.mark.parametrize("style", [sung.sing, sung.whisper, sung.shout])
@pytest.mark.parametrize("seed", range(3))
def test_styled_speech_has_touching_segments_that_fit_its_sound(style, seed):
    made = style(babbling(), seed)
    assert made.segments[0].start_s == 0
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(made.segments))
    assert made.segments[-1].end_s == pytest.approx(len(made.audio) / RATE, abs=0.011)
    assert np.abs(made.audio).max() <= 1
    found = fits(made)
    assert abs(found.shift_s) <= 0.0125
    assert found.vowel_db > found.stop_db + 12
    np.testing.assert_array_equal(made.audio, style(babbling(), seed).audio)


def test_singing_stretches_vowels_and_holds_notes_of_a_scale():
    one = babbling()
    made = sung.sing(one, 4)
    assert len(made.audio) > 1.2 * len(one.audio)
    closures = [s.end_s - s.start_s for s in made.segments if s.viseme == "p"]
    assert closures == pytest.approx([0.08, 0.08])  # consonants keep their length
    analysis = analyse(made.audio)
    semitones = 12 * np.log2(analysis.pitch_hz[analysis.voicing > 0.5] / 440)
    off = np.abs(semitones - np.round(semitones))
    assert np.median(off) < 0.3


def test_a_whisper_has_no_voice_and_keeps_its_times():
    one = babbling()
    made = sung.whisper(one, 1)
    assert made.segments == one.segments
    assert analyse(made.audio).voicing.mean() < 0.15 < analyse(one.audio).voicing.mean()


def test_a_shout_is_higher_than_speech():
    one = babbling()
    assert np.median(analyse(sung.shout(one, 2).audio).pitch_hz) > 1.2 * 120
