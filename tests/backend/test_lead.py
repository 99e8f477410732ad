"""Lines that are known ahead: performed before their sound is due, and shown in their time."""

import numpy as np
import pytest
from rehearsal import Rehearsal
from tiny_models import TinyMotion

from mien.backend.config import FRAME_US
from mien.protocol.wire import FrameFlag, LineEventKind

LEAD_US = 200_000


def loud(seconds):
    return 0.4 * np.ones(round(seconds * 16_000), np.float32)


def speaking(shots):
    return [s for s in shots if s.flags & FrameFlag.SPEAKING]


def stage(most_lead_us=LEAD_US):
    made = Rehearsal(TinyMotion())
    made.actor.most_lead_us = most_lead_us
    made.until(200_000)
    return made


def test_frames_come_ahead_of_their_time_by_as_much_as_was_asked_for():
    made = stage()
    made.line(lead_us=LEAD_US).write(loud(2.0), end=True)
    said = speaking(made.until(4_000_000))
    ahead = [s.due_us - s.release_us for s in said]
    assert ahead[0] == 0 and ahead[-1] == LEAD_US and sorted(ahead) == ahead
    assert ahead.index(LEAD_US) <= 11  # it takes less than half a second
    due = [s.due_us for s in said]
    assert np.diff(due).tolist() == [FRAME_US] * (len(said) - 1)  # their time is what it was
    assert [s.pts_us for s in said] == [FRAME_US * k for k in range(50)]


def test_the_same_motion_comes_out():
    plain, ahead = stage(), stage()
    sound = loud(1.0) * np.linspace(0, 1, 16_000, dtype=np.float32)
    plain.line(seed=3).write(sound, end=True)
    ahead.line(seed=3, lead_us=LEAD_US).write(sound, end=True)
    for a, b in zip(
        speaking(plain.until(2_000_000)), speaking(ahead.until(2_000_000)), strict=True
    ):
        np.testing.assert_array_equal(a.dynamics, b.dynamics)
        np.testing.assert_array_equal(a.pose, b.pose)


def test_a_ring_with_little_room_allows_little_lead():
    made = stage(most_lead_us=60_000)
    made.line(lead_us=LEAD_US).write(loud(1.0), end=True)
    assert max(s.due_us - s.release_us for s in made.until(2_000_000)) == 60_000


def test_what_was_performed_ahead_stays_until_it_was_shown():
    made = stage()
    made.line(1, lead_us=LEAD_US).write(loud(1.0), end=True)
    made.line(2, lead_us=LEAD_US).write(loud(1.0), end=True)
    shots = made.until(4_000_000)
    first, second = ([s for s in speaking(shots) if s.line_id == line] for line in (1, 2))
    # The next line's first frame comes when the last of the one before is due, not 200 ms early.
    assert second[0].release_us >= first[-1].due_us
    after = [s for s in shots if s.release_us > first[-1].release_us]
    assert after[0].release_us >= first[-1].due_us


def test_a_line_that_comes_while_the_lead_is_waited_out_does_not_cut_it_short():
    made = stage()
    made.line(1, lead_us=LEAD_US).write(loud(0.8), end=True)
    said = speaking(made.until(1_000_000))
    over_us = said[-1].due_us
    assert made.now_us < over_us or made.now_us == 1_000_000
    made.line(2).write(loud(0.4), end=True)
    (begun, *_) = [s for s in speaking(made.until(3_000_000)) if s.line_id == 2]
    assert begun.release_us >= over_us


def test_sound_that_comes_live_is_performed_live():
    made = stage()
    line = made.line(lead_us=LEAD_US)
    for k in range(50):
        line.write(loud(0.04))
        made.until(200_000 + (k + 1) * FRAME_US)
    shots = speaking(made.shots)
    assert len(shots) > 40 and {s.due_us - s.release_us for s in shots} == {0}


def test_sound_that_falters_eats_the_lead_before_anything_is_missed():
    made = stage()
    line = made.line(lead_us=LEAD_US)
    line.write(loud(1.0))
    made.until(made.now_us + 700_000)  # the lead is there, and the sound is used up
    made.until(made.now_us + 150_000)  # … and for 150 ms no more comes
    line.write(loud(1.0), end=True)
    made.until(4_000_000)
    assert LineEventKind.UNDERRUN not in [h.kind for h in made.told]
    said = speaking(made.shots)
    assert np.diff([s.due_us for s in said]).tolist() == [FRAME_US] * (len(said) - 1)
    assert max(s.release_us - s.due_us for s in said) <= 0


def test_a_stall_of_the_machine_eats_the_lead_and_drops_nothing():
    made = stage()
    made.line(lead_us=LEAD_US).write(loud(2.0), end=True)
    made.until(1_000_000)
    made.now_us += 150_000
    made.until(4_000_000)
    assert [s.pts_us for s in speaking(made.shots)] == [FRAME_US * k for k in range(50)]
    assert made.actor.dropped == 0


def test_without_a_lead_the_same_stall_drops_frames():
    made = stage()
    made.line().write(loud(2.0), end=True)
    made.until(1_000_000)
    made.now_us += 150_000
    made.until(4_000_000)
    assert made.actor.dropped >= 3


@pytest.mark.parametrize("at_us", [300_000, 900_000])
def test_an_interruption_forgets_the_lead(at_us):
    made = stage()
    made.line(lead_us=LEAD_US).write(loud(2.0), end=True)
    made.until(at_us)
    made.actor.interrupt(120_000)
    shots = made.until(2_000_000)
    assert {s.due_us - s.release_us for s in shots} == {0}
    assert made.actor.lead_us == 0
