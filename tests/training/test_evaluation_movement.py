"""Heads, lids, eyes and feelings made by hand are measured as what they are."""

import numpy as np
import pytest
from evaluation_helpers import motion, phones

from mien.models.motion.gaze import eye_weights
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS, SignalMotion
from mien.models.motion.types import ARKIT_INDEX, EMOTIONS, Motion
from training.evaluation import feelings, strain
from training.evaluation.lines import Line
from training.evaluation.living import (
    Liveliness,
    blinks,
    blinks_per_min,
    compared,
    delta_pose_rad,
    drift,
)
from training.evaluation.scenes import joined, lasting, scenes, silence
from training.evaluation.wishes import angle_between, distance_error, gaze_errors, world_gaze


def spoken(seconds=2.0, voice="somebody"):
    said = tuple(phones(("sil", 0.3), ("aa", seconds - 0.6), ("sil", 0.3)))
    audio = np.random.default_rng(1).normal(size=round(seconds * 16_000)) * 0.05
    return Line("line", voice, audio.astype(np.float32), said)


def looking(gaze, head=(0.0, 0.0, 0.0)):
    """Frames [T] that look toward `gaze` [T, 2] rad with the head turned."""
    gaze = np.asarray(gaze, float)
    heads = np.tile(head, (len(gaze), 1))
    left, up = eye_weights(gaze, heads)
    shown = motion(
        len(gaze),
        eyeLookOutLeft=np.maximum(left, 0), eyeLookInLeft=np.maximum(-left, 0),
        eyeLookInRight=np.maximum(left, 0), eyeLookOutRight=np.maximum(-left, 0),
        eyeLookUpLeft=np.maximum(up, 0), eyeLookUpRight=np.maximum(up, 0),
        eyeLookDownLeft=np.maximum(-up, 0), eyeLookDownRight=np.maximum(-up, 0),
    )  # fmt: skip
    pose = shown.pose.copy()
    pose[:, :3] = heads
    return Motion(shown.dynamics, pose)


def test_world_gaze_is_the_inverse_of_the_eye_weights_whatever_the_head_does():
    wished = np.radians([(-25, -15), (0, 0), (25, 15), (10, -5)])
    for head in ((0.0, 0.0, 0.0), (0.1, -0.2, 0.05)):
        assert world_gaze(looking(wished, head)) == pytest.approx(wished, abs=1e-5)


def test_the_angle_between_directions_is_measured_on_the_sphere():
    a, b = np.radians((25.0, 0.0)), np.radians((-25.0, 0.0))
    assert np.degrees(angle_between(a, b)) == pytest.approx(50)
    high, higher = np.radians((0.0, 60.0)), np.radians((10.0, 60.0))
    assert np.degrees(angle_between(high, higher)) == pytest.approx(5, abs=0.1)


def obedient(off_rad=0.0, off_distance=0.0):
    def act(lines, seeds, controls):
        done = []
        for line, wish in zip(lines, controls, strict=True):
            asked = wish(0, line.frames)
            shown = looking(asked.gaze_rad + np.array((off_rad, 0.0)))
            shown.pose[:, 5] = CAMERA_HEAD_WIDTHS * (1 - asked.distance - off_distance)
            done.append(shown)
        return done

    return act


def test_who_looks_where_asked_has_no_gaze_error_and_who_looks_beside_has_just_that():
    assert gaze_errors(obedient(), [spoken()], [0])["gaze_error_deg"] < 0.01
    beside = gaze_errors(obedient(np.radians(4.0)), [spoken()], [0])
    assert beside["gaze_error_deg"] == pytest.approx(4.0, abs=0.1)


def test_a_head_a_little_too_far_off_has_that_as_its_error():
    assert distance_error(obedient(), [spoken()], [0])["distance_error"] < 1e-4
    off = distance_error(obedient(off_distance=0.02), [spoken()], [0])
    assert off["distance_error"] == pytest.approx(0.02, abs=1e-4)


def test_delta_pose_is_the_mean_turn_between_frames_of_speech_alone():
    pose = np.zeros((10, 6))
    pose[:, 1] = np.cumsum([0, 0.1, 0.1, 0.1, 0.1, 9, 9, 9, 9, 9])
    mask = np.arange(10) < 5
    assert delta_pose_rad(pose, mask) == pytest.approx(0.1)
    assert np.isnan(delta_pose_rad(pose, np.zeros(10, bool)))


def test_half_the_movement_is_a_ratio_of_a_half():
    std = np.full(52, 0.1)
    full = Liveliness(0.01, std, np.full(6, 0.02))
    half = Liveliness(0.005, std / 2, np.full(6, 0.01))
    figures = compared(half, full)
    for name in ("delta_pose_ratio", "variance_ratio", "pose_std_ratio"):
        assert figures[name] == pytest.approx(0.5)


def test_what_the_teacher_hardly_moves_is_not_compared():
    teachers = np.zeros(52)
    teachers[ARKIT_INDEX["jawOpen"]] = 0.1
    own = np.full(52, 0.1)
    figures = compared(Liveliness(1, own, np.ones(6)), Liveliness(1, teachers, np.ones(6)))
    assert figures["variance_ratio"] == pytest.approx(1.0)


def lids(*values):
    shown = motion(len(values), eyeBlinkLeft=values, eyeBlinkRight=values)
    return shown.dynamics


def test_a_blink_that_trembles_about_the_threshold_counts_once():
    assert blinks(lids(0, 0.6, 0.45, 0.6, 0.2, 0.0, 0.9, 0.1)) == 2


def test_lids_that_start_shut_have_not_blinked_yet():
    assert blinks(lids(0.9, 0.1, 0.1)) == 0


def test_blinks_are_counted_over_minutes():
    half_a_minute = np.zeros(750)
    half_a_minute[[100, 300, 500]] = 1.0
    shown = motion(750, eyeBlinkLeft=half_a_minute, eyeBlinkRight=half_a_minute)
    assert blinks_per_min([shown, shown]) == pytest.approx(6.0)


def fading(rate):
    def act(lines, seeds, controls):
        rng = np.random.default_rng(0)
        time = np.arange(lines[0].frames) / lines[0].frames
        minute = rng.uniform(0, 0.5, lines[0].frames // 5)
        jaw = np.tile(minute, 6)[: lines[0].frames] * (1 - rate * time)
        return [motion(lines[0].frames, jaw, browInnerUp=jaw) for _ in seeds]

    return act


def test_a_face_that_dies_over_minutes_drifts_and_one_that_repeats_does_not():
    steady = drift(fading(0.0), [spoken()], [0])
    assert steady["drift_expression_std"] == pytest.approx(1.0, abs=0.01)
    dying = drift(fading(0.8), [spoken()], [0])
    assert dying["drift_expression_std"] < 0.5
    assert dying["drift_opening_mean"] < 0.5


def feeling_actor(lines, seeds, controls):
    """Smiles when happy, frowns when sad, and so on: one coefficient a feeling."""
    done = []
    for line, seed, wish in zip(lines, seeds, controls, strict=True):
        felt = wish(0, line.frames).emotion
        noise = np.random.default_rng(seed).uniform(0, 0.1, (line.frames, 52))
        shown = noise.astype(np.float32)
        shown[:, 20:28] += 0.5 * felt
        done.append(Motion(shown, np.zeros((line.frames, 6), np.float32)))
    return done


def test_feelings_that_show_are_told_and_grow_with_intensity():
    recogniser = feelings.train_on(feeling_actor, [spoken(3.0)] * 4)
    figures = feelings.recognised(recogniser, feeling_actor, [spoken(2.5)] * 3)
    assert figures["emotion_accuracy"] == 1.0
    assert figures["emotion_monotone"] == 1.0
    assert figures["emotion_at_100_percent"] > figures["emotion_at_25_percent"] + 0.3


def test_a_face_that_feels_nothing_is_told_by_chance_only():
    def numb(lines, seeds, controls):
        return feeling_actor(lines, seeds, [feelings.feeling("neutral", 1.0)] * len(lines))

    recogniser = feelings.train_on(feeling_actor, [spoken(3.0)] * 4)
    figures = feelings.recognised(recogniser, numb, [spoken(2.5)] * 3)
    assert figures["emotion_accuracy"] == pytest.approx(1 / len(EMOTIONS), abs=0.01)


def test_the_recogniser_is_the_same_every_time():
    first, second = (feelings.train_on(feeling_actor, [spoken()] * 2) for _ in range(2))
    assert np.array_equal(first.weights, second.weights)


def test_joined_lines_keep_their_phones_at_their_sound():
    both = joined("both", [spoken(2.0), spoken(3.0)])
    assert both.seconds == pytest.approx(5.0)
    assert [s.viseme for s in both.segments] == ["sil", "aa", "sil", "aa", "sil"]
    assert both.segments[3].start_s == pytest.approx(2.3)


def test_scenes_never_mix_voices():
    lines = [spoken(8.0, "a")] * 4 + [spoken(8.0, "b")] * 3
    assert [(s.voice, s.seconds) for s in scenes(lines, 20.0)] == [("a", 24.0), ("b", 24.0)]


def test_a_lasting_scene_is_as_long_as_asked():
    scene = lasting("long", [spoken(2.0)], 7.5)
    assert scene.seconds == pytest.approx(7.5)
    assert scene.segments[-1].end_s <= 7.5


def test_silence_is_silence():
    quiet = silence(2.0)
    assert not quiet.audio.any()
    assert quiet.frames == 50


def test_the_signal_driver_keeps_its_mouth_shut_on_noise_and_its_price_is_positive():
    voice = spoken(4.0).audio * (np.sin(np.arange(64_000) / 600) > 0)
    figures = strain.chatter(SignalMotion(), voice.astype(np.float32), seconds=4.0)
    assert figures["chatter_finite"] == 1.0
    assert figures["chatter"] < 0.3
    price = strain.cost(SignalMotion(), voice.astype(np.float32), seconds=0.6)
    assert price["cpu_ms_per_200ms"] > 0
    assert price["real_time_factor"] == pytest.approx(price["cpu_ms_per_200ms"] / 200)
