"""Deadlines by hand: which frames were due, which came in time, and what does not count."""

import numpy as np
import pytest

from mien.backend.bench.load.account import (
    GRACE_US,
    LIVE_DEADLINE_US,
    accounts,
    deadline_us,
    missed_ratio,
)
from mien.backend.bench.load.recording import ACTOR, FRAME, LINE, Recording
from mien.protocol.wire import FrameFlag

BEGAN = 1_000_000
SPEAKING, HELD = int(FrameFlag.SPEAKING), int(FrameFlag.HELD)


def spoken(frames, fps=25.0, seconds=1.0):
    """One actor, one line; `frames`: (pts_us, delay_us after its sound, flags)."""
    pieces = round(25 * seconds)
    sent = BEGAN + 40_000 * np.arange(pieces)
    rows = [
        (1, i + 1, 1, pts, flags, 0, BEGAN + pts + delay, BEGAN + pts + delay + 300)
        for i, (pts, delay, flags) in enumerate(frames)
    ]
    return Recording(
        np.array([(1, 512, fps, 7, BEGAN - 90_000, BEGAN - 40_000)], ACTOR),
        np.array([(1, 1, round(24_000 * seconds), 24_000, 0, pieces)], LINE),
        sent,
        np.array(rows, FRAME),
    )


def account_of(recording, *, live=True, start_us=0, end_us=10_000_000):
    (found,) = accounts(recording, start_us, end_us, live=live)
    return found


def test_frames_in_time_are_all_there_and_their_delay_is_their_latency():
    found = account_of(spoken([(40_000 * k, 130_000, SPEAKING) for k in range(25)]))
    assert (found.due, found.on_time, found.frames) == (25, 25, 25)
    assert found.missed_ratio == 0.0
    assert set(found.latency_ms) == {130.0}
    assert set(found.jitter_ms) == {0.0}
    assert (found.attach_ms, found.priority) == (50.0, 7)


def test_late_missing_held_and_repeated_frames_are_missed():
    frames = [(40_000 * k, 130_000, SPEAKING) for k in range(25)]
    frames[3] = (120_000, LIVE_DEADLINE_US + 1, SPEAKING)
    frames[5] = (200_000, 130_000, SPEAKING | HELD)
    frames[7] = frames[6]  # 7 is not there, 6 is twice
    del frames[20:]
    found = account_of(spoken(frames))
    assert (found.due, found.on_time) == (25, 17)
    assert missed_ratio([found]) == pytest.approx(8 / 25)
    assert found.frames == 19  # a held one shows nothing new


def test_frames_are_due_at_the_rate_that_was_wished_for():
    half = [(80_000 * k, 130_000, SPEAKING) for k in range(13)]
    assert account_of(spoken(half)).on_time == 13
    assert account_of(spoken(half, fps=12.5)).missed_ratio == 0.0
    fifty = account_of(spoken(half, fps=50.0))
    assert (fifty.due, fifty.on_time) == (50, 13)


def test_rates_that_are_interpolated_have_a_frame_of_motion_longer():
    assert deadline_us(25.0) == deadline_us(12.5) == LIVE_DEADLINE_US
    assert deadline_us(50.0) == LIVE_DEADLINE_US + 20_000
    assert deadline_us(30.0) > LIVE_DEADLINE_US


def test_only_what_is_due_within_the_stretch_counts():
    recording = spoken([(40_000 * k, 130_000, SPEAKING) for k in range(25)])
    from_us = BEGAN + LIVE_DEADLINE_US + 200_000
    found = account_of(recording, start_us=from_us, end_us=from_us + 400_000)
    assert (found.due, found.on_time) == (10, 10)


def test_a_frame_that_was_overwritten_before_it_was_looked_at_counts_by_its_doorbell():
    recording = spoken([(0, 130_000, SPEAKING)])
    recording.frames["written_us"] = 0
    assert account_of(recording).latency_ms == [130.3]


def test_lines_sent_at_once_are_due_on_a_clock_that_begins_with_their_first_frame():
    frames = [(40_000 * k, 70_000, SPEAKING) for k in range(25)]
    frames[9] = (360_000, 70_000 + GRACE_US + 1, SPEAKING)
    recording = spoken(frames)
    recording.sent_us[:] = BEGAN
    found = account_of(recording, live=False)
    assert (found.due, found.on_time) == (25, 24)


def test_an_actor_that_never_showed_a_frame_missed_all():
    recording = spoken([])
    recording.actors["first_us"] = 0
    found = account_of(recording)
    assert (found.due, found.on_time, found.attach_ms, found.fps) == (25, 0, None, 0.0)
    assert found.missed_ratio == 1.0
