"""Any sample rate to 16 kHz, as a stream whose clock is exact.

Knows a windowed-sinc polyphase filter and where every output sample lies in the input. Refuses to
know formats or files. Output sample n lies at exactly n / 16000 s of the input's own clock, less
half the filter's length: so it needs no input beyond that moment. The delay is a millisecond or
three, which no lip shows; waiting for those milliseconds would cost a whole piece of a live stream.
Any cut of the input gives the very same samples, because each is one dot product over one window.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.audio.errors import AudioError

F32 = NDArray[np.float32]
TARGET_RATE_HZ = 16_000
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000

_ZERO_CROSSINGS = 24
_ROLL_OFF = 0.94  # of the lower Nyquist frequency, where the pass band ends
_KAISER_BETA = 9.0  # some 90 dB down
_MAX_PHASES = 640  # odd rates have more: their phases are interpolated between
_BLOCK_OUTPUTS = 4096


@lru_cache(maxsize=16)
def _filter_bank(rate_hz: int) -> tuple[NDArray[np.float64], int, bool]:
    """Return taps [phases + 1, width], the half width in input samples, and whether exact."""
    common = gcd(rate_hz, TARGET_RATE_HZ)
    phases = TARGET_RATE_HZ // common
    exact = phases <= _MAX_PHASES
    phases = phases if exact else _MAX_PHASES
    cut = _ROLL_OFF * min(1.0, TARGET_RATE_HZ / rate_hz)
    half = int(np.ceil(_ZERO_CROSSINGS / cut))
    offset = np.arange(-half + 1, half + 1)
    shift = offset[None, :] - np.arange(phases + 1)[:, None] / phases  # [phases + 1, 2 half]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (shift / half) ** 2, 0, 1)))
    taps = cut * np.sinc(cut * shift) * window / np.i0(_KAISER_BETA)
    taps /= taps.sum(1, keepdims=True)  # silence stays silent, a constant stays constant
    return taps, half, exact


class Resampler:
    """One stream of mono sound from `rate_hz` to 16 kHz."""

    def __init__(self, rate_hz: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise AudioError(
                "bad_rate", f"the sample rate must be {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, "
                f"not {rate_hz}"
            )  # fmt: skip
        self.rate_hz = rate_hz
        self._taps, self._half, self._exact = _filter_bank(rate_hz)
        self._buffer = np.zeros(2 * self._half - 1, np.float64)  # silence before the first sample
        self._buffer_start = 1 - 2 * self._half  # index of the buffer's first sample in the input
        self._received = 0
        self._produced = 0
        self._ended = False

    @property
    def delay_samples(self) -> int:
        """Input samples by which the output lies behind."""
        return 0 if self.rate_hz == TARGET_RATE_HZ else self._half

    def feed(self, samples: F32) -> F32:
        """Take input [n]; return the output that it completes, [m]."""
        if self._ended:
            raise ValueError("this stream has ended; begin a new one")
        self._received += len(samples)
        if self.rate_hz == TARGET_RATE_HZ:
            self._produced += len(samples)
            return np.asarray(samples, np.float32).copy()
        self._buffer = np.concatenate([self._buffer, np.asarray(samples, np.float64)])
        # Output n needs input up to floor(n * rate / 16000).
        return self._produce(-(-self._received * TARGET_RATE_HZ // self.rate_hz))

    def end(self) -> F32:
        """Return the rest: none. The stream has had its ceil(input * 16000 / rate) samples."""
        self._ended = True
        return np.zeros(0, np.float32)

    def _produce(self, until: int) -> F32:
        pieces = [np.zeros(0, np.float32)]
        while self._produced < until:
            upto = min(until, self._produced + _BLOCK_OUTPUTS)
            piece = np.empty(upto - self._produced, np.float32)
            _filtered(
                self._buffer, self._buffer_start, self._taps, self._exact, self.rate_hz,
                self._produced, piece,
            )  # fmt: skip
            pieces.append(piece)
            self._produced = upto
        needed = self._produced * self.rate_hz // TARGET_RATE_HZ - 2 * self._half + 1
        drop = max(needed - self._buffer_start, 0)
        self._buffer = self._buffer[drop:].copy()
        self._buffer_start += drop
        return np.concatenate(pieces)


@njit(cache=True, nogil=True, boundscheck=False)
def _filtered(
    buffer: NDArray[np.float64], start: int, taps: NDArray[np.float64], exact: bool, rate_hz: int,
    first: int, out: F32,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Output samples from `first` on into `out`; `buffer` begins with input sample `start`."""
    phases, width = taps.shape[0] - 1, taps.shape[1]
    for i in range(len(out)):
        at = (first + i) * rate_hz
        whole, part = at // TARGET_RATE_HZ, at % TARGET_RATE_HZ
        begin = whole - width + 1 - start
        total = 0.0
        if exact:
            row = part * phases // TARGET_RATE_HZ
            for k in range(width):
                total += buffer[begin + k] * taps[row, k]
        else:
            place = part * (phases / TARGET_RATE_HZ)
            row = int(place)
            share = place - row
            for k in range(width):
                tap = taps[row, k] + share * (taps[row + 1, k] - taps[row, k])
                total += buffer[begin + k] * tap
        out[i] = total


def resample(samples: F32, rate_hz: int) -> F32:
    """Return whole mono sound [n] at 16 kHz, [ceil(n * 16000 / rate)]."""
    stream = Resampler(rate_hz)
    return np.concatenate([stream.feed(samples), stream.end()])
