"""The data plane's codec: what was written is read, and no bytes can do more than raise."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.protocol import wire
from mien.protocol.errors import MienError, TooLargeError, UnsupportedVersionError, WireError
from mien.protocol.limits import MAX_ACTOR_ID, MAX_AUDIO_CHUNK_BYTES, MAX_ID

ids = st.integers(1, MAX_ID)
counts = st.integers(0, MAX_ID)
actors = st.integers(1, MAX_ACTOR_ID)
micros = st.integers(-MAX_ID, MAX_ID)
flags = st.integers(0, 2**32 - 1)

daemon_messages = st.one_of(
    st.builds(wire.Doorbell, st.just(1), actors, counts, st.integers(0, 63), counts, micros, flags),
    st.builds(wire.Curves, st.just(1), actors, counts, micros, counts, flags),
    st.builds(wire.LineEvent, st.just(1), actors, ids, st.sampled_from(wire.LineEventKind), micros),
    st.builds(
        wire.DataError,
        st.just(1),
        actors,
        counts,
        st.sampled_from(wire.DataErrorCode),
        counts,
        st.text(max_size=200),
    ),
    st.builds(wire.Credit, st.just(1), actors, ids, counts, counts),
)
payloads = st.binary(max_size=4096)
audio = payloads.flatmap(
    lambda p: st.tuples(
        st.builds(
            wire.Audio, st.just(1), actors, ids, counts, counts, st.integers(0, len(p)), flags
        ),
        st.just(p),
    )
)
TYPED = (WireError, TooLargeError, UnsupportedVersionError)


def payload_of(message):
    return bytes(wire.CURVES_BYTES) if isinstance(message, wire.Curves) else b""


@given(daemon_messages)
def test_what_the_daemon_writes_the_client_reads(message):
    payload = payload_of(message)
    assert wire.decode_from_daemon(wire.encode(message, payload)) == (message, payload)


@given(audio)
def test_what_the_client_writes_the_daemon_reads(pair):
    message, payload = pair
    assert wire.decode_from_client(wire.encode(message, payload)) == (message, payload)


@given(st.lists(st.binary(max_size=1200), max_size=5))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(frames):
    for decode in (wire.decode_from_client, wire.decode_from_daemon):
        try:
            decode(frames)
        except MienError as error:
            assert isinstance(error, TYPED)


@given(daemon_messages, st.data())
def test_a_header_cut_short_is_refused(message, data):
    header, payload = wire.encode(message, payload_of(message))
    cut = data.draw(st.integers(0, len(header) - 1))
    with pytest.raises(WireError):
        wire.decode_from_daemon([header[:cut], payload])


@given(daemon_messages, st.binary(min_size=1, max_size=20))
def test_a_header_with_bytes_behind_it_is_refused(message, extra):
    header, payload = wire.encode(message, payload_of(message))
    with pytest.raises(TYPED):
        wire.decode_from_daemon([header + extra, payload])


@given(daemon_messages, st.lists(st.integers(0, 9) | st.text(max_size=5), max_size=4))
def test_fields_of_a_later_release_are_ignored(message, more):
    fields = msgspec.msgpack.decode(wire.encode_header(message))
    longer = msgspec.msgpack.encode([*fields, *more])
    payload = payload_of(message)
    assert wire.decode_from_daemon([longer, payload]) == (message, payload)


@given(daemon_messages, st.integers(0, 400), st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused_and_nothing_else(message, at, value):
    header = bytearray(wire.encode_header(message))
    header[at % len(header)] = value
    try:
        wire.decode_from_daemon([bytes(header), payload_of(message)])
    except MienError as error:
        assert isinstance(error, TYPED)


@given(daemon_messages, st.integers(2, 255))
def test_another_version_is_said_to_be_one_whatever_its_shape(message, version):
    fields = msgspec.msgpack.decode(wire.encode_header(message))
    for other in ([fields[0], version, *fields[2:]], [fields[0], version], [99, version, "new"]):
        with pytest.raises(UnsupportedVersionError):
            wire.decode_from_daemon([msgspec.msgpack.encode(other), b""])


@pytest.mark.parametrize("payload_bytes", [1, wire.CURVES_BYTES - 1, wire.CURVES_BYTES + 1])
def test_a_payload_of_the_wrong_length_is_refused(payload_bytes):
    bell = wire.Doorbell(1, 1, 1, 0, 0, 0, 0)
    curves = wire.Curves(1, 1, 1, 0)
    for message in (bell, curves):
        frames = [wire.encode_header(message), bytes(payload_bytes)]
        with pytest.raises(WireError):
            wire.decode_from_daemon(frames)
        with pytest.raises(WireError):
            wire.encode(message, bytes(payload_bytes))


def test_curves_of_before_they_named_their_line_are_still_read():
    header = msgspec.msgpack.encode([3, 1, 7, 1000, 80_000])
    message, _ = wire.decode_from_daemon([header, bytes(wire.CURVES_BYTES)])
    assert (message.actor, message.frame_id, message.pts_us) == (7, 1000, 80_000)
    assert (message.line, message.flags) == (0, 0)


def test_a_chunk_over_the_limit_is_too_large():
    chunk = wire.Audio(1, 1, 1, 0, 0, 8, 0)
    with pytest.raises(TooLargeError):
        wire.decode_from_client([wire.encode_header(chunk), bytes(MAX_AUDIO_CHUNK_BYTES + 1)])


def test_a_chunk_must_hold_what_it_says():
    chunk = wire.Audio(1, 1, 1, 0, 0, 100, 0)
    wire.check_audio_bytes(chunk, 400, 4)
    for size in (399, 401, 0, 200):
        with pytest.raises(WireError):
            wire.check_audio_bytes(chunk, size, 4)


def test_a_client_cannot_speak_as_the_daemon_and_the_other_way_round():
    bell = wire.encode(wire.Doorbell(1, 1, 1, 0, 0, 0, 0))
    chunk = wire.encode(wire.Audio(1, 1, 1, 0, 0, 0, 0))
    with pytest.raises(WireError):
        wire.decode_from_client(bell)
    with pytest.raises(WireError):
        wire.decode_from_daemon(chunk)


@pytest.mark.parametrize(
    "fields",
    [
        [1, 1, 0, 1, 0, 0, 0, 0],  # no actor
        [1, 1, 1, 0, 0, 0, 0, 0],  # no line
        [1, 1, 1, 1, -1, 0, 0, 0],
        [1, 1, 2**32, 1, 0, 0, 0, 0],
        [1, 1, 1, 2**63, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 2**64 - 1, 0],
        [1, 1, 1, 1, 0.5, 0, 0, 0],
        [1, 1, 1, True, 0, 0, 0, 0],
        [1, 1, "1", 1, 0, 0, 0, 0],
        [1, 0, 1, 1, 0, 0, 0, 0],
    ],
)
def test_a_number_out_of_its_range_is_refused(fields):
    with pytest.raises(WireError):
        wire.decode_from_client([msgspec.msgpack.encode(fields), b""])


def test_nesting_without_end_is_refused():
    for deep in (b"\x91" * 1000, b"\x98\x01\x01\x01\x01\x00\x00\x00\x00" + b"\x91" * 900 + b"\x00"):
        with pytest.raises(WireError):
            wire.decode_from_client([deep, b""])
