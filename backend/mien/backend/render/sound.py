"""A stretch of sound in memory, as files and encoders want it.

Knows samples, rates and channels, and how a file sounds to people. Refuses to judge files: that is
the audio package's, and it is asked first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from mien.models.audio import read_audio
from mien.models.motion import SAMPLE_RATE_HZ

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """Samples in -1..1 at one rate."""

    samples: F32  # [N, C]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2:
            raise ValueError(f"samples must be [N, C], not {self.samples.shape}")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.samples.shape[1]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate_hz

    def resampled(self, rate_hz: int) -> Sound:
        """The same sound at another rate."""
        if rate_hz == self.sample_rate_hz:
            return self
        samples = soxr.resample(self.samples, self.sample_rate_hz, rate_hz)
        return Sound(np.asarray(samples, np.float32), rate_hz)

    def at_most_stereo(self) -> Sound:
        """Mono and stereo as they are; anything wider mixed down to mono."""
        if self.channels <= 2:
            return self
        return self.mono()

    def mono(self) -> Sound:
        """All channels mixed into one."""
        if self.channels == 1:
            return self
        return Sound(self.samples.mean(1, keepdims=True, dtype=np.float32), self.sample_rate_hz)

    @classmethod
    def laid_out(cls, parts: list[tuple[int, Sound]], seconds: float, rate_hz: int) -> Sound:
        """Sounds placed on one mono track, each starting at its time in microseconds."""
        track = np.zeros((int(seconds * rate_hz), 1), np.float32)
        for start_us, sound in parts:
            mono = sound.mono().resampled(rate_hz).samples
            first = start_us * rate_hz // 1_000_000
            room = track[first : first + len(mono)]
            room += mono[: len(room)]
        return cls(np.clip(track, -1.0, 1.0), rate_hz)


def read_sound(path: Path) -> tuple[F32, Sound]:
    """A file's sound twice: [n] mono at 16 kHz to move a face by, and as it is, to be heard.

    Raises AudioError from `mien.models.audio` for what cannot be used.
    """
    heard = read_audio(path)
    try:
        return heard.samples, _decode(path)
    except av.FFmpegError:
        # libsndfile knows a few formats that FFmpeg does not.
        return heard.samples, Sound(heard.samples[:, None], SAMPLE_RATE_HZ)


def _decode(path: Path) -> Sound:
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        convert = av.AudioResampler(format="fltp", layout=track.layout, rate=track.rate)
        pieces = [
            piece.to_ndarray().T
            for frame in [*container.decode(track), None]
            for piece in convert.resample(frame)
        ]
        samples = np.concatenate(pieces) if pieces else np.zeros((0, 1), np.float32)
        return Sound(np.clip(np.nan_to_num(samples), -1.0, 1.0).astype(np.float32), track.rate)
