"""Speech-like sound made on the spot: harmonics under formants, noise, murmurs and gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
F32 = NDArray[np.float32]

VOWELS = {
    "a": ((700, 110, 1.0), (1150, 130, 0.6), (2500, 200, 0.18)),
    "i": ((290, 70, 1.0), (2250, 180, 0.35), (3000, 250, 0.25)),
    "u": ((310, 70, 1.0), (850, 100, 0.25), (2300, 250, 0.02)),
    "e": ((520, 90, 1.0), (1850, 160, 0.45), (2550, 220, 0.2)),
    "m": ((250, 80, 0.45), (1000, 150, 0.012), (2200, 250, 0.006)),
}


def voiced(kind: str, seconds: float, pitch_hz: float = 125.0) -> F32:
    """A steady voiced sound, at about -20 dB for "a"."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sound = np.zeros_like(t)
    for k in range(1, int(4000 / pitch_hz)):
        f = k * pitch_hz
        gain = sum(a / (1 + ((f - centre) / width) ** 2) for centre, width, a in VOWELS[kind])
        sound += gain * np.sin(2 * np.pi * f * t + k)
    return _edges(0.10 * sound).astype(np.float32)


def hiss(seconds: float, seed: int = 0) -> F32:
    """An s-like noise: strong above 4 kHz."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))
    spectrum = np.fft.rfft(noise)
    f = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    spectrum *= 1 / (1 + np.exp(-(f - 4000) / 250))
    return _edges(0.06 * np.fft.irfft(spectrum, len(noise))).astype(np.float32)


def burst(seed: int = 0) -> F32:
    """What follows a p: 12 ms of noise, mostly low."""
    noise = np.random.default_rng(seed).standard_normal(192)
    smooth = np.convolve(noise, np.ones(12) / 12, "same")
    return (0.12 * smooth * np.exp(-np.arange(192) / 60)).astype(np.float32)


def silence(seconds: float) -> F32:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def _edges(sound: NDArray[np.float64], fade_s: float = 0.012) -> NDArray[np.float64]:
    n = min(round(fade_s * RATE_HZ), len(sound) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)
    sound[:n] *= ramp
    sound[len(sound) - n :] *= ramp[::-1]
    return sound


def babble(seconds: float, seed: int = 0, level: float = 1.0) -> F32:
    """Syllables without sense: vowels, hisses, murmurs and gaps, some four a second."""
    rng = np.random.default_rng(seed)
    pieces: list[F32] = []
    length = 0
    while length < seconds * RATE_HZ:
        vowel = voiced("aiue"[rng.integers(4)], rng.uniform(0.10, 0.2), rng.uniform(100, 150))
        between = (
            hiss(rng.uniform(0.05, 0.11), int(rng.integers(99))),
            voiced("m", rng.uniform(0.06, 0.10)),
            np.concatenate([silence(0.06), burst(int(rng.integers(99)))]),
            silence(rng.uniform(0.02, 0.3)),
        )[rng.integers(4)]
        pieces += [vowel * np.float32(rng.uniform(0.5, 1.2)), between]
        length += len(vowel) + len(between)
    return (level * np.concatenate(pieces)[: round(seconds * RATE_HZ)]).astype(np.float32)
