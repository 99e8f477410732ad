"""Cues of the wire become wishes; what cannot be is limited, not refused."""

import math

import pytest

from mien.backend.cues import LineCues, StandingCues
from mien.models.motion.types import Controls
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import ResourceExhaustedError
from mien.protocol.limits import MAX_CUES_PER_LINE

NEUTRAL = Controls.neutral(1)


def gaze(theta, pts_us=0, duration_us=0):
    return pb.Cue(pts_us=pts_us, duration_us=duration_us, gaze=pb.Gaze(theta_rad=theta))


def test_a_cue_is_on_the_clock_of_its_line():
    cues = LineCues(5_000_000, [gaze(0.5, pts_us=6_000_000)])
    assert cues.over(NEUTRAL, 24).gaze_rad[0, 0] == 0
    assert cues.over(NEUTRAL, 40).gaze_rad[0, 0] == pytest.approx(0.5)


def test_a_cue_from_before_the_line_holds_or_is_over():
    assert LineCues(1_000_000, [gaze(0.5)]).over(NEUTRAL, 25).gaze_rad[0, 0] == pytest.approx(0.5)
    over = LineCues(1_000_000, [gaze(0.5, duration_us=900_000)])
    assert over.over(NEUTRAL, 25).gaze_rad[0, 0] == 0


def test_wishes_beyond_a_face_are_limited():
    cues = LineCues(
        0, [gaze(math.pi / 2), pb.Cue(distance=0.25), pb.Cue(head=pb.HeadPose(x_rad=3))]
    )
    wished = cues.over(NEUTRAL, 100)
    assert 1.0 < wished.gaze_rad[0, 0] < 1.1
    assert wished.distance[0] == 0.5
    assert 1.0 < wished.head[0, 0] < 1.1


def test_kinds_that_a_line_does_not_name_are_left_to_the_standing_cues():
    standing = StandingCues()
    standing.add(gaze(0.4), 0)
    standing.add(pb.Cue(emotion=pb.Emotion(weights=[0, 1, 0, 0, 0, 0, 0, 0], intensity=1)), 0)
    line = LineCues(0, [gaze(-0.2)])
    wished = line.over(standing.at_frame(100), 100)
    assert wished.gaze_rad[0, 0] == pytest.approx(-0.2)
    assert wished.emotion[0, 1] == pytest.approx(1.0)


def test_steering_the_gaze_for_hours_costs_no_more_than_for_seconds():
    standing = StandingCues()
    day_us = 30 * 3600 * 1_000_000
    for k in range(2000):
        standing.add(gaze(0.3 if k % 2 else -0.3), day_us + k * 40_000)
    assert len(standing._cues) < 100
    assert standing.at_frame((day_us + 1999 * 40_000) // 40_000 + 50).gaze_rad[0, 0] > 0.29


def test_a_standing_cue_still_holds_after_days():
    standing = StandingCues()
    standing.add(gaze(0.3), 0)
    standing.add(pb.Cue(blink=1), 3 * 86_400 * 1_000_000)
    assert standing.at_frame(3 * 86_400 * 25 + 3).blink[0] > 0.5
    assert standing.at_frame(4 * 86_400 * 25).gaze_rad[0, 0] == pytest.approx(0.3)


def test_a_line_takes_no_end_of_cues():
    cues = LineCues(0, [gaze(0.1, pts_us=k) for k in range(MAX_CUES_PER_LINE)])
    with pytest.raises(ResourceExhaustedError):
        cues.add(gaze(0.2))
