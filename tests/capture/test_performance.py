"""From looks to motion: pose against the middle, rates, eyes, and faces that get lost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mien.models.capture.capture import CaptureError, Follower, capture
from mien.models.capture.performance import eye_looks, perform, relative_poses, stand
from mien.models.capture.points import LANDMARKS
from mien.models.capture.reader import Look, level
from mien.models.codec.basis import face_basis
from mien.models.codec.pose import PUBLIC_TO_PICTURE, rotation_matrix
from mien.models.motion.types import ARKIT_INDEX

SIGNS = np.diag(PUBLIC_TO_PICTURE)


def look(vector=(0.0, 0.0, 0.0), scale=100.0, at=(256.0, 256.0), code=0.0, seen=1.0):
    """A look at the mean face, turned by a public rotation vector."""
    rotation = rotation_matrix(np.array(vector))
    picture = SIGNS @ rotation @ SIGNS
    mean = face_basis().mean[list(LANDMARKS)].astype(np.float64)
    points = scale * (mean @ picture.T)[:, :2] + at
    return Look(
        points, np.full(len(points), seen, np.float32), rotation, np.zeros((2, 2)),
        np.full(4, code, np.float32), level(points).reshape(-1).astype(np.float32),
    )  # fmt: skip


class Reader:
    """Reads the jaw off the look's code."""

    def __init__(self, looks=()):
        self.looks, self.calls = list(looks), 0

    def motion(self, look, neutral=None):
        out = np.zeros(52, np.float32)
        rest = 0.0 if neutral is None else neutral.code[0]
        out[ARKIT_INDEX["jawOpen"]] = np.clip(look.code[0] - rest, 0, 1)
        return out

    def look(self, picture, near, passes=2):
        self.calls += 1
        return self.looks[int(picture[0, 0, 0])]


@pytest.mark.parametrize("vector", [(0.0, 0.0, 0.0), (0.2, -0.3, 0.1), (-0.1, 0.4, 0.0)])
def test_a_head_stands_where_its_points_are(vector):
    there = stand(look(vector, scale=90.0, at=(300.0, 200.0)))
    assert there.scale == pytest.approx(90.0, rel=1e-3)
    again = stand(look(vector, scale=90.0, at=(310.0, 195.0)))
    np.testing.assert_allclose(again.pivot - there.pivot, (10.0, -5.0), atol=1e-6)


def test_poses_are_relative_to_their_middle_and_in_public_axes():
    wanted = [(0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (-0.1, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, -0.2, 0.0)]
    poses = relative_poses([stand(look(v)) for v in wanted])
    np.testing.assert_allclose(poses[:, :3], wanted, atol=5e-3)
    near = relative_poses([stand(look(scale=s)) for s in (100.0, 100.0, 110.0)])
    assert near[2, 5] > 0.3 and abs(near[0, 5]) < 1e-9  # larger is nearer: toward the camera
    aside = relative_poses([stand(look(at=(x, 256.0))) for x in (256.0, 256.0, 276.0)])
    assert aside[2, 3] > 0.05 and abs(aside[2, 4]) < 1e-9


def test_the_calmest_frames_are_the_neutral_face_and_any_rate_becomes_25():
    looks = [look(code=0.1)] * 10 + [look(code=0.6)] * 20 + [look(code=0.1)] * 20
    times = [round(i * 1e6 / 50) for i in range(50)]
    motion = perform(looks, times, Reader())
    assert len(motion) == 25
    jaw = motion.dynamics[:, ARKIT_INDEX["jawOpen"]]
    assert jaw[:4].max() == 0 and jaw[8:13].min() == pytest.approx(0.5, abs=1e-6)
    assert not motion.pose.any() or np.abs(motion.pose).max() < 1e-6
    with pytest.raises(ValueError, match="at least one frame"):
        perform([], [], Reader())


def test_eyes_turn_as_coefficients_say():
    weights = eye_looks(np.array([[0.3, 0.1], [0.3, 0.1]]))  # to the subject's left, and up
    assert weights["eyeLookInRight"] > 0.4 and weights["eyeLookOutLeft"] > 0.4
    assert weights["eyeLookUpLeft"] > 0.15 and weights["eyeLookDownLeft"] == 0
    assert weights["eyeLookOutRight"] == weights["eyeLookInLeft"] == 0


def numbered(count):
    """Frames that carry their number in the first pixel."""
    for i in range(count):
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[0, 0, 0] = i
        yield 40_000 * i, picture


def test_a_face_that_jumps_or_hides_is_lost_and_looked_for_again(monkeypatch):
    looks = [look(), look(at=(260.0, 256.0)), look(at=(900.0, 256.0)), look(seen=0.1), look()]
    reader, searches = Reader(looks), []
    follower = Follower(reader)

    def find(picture):
        searches.append(int(picture[0, 0, 0]))
        return looks[0] if searches[-1] in (0, 2) else None

    monkeypatch.setattr(follower, "_find", find)
    shown = [follower.look(picture) for _, picture in numbered(5)]
    assert searches == [0, 2, 3]
    assert follower.lost == 2  # the fourth, and the fifth, for which nobody searched again yet
    assert shown[3] is shown[2] is looks[0]


def test_a_video_without_a_face_says_so(monkeypatch):
    monkeypatch.setattr("mien.models.capture.capture.find_faces", lambda picture: [])
    with pytest.raises(CaptureError, match="no face was found"):
        capture(numbered(12), Reader())


def test_a_face_that_is_mostly_gone_is_refused(monkeypatch):
    reader = Reader([look(seen=0.1)] * 40)
    face = dataclasses.make_dataclass("Face", ["landmarks", "eye_distance_px"])
    landmarks = np.concatenate([face_basis().mean * 100 + 256]).astype(np.float32)
    found = iter([[face(landmarks, 90.0)]])
    monkeypatch.setattr("mien.models.capture.capture.find_faces", lambda picture: next(found, []))
    with pytest.raises(CaptureError, match="out of sight in"):
        capture(numbered(40), reader)
