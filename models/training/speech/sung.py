"""Makes sung, whispered and shouted speech out of plainly spoken speech, with the new times.

Knows notes, scales and how a singer lengthens vowels. Refuses to know synthesisers and faces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.speech.phones import VOWELS, Segment
from training.speech.vocoder import BINS, HOP, Analysis, analyse, synthesise
from training.speech.voice import SAMPLE_RATE_HZ, Spoken

FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
BEATS = (0.5, 1.0, 1.0, 1.5, 2.0, 3.0)
GLIDE_S = 0.05
VIBRATO_AFTER_S = 0.22

Floats = NDArray[np.float32]


def sing(one: Spoken, seed: int) -> Spoken:
    """Vowels stretched to notes of a random tune in a random scale, with vibrato."""
    rng = np.random.default_rng(seed)
    analysis = analyse(one.audio)
    beat_s = rng.uniform(0.18, 0.38)
    nuclei = _nuclei(one.segments)
    lengths_s = [s.end_s - s.start_s for s in one.segments]
    for nucleus in nuclei:
        _lengthen(lengths_s, one.segments, nucleus, beat_s * float(rng.choice(BEATS)))
    for index, segment in enumerate(one.segments):
        if segment.viseme == "sil":
            lengths_s[index] = min(lengths_s[index], rng.uniform(0.15, 0.6))
    segments = _laid_out(one.segments, lengths_s)
    source = _source_frames(one.segments, segments)
    pitch_hz = _tune(nuclei, segments, analysis, len(source), rng)
    voicing = _steady_voice(segments, _read(analysis.voicing, source))
    audio = synthesise(analysis, source, pitch_hz, voicing, rng, float(rng.uniform(0.97, 1.06)))
    return Spoken(_safe(audio), segments)


def whisper(one: Spoken, seed: int) -> Spoken:
    """No voice: breath in its place, low frequencies weak, level down. Times stay."""
    rng = np.random.default_rng(seed)
    analysis = analyse(one.audio)
    source = np.arange(len(analysis.voicing), dtype=np.float32)
    hz = np.arange(BINS) * SAMPLE_RATE_HZ / 2 / (BINS - 1)
    tilt = np.log(10) / 10 * (-18 / (1 + (hz / 500) ** 2) + 4 * np.clip(hz / 3000, 0, 1))
    breathy = Analysis((analysis.log_envelope + tilt).astype(np.float32), analysis.pitch_hz,
                       analysis.voicing)  # fmt: skip
    silent = np.zeros(len(source), np.float32)
    audio = synthesise(breathy, source, analysis.pitch_hz, silent, rng, float(rng.uniform(1, 1.05)))
    audio = _fit(audio, len(one.audio)) * np.float32(10 ** (rng.uniform(-18, -4) / 20))
    return Spoken(_safe(audio), one.segments)


def shout(one: Spoken, seed: int) -> Spoken:
    """Higher, slower in the vowels, brighter, pressed, a little overdriven."""
    rng = np.random.default_rng(seed)
    analysis = analyse(one.audio)
    longer = rng.uniform(1.05, 1.45)
    lengths_s = [
        (s.end_s - s.start_s) * (longer if s.viseme in VOWELS else 1.0) for s in one.segments
    ]
    segments = _laid_out(one.segments, lengths_s)
    source = _source_frames(one.segments, segments)
    raised = rng.uniform(1.25, 1.8)
    centre = float(np.median(analysis.pitch_hz))
    swing = rng.uniform(1.1, 1.7)
    pitch_hz = centre * raised * (_read(analysis.pitch_hz, source) / centre) ** swing
    hz = np.arange(BINS) * SAMPLE_RATE_HZ / 2 / (BINS - 1)
    bright = np.log(10) / 10 * rng.uniform(5, 11) * np.exp(-(((hz - 2600) / 1800) ** 2))
    pressed = Analysis((analysis.log_envelope + bright).astype(np.float32), analysis.pitch_hz,
                       analysis.voicing)  # fmt: skip
    audio = synthesise(
        pressed, source, np.clip(pitch_hz, 60, 600).astype(np.float32),
        _read(analysis.voicing, source), rng, float(rng.uniform(1.02, 1.1)),
    )  # fmt: skip
    drive = rng.uniform(1.0, 2.5) / max(float(np.abs(audio).max()), 1e-6)
    return Spoken(_safe(np.tanh(audio * drive).astype(np.float32) * np.float32(0.7)), segments)


def _nuclei(segments: Sequence[Segment]) -> list[list[int]]:
    """Runs of vowels, as indices: one note each."""
    found: list[list[int]] = []
    for index, segment in enumerate(segments):
        if segment.viseme not in VOWELS:
            continue
        if found and found[-1][-1] == index - 1:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def _lengthen(
    lengths_s: list[float], segments: Sequence[Segment], nucleus: list[int], note_s: float
) -> None:
    """Stretch a nucleus to a note: singers hold the first vowel and leave the glide short."""
    natural_s = sum(lengths_s[i] for i in nucleus)
    extra_s = max(0.0, note_s - natural_s)
    held = nucleus[0]
    lengths_s[held] += extra_s * (1.0 if len(nucleus) == 1 else 0.85)
    if len(nucleus) > 1:
        lengths_s[nucleus[-1]] += extra_s * 0.15


def _laid_out(segments: Sequence[Segment], lengths_s: Sequence[float]) -> list[Segment]:
    """The segments with new lengths, on the 5 ms grid of the vocoder at the end."""
    edges = np.concatenate([[0.0], np.cumsum(lengths_s)])
    return [
        Segment(float(a), float(b), s.viseme, s.stress)
        for s, a, b in zip(segments, edges, edges[1:], strict=False)
    ]


def _source_frames(old: Sequence[Segment], new: Sequence[Segment]) -> Floats:
    """For every output frame, the input frame to read: [F']."""
    before = [s.start_s for s in old] + [old[-1].end_s]
    after = [s.start_s for s in new] + [new[-1].end_s]
    count = round(new[-1].end_s * FRAME_RATE_HZ)
    times = np.interp(np.arange(count) / FRAME_RATE_HZ, after, before)
    return (times * FRAME_RATE_HZ).astype(np.float32)


def _read(values: Floats, source: Floats) -> Floats:
    return np.interp(source, np.arange(len(values)), values).astype(np.float32)


def _steady_voice(segments: Sequence[Segment], voicing: Floats) -> Floats:
    """A held vowel is voiced all through, whatever a single frame of it was."""
    steady = voicing.copy()
    for s in segments:
        a, b = (int(t * FRAME_RATE_HZ) for t in (s.start_s, s.end_s))
        if s.viseme in VOWELS and b > a and float(np.mean(voicing[a:b])) > 0.3:
            steady[a:b] = 1
    return steady


def _tune(
    nuclei: Sequence[Sequence[int]], segments: Sequence[Segment], analysis: Analysis, count: int,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Pitch in Hz for every output frame: notes by random walk, glides, vibrato."""
    scale = SCALES[int(rng.integers(len(SCALES)))]
    voiced = analysis.pitch_hz[analysis.voicing > 0.5]
    base_hz = float(np.median(voiced)) if len(voiced) else 140.0
    tonic = round(12 * np.log2(base_hz * rng.uniform(1.0, 1.5) / 440))
    chant = rng.random() < 0.2
    degree = 0
    semitones = np.full(count, np.nan)
    vibrato = np.zeros(count)
    for nucleus in nuclei:
        degree = int(np.clip(degree + (0 if chant else rng.integers(-2, 3)), -4, 7))
        note = tonic + 12 * (degree // len(scale)) + scale[degree % len(scale)]
        begin_s, end_s = segments[nucleus[0]].start_s, segments[nucleus[-1]].end_s
        a, b = (int(t * FRAME_RATE_HZ) for t in (begin_s, end_s))
        semitones[a:b] = note
        t = np.arange(b - a) / FRAME_RATE_HZ
        depth = rng.uniform(0.1, 0.55) * np.clip((t - VIBRATO_AFTER_S) / 0.3, 0, 1)
        room = len(vibrato[a:b])
        vibrato[a:b] = (depth * np.sin(2 * np.pi * rng.uniform(4.8, 6.3) * t))[:room]
    known = ~np.isnan(semitones)
    steps = np.arange(count)
    line = (
        np.interp(steps, steps[known], semitones[known]) if known.any() else np.full(count, tonic)
    )
    width = int(GLIDE_S * FRAME_RATE_HZ) | 1
    line = np.convolve(np.pad(line, width // 2, "edge"), np.ones(width) / width, "valid")
    return (440 * 2 ** ((line + vibrato) / 12)).astype(np.float32)


def _fit(audio: Floats, length: int) -> Floats:
    return np.pad(audio, (0, max(0, length - len(audio))))[:length]


def _safe(audio: Floats) -> Floats:
    peak = float(np.abs(audio).max(initial=0.0))
    return (audio / max(peak, 1.0) * (0.97 if peak > 0.97 else 1.0)).astype(np.float32)
