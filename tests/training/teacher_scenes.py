"""Nonsense speech with known phones, made from nothing: sound and segments for the teacher."""

from __future__ import annotations

import numpy as np

from training.speech.phones import VISEMES, VOWELS, Segment

RATE = 16_000
_NOISY = frozenset(("s", "sh", "f", "th", "hh", "k", "td"))


def phones(rng: np.random.Generator, seconds: float, *, pauses: bool = True) -> list[Segment]:
    """Consonants and vowels by turns, at times two consonants, in phrases of one to three s."""
    consonants = [v for v in VISEMES if v not in VOWELS and v != "sil"]
    vowels = sorted(VOWELS)
    out, t = [], 0.4
    phrase_end = t + rng.uniform(1.0, 3.0)
    while t < seconds - 0.6:
        for kind in (consonants,) * (1 + (rng.random() < 0.3)) + (vowels,):
            length = rng.gamma(6.0, 0.013) + 0.02 + 0.035 * (kind is vowels)
            stress = float(kind is vowels and rng.random() < 0.3)
            name = kind[int(rng.integers(len(kind)))]
            out.append(Segment(t, t + length, name, stress))
            t += length
        if pauses and t > phrase_end:
            t += rng.uniform(0.3, 0.9)
            phrase_end = t + rng.uniform(1.0, 3.0)
    return out


def sound(rng: np.random.Generator, segments: list[Segment], seconds: float) -> np.ndarray:
    """A buzz for what is voiced, hiss for what is not, [N] float32 at 16 kHz."""
    audio = 1e-4 * rng.normal(size=int(seconds * RATE))
    for s in segments:
        a, b = int(s.start_s * RATE), min(int(s.end_s * RATE), len(audio))
        t = np.arange(b - a) / RATE
        fade = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.01)
        if s.viseme in _NOISY:
            audio[a:b] += 0.03 * fade * rng.normal(size=b - a)
        elif s.viseme != "sil":
            hz = 120.0 * 2 ** (rng.normal() / 8 + 0.25 * s.stress)
            buzz = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12))
            loud = (0.10 if s.viseme in VOWELS else 0.03) * 10 ** (rng.normal() / 10)
            audio[a:b] += loud * (1 + 0.6 * s.stress) * fade * buzz
    return audio.astype(np.float32)


def scene(seed: int, seconds: float = 20.0) -> tuple[np.ndarray, list[Segment]]:
    """Sound and phones of one scene."""
    rng = np.random.default_rng(seed)
    segments = phones(rng, seconds)
    return sound(rng, segments, seconds), segments


def silence(seconds: float) -> np.ndarray:
    """Nothing to hear, [N]."""
    return np.zeros(int(seconds * RATE), np.float32)
