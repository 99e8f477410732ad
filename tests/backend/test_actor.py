"""Pacing, lines, gaps and interruptions of one actor, in made-up time."""

import numpy as np
import pytest
from rehearsal import Rehearsal
from tiny_models import TinyMotion

from mien.models.motion import SignalMotion
from mien.models.motion.limits import SPEECH
from mien.models.motion.perform import perform
from mien.models.motion.types import ARKIT_INDEX, HOP_SAMPLES
from mien.protocol import control_pb2 as pb
from mien.protocol.wire import FrameFlag, LineEventKind

FRAME_US = 40_000
JAW = ARKIT_INDEX["jawOpen"]


def voice(seconds, seed=0):
    """Something like speech: noise and pitch in syllables."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16_000)) / 16_000
    syllables = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1)
    pitch = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20))
    return (syllables * (0.2 * pitch + 0.02 * rng.standard_normal(len(t)))).astype(np.float32)


def loud(seconds):
    return 0.4 * np.ones(round(seconds * 16_000), np.float32)


def kinds(told):
    return [h.kind for h in told]


def speaking(shots):
    return [s for s in shots if s.flags & FrameFlag.SPEAKING]


def test_an_idle_actor_shows_a_frame_every_40_ms_on_its_own_clock():
    shots = Rehearsal(TinyMotion()).until(1_000_000)
    assert [s.pts_us for s in shots] == [FRAME_US * k for k in range(1, 26)]
    assert {(s.flags, s.line_id) for s in shots} == {(FrameFlag.IDLE, 0)}


def test_a_line_runs_from_0_in_steps_of_40_ms_ends_once_and_then_the_actor_idles():
    stage = Rehearsal(TinyMotion())
    stage.until(200_000)
    stage.line().write(loud(1.0), end=True)
    shots = stage.until(2_000_000)
    said = speaking(shots)
    assert [s.pts_us for s in said] == [FRAME_US * k for k in range(25)]
    assert [bool(s.flags & FrameFlag.LINE_END) for s in said] == [False] * 24 + [True]
    after = shots[shots.index(said[-1]) + 1 :]
    assert after and {s.flags for s in after} == {FrameFlag.IDLE}
    assert kinds(stage.told) == [LineEventKind.STARTED, LineEventKind.ENDED]
    assert stage.told[-1].pts_us == 1_000_000


def test_frames_of_a_line_come_no_sooner_than_its_clock_though_all_audio_is_there():
    stage = Rehearsal(TinyMotion())
    stage.line().write(loud(2.0), end=True)
    said = speaking(stage.until(3_000_000))
    assert [s.due_us - said[0].due_us for s in said] == [FRAME_US * k for k in range(50)]


def test_the_first_frame_comes_within_170_ms_when_audio_arrives_as_it_is_spoken():
    for offset_us in range(0, FRAME_US, 5_000):  # of the line against the actor's clock
        stage = Rehearsal(TinyMotion())
        begin_us = 400_000 + offset_us
        stage.until(begin_us)
        line = stage.line()
        for k in range(1, 30):  # chunks of 20 ms, each sent when it has been spoken
            stage.until(begin_us + k * 20_000)
            line.write(loud(0.02))
        first = speaking(stage.shots)[0]
        decode_us = 10_000
        assert first.due_us + decode_us - begin_us <= 170_000
        assert not any(s.flags & FrameFlag.UNDERRUN for s in stage.shots)


@pytest.mark.parametrize("sizes", [(1,), (320,), (640, 7, 4000), (10_000,)])
def test_any_chunking_gives_the_same_motion(sizes):
    sound = voice(1.5)

    def motion(cuts):
        stage = Rehearsal(SignalMotion(), seed=5)
        stage.until(200_000)
        line = stage.line(seed=9)
        at = k = 0
        while at < len(sound):
            size = cuts[k % len(cuts)] if cuts else len(sound)
            line.write(sound[at : at + size])
            at, k = at + size, k + 1
        line.end()
        return speaking(stage.until(3_000_000))

    whole, pieces = motion(()), motion(sizes)
    assert len(whole) == len(pieces) == 38
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a.dynamics, b.dynamics)
        np.testing.assert_array_equal(a.pose, b.pose)


def test_audio_as_it_is_spoken_gives_the_motion_of_audio_sent_at_once():
    sound = voice(2.5)

    def motion(live):
        stage = Rehearsal(SignalMotion(), seed=5)
        stage.until(200_000)
        line = stage.line(seed=9)
        step = 480 if live else len(sound)
        for at in range(0, len(sound), step):
            line.write(sound[at : at + step])
            if live:
                stage.until(stage.now_us + 30_000)
        line.end()
        stage.until(5_000_000)
        assert not any(s.flags & FrameFlag.UNDERRUN for s in stage.shots)
        return speaking(stage.shots)

    live, whole = motion(True), motion(False)
    assert len(live) == len(whole) == 63
    joined = 16  # until then the head comes from where idling had left it
    for a, b in list(zip(live, whole, strict=True))[joined:]:
        np.testing.assert_allclose(a.dynamics, b.dynamics, atol=1e-6)
        np.testing.assert_allclose(a.pose, b.pose, atol=1e-6)


def test_a_line_moves_as_the_offline_pass_does():
    sound = voice(2.0)
    stage = Rehearsal(SignalMotion(), seed=3)
    stage.line(seed=11).write(sound, end=True)
    said = speaking(stage.until(3_000_000))
    offline = perform(SignalMotion(), sound, seed=11)
    shown = np.array([s.dynamics[JAW] for s in said])[16:]
    np.testing.assert_allclose(shown, offline.dynamics[16:, JAW], atol=1e-5)
    assert shown.max() > 0.1


def test_late_audio_is_a_gap_and_the_line_clock_stands_still_meanwhile():
    stage = Rehearsal(TinyMotion())
    line = stage.line()
    line.write(loud(0.4))
    stage.until(1_000_000)
    line.write(loud(0.4), end=True)
    shots = stage.until(2_000_000)
    mine = [s for s in stage.shots if s.line_id == 1]
    gap = [s for s in mine if s.flags & FrameFlag.UNDERRUN]
    assert [s.pts_us for s in speaking(mine)] == [FRAME_US * k for k in range(20)]
    assert len(gap) > 5
    assert {s.pts_us for s in gap} == {400_000}
    assert kinds(stage.told) == [
        LineEventKind.STARTED,
        LineEventKind.UNDERRUN,
        LineEventKind.ENDED,
    ]
    assert shots[-1].flags == FrameFlag.IDLE


def test_audio_a_few_ms_late_is_waited_for():
    stage = Rehearsal(TinyMotion())
    line = stage.line()
    line.write(loud(0.12))
    stage.until(stage.actor.due_us + 1)
    for _ in range(20):  # each frame's sound comes 8 ms after it was needed
        stage.until(stage.actor.due_us + 8_000)
        line.write(loud(0.04))
    assert not any(s.flags & FrameFlag.UNDERRUN for s in stage.shots)
    assert len(speaking(stage.shots)) > 15


def test_an_end_that_comes_after_the_last_frame_still_ends_the_line():
    stage = Rehearsal(TinyMotion())
    line = stage.line()
    line.write(loud(0.4))
    stage.until(1_000_000)
    line.end()
    stage.until(1_500_000)
    assert kinds(stage.told)[-1] == LineEventKind.ENDED
    assert sum(bool(s.flags & FrameFlag.LINE_END) for s in stage.shots) == 1
    assert stage.shots[-1].flags == FrameFlag.IDLE


def test_an_empty_line_begins_and_ends():
    stage = Rehearsal(TinyMotion())
    stage.line().end()
    stage.until(500_000)
    assert kinds(stage.told) == [LineEventKind.STARTED, LineEventKind.ENDED]
    assert {s.flags for s in stage.shots} == {FrameFlag.IDLE}


def test_a_line_shorter_than_the_look_ahead_is_spoken():
    stage = Rehearsal(TinyMotion())
    stage.line().write(loud(0.01), end=True)
    stage.until(500_000)
    assert [s.pts_us for s in speaking(stage.shots)] == [0]


def test_lines_that_wait_follow_without_a_gap():
    stage = Rehearsal(TinyMotion())
    stage.line(1).write(loud(0.2), end=True)
    stage.line(2).write(loud(0.2), end=True)
    stage.until(1_000_000)
    said = speaking(stage.shots)
    assert [(s.line_id, s.pts_us) for s in said] == [
        (line, FRAME_US * k) for line in (1, 2) for k in range(5)
    ]
    steps = np.diff([s.due_us for s in said])
    assert set(steps) == {FRAME_US}


def test_a_line_may_begin_at_another_time_of_its_clock():
    stage = Rehearsal(TinyMotion())
    stage.line(start_pts_us=7_000_000).write(loud(0.2), end=True)
    stage.until(1_000_000)
    assert [s.pts_us for s in speaking(stage.shots)][:2] == [7_000_000, 7_040_000]


def interrupted(generator, sound, at_us=600_000, **options):
    stage = Rehearsal(generator, seed=1)
    stage.line(seed=2).write(sound)
    stage.until(at_us)
    before = stage.shots[-1]
    ended = stage.actor.interrupt(options.get("fade_us", 120_000))
    return stage, before, ended


def test_an_interruption_closes_the_mouth_softly_within_120_ms():
    stage, before, ended = interrupted(TinyMotion(), loud(3.0))
    assert before.dynamics[JAW] > 0.5
    after = stage.until(stage.now_us + 1_000_000)
    jaws = [before.dynamics[JAW], *(s.dynamics[JAW] for s in after)]
    assert max(jaws[3:]) < 0.02
    assert jaws[1] > 0.2  # softly: not within one frame
    assert after[2].due_us - before.due_us <= 120_000
    assert {s.flags for s in after[:3]} == {FrameFlag.IDLE | FrameFlag.INTERRUPTED}
    assert {s.flags for s in after[3:]} == {FrameFlag.IDLE}
    assert ended == (1, before.pts_us + FRAME_US)
    assert kinds(stage.told) == [LineEventKind.STARTED, LineEventKind.INTERRUPTED]


def test_an_interruption_closes_a_real_mouth_too_and_it_stays_closed():
    sound = np.tile(voice(0.25), 12)
    for at_us in range(600_000, 1_000_000, 70_000):
        stage, _, _ = interrupted(SignalMotion(), sound, at_us)
        after = stage.until(stage.now_us + 1_000_000)
        speech = np.array([s.dynamics[SPEECH] for s in after])
        assert speech[2:, list(SPEECH).index(JAW)].max() < 0.05


def head_steps(shots):
    return np.abs(np.diff([s.pose[:3] for s in shots], axis=0)).max(1)


def test_the_head_never_jumps_whatever_happens():
    stage = Rehearsal(SignalMotion(), seed=1)
    stage.until(1_000_000)
    for k in range(6):
        stage.line(line_id=k + 1, seed=100 + k).write(voice(1.0, k), end=k % 2 == 0)
        stage.until(stage.now_us + 700_000 + 90_000 * k)
        if k % 3 == 1:
            stage.actor.interrupt(120_000)
    stage.until(stage.now_us + 2_000_000)
    assert head_steps(stage.shots).max() < np.radians(220) * 0.04 + 1e-6
    dynamics = np.array([s.dynamics for s in stage.shots])
    assert np.abs(np.diff(dynamics, axis=0))[:, SPEECH].max() < 0.75


def test_an_interruption_drops_the_lines_that_wait():
    stage = Rehearsal(TinyMotion())
    stage.line(1).write(loud(1.0))
    stage.line(2).write(loud(1.0))
    stage.until(300_000)
    stage.actor.interrupt(120_000)
    stage.until(600_000)
    ended = {h.line_id for h in stage.told if h.kind is LineEventKind.INTERRUPTED}
    assert ended == {1, 2}
    assert stage.actor.lines == []


def test_interrupting_silence_is_nothing():
    stage = Rehearsal(TinyMotion())
    stage.until(300_000)
    assert stage.actor.interrupt(120_000) == (0, 0)
    assert {s.flags for s in stage.until(600_000)} == {FrameFlag.IDLE}


def test_a_late_tick_skips_frames_and_counts_them_but_hears_all_audio():
    on_time, late = Rehearsal(TinyMotion()), Rehearsal(TinyMotion())
    ramp = np.repeat(np.linspace(0.05, 0.45, 50), HOP_SAMPLES).astype(np.float32)
    for stage in (on_time, late):
        stage.line().write(ramp, end=True)
        stage.until(400_000)
    late.now_us = 1_000_000  # the machine was away for 600 ms
    late.until(2_500_000)
    on_time.until(2_500_000)
    assert late.actor.dropped == 15
    by_pts = {s.pts_us: s for s in speaking(on_time.shots)}
    for shot in speaking(late.shots):
        assert shot.dynamics[JAW] == by_pts[shot.pts_us].dynamics[JAW]
        assert shot.due_us == by_pts[shot.pts_us].due_us


def test_idling_actors_tick_together_whatever_they_said_before():
    dues = set()
    for begin_us in (210_000, 233_000, 418_000):
        stage = Rehearsal(TinyMotion())
        stage.until(begin_us)
        stage.line().write(loud(0.5), end=True)
        stage.until(2_000_000)
        gaps = np.diff([s.due_us for s in stage.shots])
        assert gaps.min() >= 16_000 and gaps.max() <= 70_000
        dues.add(stage.actor.due_us)
    assert len(dues) == 1


def test_an_idle_actor_owes_nothing_for_the_time_it_was_away():
    stage = Rehearsal(TinyMotion())
    stage.until(200_000)
    stage.now_us = 3_600_000_000
    stage.tick()
    assert stage.actor.due_us > stage.now_us
    assert stage.shots[-1].pts_us > 3_500_000_000


def test_a_dropped_shot_leaves_its_news_and_flags_to_the_next():
    stage = Rehearsal(TinyMotion())
    stage.line().write(loud(0.2), end=True)
    stage.until(1_000_000)
    last = next(s for s in stage.shots if s.flags & FrameFlag.LINE_END)
    stage.actor.lost(last)
    stage.until(1_100_000)
    following = stage.shots[-3:]
    assert any(s.flags & FrameFlag.LINE_END for s in following)
    assert any(h.kind is LineEventKind.ENDED for s in following for h in s.happenings)


def test_a_generator_that_fails_holds_the_actor_ends_its_line_and_is_tried_again(monkeypatch):
    monkeypatch.setenv("MIEN_TEST_TROUBLE", "motion")
    stage = Rehearsal(TinyMotion())
    stage.line().write(np.ones(16_000, np.float32))
    held = [s for s in stage.until(900_000) if s.flags & FrameFlag.HELD]
    assert len(held) > 15
    assert LineEventKind.INTERRUPTED in kinds(stage.told)
    assert stage.until(2_000_000)[-1].flags == FrameFlag.IDLE


def head_cue(angle, pts_us=0, duration_us=0):
    return pb.Cue(pts_us=pts_us, duration_us=duration_us, head=pb.HeadPose(y_rad=angle))


def test_a_standing_cue_holds_under_lines_and_a_line_cue_outranks_it():
    stage = Rehearsal(TinyMotion())
    stage.until(200_000)
    stage.actor.cue(0, head_cue(0.3))
    idle = stage.until(1_200_000)[-1]
    stage.line(1).write(loud(1.0), end=True)
    under = stage.until(2_000_000)[-1]
    stage.until(3_000_000)
    stage.line(2, cues=(head_cue(-0.3),)).write(loud(1.0), end=True)
    over = stage.until(3_800_000)[-1]
    assert idle.pose[1] > 0.15 and under.pose[1] > 0.15 and over.pose[1] < -0.15


def test_a_cue_given_now_outranks_what_the_line_had_planned():
    stage = Rehearsal(TinyMotion())
    stage.line(cues=(head_cue(-0.3),)).write(loud(3.0), end=True)
    assert stage.until(1_000_000)[-1].pose[1] < -0.15
    stage.actor.cue(0, head_cue(0.3))
    assert stage.until(2_000_000)[-1].pose[1] > 0.15


def test_the_same_seed_gives_the_same_line_on_another_actor():
    def motion(actor_seed):
        stage = Rehearsal(SignalMotion(), actor_seed)
        stage.until(500_000)
        stage.line(seed=77).write(voice(1.5), end=True)
        return speaking(stage.until(3_000_000))

    one, other = motion(1), motion(2)
    for a, b in list(zip(one, other, strict=True))[16:]:
        np.testing.assert_allclose(a.dynamics, b.dynamics, atol=1e-6)
        np.testing.assert_allclose(a.pose, b.pose, atol=1e-6)
