"""Takes speech apart into pitch, voicing and spectral envelope, and puts it together again.

Knows signals only: a small source–filter vocoder in the manner of WORLD (Morise et al. 2016): the
envelope is smoothed by liftering the cepstrum, voice is rebuilt from minimum-phase pulses, breath
from filtered noise. Refuses to know phones. 16 kHz mono throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.speech.voice import SAMPLE_RATE_HZ, f32

HOP = 80  # 5 ms
WINDOW = 512
FFT = 1024
BINS = FFT // 2 + 1
LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
VOICED_ABOVE = 0.45  # normalised autocorrelation at the pitch period
BREATH_ABOVE_HZ = 4500.0  # in voiced sound, noise takes over from here
FLOOR = 1e-10

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Analysis:
    """One row every 5 ms; row i is centred on i·5 ms."""

    log_envelope: Floats  # [F, BINS], natural log of power per sample
    pitch_hz: Floats  # [F], filled in where unvoiced
    voicing: Floats  # [F], 0..1


def log_envelope(frames: Floats, quefrency: int = 34) -> Floats:
    """Smoothed log power of windowed frames [F, WINDOW] → [F, BINS].

    `quefrency` is the liftering limit in samples: shorter than the pitch period.
    """
    spectrum = np.fft.rfft(frames, FFT)
    log_power = np.log(np.abs(spectrum) ** 2 + FLOOR)
    cepstrum = np.fft.irfft(log_power, FFT)
    lifter = np.zeros(FFT)
    lifter[: quefrency + 1] = 1
    lifter[quefrency - 6 : quefrency + 1] = np.linspace(1, 0, 7)
    lifter[-quefrency:] = lifter[quefrency:0:-1]
    smooth = np.fft.rfft(cepstrum * lifter).real
    # Smoothing a log spectrum loses level: what harmonics leave out between them comes back here.
    lost = np.log(np.exp(log_power).mean(-1)) - np.log(np.exp(smooth).mean(-1))
    return f32(smooth + lost[..., None])


def frame(audio: Floats, window: int = WINDOW, hop: int = HOP) -> Floats:
    """Overlapping frames centred on multiples of `hop`: [N] → [F, window]."""
    count = len(audio) // hop + 1
    padded = np.pad(audio, (window // 2, window // 2 + hop))
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]


def analyse(audio: Floats) -> Analysis:
    """Envelope, pitch and voicing of clean speech."""
    window = np.hanning(WINDOW)
    frames = (frame(audio) * window).astype(np.float32)
    envelope = log_envelope(frames) - np.float32(np.log((window**2).sum()))
    pitch_hz, strength = _pitch(audio)
    voicing = _median((strength > VOICED_ABOVE).astype(np.float32), 5)
    voiced = voicing > 0.5
    steps = np.arange(len(pitch_hz))
    if voiced.any():
        pitch_hz = np.interp(steps, steps[voiced], _median(pitch_hz, 7)[voiced])
    else:
        pitch_hz = np.full(len(steps), 120.0)
    return Analysis(envelope, pitch_hz.astype(np.float32), voicing)


def _median(values: Floats, width: int) -> Floats:
    padded = np.pad(values, width // 2, mode="edge")
    return f32(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), -1))


def _pitch(audio: Floats) -> tuple[Floats, Floats]:
    """Pitch in Hz and its strength by normalised autocorrelation, [F] each."""
    size = 800
    frames = frame(audio, size) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, 2 * FFT)) ** 2
    correlation = np.fft.irfft(power)[:, : size // 2]
    weight = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * FFT)) ** 2)[: size // 2]
    correlation = correlation / (correlation[:, :1] + 1e-6) / (weight / weight[0])
    low, high = int(SAMPLE_RATE_HZ / HIGHEST_HZ), int(SAMPLE_RATE_HZ / LOWEST_HZ)
    # A slight liking for short periods keeps it from falling an octave.
    liking = 1 - 0.1 * np.linspace(0, 1, high - low)
    lag = low + np.argmax(correlation[:, low:high] * liking, 1)
    strength = correlation[np.arange(len(lag)), lag]
    loud = (frames**2).mean(1) > 1e-3 * np.percentile((frames**2).mean(1), 95)
    return (SAMPLE_RATE_HZ / lag).astype(np.float32), np.where(loud, strength, 0).astype(np.float32)


def synthesise(
    analysis: Analysis,
    source_frame: Floats,
    pitch_hz: Floats,
    voicing: Floats,
    rng: np.random.Generator,
    formants: float = 1.0,
) -> Floats:
    """Rebuild sound, a row every 5 ms of output: which (fractional) row of `analysis` to read
    [F'], pitch [F'], voicing 0..1 [F']. `formants` > 1 moves the envelope up. → [F'·HOP]."""
    length = len(source_frame) * HOP
    out = np.zeros(length + FFT, np.float64)
    breath = _breath_share()
    _add_pulses(out, analysis, source_frame, pitch_hz, voicing, formants, breath)
    _add_noise(out, analysis, source_frame, voicing, formants, breath, rng)
    return out[:length].astype(np.float32)


def _breath_share() -> Floats:
    """Share of noise power in voiced sound, by bin [BINS]."""
    hz = np.arange(BINS) * SAMPLE_RATE_HZ / FFT
    return f32(1 / (1 + np.exp(-(hz - BREATH_ABOVE_HZ) / 400)))


def _rows(analysis: Analysis, at: Floats, formants: float) -> Floats:
    """Envelope rows at fractional frames, formants moved: [K] → [K, BINS]."""
    at = np.clip(at, 0, len(analysis.log_envelope) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(analysis.log_envelope) - 1)
    part = (at - low)[:, None].astype(np.float32)
    rows = analysis.log_envelope[low] * (1 - part) + analysis.log_envelope[high] * part
    return warp_bins(rows, formants)


def warp_bins(rows: Floats, ratio: float) -> Floats:
    """Move a spectrum up (`ratio` > 1) or down along frequency: [K, BINS] → [K, BINS]."""
    if abs(ratio - 1) < 1e-3:
        return rows
    at = np.clip(np.arange(rows.shape[1]) / ratio, 0, rows.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, rows.shape[1] - 1)
    part = (at - low).astype(np.float32)
    return f32(rows[:, low] * (1 - part) + rows[:, high] * part)


def _minimum_phase(log_power: Floats) -> NDArray[np.complex128]:
    """Spectra of minimum phase with the given log power: [K, BINS] → [K, BINS]."""
    cepstrum = np.fft.irfft(log_power / 2, FFT)
    cepstrum[:, 1 : FFT // 2] *= 2
    cepstrum[:, FFT // 2 + 1 :] = 0
    spectra: NDArray[np.complex128] = np.exp(np.fft.rfft(cepstrum))
    return spectra


def _add_pulses(
    out: NDArray[np.float64], analysis: Analysis, source_frame: Floats, pitch_hz: Floats,
    voicing: Floats, formants: float, breath: Floats,
) -> None:  # fmt: skip
    samples = np.arange(len(source_frame) * HOP)
    f0 = np.interp(samples, np.arange(len(pitch_hz)) * HOP, pitch_hz)
    cycles = np.cumsum(f0 / SAMPLE_RATE_HZ)
    whole = np.arange(1, int(cycles[-1]) + 1)
    times = np.interp(whole, cycles, samples)
    frames = times / HOP
    share = np.interp(frames, np.arange(len(voicing)), voicing)
    times, frames, share = (values[share > 0.05] for values in (times, frames, share))
    source = np.interp(frames, np.arange(len(source_frame)), source_frame)
    period = SAMPLE_RATE_HZ / np.interp(times, samples, f0)
    turn = -2j * np.pi * np.arange(BINS) / FFT
    voiced_part = np.log(np.maximum(1 - breath, 1e-3))
    for begin in range(0, len(times), 256):
        part = slice(begin, begin + 256)
        rows = _rows(analysis, f32(source[part]), formants) + voiced_part
        rows = rows + np.log(period[part] * share[part])[:, None]
        start = np.floor(times[part]).astype(int)
        shift = np.exp(turn * (times[part] - start)[:, None])
        pulses = np.fft.irfft(_minimum_phase(rows) * shift, FFT)
        for at, pulse in zip(start, pulses, strict=True):
            out[at : at + FFT] += pulse


def _add_noise(
    out: NDArray[np.float64], analysis: Analysis, source_frame: Floats, voicing: Floats,
    formants: float, breath: Floats, rng: np.random.Generator,
) -> None:  # fmt: skip
    window = np.hanning(2 * HOP + 1)[:-1]  # sums to one at this hop
    noise = rng.standard_normal(len(source_frame) * HOP + 2 * HOP)
    for begin in range(0, len(source_frame), 256):
        part = slice(begin, begin + 256)
        share = (1 - voicing[part])[:, None] + voicing[part][:, None] * breath
        power = _rows(analysis, source_frame[part], formants) + np.log(share + 1e-9)
        starts = np.arange(begin, begin + len(power)) * HOP
        pieces = np.stack([noise[s : s + 2 * HOP] for s in starts]) * window
        # Zero phase, so that the filter does not smear a burst forward only.
        shaped = np.fft.irfft(np.fft.rfft(pieces, FFT) * np.exp(power / 2), FFT)
        for at, piece in zip(starts - HOP, shaped, strict=True):
            for offset, cut in ((0, slice(0, FFT // 2)), (-FFT // 2, slice(FFT // 2, FFT))):
                place = at + offset
                low = max(0, place)
                high = min(len(out), place + FFT // 2)
                if high > low:
                    out[low:high] += piece[cut][low - place : high - place]
