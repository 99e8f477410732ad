"""The demo's recording: which frame stands at which moment, and where a line's sound is laid."""

import queue
import time

import av
import numpy as np
import pytest

from mien.backend.demo.recording import Recording, now_us
from mien.backend.demo.strand import FRAME_US, LineRecord, Strand
from mien.backend.render import Sound
from mien.protocol import Frame, FrameFlag


def frame(frame_id, written_us, line_id=0, pts_us=0, grey=0):
    pixels = np.full((64, 64, 4), (grey, grey, grey, 255), np.uint8)
    return Frame(pixels, frame_id, line_id, pts_us, FrameFlag(0), written_us)


class Source:
    """Frames handed over one by one, as an actor's would come."""

    def __init__(self, *frames):
        self._waiting = queue.Queue()
        self.strand = Strand(iter(self._waiting.get, None))
        self.give(*frames)

    def give(self, *frames):
        for one in frames:
            self._waiting.put(one)
        until = time.monotonic() + 5
        while not self._waiting.empty() and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(0.01)

    def end(self):
        self._waiting.put(None)
        self.strand.join(5)


@pytest.fixture
def source():
    made = Source()
    yield made
    made.end()


def shown(strand, origin_us, ticks):
    frames = [strand.at(origin_us + k * FRAME_US, origin_us) for k in ticks]
    return [one.frame_id if one else None for one in frames]


def test_before_the_first_frame_there_is_nothing(source):
    assert source.strand.at(1_000_000, 0) is None


def test_idle_frames_are_shown_one_after_another_in_spite_of_jitter(source):
    jitter_us = [0, 9_000, -9_000, 12_000, -3_000, 0]
    source.give(*(frame(k + 1, k * FRAME_US + jitter_us[k]) for k in range(6)))
    assert shown(source.strand, 0, range(6)) == [1, 2, 3, 4, 5, 6]


def test_a_frame_that_never_came_leaves_its_place_to_the_one_before(source):
    source.give(*(frame(k + 1, k * FRAME_US) for k in (0, 1, 4, 5)))
    assert shown(source.strand, 0, range(6)) == [1, 2, 2, 2, 5, 6]


def test_a_spoken_frame_stands_at_its_own_time_however_late_it_was_written(source):
    lateness_us = [0, 30_000, 5_000, 35_000]
    source.give(
        frame(1, 0),
        *(frame(k + 2, 100_000 + k * FRAME_US + lateness_us[k], 7, k * FRAME_US) for k in range(4)),
    )
    # The line began 100 ms in: on the recording's grid at 120 ms.
    assert shown(source.strand, 0, range(3, 7)) == [2, 3, 4, 5]


def test_the_last_frame_stays_when_the_actor_has_left(source):
    source.give(frame(1, 0), frame(2, FRAME_US))
    source.end()
    assert shown(source.strand, 0, (1, 50, 500)) == [2, 2, 2]


def test_one_who_waits_shows_the_first_frame(source):
    source.give(frame(1, 0), frame(2, FRAME_US))
    assert shown(source.strand, 0, (0, 1)) == [1, 2]
    source.end()
    source.strand.stand_still()
    assert shown(source.strand, 0, (2, 50)) == [1, 1]


@pytest.mark.parametrize(("began_us", "expected_us"), [(0, 0), (1, 40_000), (40_000, 40_000)])
def test_a_line_is_shown_from_the_next_full_frame_on(began_us, expected_us):
    assert LineRecord(1, began_us).shown_from_us(0) == expected_us


def test_sound_and_picture_of_a_line_begin_together(tmp_path, source):
    rate_hz = 44_100
    sound = Sound(np.full((rate_hz // 2, 1), 0.5, np.float32), rate_hz)
    recording = Recording(64, [source.strand])
    start_us = now_us()
    source.give(frame(1, start_us))
    for k in range(12):  # dark before the line, bright in it
        at_us = start_us + 200_000 + k * FRAME_US
        source.give(frame(k + 2, at_us, 3, k * FRAME_US, grey=255))
    recording.lay_sound(source.strand, 3, sound)
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        recording.advance()
        time.sleep(0.01)
    recording.save(tmp_path / "a.mp4", tmp_path / "a.png", lambda: None)
    with av.open(str(tmp_path / "a.mp4")) as file:
        light = [f.to_ndarray(format="gray")[32, 32] for f in file.decode(video=0)]
    with av.open(str(tmp_path / "a.mp4")) as file:
        heard = np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], 1)[0]
    seen_s = np.argmax(np.array(light) > 128) * FRAME_US / 1e6
    heard_s = np.argmax(np.abs(heard) > 0.25) / rate_hz
    assert seen_s == pytest.approx(heard_s, abs=0.01)
    assert seen_s > 0.1


def test_a_recording_that_fell_behind_repeats_its_last_picture_and_goes_on(source):
    recording = Recording(64, [source.strand])
    source.give(frame(1, now_us()))
    time.sleep(0.5)
    recording.advance()
    assert recording.frames > 0
    recording._origin_us -= 60_000_000  # as if a minute had passed
    started = time.monotonic()
    recording.advance()
    assert recording.seconds == pytest.approx(60, abs=1.0)
    assert time.monotonic() - started < 5
