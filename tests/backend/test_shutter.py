"""Which moments become pictures: rates above, below and beside that of the motion."""

from dataclasses import replace

import numpy as np
import pytest

from mien.backend.config import FRAME_US
from mien.backend.shot import Happening, Shot
from mien.backend.shutter import Shutter
from mien.protocol.wire import FrameFlag, LineEventKind

S = FrameFlag.SPEAKING


def frames(count, *, line=1, start_us=1_000_000, pts0=0, told=None):
    """Motion whose first coefficient and pose say what time it is, in frames."""
    made = []
    for k in range(count):
        dynamics, pose = np.full(52, k, np.float32), np.full(6, -k, np.float32)
        due_us = start_us + k * FRAME_US
        happenings = (told or {}).get(k, ())
        shot = Shot(
            dynamics, pose, line, pts0 + k * FRAME_US, S, due_us, due_us, happenings, due_us
        )
        made.append(shot)
    return made


def exposed(fps, shots):
    shutter = Shutter()
    shutter.take_rate(fps)
    return [picture for shot in shots for picture in shutter.expose(shot)]


def test_at_the_rate_of_the_motion_every_frame_is_a_picture_at_once():
    motion = frames(10)
    assert exposed(25.0, motion) == motion


@pytest.mark.parametrize("fps", [12.5, 25 / 3, 5.0])
def test_below_it_every_nth_frame_is_with_no_delay(fps):
    step = round(25 / fps)
    pictures = exposed(fps, frames(1 + 6 * step))
    assert [p.pts_us for p in pictures] == [k * step * FRAME_US for k in range(7)]
    assert all(p.release_us == p.due_us == 1_000_000 + p.pts_us for p in pictures)


@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0, 50.0, 59.9, 60.0, 90.0, 120.0])
def test_other_rates_are_even_and_interpolate_what_was_performed(fps):
    pictures = exposed(fps, frames(51))
    times = np.array([p.pts_us for p in pictures])
    assert np.abs(np.diff(times) - 1e6 / fps).max() <= 2  # microseconds are whole
    assert len(pictures) == pytest.approx(2.0 * fps, abs=2)
    shown = np.array([p.dynamics[0] for p in pictures])
    np.testing.assert_allclose(shown * FRAME_US, times, atol=2)
    np.testing.assert_allclose([-p.pose[0] for p in pictures], shown, rtol=1e-5)
    assert np.ptp(np.array([p.due_us for p in pictures]) - times) <= 2  # as even in time


@pytest.mark.parametrize("fps", [12.0, 30.0, 50.0, 60.0, 120.0])
def test_nothing_is_shown_before_it_could_be_known(fps):
    shutter = Shutter()
    shutter.take_rate(fps)
    for motion in frames(60):
        for picture in shutter.expose(motion):
            # `motion` is there at its own time at the earliest.
            assert picture.release_us >= motion.due_us - 1
            assert picture.due_us <= motion.due_us + FRAME_US
    assert shutter.behind_us <= FRAME_US


def test_a_lines_first_frame_and_last_are_always_shown():
    started = (Happening(1, LineEventKind.STARTED, 0),)
    ended = (Happening(1, LineEventKind.ENDED, 0),)
    for fps in (7.0, 12.5, 30.0, 60.0):
        idle = frames(3, line=0)
        line = frames(8, start_us=idle[-1].due_us + FRAME_US, told={0: started, 7: ended})
        line[-1] = replace(line[-1], flags=S | FrameFlag.LINE_END)
        pictures = [p for p in exposed(fps, [*idle, *line]) if p.line_id == 1]
        assert pictures[0].pts_us == 0 and pictures[0].happenings[-1:] == started
        assert pictures[-1].pts_us == 7 * FRAME_US
        assert [bool(p.flags & FrameFlag.LINE_END) for p in pictures].count(True) == 1
        assert pictures[-1].flags & FrameFlag.LINE_END


@pytest.mark.parametrize("fps", [7.0, 12.5, 30.0, 60.0])
def test_everything_is_told_once_and_in_order(fps):
    told = {k: (Happening(k, LineEventKind.UNDERRUN, k),) for k in range(0, 40, 3)}
    shutter = Shutter()
    shutter.take_rate(fps)
    heard = [
        h for shot in frames(40, told=told) for p in shutter.expose(shot) for h in p.happenings
    ]
    heard += [h for owed in shutter.close() for h in owed.happenings]
    assert [h.line_id for h in heard] == list(range(0, 40, 3))


def test_nothing_is_interpolated_across_lines_gaps_and_held_frames():
    first, second = frames(4, line=1), frames(4, line=2, start_us=1_160_000)
    for k, motion in enumerate(second):
        second[k] = replace(motion, dynamics=motion.dynamics + 100)
    pictures = exposed(60.0, [*first, *second])
    values = [p.dynamics[0] for p in pictures]
    assert not [v for v in values if 3.0 < v < 100.0]
    late = frames(2, start_us=9_000_000, pts0=9_000_000)
    assert all(p.pts_us >= 9_000_000 or p.pts_us <= 120_000 for p in exposed(60.0, [*first, *late]))


def test_a_rate_that_changes_all_the_time_keeps_time_going_forward():
    shutter, rng = Shutter(), np.random.default_rng(0)
    shown = []
    for motion in frames(200):
        shutter.take_rate(float(rng.choice([12.0, 25.0, 30.0, 60.0, 120.0, 12.5])))
        shown += [p.pts_us for p in shutter.expose(motion)]
    assert len(shown) > 100 and np.all(np.diff(shown) > 0)
    assert np.diff(shown).max() <= 1e6 / 12 + 2 * FRAME_US
