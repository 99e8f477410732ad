"""What can go wrong on the way between a client and the daemon, as exception types.

Knows the error codes of the wire and which exception each one is. Refuses to know protobuf: the
numbers are those of `mien.v1.ErrorCode`, and a test keeps the two equal.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class ErrorCode(enum.IntEnum):
    """`mien.v1.ErrorCode`; codes from 1000 on never travel, they arise at the client."""

    UNSPECIFIED = 0
    INVALID_ARGUMENT = 1
    UNSUPPORTED_VERSION = 2
    NOT_FOUND = 3
    NOT_OWNER = 4
    STAGE_FULL = 5
    TOO_LARGE = 6
    ENROLMENT = 7
    CHARACTER_FILE = 8
    RESOURCE_EXHAUSTED = 9
    INTERNAL = 10
    UNKNOWN_SESSION = 11

    CONNECTION_LOST = 1000
    TIMEOUT = 1001
    DAEMON_NOT_RUNNING = 1002
    RUN_DIRECTORY = 1003
    RING = 1004
    ACTOR_LOST = 1005
    AUDIO = 1006
    CLOSED = 1007
    GPU_MISMATCH = 1008
    GPU_LOST = 1009


class MienError(Exception):
    """Base of everything that mien raises on purpose: a code for programs, a message for people."""

    default_code: ErrorCode = ErrorCode.INTERNAL

    def __init__(self, message: str, code: ErrorCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code


class InvalidArgumentError(MienError):
    """A value was refused; the message says which and what is allowed."""

    default_code = ErrorCode.INVALID_ARGUMENT


class WireError(InvalidArgumentError):
    """Bytes that are not a message of this protocol: truncated, malformed, out of range."""


class UnsupportedVersionError(MienError):
    """The other side speaks a protocol version that this one does not."""

    default_code = ErrorCode.UNSUPPORTED_VERSION

    def __init__(self, message: str, min_version: int = 0, max_version: int = 0) -> None:
        super().__init__(message)
        self.min_version = min_version
        self.max_version = max_version


class NotFoundError(MienError):
    """No such actor, line, character or file."""

    default_code = ErrorCode.NOT_FOUND


class NotOwnerError(MienError):
    """The actor or character belongs to another client."""

    default_code = ErrorCode.NOT_OWNER


class StageFullError(MienError):
    """The daemon performs as many actors as it can."""

    default_code = ErrorCode.STAGE_FULL


class TooLargeError(MienError):
    """A message, an audio chunk or a picture is over its limit."""

    default_code = ErrorCode.TOO_LARGE


@dataclass(frozen=True)
class Face:
    """A face found in a portrait; pixels of the upright picture, box from its upper left corner."""

    index: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    score: float


class EnrolmentFailedError(MienError):
    """The portrait cannot become a character; `enrolment_code` says why, e.g. `no_face`."""

    default_code = ErrorCode.ENROLMENT

    def __init__(self, message: str, enrolment_code: str = "", faces: Sequence[Face] = ()) -> None:
        super().__init__(message)
        self.enrolment_code = enrolment_code
        self.faces = tuple(faces)


class CharacterFileInvalidError(MienError):
    """Not a character file that this version reads: truncated, foreign or newer."""

    default_code = ErrorCode.CHARACTER_FILE


class ResourceExhaustedError(MienError):
    """Memory, shared memory or a queue is full."""

    default_code = ErrorCode.RESOURCE_EXHAUSTED


class SharedMemoryFullError(ResourceExhaustedError):
    """The machine has no room for another ring."""


class GpuMemoryFullError(ResourceExhaustedError):
    """The GPU has no room for another ring."""


class InternalError(MienError):
    """A fault inside the daemon; its log has the rest."""

    default_code = ErrorCode.INTERNAL


class UnknownSessionError(MienError):
    """The daemon does not know the session: the lease ran out, or the daemon is a new one."""

    default_code = ErrorCode.UNKNOWN_SESSION


class ConnectionLostError(MienError):
    """The daemon went away; the client goes on trying to reach it."""

    default_code = ErrorCode.CONNECTION_LOST


class RequestTimeoutError(MienError):
    """The daemon did not answer in time."""

    default_code = ErrorCode.TIMEOUT


class DaemonNotRunningError(MienError):
    """Nobody serves at the endpoint."""

    default_code = ErrorCode.DAEMON_NOT_RUNNING


class RunDirectoryError(MienError):
    """The run directory is missing, unsafe or holds something that is not ours."""

    default_code = ErrorCode.RUN_DIRECTORY


class RingError(MienError):
    """A shared-memory ring that cannot be trusted or opened."""

    default_code = ErrorCode.RING


class GpuMismatchError(RingError):
    """The ring is on a GPU that this process does not see; the message gives both UUIDs."""

    default_code = ErrorCode.GPU_MISMATCH


class GpuLostError(RingError):
    """A GPU is not there, or not any more: no driver, unplugged, reset, its context broken."""

    default_code = ErrorCode.GPU_LOST


class ActorLostError(MienError):
    """The actor's daemon is gone; `respawn()` brings the actor back."""

    default_code = ErrorCode.ACTOR_LOST


class AudioError(MienError):
    """Sound in a form that cannot be sent; the message says how to convert it."""

    default_code = ErrorCode.AUDIO


class ClosedError(MienError):
    """The client, actor or line was closed."""

    default_code = ErrorCode.CLOSED


_BY_CODE: dict[ErrorCode, type[MienError]] = {
    ErrorCode.INVALID_ARGUMENT: InvalidArgumentError,
    ErrorCode.UNSUPPORTED_VERSION: UnsupportedVersionError,
    ErrorCode.NOT_FOUND: NotFoundError,
    ErrorCode.NOT_OWNER: NotOwnerError,
    ErrorCode.STAGE_FULL: StageFullError,
    ErrorCode.TOO_LARGE: TooLargeError,
    ErrorCode.ENROLMENT: EnrolmentFailedError,
    ErrorCode.CHARACTER_FILE: CharacterFileInvalidError,
    ErrorCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    ErrorCode.INTERNAL: InternalError,
    ErrorCode.UNKNOWN_SESSION: UnknownSessionError,
}


def error_type(code: int) -> type[MienError]:
    """The exception for a code of the wire; codes of a newer daemon are plain `MienError`s."""
    try:
        return _BY_CODE.get(ErrorCode(code), MienError)
    except ValueError:
        return MienError
