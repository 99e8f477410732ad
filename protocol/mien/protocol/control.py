"""The control plane: Request and Reply to bytes and back. SPEC.md, "Control plane".

Knows which body belongs to which field, how large a message may be, and how an Error of the wire
and an exception become each other. Refuses to know sockets and sessions. Whether the values in a
request make sense is asked in `checks`.
"""

from __future__ import annotations

from typing import TypeAlias, cast

from google.protobuf.message import DecodeError, Message

from mien.protocol import control_pb2 as pb
from mien.protocol.errors import (
    EnrolmentFailedError,
    ErrorCode,
    Face,
    MienError,
    TooLargeError,
    UnsupportedVersionError,
    WireError,
    error_type,
)
from mien.protocol.limits import MAX_CONTROL_BYTES, MAX_ID, MAX_UPLOAD_BYTES, SESSION_BYTES

RequestBody: TypeAlias = (
    pb.Hello
    | pb.LoadCharacter
    | pb.Enroll
    | pb.SpawnActor
    | pb.Say
    | pb.GiveCue
    | pb.Interrupt
    | pb.Despawn
    | pb.Stats
    | pb.Heartbeat
    | pb.Shutdown
    | pb.SetBudget
)
ReplyBody: TypeAlias = (
    pb.Error
    | pb.Ack
    | pb.Welcome
    | pb.CharacterLoaded
    | pb.Enrolled
    | pb.ActorSpawned
    | pb.LineStarted
    | pb.Interrupted
    | pb.StatsReply
    | pb.BudgetSet
)

_UPLOAD_FIELDS = {11, 12}  # load_character, enroll
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def encode_request(request_id: int, session: bytes, body: RequestBody) -> bytes:
    """A Request's bytes. Raises TooLargeError over the limits."""
    request = pb.Request(id=request_id, session=session)
    _set_body(request, body)
    data = request.SerializeToString()
    _check_request_size(data)
    return data


def decode_request(data: bytes) -> tuple[pb.Request, RequestBody]:
    """A Request and its body, as the daemon reads it. Sizes are checked before anything is built.

    Raises TooLargeError or WireError, and nothing else. A body of a newer protocol is a WireError;
    unknown fields are kept.
    """
    _check_request_size(data)
    request = pb.Request()
    _parse(request, data)
    if request.id > MAX_ID:
        raise WireError("a request's id is at most 2^63 - 1")
    if len(request.session) not in (0, SESSION_BYTES):
        raise WireError(f"a session has {SESSION_BYTES} bytes, not {len(request.session)}")
    return request, cast(RequestBody, _body(request))


def encode_reply(request_id: int, body: ReplyBody) -> bytes:
    """A Reply's bytes."""
    reply = pb.Reply(id=request_id)
    _set_body(reply, body)
    return reply.SerializeToString()


def decode_reply(data: bytes) -> tuple[int, ReplyBody]:
    """(request id, body), as the client reads it; an Error is a body like others (`raise_error`).

    Raises TooLargeError or WireError.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise TooLargeError(f"reply of {len(data)} bytes; at most {MAX_UPLOAD_BYTES}")
    reply = pb.Reply()
    _parse(reply, data)
    return reply.id, cast(ReplyBody, _body(reply))


def error_body(error: MienError) -> pb.Error:
    """What the daemon answers when `error` was raised. Codes that never travel become INTERNAL."""
    code = error.code if error.code <= ErrorCode.UNKNOWN_SESSION else ErrorCode.INTERNAL
    body = pb.Error(code=f"ERROR_CODE_{code.name}", message=error.message)
    if isinstance(error, EnrolmentFailedError):
        body.enrolment_code = error.enrolment_code
        for face in error.faces:
            body.faces.add(
                index=face.index,
                x_px=face.x_px,
                y_px=face.y_px,
                width_px=face.width_px,
                height_px=face.height_px,
                score=face.score,
            )
    if isinstance(error, UnsupportedVersionError):
        body.min_protocol_version = error.min_version
        body.max_protocol_version = error.max_version
    return body


def raise_error(body: pb.Error) -> None:
    """Raises the exception that an Error of the wire is."""
    kind = error_type(body.code)
    if kind is EnrolmentFailedError:
        faces = [
            Face(f.index, f.x_px, f.y_px, f.width_px, f.height_px, f.score) for f in body.faces
        ]
        raise EnrolmentFailedError(body.message, body.enrolment_code, faces)
    if kind is UnsupportedVersionError:
        raise UnsupportedVersionError(
            body.message, body.min_protocol_version, body.max_protocol_version
        )
    raise kind(body.message)


def _set_body(envelope: pb.Request | pb.Reply, body: Message) -> None:
    fields = envelope.DESCRIPTOR.oneofs_by_name["body"].fields
    for field in fields:
        if field.message_type is body.DESCRIPTOR:
            target = getattr(envelope, field.name)
            target.SetInParent()
            target.CopyFrom(body)
            return
    raise WireError(f"{type(body).__name__} is no body of {type(envelope).__name__}")


def _body(envelope: pb.Request | pb.Reply) -> Message:
    name = envelope.WhichOneof("body")
    if name is None:
        raise WireError("a message without a body that this version knows")
    return cast(Message, getattr(envelope, name))


def _parse(message: Message, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except (DecodeError, UnicodeError, ValueError) as error:
        raise WireError(f"not a {type(message).__name__}: {error}") from error


def _check_request_size(data: bytes) -> None:
    """What is not in a LoadCharacter or Enroll fits in 1 MiB: small items cannot become many."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise TooLargeError(f"request of {len(data)} bytes; at most {MAX_UPLOAD_BYTES}")
    if len(data) > MAX_CONTROL_BYTES:
        rest = len(data) - _uploaded_bytes(data)
        if rest > MAX_CONTROL_BYTES:
            raise TooLargeError(f"request of {rest} bytes; at most {MAX_CONTROL_BYTES}")


def _uploaded_bytes(data: bytes) -> int:
    """How many bytes of a serialized Request lie in the bodies that carry files."""
    at, uploaded, items = 0, 0, 0
    while at < len(data):
        items += 1
        if items > 64:
            raise WireError("not a Request: too many fields")
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _read_varint(data, at)
        elif kind == _BYTES:
            size, at = _read_varint(data, at)
            at += size
            if tag >> 3 in _UPLOAD_FIELDS:
                uploaded += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise WireError("not a Request: unknown wire type")
    if at != len(data):
        raise WireError("not a Request: truncated")
    return uploaded


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise WireError("not a Request: broken number")
