"""A take leaves as others read it, and what leaves as JSON comes back bit for bit."""

import csv
import io
import json
import math

import numpy as np
import pytest

from mien.models.motion import ARKIT_INDEX, ARKIT_NAMES, Motion
from mien.models.motion.export import (
    LIVE_LINK_COLUMNS,
    Take,
    TakeError,
    TakeSource,
    eye_angles,
    head_angles,
    live_link_csv,
    read_take,
    resample,
    take_json,
    timecode,
)
from mien.models.motion.gaze import eye_weights

# The first line of a recording that the app made, as it can be found in public.
APP_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,"
    "JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,"
    "MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,"
    "RightEyePitch,RightEyeRoll"
)


def some_motion(frames=50, seed=1):
    rng = np.random.default_rng(seed)
    dynamics = rng.uniform(0, 1, (frames, 52)).astype(np.float32)
    return Motion(dynamics, rng.normal(0, 0.2, (frames, 6)).astype(np.float32))


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_are_the_apps_own_in_its_order():
    text = live_link_csv(some_motion())
    assert text.splitlines()[0] == APP_HEADER
    assert len(set(LIVE_LINK_COLUMNS)) == 2 + 52 + 9


def test_every_coefficient_lands_in_the_column_of_its_name():
    motion = some_motion()
    written = rows(live_link_csv(motion))
    assert {row["BlendShapeCount"] for row in written} == {"61"}
    for name in ARKIT_NAMES:
        column = [float(row[name[0].upper() + name[1:]]) for row in written]
        np.testing.assert_allclose(column, motion.dynamics[:, ARKIT_INDEX[name]], atol=1e-9)


@pytest.mark.parametrize(
    ("time_us", "shown"),
    [
        (0, "00:00:00:00.000"),
        (40_000, "00:00:00:02.400"),
        (1_000_000, "00:00:01:00.000"),
        (3_661_500_000, "01:01:01:30.000"),
        (999_999, "00:00:01:00.000"),
    ],
)
def test_time_codes_count_sixtieths_of_a_second(time_us, shown):
    assert timecode(time_us) == shown


def test_a_row_comes_for_every_frame_at_25_and_at_any_other_rate():
    motion = some_motion(50)
    for rate in (25, 30, 60, 24, 120):
        written = rows(live_link_csv(motion, rate))
        assert len(written) == math.ceil(2.0 * rate)
        assert written[1]["Timecode"] == timecode(round(1e6 / rate))


def test_interpolation_goes_through_the_frames_and_between_them():
    motion = some_motion(10)
    twice = resample(motion, 50)
    np.testing.assert_array_equal(twice.dynamics[::2], motion.dynamics)
    middle = (motion.pose[0] + motion.pose[1]) / 2
    np.testing.assert_allclose(twice.pose[1], middle, atol=1e-6)
    np.testing.assert_array_equal(twice.pose[-1], motion.pose[-1])


@pytest.mark.parametrize("rate", [0, -25, 1000, float("nan"), float("inf")])
def test_a_rate_that_makes_no_sense_is_refused(rate):
    with pytest.raises(TakeError, match="frames a second"):
        resample(some_motion(), rate)


@pytest.mark.parametrize(
    ("vector", "angles"),
    [
        ((0, 0.3, 0), (-0.3, 0, 0)),  # toward the subject's left
        ((0.2, 0, 0), (0, 0.2, 0)),  # down
        ((0, 0, 0.1), (0, 0, -0.1)),
    ],
)
def test_the_head_turns_about_one_axis_at_a_time_as_the_app_says_it(vector, angles):
    pose = np.zeros((1, 6), np.float32)
    pose[0, :3] = vector
    np.testing.assert_allclose(head_angles(pose)[0], angles, atol=1e-6)


def test_yaw_pitch_and_roll_together_are_the_same_rotation():
    pose = some_motion(20).pose
    for vector, (yaw, pitch, roll) in zip(pose[:, :3], head_angles(pose), strict=True):
        built = about(1, -yaw) @ about(0, pitch) @ about(2, -roll)
        np.testing.assert_allclose(built, rodrigues(vector.astype(np.float64)), atol=1e-6)


def about(axis, angle):
    vector = np.zeros(3)
    vector[axis] = angle
    return rodrigues(vector)


def rodrigues(vector):
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


@pytest.mark.parametrize(("left", "up"), [(0.3, 0.0), (-0.3, 0.2), (0.1, -0.25)])
def test_eyes_turn_as_far_as_they_were_told_to(left, up):
    lefts, ups = eye_weights(np.array([[left, up]]), np.zeros((1, 3)))
    dynamics = np.zeros((1, 52), np.float32)
    for side, sign in (("Left", 1), ("Right", -1)):
        dynamics[0, ARKIT_INDEX[f"eyeLookOut{side}"]] = max(sign * lefts[0], 0)
        dynamics[0, ARKIT_INDEX[f"eyeLookIn{side}"]] = max(-sign * lefts[0], 0)
        dynamics[0, ARKIT_INDEX[f"eyeLookUp{side}"]] = max(ups[0], 0)
        dynamics[0, ARKIT_INDEX[f"eyeLookDown{side}"]] = max(-ups[0], 0)
    np.testing.assert_allclose(eye_angles(dynamics)[0], [-left, -up, 0] * 2, atol=1e-5)


SOURCE = TakeSource(
    "0.1.0", "Ada", "läne.wav", 7, "diffusion", "openvino", 4, {"audio": 0.5},
    ({"kind": "GazeCue", "start_us": 0},),
)  # fmt: skip


def test_json_comes_back_bit_for_bit_with_what_produced_it():
    motion = some_motion()
    motion.pose[0, 0] = np.float32(1e-30)
    back = read_take(take_json(Take(motion, SOURCE)).encode())
    np.testing.assert_array_equal(back.motion.dynamics, motion.dynamics)
    np.testing.assert_array_equal(back.motion.pose, motion.pose)
    assert back.source == SOURCE
    assert back.frame_rate_hz == 25


def test_json_says_times_in_microseconds_and_units():
    document = json.loads(take_json(Take(some_motion(3), SOURCE)))
    assert [frame["pts_us"] for frame in document["frames"]] == [0, 40_000, 80_000]
    assert set(document["units"]) == {"pts_us", "dynamics", "pose"}
    assert document["produced_by"]["seed"] == 7 and document["produced_by"]["steps"] == 4
    assert document["names"] == list(ARKIT_NAMES)


def test_an_empty_take_is_one_too():
    empty = Motion.rest(0)
    assert rows(live_link_csv(empty)) == []
    assert len(read_take(take_json(Take(empty, SOURCE))).motion) == 0


def changed(**fields):
    document = json.loads(take_json(Take(some_motion(2), SOURCE)))
    document.update(fields)
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "{", "[" * 100_000, changed(version=2), changed(format="other"),
        changed(names=list(reversed(ARKIT_NAMES))), changed(frames=[{"dynamics": [1], "pose": []}]),
        changed(frames=[{"dynamics": [2.0] * 52, "pose": [0.0] * 6}]),
        changed(frames=[{"dynamics": [0.0] * 52, "pose": [float("nan")] * 6}]),
        changed(frames=[{"dynamics": [0.0] * 52, "pose": [99] * 6}]),
        changed(produced_by={"colour": "red"}), changed(frames=7),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_take_is_refused_in_words(text):
    with pytest.raises(TakeError):
        read_take(text)
