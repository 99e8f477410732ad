"""Changes sound the way rooms, microphones, lines and other people change it.

Knows waveforms at 16 kHz, mono float32. Refuses to know labels: every change hands back the factor
by which its times grew (`Changed.scale`), and `follow` moves segments along. All chance comes from
the generator that is handed in: the same seed gives the same sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from training.speech.codecs import through_codec
from training.speech.phones import Segment
from training.speech.vocoder import FFT, WINDOW, frame, log_envelope, warp_bins
from training.speech.voice import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]
Rng = np.random.Generator
FORMANT_HOP = 128
TEMPO_WINDOW, TEMPO_REACH = 640, 160  # 40 ms pieces, each moved by up to 10 ms to fit


@dataclass(frozen=True)
class Changed:
    """Sound after a change: an instant t of the input is at t·scale."""

    audio: Floats  # [N']
    scale: float = 1.0


@dataclass(frozen=True)
class Chances:
    """How likely each change is in `augment`."""

    voice: float = 0.75
    tempo: float = 0.25
    equaliser: float = 0.6
    reverb: float = 0.4
    noise: float = 0.55
    babble: float = 0.2
    music: float = 0.15
    codec: float = 0.3
    level: float = 1.0


def augment(
    audio: Floats, rng: Rng, others: Sequence[Floats] = (), chances: Chances | None = None
) -> Changed:
    """A random chain of changes, in the order in which the world applies them.

    `others` is other speech, for babble. [N] → [N'].
    """
    chances = chances or Chances()
    scale = 1.0
    if rng.random() < chances.voice:
        changed = voice(audio, float(_log_normal(rng, 0.13)), float(_log_normal(rng, 0.07)))
        audio, scale = changed.audio, scale * changed.scale
    if rng.random() < chances.tempo:
        changed = tempo(audio, float(rng.uniform(0.85, 1.2)))
        audio, scale = changed.audio, scale * changed.scale
    if rng.random() < chances.reverb:
        audio = reverb(audio, rng)
    if rng.random() < chances.equaliser:
        audio = equalise(audio, rng)
    if others and rng.random() < chances.babble:
        audio = babble(audio, rng, others)
    if rng.random() < chances.music:
        audio = music(audio, rng)
    if rng.random() < chances.noise:
        audio = noise(audio, rng)
    if rng.random() < chances.codec:
        audio = through_codec(audio, rng)
    if rng.random() < chances.level:
        audio = level(audio, rng)
    return Changed(audio.astype(np.float32), scale)


def follow(segments: Sequence[Segment], scale: float) -> list[Segment]:
    """Segments after a change."""
    return [replace(s, start_s=s.start_s * scale, end_s=s.end_s * scale) for s in segments]


def voice(audio: Floats, pitch: float, formants: float) -> Changed:
    """Pitch and formants multiplied, each on its own; higher pitch is also faster by as much.

    Resampling moves both; the envelope is then moved back to where it is wanted.
    """
    moved: Floats = soxr.resample(audio, SAMPLE_RATE_HZ * pitch, SAMPLE_RATE_HZ, quality="MQ")
    return Changed(move_formants(moved, formants / pitch), len(moved) / len(audio))


def move_formants(audio: Floats, ratio: float) -> Floats:
    """Spectral envelope stretched along frequency by `ratio`; pitch and times stay."""
    if abs(ratio - 1) < 5e-3:
        return audio
    window = np.sqrt(np.hanning(WINDOW + 1)[:-1])
    frames = frame(audio, WINDOW, FORMANT_HOP) * window
    envelope = log_envelope(frames.astype(np.float32))
    gain = np.clip((warp_bins(envelope, ratio) - envelope) / 2, -4.6, 4.6)
    shaped = np.fft.irfft(np.fft.rfft(frames, FFT) * np.exp(gain))[:, :WINDOW] * window
    out = np.zeros(len(shaped) * FORMANT_HOP + WINDOW)
    for index, piece in enumerate(shaped):
        out[index * FORMANT_HOP : index * FORMANT_HOP + WINDOW] += piece
    middle = WINDOW // 2
    return (out[middle : middle + len(audio)] * (2 * FORMANT_HOP / WINDOW)).astype(np.float32)


def tempo(audio: Floats, factor: float) -> Changed:
    """Longer (`factor` > 1) or shorter at the same pitch: WSOLA (Verhelst, Roelands 1993)."""
    hop = TEMPO_WINDOW // 2
    window = np.hanning(TEMPO_WINDOW + 1)[:-1]
    count = max(1, int(len(audio) * factor / hop) - 1)
    padded = np.pad(audio, (TEMPO_REACH, TEMPO_WINDOW * 2 + TEMPO_REACH))
    out = np.zeros((count + 1) * hop)
    taken = TEMPO_REACH
    for index in range(count):
        wanted = TEMPO_REACH + round(index * hop / factor)
        if index:
            natural = padded[taken + hop : taken + hop + TEMPO_WINDOW]
            near = padded[wanted - TEMPO_REACH : wanted + TEMPO_REACH + TEMPO_WINDOW]
            fits = np.correlate(near, natural, "valid")
            wanted += int(np.argmax(fits)) - TEMPO_REACH
        taken = min(max(wanted, 0), len(padded) - 2 * TEMPO_WINDOW)
        out[index * hop : index * hop + TEMPO_WINDOW] += (
            padded[taken : taken + TEMPO_WINDOW] * window
        )
    return Changed(out.astype(np.float32), factor)


def equalise(audio: Floats, rng: Rng) -> Floats:
    """A smooth random curve of ±9 dB; sometimes a narrow band as of a small loudspeaker."""
    centres_hz = np.array([50, 150, 400, 1000, 2200, 4000, 8050])
    gains_db = rng.normal(0, 4, len(centres_hz)).clip(-9, 9)

    def curve(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        db = np.interp(np.log(hz + 50), np.log(centres_hz + 50.0), gains_db)
        if rng.random() < 0.25:
            db = db - 60 / (1 + np.exp((rng.uniform(3000, 7000) - hz) / 150))
        if rng.random() < 0.25:
            db = db - 40 / (1 + np.exp((hz - rng.uniform(80, 350)) / 30))
        return db

    return _filter(audio, curve)


def reverb(audio: Floats, rng: Rng) -> Floats:
    """A room: direct sound where it was, a few echoes, a tail of 0.1 to 0.9 s that darkens."""
    decay_s = float(np.exp(rng.uniform(np.log(0.1), np.log(0.9))))
    count = int(decay_s * SAMPLE_RATE_HZ)
    tail = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    tail = np.convolve(tail, np.ones(3) / 3, "same") * rng.uniform(0.4, 1) + 0.3 * tail
    tail[: int(0.004 * SAMPLE_RATE_HZ)] = 0
    for at_s in rng.uniform(0.004, 0.04, 5):
        tail[min(count - 1, int(at_s * SAMPLE_RATE_HZ))] += rng.uniform(-1, 1) * 3
    tail *= rng.uniform(0.08, 0.6) / np.sqrt((tail**2).sum())
    tail[0] = 1
    return _convolve(audio, tail)


def noise(audio: Floats, rng: Rng) -> Floats:
    """White, pink or brown noise, hum or crackle, 5 to 45 dB below the speech."""
    kind = rng.choice(["white", "pink", "brown", "hum", "crackle", "wind"])
    count = len(audio)
    if kind == "hum":
        hz = rng.choice([50.0, 60.0, 100.0, 120.0]) * (1 + 0.001 * rng.standard_normal())
        t = np.arange(count) / SAMPLE_RATE_HZ
        made = sum(np.sin(2 * np.pi * hz * k * t + rng.uniform(0, 6.3)) / k for k in range(1, 7))
    elif kind == "crackle":
        made = rng.standard_normal(count) * (rng.random(count) < 0.002) * 8
        made = made + 0.1 * rng.standard_normal(count)
    else:
        power = {"white": 0.0, "pink": 0.5, "brown": 1.0, "wind": 1.4}[str(kind)]
        made = _filter(
            rng.standard_normal(count).astype(np.float32),
            lambda hz: -20 * power * np.log10(hz + 30),
        )
        if kind == "wind":
            made = made * np.interp(
                np.arange(count), np.linspace(0, count, 9), rng.uniform(0.1, 1.5, 9)
            )
    return _mix(audio, np.asarray(made), float(rng.uniform(5, 45)))


def babble(audio: Floats, rng: Rng, others: Sequence[Floats]) -> Floats:
    """One to five other speakers behind, 6 to 30 dB below."""
    sum_of_others = np.zeros(len(audio))
    for _ in range(int(rng.integers(1, 6))):
        other = others[int(rng.integers(len(others)))]
        if len(other) == 0:
            continue
        start = int(rng.integers(len(other)))
        sum_of_others += np.resize(np.roll(other, -start), len(audio)) * rng.uniform(0.3, 1)
    return _mix(audio, sum_of_others, float(rng.uniform(6, 30)))


def music(audio: Floats, rng: Rng) -> Floats:
    """Music-like tones behind: chords, a melody and a beat, 6 to 30 dB below."""
    t = np.arange(len(audio)) / SAMPLE_RATE_HZ
    made = np.zeros(len(audio))
    root_hz = 55 * 2 ** rng.uniform(0, 1.5)
    beat_s = rng.uniform(0.25, 0.7)
    timbre = rng.uniform(0.3, 1, 5) / np.arange(1, 6)
    for bar in range(int(t[-1] / (4 * beat_s)) + 1 if len(t) else 0):
        chord = int(rng.choice([0, 5, 7, 9])) + np.array([0, 4, 7, 12])
        for step in range(4):
            begin_s = (4 * bar + step) * beat_s
            inside = (t >= begin_s) & (t < begin_s + 1.5 * beat_s)
            local = t[inside] - begin_s
            fall = np.exp(-local * rng.uniform(1, 6))
            for semitone in rng.choice(chord, int(rng.integers(1, 4)), replace=False):
                hz = root_hz * 2 ** ((semitone + 12 * int(rng.integers(0, 3))) / 12)
                for k, strength in enumerate(timbre, 1):
                    made[inside] += strength * np.sin(2 * np.pi * k * hz * local) * fall
            struck = rng.standard_normal(len(local)) * np.exp(-local * 40) * rng.uniform(0, 2)
            made[inside] += struck
    return _mix(audio, made, float(rng.uniform(6, 30)))


def level(audio: Floats, rng: Rng) -> Floats:
    """Anything from a whisper to an overloaded input: RMS −48 to −9 dB, slow drift, clipping."""
    rms = float(np.sqrt(np.mean(audio**2))) + 1e-9
    wanted_db = float(np.clip(rng.normal(-25, 8), -48, -9))
    gain = 10 ** (wanted_db / 20) / rms
    if rng.random() < 0.25:
        points = rng.uniform(-6, 6, 5)
        drift = np.interp(np.arange(len(audio)), np.linspace(0, len(audio), 5), points)
        audio = audio * (10 ** (drift / 20)).astype(np.float32)
    offset = rng.normal(0, 0.004) if rng.random() < 0.1 else 0.0
    return np.clip(audio * gain + offset, -1, 1).astype(np.float32)


def _mix(audio: Floats, under: NDArray[np.float64], below_db: float) -> Floats:
    """`under` added, `below_db` under the level of `audio`."""
    speech = float(np.sqrt(np.mean(audio**2))) + 1e-9
    other = float(np.sqrt(np.mean(under**2))) + 1e-9
    return (audio + under * (speech / other * 10 ** (-below_db / 20))).astype(np.float32)


def _filter(audio: Floats, curve_db: object) -> Floats:
    """Zero phase filter by a curve Hz → dB."""
    size = 1 << (len(audio) + 1024).bit_length()
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    gain = 10 ** (curve_db(hz) / 20)  # type: ignore[operator]
    return np.fft.irfft(np.fft.rfft(audio, size) * gain, size)[: len(audio)].astype(np.float32)


def _convolve(audio: Floats, response: NDArray[np.float64]) -> Floats:
    size = 1 << (len(audio) + len(response)).bit_length()
    product = np.fft.rfft(audio, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(audio)].astype(np.float32)


def _log_normal(rng: Rng, spread: float) -> float:
    return float(np.exp(np.clip(rng.normal(0, spread), -2.2 * spread, 2.2 * spread)))
