"""The data plane: a msgpack header of fixed shape, then raw bytes. SPEC.md, "Data plane".

Knows every header's fields, their ranges, and how long the payload behind each must be. Refuses to
know sockets, sessions and whether an actor exists: bytes in, typed values out, and `WireError` (or
`UnsupportedVersionError`, `TooLargeError`) for anything else.

A header is a msgpack array `[tag, version, fields...]`. Fields are only ever appended, so a reader
ignores what it does not know behind them.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from mien.protocol.errors import TooLargeError, UnsupportedVersionError, WireError
from mien.protocol.limits import (
    CURVES_BYTES,
    DATA_FRAMES,
    DATA_VERSION,
    MAX_ACTOR_ID,
    MAX_AUDIO_CHUNK_BYTES,
    MAX_DATA_HEADER_BYTES,
    MAX_ID,
    MAX_MESSAGE_TEXT_CHARACTERS,
)

Version = Annotated[int, msgspec.Meta(ge=1, le=255)]
ActorId = Annotated[int, msgspec.Meta(ge=1, le=MAX_ACTOR_ID)]
AnyActorId = Annotated[int, msgspec.Meta(ge=0, le=MAX_ACTOR_ID)]
LineId = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
AnyLineId = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
Micros = Annotated[int, msgspec.Meta(ge=-MAX_ID, le=MAX_ID)]
Slot = Annotated[int, msgspec.Meta(ge=0, le=63)]
Flags = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Number = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
Small = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_TEXT_CHARACTERS)]
Payload: TypeAlias = bytes | memoryview


class AudioFlag(enum.IntFlag):
    """Bits of `Audio.flags`."""

    END = 1


class DetailFlag(enum.IntFlag):
    """Bits of `Detail.flags`."""

    HIDDEN = 1


class FrameFlag(enum.IntFlag):
    """Bits of a frame's flags, in the ring's slot table and in `Doorbell.flags`."""

    SPEAKING = 1
    IDLE = 2
    HELD = 4
    LINE_END = 8
    UNDERRUN = 16
    INTERRUPTED = 32


class LineEventKind(enum.IntEnum):
    """What happened to a line."""

    STARTED = 1
    ENDED = 2
    INTERRUPTED = 3
    UNDERRUN = 4


class DataErrorCode(enum.IntEnum):
    """Why the daemon refused something that came on the data plane."""

    BACKPRESSURE = 1  # no room: `next_seq` is where to go on, once a Credit allows it
    SEQUENCE = 2  # a chunk is missing: send again from `next_seq`
    NOT_FOUND = 3  # no such actor or line of this session
    INVALID = 4  # the message was malformed; it was dropped
    TOO_LARGE = 5
    UNSUPPORTED_VERSION = 6
    INTERNAL = 7


class Audio(msgspec.Struct, array_like=True, tag=1, frozen=True, gc=False):
    """Client → daemon: `n_samples` a channel of a line's PCM, in the format that Say announced."""

    v: Version
    actor: ActorId
    line: LineId
    seq: Count  # 0, 1, 2, ... within the line
    first_sample: Count  # a channel, of this chunk within the line
    n_samples: Count  # a channel
    flags: Flags = 0


class Detail(msgspec.Struct, array_like=True, tag=7, frozen=True, gc=False):
    """Client → daemon: how much of an actor is seen from now on; see `detail.Detail`. No payload.

    The newest counts. `coverage` below 0: none was told.
    """

    v: Version
    actor: ActorId
    size_px: Count = 0
    coverage: Number = -1.0
    fps: Number = 0.0
    priority: Small = 0
    flags: Flags = 0
    distance_m: Number = 0.0


class Doorbell(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """Daemon → client: a frame is complete in the actor's ring. No payload."""

    v: Version
    actor: ActorId
    frame_id: Count
    slot: Slot
    line: AnyLineId
    pts_us: Micros
    flags: Flags


class Curves(msgspec.Struct, array_like=True, tag=3, frozen=True, gc=False):
    """Daemon → client: what moved the frame; payload 58 × f32 (52 coefficients, pose [6])."""

    v: Version
    actor: ActorId
    frame_id: Count
    pts_us: Micros
    line: AnyLineId = 0
    flags: Flags = 0


class LineEvent(msgspec.Struct, array_like=True, tag=4, frozen=True, gc=False):
    """Daemon → client: a line began, ended, was interrupted or ran out of audio. No payload."""

    v: Version
    actor: ActorId
    line: LineId
    kind: LineEventKind
    pts_us: Micros


class DataError(msgspec.Struct, array_like=True, tag=5, frozen=True, gc=False):
    """Daemon → client: a data message was refused. `actor` and `line` are 0 if unknown."""

    v: Version
    actor: AnyActorId
    line: AnyLineId
    code: DataErrorCode
    next_seq: Count
    message: Text


class Credit(msgspec.Struct, array_like=True, tag=6, frozen=True, gc=False):
    """Daemon → client: chunks before `next_seq` arrived; the line may send up to `limit_bytes`.

    `limit_bytes` counts the line's payload bytes from its beginning, so it never goes down.
    """

    v: Version
    actor: ActorId
    line: LineId
    next_seq: Count
    limit_bytes: Count


ClientMessage: TypeAlias = Audio | Detail
DaemonMessage: TypeAlias = Doorbell | Curves | LineEvent | DataError | Credit
DataMessage: TypeAlias = Audio | Detail | Doorbell | Curves | LineEvent | DataError | Credit

_Message = TypeVar("_Message", ClientMessage, DaemonMessage)

_ENCODER = msgspec.msgpack.Encoder()
_FROM_CLIENT: msgspec.msgpack.Decoder[ClientMessage] = msgspec.msgpack.Decoder(ClientMessage)
_FROM_DAEMON: msgspec.msgpack.Decoder[DaemonMessage] = msgspec.msgpack.Decoder(DaemonMessage)


def encode_header(message: DataMessage) -> bytes:
    """The header frame of a data message; raises WireError when it is too long."""
    header = _ENCODER.encode(message)
    if len(header) > MAX_DATA_HEADER_BYTES:
        raise WireError(f"header of {len(header)} bytes; at most {MAX_DATA_HEADER_BYTES}")
    return header


def encode(message: DataMessage, payload: Payload = b"") -> list[Payload]:
    """The frames to send, header and payload; raises like `decode_*` would at the other end."""
    _check_payload(message, len(payload))
    return [encode_header(message), payload]


def decode_from_client(frames: Sequence[Payload]) -> tuple[ClientMessage, Payload]:
    """What a client sent (frames without the routing id), checked. The payload is not copied.

    Raises WireError, UnsupportedVersionError or TooLargeError, and nothing else. Whether the
    payload is as long as `n_samples` says depends on the line's format: `check_audio_bytes`.
    """
    message = _decode(_FROM_CLIENT, frames)
    _check_payload(message, len(frames[1]))
    return message, frames[1]


def decode_from_daemon(frames: Sequence[Payload]) -> tuple[DaemonMessage, Payload]:
    """What the daemon sent, checked. Raises as `decode_from_client` does."""
    message = _decode(_FROM_DAEMON, frames)
    _check_payload(message, len(frames[1]))
    return message, frames[1]


def check_audio_bytes(audio: Audio, payload_bytes: int, bytes_per_sample: int) -> None:
    """Raises WireError unless the payload is exactly `n_samples` of `bytes_per_sample` bytes.

    `bytes_per_sample` counts all channels: 2 × channels for s16, 4 × channels for f32.
    """
    if payload_bytes != audio.n_samples * bytes_per_sample:
        raise WireError(
            f"chunk {audio.seq} says {audio.n_samples} samples of {bytes_per_sample} bytes, "
            f"but carries {payload_bytes} bytes"
        )


def _decode(decoder: msgspec.msgpack.Decoder[_Message], frames: Sequence[Payload]) -> _Message:
    if len(frames) != DATA_FRAMES:
        raise WireError(f"a data message has {DATA_FRAMES} frames, not {len(frames)}")
    header = frames[0]
    if len(header) > MAX_DATA_HEADER_BYTES:
        raise TooLargeError(f"header of {len(header)} bytes; at most {MAX_DATA_HEADER_BYTES}")
    try:
        message = decoder.decode(header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _refuse_other_version(header)
        raise WireError(f"not a data header: {error}") from error
    if message.v != DATA_VERSION:
        raise _other_version(message.v)
    return message


def _refuse_other_version(header: Payload) -> None:
    """A header of another version may well have another shape: then say that, not "malformed"."""
    try:
        fields = msgspec.msgpack.decode(header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError):
        return
    if isinstance(fields, list) and len(fields) > 1:
        version = fields[1]
        if type(version) is int and 1 <= version <= 255 and version != DATA_VERSION:
            raise _other_version(version)


def _other_version(version: int) -> UnsupportedVersionError:
    return UnsupportedVersionError(
        f"data plane version {version}; this side speaks {DATA_VERSION}: "
        "use the same release of mien on both sides",
        DATA_VERSION,
        DATA_VERSION,
    )


def _check_payload(message: DataMessage, payload_bytes: int) -> None:
    if isinstance(message, Audio):
        if payload_bytes > MAX_AUDIO_CHUNK_BYTES:
            raise TooLargeError(
                f"audio chunk of {payload_bytes} bytes; at most {MAX_AUDIO_CHUNK_BYTES}"
            )
        if message.n_samples > payload_bytes:
            raise WireError(f"{message.n_samples} samples cannot be in {payload_bytes} bytes")
        return
    expected = CURVES_BYTES if isinstance(message, Curves) else 0
    if payload_bytes != expected:
        raise WireError(f"{type(message).__name__} carries {payload_bytes} bytes, not {expected}")
