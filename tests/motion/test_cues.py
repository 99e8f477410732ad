"""Cues: exact at their edges, blended where they overlap, refused where they make no sense."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models.motion import (
    EMOTIONS,
    BlinkCue,
    Controls,
    CueError,
    CueTrack,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
)
from mien.models.motion.cuesheet import parse_cue_sheet, read_cue_sheet

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def at(track: CueTrack, *times_us: int) -> Controls:
    return track.at(np.array(times_us, np.int64))


def test_a_track_without_cues_is_neutral():
    controls, neutral = CueTrack()(0, 5), Controls.neutral(5)
    for name in ("gaze_rad", "distance", "emotion", "head", "blink"):
        np.testing.assert_array_equal(getattr(controls, name), getattr(neutral, name))


def test_a_cue_is_nothing_at_its_start_whole_when_eased_and_nothing_at_its_end():
    track = CueTrack([GazeCue(1_000_000, 800_000, 200_000, 0.3, -0.1)])
    gaze = at(track, 1_000_000, 1_100_000, 1_200_000, 1_600_000, 1_800_000, 9_000_000).gaze_rad
    np.testing.assert_allclose(gaze[:, 0], [0, 0.15, 0.3, 0.3, 0, 0], atol=1e-7)
    np.testing.assert_allclose(gaze[:, 1], [0, -0.05, -0.1, -0.1, 0, 0], atol=1e-7)


def test_a_cue_without_duration_holds():
    track = CueTrack([DistanceCue(0, 0, 100_000, 0.8)])
    np.testing.assert_allclose(at(track, 100_000, 3_600_000_000).distance, 0.8, atol=1e-7)


def test_the_later_cue_lies_over_the_earlier_and_blends_between():
    track = CueTrack([GazeCue(0, 0, 0, 0.2), GazeCue(1_000_000, 0, 400_000, -0.2)])
    gaze = at(track, 999_999, 1_000_000, 1_200_000, 1_400_000).gaze_rad[:, 0]
    np.testing.assert_allclose(gaze, [0.2, 0.2, 0.0, -0.2], atol=1e-6)


def test_after_a_passing_cue_the_one_below_is_back():
    track = CueTrack([
        EmotionCue.of(0, 0, 0, happy=1.0), EmotionCue.of(500_000, 500_000, 100_000, sad=1.0)
    ])  # fmt: skip
    felt = at(track, 100_000, 700_000, 1_100_000).emotion
    assert felt[:, HAPPY].tolist() == [1.0, 0.0, 1.0]
    assert felt[:, SAD].tolist() == [0.0, 1.0, 0.0]


def test_cues_may_come_in_any_order():
    cues = [GazeCue(2_000_000, 0, 0, 0.3), GazeCue(0, 0, 0, 0.1), HeadCue(5, 0, 0, (0.1, 0, 0))]
    assert [cue.start_us for cue in CueTrack(cues).cues] == [0, 5, 2_000_000]
    assert at(CueTrack(cues), 2_500_000).gaze_rad[0, 0] == pytest.approx(0.3)


def test_kinds_do_not_disturb_one_another():
    track = CueTrack([GazeCue(0, 0, 0, 0.3), HeadCue(0, 0, 0, (0.1, 0.2, 0.3)), BlinkCue(0)])
    now = at(track, 100_000)
    assert now.distance[0] == 1.0 and now.emotion[0, 0] == 1.0
    np.testing.assert_allclose(now.head[0], [0.1, 0.2, 0.3], atol=1e-7)


def test_a_blink_takes_a_quarter_of_a_second_unless_told_otherwise():
    blink = at(CueTrack([BlinkCue(1_000_000)]), 1_000_000, 1_120_000, 1_240_000).blink
    np.testing.assert_allclose(blink, [0, 1, 0], atol=1e-6)


def test_intensity_mixes_with_neutral():
    felt = at(CueTrack([EmotionCue.of(0, 0, 0, 0.25, happy=1.0)]), 0).emotion[0]
    assert felt[HAPPY] == pytest.approx(0.25) and felt[0] == pytest.approx(0.75)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4_000_000), st.integers(0, 2_000_000), st.integers(0, 600_000),
            st.floats(-1, 1),
        ),
        max_size=8,
    ),
    st.integers(0, 60), st.integers(1, 40),
)  # fmt: skip
def test_any_range_of_frames_gives_the_same_controls(rows, first, frames):
    track = CueTrack([GazeCue(start, long, ease, theta) for start, long, ease, theta in rows])
    whole = track(0, 120).gaze_rad
    np.testing.assert_array_equal(track(first, frames).gaze_rad, whole[first : first + frames])
    assert np.abs(whole).max(initial=0.0) <= 1.0


@settings(deadline=None)
@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=6), st.integers(100_000, 500_000))
def test_eased_cues_never_jump(starts, ease):
    track = CueTrack([HeadCue(s, 0, ease, (0.1 * (k % 3), 0, 0)) for k, s in enumerate(starts)])
    head = track.at(np.arange(0, 4_000_000, 10_000)).head[:, 0]
    assert np.abs(np.diff(head)).max() < 0.2 * len(starts) * 1.9 * 10_000 / ease + 1e-6


def test_before_the_line_the_controls_are_those_of_its_start():
    track = CueTrack([GazeCue(0, 0, 0, 0.3)])
    np.testing.assert_allclose(track(-2, 3).gaze_rad[:, 0], 0.3)


def test_a_track_does_not_change_when_one_cue_more_is_wanted():
    track = CueTrack()
    assert len(track.with_cue(BlinkCue(0))) == 1 and len(track) == 0


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: GazeCue(-1), "bad_time"),
        (lambda: GazeCue(0, -5), "bad_time"),
        (lambda: GazeCue(0, 0, -5), "bad_time"),
        (lambda: GazeCue(0, 0, None, float("nan")), "not_finite"),
        (lambda: GazeCue(0, 0, None, 3.0), "out_of_range"),
        (lambda: DistanceCue(0, 0, None, 0.0), "out_of_range"),
        (lambda: HeadCue(0, 0, None, (0.0, float("inf"), 0.0)), "not_finite"),
        (lambda: BlinkCue(0, 0, None, 1.5), "out_of_range"),
        (lambda: EmotionCue(0, 0, None, (1.0,)), "out_of_range"),
        (lambda: EmotionCue.of(0, bored=1.0), "unknown_emotion"),
        (lambda: EmotionCue.of(0, happy=2.0), "out_of_range"),
        (lambda: CueTrack([BlinkCue(0)] * 10_001), "too_many"),
    ],
)
def test_a_cue_that_makes_no_sense_is_refused(make, code):
    with pytest.raises(CueError) as caught:
        make()
    assert caught.value.code == code
    assert caught.value.message


def test_a_cue_sheet_is_read_in_seconds_and_degrees(tmp_path):
    sheet = [
        {"at_s": 1.0, "emotion": "happy", "intensity": 0.5, "ease_s": 0},
        {"at_s": 0.0, "gaze_deg": [20, -5], "ease_s": 0},
        {"at_s": 0.5, "head_deg": [0, 10, 0], "ease_s": 0},
        {"at_s": 0.5, "distance": 0.9, "ease_s": 0},
        {"at_s": 2.0, "blink": 1},
        {"at_s": 2.0, "for_s": 1.0, "emotion": {"sad": 0.6, "afraid": 0.2}},
    ]
    path = tmp_path / "cues.json"
    path.write_text(json.dumps(sheet))
    track = read_cue_sheet(path)
    now = at(track, 1_500_000)
    np.testing.assert_allclose(np.degrees(now.gaze_rad[0]), [20, -5], atol=1e-4)
    np.testing.assert_allclose(np.degrees(now.head[0]), [0, 10, 0], atol=1e-4)
    assert now.emotion[0, HAPPY] == pytest.approx(0.5)
    assert now.distance[0] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("{}", "a list"),
        ("[" * 100_000, "not JSON"),
        ('[{"at_s": 0}]', "cue 1"),
        ('[{"at_s": 0, "blink": 1}, {"at_s": 0, "blink": 1, "distance": 1}]', "cue 2"),
        ('[{"at_s": 0, "blimk": 1}]', "blimk"),
        ('[{"at_s": NaN, "blink": 1}]', "cue 1"),
        ('[{"at_s": 1e300, "blink": 1}]', "cue 1"),
        ('[{"at_s": 0, "emotion": "bored"}]', "bored"),
        ('[{"at_s": 0, "gaze_deg": [1]}]', "gaze_deg"),
        ('["hello"]', "cue 1"),
    ],
)
def test_a_cue_sheet_that_makes_no_sense_says_where(text, says):
    with pytest.raises(CueError, match=says):
        parse_cue_sheet(text)


def test_a_cue_sheet_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(CueError, match="does not open"):
        read_cue_sheet(tmp_path / "none.json")
