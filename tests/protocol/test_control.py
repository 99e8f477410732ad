"""The control plane's codec: sizes, versions, unknown fields, errors, ranges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.protocol import checks, control, errors
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import InvalidArgumentError, MienError, TooLargeError, WireError
from mien.protocol.limits import MAX_CONTROL_BYTES, MAX_UPLOAD_BYTES, MIB

SESSION = bytes(range(1, 17))


def say(**changes):
    fields = {
        "actor_id": 1,
        "sample_rate_hz": 16_000,
        "channels": 1,
        "sample_format": pb.SAMPLE_FORMAT_S16LE,
    }
    return pb.Say(**(fields | changes))


def test_every_body_travels_there_and_back():
    for field in pb.Request.DESCRIPTOR.oneofs_by_name["body"].fields:
        body = getattr(pb, field.message_type.name)()
        request, found = control.decode_request(control.encode_request(5, SESSION, body))
        assert (request.id, request.session) == (5, SESSION)
        assert type(found) is type(body)
    for field in pb.Reply.DESCRIPTOR.oneofs_by_name["body"].fields:
        body = getattr(pb, field.message_type.name)()
        number, found = control.decode_reply(control.encode_reply(6, body))
        assert number == 6
        assert type(found) is type(body)


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(data):
    for decode in (control.decode_request, control.decode_reply):
        try:
            decode(data)
        except MienError as error:
            assert isinstance(error, WireError)


@given(st.data())
def test_a_request_cut_anywhere_is_read_or_refused_and_nothing_else(data):
    cues = [pb.Cue(pts_us=1, emotion=pb.Emotion(weights=[0.5] * 8, intensity=1.0))]
    whole = control.encode_request(9, SESSION, say(cues=cues, line_id=4))
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        _, body = control.decode_request(part)
        checks.check_request(body)
    except MienError as error:
        assert isinstance(error, InvalidArgumentError)


@given(st.integers(100, 5000), st.binary(max_size=40))
def test_unknown_fields_survive(number, value):
    # What a client of a later release would send: one field more, at the outside and in the body.
    tag, size = encode_varint(number << 3 | 2), encode_varint(len(value))
    extra = tag + size + value
    body = pb.Heartbeat()
    body.MergeFromString(extra)
    data = control.encode_request(1, SESSION, body) + extra
    request, found = control.decode_request(data)
    assert found.SerializeToString() == extra
    assert extra in request.SerializeToString()
    again, _ = control.decode_request(request.SerializeToString())
    assert again == request


def encode_varint(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def test_a_file_may_be_large_and_nothing_else():
    big = bytes(3 * MIB)
    for body in (pb.LoadCharacter(data=big), pb.Enroll(data=big)):
        control.decode_request(control.encode_request(1, SESSION, body))
    with pytest.raises(TooLargeError):
        control.encode_request(1, SESSION, pb.Hello(client_name="x" * MAX_CONTROL_BYTES))
    with pytest.raises(TooLargeError):
        control.encode_request(1, SESSION, pb.LoadCharacter(data=bytes(MAX_UPLOAD_BYTES)))


def test_many_small_items_are_refused_before_they_become_objects():
    hostile = pb.Request(id=1, session=SESSION, say=pb.Say(cues=[pb.Cue()] * 600_000))
    with pytest.raises(TooLargeError):
        control.decode_request(hostile.SerializeToString())
    padded = b"\x08\x01" * MIB
    with pytest.raises((WireError, TooLargeError)):
        control.decode_request(padded)


def test_a_long_request_that_lies_about_its_lengths_is_refused():
    whole = control.encode_request(1, SESSION, pb.Enroll(data=bytes(2 * MIB)))
    for hostile in (whole[:-1], whole + b"\x5a", b"\xff" * (2 * MIB), b"\x0b" + whole):
        with pytest.raises(WireError):
            control.decode_request(hostile)


def test_a_session_has_sixteen_bytes():
    for session in (b"x", bytes(17)):
        data = pb.Request(id=1, session=session, stats=pb.Stats()).SerializeToString()
        with pytest.raises(WireError):
            control.decode_request(data)


def test_the_codes_of_errors_py_are_those_of_the_proto():
    wire_codes = {name.removeprefix("ERROR_CODE_"): n for name, n in pb.ErrorCode.items()}
    own = {code.name: code.value for code in errors.ErrorCode if code.value < 1000}
    assert own == wire_codes


@pytest.mark.parametrize("code", [c for c in errors.ErrorCode if 0 < c.value < 1000])
def test_an_error_arrives_as_the_exception_that_was_raised(code):
    kind = errors.error_type(code)
    assert kind.default_code == code
    _, body = control.decode_reply(control.encode_reply(1, control.error_body(kind("why"))))
    with pytest.raises(kind, match="why"):
        control.raise_error(body)


def test_errors_with_details_keep_them():
    faces = (errors.Face(0, 1.0, 2.0, 3.0, 4.0, 0.5), errors.Face(1, 5.0, 6.0, 7.0, 8.0, 0.25))
    several = errors.EnrolmentFailedError("two", "several_faces", faces)
    with pytest.raises(errors.EnrolmentFailedError) as caught:
        control.raise_error(control.error_body(several))
    assert (caught.value.enrolment_code, caught.value.faces) == ("several_faces", faces)
    version = errors.UnsupportedVersionError("other", 2, 5)
    with pytest.raises(errors.UnsupportedVersionError) as caught:
        control.raise_error(control.error_body(version))
    assert (caught.value.min_version, caught.value.max_version) == (2, 5)


def test_an_error_of_a_later_release_is_still_an_error():
    body = pb.Error(message="new trouble")
    body.MergeFromString(b"\x08\x7f")
    with pytest.raises(MienError, match="new trouble"):
        control.raise_error(body)


def test_a_fault_that_never_travels_becomes_internal():
    assert control.error_body(errors.RingError("x")).code == pb.ERROR_CODE_INTERNAL


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (say(actor_id=0), "actor_id"),
        (say(sample_rate_hz=7999), "sample_rate_hz"),
        (say(sample_rate_hz=192_001), "sample_rate_hz"),
        (say(channels=0), "channels"),
        (say(channels=9), "channels"),
        (say(sample_format=0), "sample_format"),
        (say(sample_format=7), "sample_format"),
        (say(line_id=0), "line_id"),
        (say(line_id=2**63), "line_id"),
        (say(cues=[pb.Cue()] * 4097), "cues"),
        (say(cues=[pb.Cue()]), "one thing"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(blink=1.5)), "blink"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(blink=math.nan)), "blink"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(distance=math.inf)), "distance"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(gaze=pb.Gaze(theta_rad=2))), "theta"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(head=pb.HeadPose(z_rad=-4))), "head"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(emotion=pb.Emotion(weights=[1]))), "8 weights"),
        (pb.GiveCue(actor_id=1, cue=pb.Cue(blink=1, duration_us=-1)), "duration"),
        (pb.SpawnActor(), "character_id"),
        (pb.SpawnActor(character_id="c", ring=pb.RingPreferences(slots=1)), "slots"),
        (pb.SpawnActor(character_id="c", ring=pb.RingPreferences(size_px=5000)), "size_px"),
        (pb.LoadCharacter(), "source"),
        (pb.LoadCharacter(path=""), "source"),
        (pb.LoadCharacter(path="a\0b"), "zero byte"),
        (pb.Enroll(path="x" * 5000), "path"),
        (pb.Interrupt(actor_id=1, fade_ms=99_999), "fade_ms"),
        (pb.Hello(client_name="x" * 2000), "client_name"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(body, words):
    with pytest.raises(InvalidArgumentError, match=words):
        checks.check_request(body)


def test_values_that_make_sense_pass():
    cues = [
        pb.Cue(pts_us=-5, emotion=pb.Emotion(weights=[0.125] * 8, intensity=1)),
        pb.Cue(gaze=pb.Gaze(theta_rad=-1, phi_rad=1)),
        pb.Cue(distance=1),
        pb.Cue(head=pb.HeadPose()),
        pb.Cue(blink=0, duration_us=5),
    ]
    checks.check_request(say(cues=cues, line_id=1, total_samples=0, start_pts_us=-7))
    checks.check_request(pb.SpawnActor(character_id="c"))
    checks.check_request(pb.Enroll(data=b"x", face=3))
    checks.check_request(pb.Stats())
