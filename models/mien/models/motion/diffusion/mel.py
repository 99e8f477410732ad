"""What the network hears: log-mel frames, the same live and offline.

Knows windows, bands and the few samples that must be remembered. Refuses to normalise: speakers'
levels and rooms are the network's to learn. Mel scale after O'Shaughnessy (1987).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import F32, HOP_SAMPLES, SAMPLE_RATE_HZ

MEL_HOP_SAMPLES = 160
MELS_PER_FRAME = HOP_SAMPLES // MEL_HOP_SAMPLES
WINDOW_SAMPLES = 400
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
HISTORY_SAMPLES = WINDOW_SAMPLES - MEL_HOP_SAMPLES + 1  # one more for the pre-emphasis
_FFT = 512
_PRE_EMPHASIS = np.float32(0.97)
_FLOOR = np.float32(1e-7)


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))


@cache
def band_weights() -> F32:
    """Return triangular bands over the power spectrum, [257, BANDS]."""
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = np.linspace(lowest, highest, BANDS + 2)
    hz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE_HZ)[:, None]
    rising = (bins - hz[:-2]) / (hz[1:-1] - hz[:-2])
    falling = (hz[2:] - bins) / (hz[2:] - hz[1:-1])
    return np.asarray(np.maximum(np.minimum(rising, falling), 0.0), np.float32)


@cache
def _window() -> F32:
    return np.hanning(WINDOW_SAMPLES).astype(np.float32)


@cache
def _part_weights() -> F32:
    """The bands of real and imaginary parts in turn, [2 * 257, BANDS]."""
    return band_weights().repeat(2, axis=0)


def log_mel(sound: F32) -> F32:
    """Return natural-log mel power, [..., frames, BANDS], of [..., HISTORY_SAMPLES + n * 160].

    Frame k ends with sample `HISTORY_SAMPLES + (k + 1) * 160`: nothing later is heard.
    """
    emphasised = sound[..., 1:] - _PRE_EMPHASIS * sound[..., :-1]
    frames = (emphasised.shape[-1] - WINDOW_SAMPLES) // MEL_HOP_SAMPLES + 1
    *lanes, step = emphasised.strides
    windows = np.lib.stride_tricks.as_strided(
        emphasised,
        (*emphasised.shape[:-1], frames, WINDOW_SAMPLES),
        (*lanes, MEL_HOP_SAMPLES * step, step),
        writeable=False,
    )
    spectrum = np.fft.rfft(windows * _window(), _FFT)
    parts = spectrum.view(np.float64).astype(np.float32)  # real and imaginary, in turn
    parts *= parts
    return np.asarray(np.log(parts @ _part_weights() + _FLOOR), np.float32)


def whole_log_mel(sound: F32) -> F32:
    """Return the frames of a whole recording [samples], as a stream from silence hears it."""
    count = len(sound) // MEL_HOP_SAMPLES
    before = np.zeros(HISTORY_SAMPLES, np.float32)
    return log_mel(np.concatenate([before, sound[: count * MEL_HOP_SAMPLES]]).astype(np.float32))
