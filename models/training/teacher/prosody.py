"""What the voice does beside its sounds: level, pitch, accents, phrases.

Knows the sound and the phones of one scene. Refuses to know faces. Pitch comes from the normalised
autocorrelation (Boersma 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import F32, SAMPLE_RATE_HZ
from training.teacher.curves import F64, smooth
from training.teacher.visemes import VOWELS, Segment

TICK_HZ = 50
_PITCH_RATE_HZ = 8_000
_WINDOW = 320  # 40 ms at 8 kHz
_LAG_LOW, _LAG_HIGH = _PITCH_RATE_HZ // 400, _PITCH_RATE_HZ // 70
PAUSE_S = 0.13  # silence from here on parts phrases


@dataclass(frozen=True)
class Span:
    """One sound of the scene, silence included; spans cover the scene without gaps."""

    start_s: float
    end_s: float
    viseme: str
    stress: float = 0.0

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Prosody:
    """The scene's music."""

    spans: list[Span]
    prominence: F64  # [spans] of vowels, 0 about average, beyond 1 strongly accented
    level_db: F64  # [ticks] smoothed, relative to the median of the vowels
    pitch_semitones: F64  # [ticks] about the median, held through voiceless parts
    accents: list[tuple[float, float]]  # time of the peak in seconds, strength 0..2
    pauses: list[tuple[float, float]]  # seconds
    phrases: list[tuple[float, float]]  # seconds


def cover(segments: Sequence[Segment], length_s: float) -> list[Span]:
    """Sort segments, cut overlaps, fill what is left with silence and join neighbouring silence."""
    spans: list[Span] = []
    at_s = 0.0

    def silence(until_s: float) -> None:
        if spans and spans[-1].viseme == "sil":
            spans[-1] = Span(spans[-1].start_s, until_s, "sil")
        else:
            spans.append(Span(at_s, until_s, "sil"))

    for segment in sorted(segments, key=lambda s: s.start_s):
        start_s, end_s = max(float(segment.start_s), at_s), min(float(segment.end_s), length_s)
        if end_s - start_s < 0.004:
            continue
        if segment.viseme == "sil":
            silence(end_s)
        else:
            if start_s - at_s > 0.008:
                silence(start_s)
            elif spans:
                start_s = at_s
            spans.append(Span(start_s, end_s, segment.viseme, float(segment.stress)))
        at_s = end_s
    if length_s - at_s > 1e-6:
        silence(length_s)
    return spans


def measure(audio: F32, segments: Sequence[Segment]) -> Prosody:
    """Measure a scene: `audio` [N] at 16 kHz and its phones."""
    length_s = len(audio) / SAMPLE_RATE_HZ
    spans = cover(segments, length_s)
    level_db, pitch, voiced = _track(np.asarray(audio, np.float64))
    vowels = np.array([i for i, s in enumerate(spans) if s.viseme in VOWELS], np.intp)
    vowel_level = np.array([_mean(level_db, spans[i]) for i in vowels])
    level_db = level_db - (np.median(vowel_level) if len(vowels) else level_db.max(initial=0.0))
    pitch = _semitones(pitch, voiced)
    prominence = _prominence(spans, vowels, level_db, pitch)
    pauses = [(s.start_s, s.end_s) for s in spans if s.viseme == "sil" and s.length_s > PAUSE_S]
    return Prosody(
        spans, prominence, level_db, pitch, _accents(spans, prominence), pauses,
        _between(pauses, length_s),
    )  # fmt: skip


def _track(audio: F64) -> tuple[F64, F64, NDArray[np.bool_]]:
    """Level in dB, pitch in Hz and voicing, each [ticks]."""
    half = audio[: len(audio) // 2 * 2].reshape(-1, 2).mean(1)
    hop = _PITCH_RATE_HZ // TICK_HZ
    ticks = max(int(np.ceil(len(half) / hop)), 1)
    padded = np.pad(half, (_WINDOW // 2, ticks * hop + _WINDOW - len(half)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:ticks]
    window = np.hanning(_WINDOW).astype(np.float32)
    frames = frames.astype(np.float32) * window
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) * 2.67 + 1e-8)
    spectrum = np.fft.rfft(frames, 512, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    correlation = np.fft.irfft(power, axis=1)[:, : _LAG_HIGH + 1]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 512)) ** 2)[: _LAG_HIGH + 1]
    score = correlation / (correlation[:, :1] + 1e-9) / np.maximum(own / own[0], 0.15)
    score = score[:, _LAG_LOW:]
    best = score.argmax(1)
    voiced = (score.max(1) > 0.5) & (level_db > level_db.max() - 35.0) & (level_db > -55.0)
    return smooth(level_db.astype(np.float64), 1.5), _PITCH_RATE_HZ / (best + _LAG_LOW), voiced


def _semitones(pitch_hz: F64, voiced: NDArray[np.bool_]) -> F64:
    if not voiced.any():
        return np.zeros(len(pitch_hz))
    semitones = 12 * np.log2(pitch_hz / np.median(pitch_hz[voiced]))
    ticks = np.arange(len(pitch_hz))
    held = np.interp(ticks, ticks[voiced], np.clip(semitones[voiced], -8.0, 10.0))
    return smooth(held, 2.5)


def _mean(track: F64, span: Span) -> float:
    first = min(int(span.start_s * TICK_HZ), len(track) - 1)
    return float(track[first : max(int(np.ceil(span.end_s * TICK_HZ)), first + 1)].mean())


def _prominence(spans: list[Span], vowels: NDArray[np.intp], level_db: F64, pitch: F64) -> F64:
    """Louder, higher, longer, or marked as stressed: [spans], 0 where there is no vowel."""
    prominence = np.zeros(len(spans))
    if len(vowels):
        level = np.array([_mean(level_db, spans[i]) for i in vowels])
        high = np.array([_mean(pitch, spans[i]) for i in vowels])
        length = np.log(np.array([max(spans[i].length_s, 0.02) for i in vowels]))
        stress = np.array([spans[i].stress for i in vowels])
        raw = (
            np.clip(level, -12, 8) / 10.0 + np.clip(high, -5, 6) / 8.0
            + 0.5 * np.clip(length - np.median(length), -1.0, 1.2) + 0.35 * (stress - stress.mean())
        )  # fmt: skip
        prominence[vowels] = np.clip(raw - np.median(raw), -1.2, 2.0)
    return prominence


def _accents(spans: list[Span], prominence: F64) -> list[tuple[float, float]]:
    accents: list[tuple[float, float]] = []
    for span, strength in zip(spans, prominence, strict=True):
        if strength > 0.22 and (not accents or span.start_s - accents[-1][0] > 0.25):
            accents.append((span.start_s + 0.4 * min(span.length_s, 0.4), float(strength)))
    return accents


def _between(pauses: list[tuple[float, float]], length_s: float) -> list[tuple[float, float]]:
    edges = [0.0, *(t for pause in pauses for t in pause), length_s]
    return [
        (a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.08
    ]  # fmt: skip
