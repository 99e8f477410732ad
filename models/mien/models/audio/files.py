"""Sound files to mono samples at 16 kHz.

Knows libsndfile's formats and, through PyAV, what FFmpeg opens: mp3, m4a, opus, the sound track of
a video. Refuses to guess at files that do not open, and to read more than `max_seconds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.audio.errors import AudioError
from mien.models.audio.pcm import MAX_CHANNELS, PcmReport, fold
from mien.models.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, TARGET_RATE_HZ, Resampler

F32 = NDArray[np.float32]
MAX_SECONDS = 30 * 60.0
_BLOCK_FRAMES = 65_536


@dataclass(frozen=True)
class Sound:
    """What a file held, as the motion generator wants it."""

    samples: F32  # [n] mono, 16 kHz
    source_rate_hz: int
    source_channels: int
    report: PcmReport

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / TARGET_RATE_HZ


@dataclass(frozen=True)
class _Stream:
    rate_hz: int
    channels: int
    blocks: Iterator[F32]  # [n, channels]


def read_audio(path: str | Path, *, max_seconds: float = MAX_SECONDS) -> Sound:
    """Read any sound file.

    Raises `AudioError`: not_found, empty, broken (does not open or decode), too_long, bad_rate,
    bad_channels.
    """
    file = Path(path)
    if not file.is_file():
        raise AudioError("not_found", f"there is no file {file}")
    if file.stat().st_size == 0:
        raise AudioError("empty", f"{file.name} is empty")
    stream = _open_sndfile(file) or _open_av(file)
    _check(file, stream)
    return _gather(file, stream, max_seconds)


def _check(file: Path, stream: _Stream) -> None:
    if not MIN_RATE_HZ <= stream.rate_hz <= MAX_RATE_HZ:
        raise AudioError(
            "bad_rate",
            f"{file.name} has {stream.rate_hz} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} can be read",
        )
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise AudioError("bad_channels", f"{file.name} has {stream.channels} channels")


def _gather(file: Path, stream: _Stream, max_seconds: float) -> Sound:
    resampler, report = Resampler(stream.rate_hz), PcmReport()
    pieces: list[F32] = []
    frames = 0
    for block in stream.blocks:
        frames += len(block)
        if frames > max_seconds * stream.rate_hz:
            raise AudioError(
                "too_long", f"{file.name} lasts longer than {max_seconds / 60:.3g} minutes"
            )
        finite = np.isfinite(block)
        report.samples += block.size
        report.not_finite += int(block.size - finite.sum())
        report.clipped += int((np.abs(block[finite]) >= 0.999).sum())
        clean = np.clip(np.where(finite, block, np.float32(0.0)), -4.0, 4.0)
        pieces.append(resampler.feed(fold(clean)))
    if frames == 0:
        raise AudioError("empty", f"there is no sound in {file.name}")
    pieces.append(resampler.end())
    return Sound(np.concatenate(pieces), stream.rate_hz, stream.channels, report)


def _open_sndfile(file: Path) -> _Stream | None:
    """Return the file as libsndfile reads it, or nothing where it does not know the format."""
    import soundfile

    try:
        source = soundfile.SoundFile(str(file))
    except (soundfile.LibsndfileError, RuntimeError):
        return None

    def blocks() -> Iterator[F32]:
        with source:
            while True:
                try:
                    block = source.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
                except (soundfile.LibsndfileError, RuntimeError) as error:
                    raise AudioError("broken", f"{file.name} is damaged: {error}") from error
                if not len(block):
                    return
                yield block

    return _Stream(int(source.samplerate), int(source.channels), blocks())


def _open_av(file: Path) -> _Stream:
    """Return the first sound track of the file as FFmpeg reads it."""
    import av

    try:
        container = av.open(str(file))
    except (av.FFmpegError, ValueError, OSError) as error:
        raise AudioError("broken", f"{file.name} is no sound file that opens: {error}") from error
    if not container.streams.audio:
        container.close()
        raise AudioError("empty", f"there is no sound track in {file.name}")
    track = container.streams.audio[0]
    rate, channels = int(track.rate or 0), int(track.channels or 0)

    def blocks() -> Iterator[F32]:
        convert = av.AudioResampler(format="fltp", layout=track.layout, rate=rate)
        with container:
            try:
                for frame in container.decode(track):
                    for piece in convert.resample(frame):
                        yield np.ascontiguousarray(piece.to_ndarray().T, np.float32)
                for piece in convert.resample(None):
                    yield np.ascontiguousarray(piece.to_ndarray().T, np.float32)
            except av.FFmpegError as error:
                raise AudioError("broken", f"{file.name} is damaged: {error}") from error

    return _Stream(rate, channels, blocks())
