"""Hostile and clumsy clients: each gets its answer, nobody else notices."""

import os
import random

import msgspec
import numpy as np
import pytest
import zmq
from stage_helpers import RawClient, tone

from mien.protocol import control_pb2 as pb
from mien.protocol import wire
from mien.protocol.errors import ErrorCode


@pytest.fixture
def raw(daemon):
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        yield raw


def send_raw(raw, frames, control=True):
    (raw.control if control else raw.data).send_multipart(frames)


def alive(raw):
    return isinstance(raw.ask(pb.Stats()), pb.StatsReply)


def test_garbage_on_both_sockets_is_survived(daemon, raw):
    actor = raw.spawn().actor_id
    rng = random.Random(1)
    for k in range(200):
        junk = rng.randbytes(rng.choice([0, 1, 7, 100, 5000]))
        send_raw(raw, [junk])
        send_raw(raw, [junk] * rng.choice([1, 2, 3, 9]), control=False)
        if k % 10 == 0:
            send_raw(raw, [junk] * rng.choice([2, 3, 9]))
    for _ in range(1000):  # every single frame is answered, with id 0 and an error
        request_id, reply = raw.reply()
        assert isinstance(reply, pb.Error)
        if request_id == 0 and not raw.control.poll(300):
            break
    assert alive(raw)
    assert raw.say(actor).line_id == 1
    assert "Traceback" not in daemon.words


def test_a_request_cut_anywhere_is_an_error(raw):
    request = pb.Request(id=5, session=raw.session)
    request.say.CopyFrom(pb.Say(actor_id=1, sample_rate_hz=16_000, channels=1, sample_format=1))
    whole = request.SerializeToString()
    for cut in range(len(whole)):
        send_raw(raw, [whole[:cut]])
        assert isinstance(raw.reply()[1], pb.Error)
    assert alive(raw)


def test_fields_of_a_newer_client_are_ignored(raw):
    extra = b"\xf8\x07\x2a\xfa\x07\x03abc"  # fields 127: a number and bytes
    send_raw(
        raw, [pb.Request(id=9, session=raw.session, stats=pb.Stats()).SerializeToString() + extra]
    )
    request_id, reply = raw.reply()
    assert request_id == 9 and isinstance(reply, pb.StatsReply)
    actor = raw.spawn().actor_id
    line = raw.say(actor)
    header = msgspec.msgpack.encode([1, 1, actor, line.line_id, 0, 0, 320, 1, "new", {"a": 1}])
    raw.data.send_multipart([header, tone(0.02)])
    assert raw.news(wire.Credit).next_seq == 1


def test_a_message_that_is_too_large_is_refused(raw):
    send_raw(
        raw,
        [
            pb.Request(id=3, session=raw.session, stats=pb.Stats()).SerializeToString()
            + b"\xfa\x07\x80\x80\x80\x01"
            + bytes(2 * 1024 * 1024)
        ],
    )
    assert raw.reply()[1].code == ErrorCode.TOO_LARGE
    assert alive(raw)


def test_a_frame_above_the_sockets_limit_costs_the_sender_its_connection_and_nobody_else(
    daemon, raw
):
    with RawClient(daemon.endpoints) as other:
        other.hello()
        send_raw(other, [b"x", bytes(3 * 1024 * 1024)], control=False)
        assert alive(raw)


def test_an_actor_of_another_client_is_not_ones_own(daemon, raw):
    mine = raw.spawn().actor_id
    with RawClient(daemon.endpoints) as other:
        other.hello()
        for body in (
            pb.Say(actor_id=mine, sample_rate_hz=16_000, channels=1, sample_format=1),
            pb.Interrupt(actor_id=mine),
            pb.Despawn(actor_id=mine),
            pb.GiveCue(actor_id=mine, cue=pb.Cue(blink=1.0)),
        ):
            assert other.ask(body).code == ErrorCode.NOT_OWNER
        other.audio(mine, 1, 0, 0, tone(0.02))
        assert other.news(wire.DataError).code is wire.DataErrorCode.NOT_FOUND
    assert raw.say(mine).line_id == 1


def test_what_does_not_exist_is_not_found(raw):
    assert raw.say(77).code == ErrorCode.NOT_FOUND
    assert raw.ask(pb.Despawn(actor_id=77)).code == ErrorCode.NOT_FOUND
    assert raw.ask(pb.SpawnActor(character_id="nobody")).code == ErrorCode.NOT_FOUND
    assert raw.ask(pb.LoadCharacter(path="/nowhere/x.mien")).code == ErrorCode.NOT_FOUND
    actor = raw.spawn().actor_id
    assert raw.ask(pb.GiveCue(actor_id=actor, line_id=5, cue=pb.Cue(blink=1))).code == (
        ErrorCode.NOT_FOUND
    )
    raw.audio(actor, 5, 0, 0, tone(0.02))
    assert raw.news(wire.DataError).code is wire.DataErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    "fields",
    [
        {"sample_rate_hz": 7_999},
        {"sample_rate_hz": 192_001},
        {"channels": 0},
        {"channels": 9},
        {"sample_format": 0},
        {"cues": [pb.Cue()]},
        {"cues": [pb.Cue(emotion=pb.Emotion(weights=[1.0] * 7))]},
        {"cues": [pb.Cue(gaze=pb.Gaze(theta_rad=float("nan")))]},
        {"cues": [pb.Cue(head=pb.HeadPose(x_rad=float("inf")))]},
        {"cues": [pb.Cue(blink=1, duration_us=-1)]},
    ],
)
def test_a_line_that_makes_no_sense_is_refused(raw, fields):
    actor = raw.spawn().actor_id
    assert raw.say(actor, **fields).code == ErrorCode.INVALID_ARGUMENT
    assert raw.say(actor).line_id == 1


def test_line_ids_only_grow(raw):
    actor = raw.spawn().actor_id
    assert raw.say(actor, line_id=10).line_id == 10
    assert raw.say(actor, line_id=10).code == ErrorCode.INVALID_ARGUMENT
    assert raw.say(actor).line_id == 11


def test_paths_must_be_absolute(raw):
    assert raw.ask(pb.LoadCharacter(path="hero.mien")).code == ErrorCode.INVALID_ARGUMENT
    answer = raw.ask(pb.Enroll(data=b"x", output_path="hero.mien"))
    assert answer.code == ErrorCode.INVALID_ARGUMENT


def test_sound_on_its_way_to_an_actor_that_just_left_is_no_mistake(raw):
    actor = raw.spawn().actor_id
    line = raw.say(actor).line_id
    assert isinstance(raw.ask(pb.Despawn(actor_id=actor)), pb.Ack)
    raw.audio(actor, line, 0, 0, tone(0.02))
    raw.audio(actor + 1, line, 0, 0, tone(0.02))
    assert raw.news(wire.DataError).actor == actor + 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"seq": 3}, wire.DataErrorCode.SEQUENCE),
        ({"first": 50}, wire.DataErrorCode.INVALID),
        ({"n_samples": 319}, wire.DataErrorCode.INVALID),
    ],
)
def test_audio_out_of_place_is_refused_and_goes_on_where_it_should(raw, message, code):
    actor = raw.spawn().actor_id
    line = raw.say(actor).line_id
    raw.audio(actor, line, **{"seq": 0, "first": 0, "pcm": tone(0.02), **message})
    error = raw.news(wire.DataError)
    assert (error.code, error.next_seq, error.line) == (code, 0, line)
    raw.audio(actor, line, 0, 0, tone(0.4), flags=1)
    assert raw.news(wire.Credit).next_seq == 1
    while raw.news(wire.LineEvent).kind is not wire.LineEventKind.ENDED:
        pass


def test_a_data_message_of_another_version_is_told_so(raw):
    raw.data.send_multipart([msgspec.msgpack.encode([1, 9, 1, 1, 0, 0, 0, 0]), b""])
    assert raw.news(wire.DataError).code is wire.DataErrorCode.UNSUPPORTED_VERSION


def test_audio_of_an_unknown_session_is_not_found(daemon, raw):
    stranger = raw._dealer(daemon.endpoints.data, os.urandom(15) + b"x")
    header = wire.encode_header(wire.Audio(1, 1, 1, 0, 0, 0, 0))
    stranger.send_multipart([header, b""])
    assert stranger.poll(5000)
    message, _ = wire.decode_from_daemon(stranger.recv_multipart())
    assert message.code is wire.DataErrorCode.NOT_FOUND


def speak(raw, pcm, **fields):
    """Says a whole line; the kinds of what happened, and the notices."""
    actor = raw.spawn().actor_id
    line = raw.say(actor, **fields).line_id
    frame_bytes = fields.get("channels", 1) * (4 if fields.get("sample_format") == 2 else 2)
    raw.audio(actor, line, 0, 0, pcm, flags=1, n_samples=len(pcm) // frame_bytes)
    events, notices = [], []
    while not events or events[-1].kind is not wire.LineEventKind.ENDED:
        message = raw.news((wire.LineEvent, wire.DataError))
        (events if isinstance(message, wire.LineEvent) else notices).append(message)
    return events, notices


def test_empty_audio_is_a_line_that_begins_and_ends(raw):
    events, notices = speak(raw, b"")
    assert [e.kind.name for e in events] == ["STARTED", "ENDED"] and not notices
    assert events[-1].pts_us == 0


def test_audio_that_is_not_a_number_is_silence_and_is_told(raw):
    events, notices = speak(raw, np.full(8000, np.nan, "<f4").tobytes(), sample_format=2)
    assert events[-1].pts_us == 500_000
    assert len(notices) == 1 and "not numbers" in notices[0].message


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (96_000, 2), (48_000, 6), (192_000, 8)])
def test_odd_audio_is_spoken(raw, rate, channels):
    count = rate // 5
    loud = np.full(count * channels, 32767, "<i2").tobytes()
    events, _ = speak(raw, loud, sample_rate_hz=rate, channels=channels)
    assert [e.kind.name for e in events] == ["STARTED", "ENDED"]
    assert events[-1].pts_us == 200_000


def test_a_client_that_never_reads_is_not_waited_for(daemon, raw):
    deaf = RawClient(daemon.endpoints)
    deaf.hello()
    deaf.data.setsockopt(zmq.RCVHWM, 1)
    deaf.spawn()
    for _ in range(3000):  # thousands of answers that nobody fetches
        deaf.data.send_multipart([b"\x00", b""])
    assert alive(raw)
    deaf.__exit__()
    assert alive(raw)
