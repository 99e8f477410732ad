"""A line's audio: order, credit, and what is refused."""

import numpy as np
import pytest

from mien.backend.line import Line, LineSpec, PcmFormat
from mien.backend.modelset import StreamEars
from mien.models.motion.types import HOP_SAMPLES
from mien.protocol.wire import Audio, DataErrorCode

MONO = PcmFormat(16_000, 1, is_float=False)


def make(pcm=MONO, window_bytes=1 << 20, **spec):
    return Line(LineSpec(1, pcm, **spec), StreamEars(pcm), window_bytes)


def chunk(seq, first, count, end=False):
    return Audio(1, 1, 1, seq, first, count, int(end))


def test_hops_are_counted_without_converting_more_than_is_asked_for():
    line = make()
    line.append(chunk(0, 0, 32_000), bytes(64_000), 0)
    assert line.hops_ready(2) == 2
    assert line.buffered_bytes > 50_000


def test_the_rest_of_an_ended_line_is_silence():
    line = make()
    line.append(chunk(0, 0, 700, end=True), b"\1\0" * 700, 0)
    assert line.hops_ready(5) == 5
    assert line.total_frames == 2
    assert np.count_nonzero(line.take_hop()) == 640
    assert np.count_nonzero(line.take_hop()) == 60
    assert line.all_taken
    assert not line.take_hop().any()


def test_a_chunk_seen_before_is_ignored_and_credited():
    line = make()
    line.append(chunk(0, 0, 100), bytes(200), 0)
    again = line.append(chunk(0, 0, 100), bytes(200), 0)
    assert again.refused is None and again.credit
    assert line.credit()[0] == 1


@pytest.mark.parametrize(
    ("wrong", "payload", "code"),
    [
        (chunk(2, 100, 10), bytes(20), DataErrorCode.SEQUENCE),
        (chunk(1, 90, 10), bytes(20), DataErrorCode.INVALID),
        (chunk(1, 100, 10), bytes(19), DataErrorCode.INVALID),
        (chunk(1, 100, 0), bytes(20), DataErrorCode.INVALID),
        (chunk(1, 100, 2000), bytes(4000), DataErrorCode.BACKPRESSURE),
    ],
)
def test_what_does_not_fit_is_refused_and_the_line_goes_on(wrong, payload, code):
    line = make(window_bytes=1000)
    line.append(chunk(0, 0, 100), bytes(200), 0)
    assert line.append(wrong, payload, 0).refused is code
    assert line.next_seq == 1
    assert line.append(chunk(1, 100, 100), bytes(200), 0).refused is None


def test_credit_grows_as_audio_is_spoken_and_nothing_is_ever_lost():
    line = make(window_bytes=40_000)
    sound = np.arange(60_000, dtype="<i2")
    seq = at = 0
    heard = []
    while at < len(sound):
        piece = sound[at : at + 5000]
        verdict = line.append(chunk(seq, at, len(piece)), piece.tobytes(), 0)
        if verdict.refused is DataErrorCode.BACKPRESSURE:
            assert line.hops_ready(1) == 1
            heard.append(line.take_hop())
            continue
        seq, at = seq + 1, at + len(piece)
    line.append(chunk(seq, at, 0, end=True), b"", 0)
    while not (line.hops_ready(1) and line.all_taken):
        heard.append(line.take_hop())
    np.testing.assert_array_equal(
        np.concatenate(heard)[: len(sound)] * 32768, sound.astype(np.float32)
    )
    assert line.credit()[1] == 2 * len(sound) + 40_000


def test_total_samples_end_the_line_and_more_are_refused():
    line = make(total_samples=150)
    assert line.append(chunk(0, 0, 200), bytes(400), 0).refused is DataErrorCode.INVALID
    line.append(chunk(0, 0, 150), bytes(300), 0)
    assert line.ended
    assert line.append(chunk(1, 150, 0, end=True), b"", 0).refused is None
    assert line.append(chunk(2, 150, 1), bytes(2), 0).refused is DataErrorCode.INVALID


def test_what_still_comes_for_a_discarded_line_is_swallowed():
    line = make()
    line.append(chunk(0, 0, 100), bytes(200), 0)
    line.discard()
    assert line.append(chunk(7, 9999, 100), bytes(200), 0).refused is None
    assert line.buffered_bytes == 0


def test_samples_that_are_no_numbers_are_silence_and_are_counted():
    line = make(PcmFormat(16_000, 1, is_float=True))
    sound = np.full(HOP_SAMPLES, np.nan, "<f4")
    line.append(chunk(0, 0, HOP_SAMPLES), sound.tobytes(), 0)
    assert line.hops_ready(1) == 1
    assert not line.take_hop().any()
    assert line.not_finite == HOP_SAMPLES


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_and_layout_gives_as_many_frames_as_it_lasts(rate, channels):
    pcm = PcmFormat(rate, channels, is_float=False)
    line = make(pcm, window_bytes=1 << 22)
    line.append(chunk(0, 0, rate, end=True), bytes(rate * channels * 2), 0)
    while not (line.hops_ready(1) and line.all_taken):
        line.take_hop()
    assert line.total_frames == 25
    assert line.end_pts_us == 1_000_000


def test_a_hop_knows_when_its_last_sample_came():
    line = make()
    for k in range(4):
        line.append(chunk(k, 480 * k, 480), bytes(960), 1000 * (k + 1))
    assert [line.arrival_us(hop) for hop in range(3)] == [2000, 3000, 4000]
