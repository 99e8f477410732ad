"""Curves over time: smooth steps, bumps, band-limited noise, followers.

Knows arithmetic on sampled time. Refuses to know faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def ease(u: F64) -> F64:
    """Minimum-jerk step (Flash and Hogan 1985): 0 for u <= 0, 1 for u >= 1."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u * u * u * (u * (6.0 * u - 15.0) + 10.0))


def step(t: F64, start: float, length: float) -> F64:
    """A minimum-jerk step over time from `start` on, `length` seconds long."""
    return ease((t - start) / length)


def bump(t: F64, begin: float, end: float, rise: float, fall: float) -> F64:
    """1 on [begin, end], rising over `rise` seconds before and falling over `fall` after."""
    return ease((t - begin + rise) / rise) * ease((end + fall - t) / fall)


def add_bump(
    y: F64, rate_hz: float, size: float, begin: float, end: float, rise: float, fall: float
) -> None:
    """Add `size` times a bump to `y` [T] in place; costs only the samples that it touches."""
    first = max(int((begin - rise) * rate_hz), 0)
    last = min(int((end + fall) * rate_hz) + 2, len(y))
    if first < last:
        t = np.arange(first, last) / rate_hz
        y[first:last] += size * bump(t, begin, end, rise, fall)


def raise_bump(
    y: F64, rate_hz: float, size: float, begin: float, end: float, rise: float, fall: float
) -> None:
    """As `add_bump`, but the larger of the two wins."""
    first = max(int((begin - rise) * rate_hz), 0)
    last = min(int((end + fall) * rate_hz) + 2, len(y))
    if first < last:
        t = np.arange(first, last) / rate_hz
        y[first:last] = np.maximum(y[first:last], size * bump(t, begin, end, rise, fall))


def noise(
    rng: np.random.Generator, samples: int, rate_hz: float, low_hz: float, high_hz: float
) -> F64:
    """Gaussian noise between two frequencies, [samples], unit variance, falling with frequency."""
    length = samples + int(2 * rate_hz / low_hz)
    f_hz = np.fft.rfftfreq(length, 1.0 / rate_hz)
    inside = (f_hz >= low_hz) & (f_hz <= high_hz)
    spectrum = rng.normal(size=len(f_hz)) + 1j * rng.normal(size=len(f_hz))
    weight = inside / np.maximum(f_hz, low_hz) ** 0.7
    y = np.fft.irfft(spectrum * weight, length)[:samples]
    return np.asarray(y * length / np.sqrt(max(4.0 * np.sum(weight**2), 1e-12)))


def smooth(y: F64, sigma: float) -> F64:
    """Gaussian smoothing of `y` [T, ...] along time, sigma in samples, ends held."""
    reach = max(int(np.ceil(3.0 * sigma)), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(y[:1], reach, 0), y, np.repeat(y[-1:], reach, 0)])
    if y.ndim == 1:
        return np.convolve(padded, kernel, "valid")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0)
    return np.asarray(windows @ kernel)


def follow(goal: F64, rate_hz: float, time_s: float) -> F64:
    """A critically damped follower of `goal` [T, ...]; `time_s` is each of its two poles."""
    decay = float(np.exp(-1.0 / (rate_hz * time_s)))
    first = _one_pole(np.asarray(goal, np.float64), decay)
    return _one_pole(first, decay)


def _one_pole(x: F64, decay: float) -> F64:
    """y[n] = decay y[n-1] + (1 - decay) x[n], started at rest on x[0]."""
    y = np.empty_like(x)
    held = x[0].copy() if len(x) else x
    for n in range(len(x)):
        held = decay * held + (1.0 - decay) * x[n]
        y[n] = held
    return y


def delayed(y: F64, samples: float) -> F64:
    """`y` [T, ...] that many samples later, linearly interpolated; the first value held."""
    place = np.clip(np.arange(len(y)) - samples, 0, max(len(y) - 1, 0))
    low = place.astype(np.intp)
    high = np.minimum(low + 1, len(y) - 1)
    part = (place - low).reshape((-1,) + (1,) * (y.ndim - 1))
    return np.asarray(y[low] * (1.0 - part) + y[high] * part)
