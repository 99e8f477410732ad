"""Sound in the forms that callers have it, made into PCM that a line can carry.

Knows WAV files (by the standard library), bytes, arrays and iterators of those. Refuses to decode
compressed sound and to resample: the daemon takes any rate from 8 to 192 kHz.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, TypeGuard

from mien.protocol.errors import AudioError
from mien.protocol.limits import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.generic]  # int16, float32 or float64, checked here

SampleFormat = Literal["s16", "f32"]
Pcm: TypeAlias = "bytes | bytearray | memoryview | Array"
AudioSource: TypeAlias = "str | Path | Pcm | Iterable[Pcm]"

SAMPLE_BYTES: dict[SampleFormat, int] = {"s16": 2, "f32": 4}
_READ_SAMPLES = 16_384


@dataclass(frozen=True)
class AudioFormat:
    """How the samples of a line are to be read. Channels are interleaved."""

    sample_rate_hz: int
    channels: int = 1
    sample_format: SampleFormat = "s16"

    def __post_init__(self) -> None:
        if not MIN_SAMPLE_RATE_HZ <= self.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioError(
                f"sample rate {self.sample_rate_hz} Hz: it must be {MIN_SAMPLE_RATE_HZ} to "
                f"{MAX_SAMPLE_RATE_HZ}"
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(f"{self.channels} channels: 1 to {MAX_CHANNELS} can be sent")
        if self.sample_format not in SAMPLE_BYTES:
            raise AudioError(f"sample format {self.sample_format!r}: it is 's16' or 'f32'")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return SAMPLE_BYTES[self.sample_format] * self.channels


@dataclass(frozen=True)
class Audio:
    """Sound ready to send: its format, its PCM in pieces, and its length when that is known."""

    format: AudioFormat
    chunks: Iterator[bytes]
    total_samples: int | None  # a channel


def open_audio(
    source: AudioSource,
    sample_rate_hz: int | None = None,
    channels: int | None = None,
    sample_format: SampleFormat | None = None,
) -> Audio:
    """Makes `source` sendable. What the source itself says (WAV, array) need not be given.

    An iterator's first piece is fetched here unless `sample_format` and `channels` are given.
    Raises AudioError, which says how to convert what cannot be sent.
    """
    if isinstance(source, str | Path):
        return _open_wav_file(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        if sample_rate_hz is None and data[:4] == b"RIFF":
            return _open_wav(io.BytesIO(data), "the data")
        audio_format = _format(sample_rate_hz, channels, sample_format)
        return _whole(to_pcm(data, audio_format), audio_format)
    if _is_array(source):
        audio_format = _format_of_array(source, sample_rate_hz, channels)
        return _whole(to_pcm(source, audio_format), audio_format)
    if not isinstance(source, Iterable):
        raise AudioError(f"a {type(source).__name__} is no sound: give a path, bytes or an array")
    return _open_pieces(iter(source), sample_rate_hz, channels, sample_format)


def to_pcm(piece: Pcm, audio_format: AudioFormat) -> bytes:
    """One piece of sound as the bytes that `audio_format` describes. Raises AudioError."""
    if isinstance(piece, bytes | bytearray | memoryview):
        data = bytes(piece)
        if len(data) % audio_format.frame_bytes:
            raise AudioError(
                f"{len(data)} bytes are no whole number of samples: {audio_format.channels} "
                f"channels of {audio_format.sample_format} take {audio_format.frame_bytes}"
            )
        return data
    import numpy as np

    array = np.asarray(piece)
    _check_dtype(array)
    channels = audio_format.channels
    flat = array.ndim == 1 and array.size % channels == 0
    if not flat and not (array.ndim == 2 and array.shape[1] == channels):
        raise AudioError(f"an array of shape {array.shape} is not [samples, {channels}]")
    if audio_format.sample_format == "f32":
        scale = 1 / 32768 if array.dtype.kind == "i" else 1.0
        return (array.astype("<f4") * np.float32(scale)).astype("<f4").tobytes()
    if array.dtype.kind != "i":
        raise AudioError("the line was opened for 16-bit samples; give int16, or open it for f32")
    return array.astype("<i2").tobytes()


def _whole(pcm: bytes, audio_format: AudioFormat) -> Audio:
    if not pcm:
        raise AudioError("there is no sound: it has no samples")
    return Audio(audio_format, iter([pcm]), len(pcm) // audio_format.frame_bytes)


def _open_pieces(
    pieces: Iterator[Pcm],
    sample_rate_hz: int | None,
    channels: int | None,
    sample_format: SampleFormat | None,
) -> Audio:
    if sample_format is None or channels is None:
        first = next(pieces, None)
        if first is None:
            raise AudioError("there is no sound: the iterator is empty")
        pieces = chain([first], pieces)
        if _is_array(first):
            audio_format = _format_of_array(first, sample_rate_hz, channels)
            return Audio(audio_format, (to_pcm(p, audio_format) for p in pieces), None)
    audio_format = _format(sample_rate_hz, channels, sample_format)
    return Audio(audio_format, (to_pcm(p, audio_format) for p in pieces), None)


def _format(
    sample_rate_hz: int | None, channels: int | None, sample_format: SampleFormat | None
) -> AudioFormat:
    if sample_rate_hz is None:
        raise AudioError("say which sample_rate the sound has, e.g. sample_rate=48000")
    return AudioFormat(int(sample_rate_hz), channels or 1, sample_format or "s16")


def _format_of_array(array: Array, sample_rate_hz: int | None, channels: int | None) -> AudioFormat:
    _check_dtype(array)
    if array.ndim == 2:
        found = array.shape[1]
        if found > MAX_CHANNELS >= array.shape[0]:
            raise AudioError(f"an array of shape {array.shape} looks transposed: give array.T")
        if channels is not None and channels != found:
            raise AudioError(f"channels={channels}, but the array has {found} columns")
        channels = found
    sample_format: SampleFormat = "s16" if array.dtype.kind == "i" else "f32"
    return _format(sample_rate_hz, channels, sample_format)


def _is_array(value: object) -> TypeGuard[Array]:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _check_dtype(array: Array) -> None:
    if str(array.dtype.newbyteorder("=")) not in ("int16", "float32", "float64"):
        raise AudioError(f"samples of type {array.dtype}: give int16, or float32 between -1 and 1")


def _open_wav_file(path: Path) -> Audio:
    try:
        file = path.open("rb")
    except OSError as error:
        raise AudioError(f"cannot open {path}: {error.strerror}") from error
    return _open_wav(file, str(path))


def _open_wav(file: BinaryIO, name: str) -> Audio:
    try:
        reader = wave.open(file, "rb")  # noqa: SIM115  # closed when the last chunk was read
    except (wave.Error, EOFError, OSError) as error:
        file.close()
        raise AudioError(
            f"{name} is not a PCM WAV file ({error}). Convert it, e.g. "
            "`ffmpeg -i in -c:a pcm_s16le out.wav`, or decode it (soundfile, PyAV) and give the "
            "array with its sample_rate"
        ) from error
    try:
        width = reader.getsampwidth()
        if width not in (1, 2, 3, 4):
            raise AudioError(f"{name} has samples of {width} bytes: 1 to 4 can be read")
        sample_format: SampleFormat = "s16" if width == 2 else "f32"
        audio_format = AudioFormat(reader.getframerate(), reader.getnchannels(), sample_format)
    except AudioError:
        file.close()
        raise
    return Audio(audio_format, _read_wav(reader, file, width), None)


def _read_wav(reader: wave.Wave_read, file: BinaryIO, width: int) -> Iterator[bytes]:
    """The file in pieces; a file shorter than its header says ends where it ends."""
    frame_bytes = width * reader.getnchannels()
    with file:
        while data := reader.readframes(_READ_SAMPLES):
            whole = data[: len(data) // frame_bytes * frame_bytes]
            if not whole:
                return
            yield whole if width == 2 else _widened(whole, width)


def _widened(data: bytes, width: int) -> bytes:
    """8-bit unsigned, 24-bit or 32-bit integer samples as f32."""
    import numpy as np

    if width == 1:
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif width == 4:
        samples = (np.frombuffer(data, "<i4") / 2**31).astype(np.float32)
    else:
        # The three bytes go to the top of four, which keeps the sign.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = (wide.view("<i4")[:, 0] / 2**31).astype(np.float32)
    return np.ascontiguousarray(samples, "<f4").tobytes()
