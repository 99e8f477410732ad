"""Raw PCM bytes to mono samples.

Knows sample formats, interleaving and how channels fold into one. Refuses to know rates and
files. A stream may be cut anywhere, even inside a sample: `PcmDecoder` keeps the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mien.models.audio.errors import AudioError

F32 = NDArray[np.float32]
SampleFormat = Literal["s16le", "f32le"]
MAX_CHANNELS = 8

_DTYPES: dict[SampleFormat, np.dtype[np.generic]] = {
    "s16le": np.dtype("<i2"),
    "f32le": np.dtype("<f4"),
}
_CLIPPED = 0.999
_LOUDEST = 4.0  # float samples beyond this are no sound; +12 dB over full scale is kept

_HALF = 2**-0.5
# Speech sits in the centre of 5.1 and 7.1 (order L R C LFE, then surrounds); the LFE has none.
# The weights follow ITU-R BS.775, with the low-frequency channel left out.
_FOLDS: dict[int, tuple[float, ...]] = {
    1: (1.0,),
    2: (0.5, 0.5),
    3: (_HALF, _HALF, 1.0),
    4: (0.5, 0.5, 0.5, 0.5),
    5: (_HALF, _HALF, 1.0, 0.5, 0.5),
    6: (_HALF, _HALF, 1.0, 0.0, 0.5, 0.5),
    7: (_HALF, _HALF, 1.0, 0.0, 0.5, 0.5, 0.5),
    8: (_HALF, _HALF, 1.0, 0.0, 0.5, 0.5, 0.5, 0.5),
}


@dataclass
class PcmReport:
    """What was odd about the sound so far, counted in samples of all channels."""

    samples: int = 0
    not_finite: int = 0
    clipped: int = 0

    @property
    def clipped_fraction(self) -> float:
        """Share of samples at full scale; above some 0.001 the recording was too loud."""
        return self.clipped / self.samples if self.samples else 0.0


def check_format(sample_format: str, channels: int) -> None:
    """Raise `AudioError` unless PCM of this kind can be decoded."""
    if sample_format not in get_args(SampleFormat):
        raise AudioError("bad_format", f"sample format must be s16le or f32le, not {sample_format}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError("bad_channels", f"1 to {MAX_CHANNELS} channels, not {channels}")


def fold(samples: F32) -> F32:
    """Fold [samples, channels] into mono, [samples]; a full-scale centre never overflows."""
    channels = samples.shape[1]
    if channels == 1:
        return samples[:, 0].copy()
    weights = np.array(_FOLDS[channels], np.float64)
    weights /= max(weights.sum() if channels in (2, 4) else 1.0, 1.0)
    mono = np.zeros(len(samples), np.float64)
    for channel, weight in enumerate(weights):  # in order, so that cuts cannot change a sum
        mono += weight * samples[:, channel]
    return mono.astype(np.float32)


class PcmDecoder:
    """Turns a stream of interleaved PCM bytes into mono float samples."""

    def __init__(self, sample_format: SampleFormat, channels: int) -> None:
        check_format(sample_format, channels)
        self._dtype = _DTYPES[sample_format]
        self._channels = channels
        self._rest = b""
        self.report = PcmReport()

    def decode(self, data: bytes | bytearray | memoryview) -> F32:
        """Return the mono samples that `data` completes, [samples], within ±4."""
        whole = self._rest + bytes(data)
        frame_bytes = self._dtype.itemsize * self._channels
        used = len(whole) // frame_bytes * frame_bytes
        self._rest = whole[used:]
        raw = np.frombuffer(whole[:used], self._dtype).reshape(-1, self._channels)
        if raw.dtype.kind == "i":  # whole numbers need no repair
            samples = raw.astype(np.float32) / np.float32(32768.0)
            self.report.samples += samples.size
            self.report.clipped += int((np.abs(samples) >= _CLIPPED).sum())
            return fold(samples)
        return fold(self._repair(raw.astype(np.float32)))

    def end(self) -> int:
        """Forget a sample cut short by the end of the stream; return how many bytes it had."""
        lost = len(self._rest)
        self._rest = b""
        return lost

    def _repair(self, samples: F32) -> F32:
        """Silence for what is not finite, a bound for what is absurd; both are reported."""
        finite = np.isfinite(samples)
        self.report.samples += samples.size
        self.report.not_finite += int(samples.size - finite.sum())
        clean = np.where(finite, samples, np.float32(0.0))
        self.report.clipped += int((np.abs(clean) >= _CLIPPED).sum())
        return np.clip(clean, -_LOUDEST, _LOUDEST)


def decode_pcm(
    data: bytes | bytearray | memoryview, sample_format: SampleFormat, channels: int
) -> F32:
    """Return whole PCM as mono samples, [samples]; raise `AudioError` for no or half samples."""
    decoder = PcmDecoder(sample_format, channels)
    mono = decoder.decode(data)
    if decoder.end():
        raise AudioError("broken", f"the PCM ends inside a sample ({len(data)} bytes)")
    if not len(mono):
        raise AudioError("empty", "there is no sound")
    return mono
