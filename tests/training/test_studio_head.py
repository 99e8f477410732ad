"""The studio's head model and its moving, on a tiny head made here; needs no graphics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_head import write_tiny_head

from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES
from training.studio import layout
from training.studio.head import HeadFileError, HeadModel
from training.studio.mesh import angles_deg, rotation, turn_partly
from training.studio.performances import Kind, express, plan
from training.studio.person import random_person
from training.studio.pose import Body, Placement, gaze_deg, set_gaze


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    return HeadModel(write_tiny_head(tmp_path_factory.mktemp("head") / "tiny.npz"))


def test_an_absent_head_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadFileError, match="no head model at"):
        HeadModel(tmp_path / "absent.npz")


def test_a_file_that_is_no_head_model_says_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, neutral=np.zeros((3, 3)))
    with pytest.raises(HeadFileError, match="lacks"):
        HeadModel(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(HeadFileError, match="is no head model"):
        HeadModel(path)


def test_mouth_close_shuts_what_jaw_open_opens(head: HeadModel) -> None:
    table = head.arkit.reshape(52, -1, 3)
    jaw, close = table[ARKIT_INDEX["jawOpen"]], table[ARKIT_INDEX["mouthClose"]]
    assert head.lip_gap(jaw) > 1.0
    assert abs(head.lip_gap(jaw) + head.lip_gap(close)) < 1e-4


@pytest.mark.parametrize("gaze", [(0, 0), (28, 10), (-30, -25), (5, 24)])
def test_gaze_goes_through_the_coefficients_unchanged(gaze: tuple[float, float]) -> None:
    face = np.zeros(52, np.float32)
    set_gaze(face, *gaze)
    for eye in gaze_deg(face):
        assert np.allclose(eye, gaze, atol=1e-4)


def test_eyeballs_turn_to_the_gaze_and_stay_where_they_are(head: HeadModel) -> None:
    body = Body(head, head.neutral)
    face = np.zeros(52, np.float32)
    ahead = body.pose(face, Placement.straight()).eyes
    set_gaze(face, 20, -10)
    aside = body.pose(face, Placement.straight()).eyes
    for before, after in zip(ahead, aside, strict=True):
        assert np.allclose(before.centre, after.centre)
        turned = np.degrees(np.arccos(np.clip(before.axis @ after.axis, -1, 1)))
        assert 20 < turned < 24
        assert after.axis[0] > before.axis[0] and after.axis[1] < before.axis[1]


@pytest.mark.parametrize("angles", [(0, 0, 0), (50, -25, 30), (-35, 20, -12)])
def test_angles_come_back_from_the_rotation(angles: tuple[float, float, float]) -> None:
    assert np.allclose(angles_deg(rotation(*angles)), angles, atol=1e-9)


def test_a_head_turns_whole_and_a_neck_by_its_share() -> None:
    points = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]], np.float32)
    turned = turn_partly(points, rotation(40), np.array([1, 0.5, 0], np.float32))
    assert np.allclose(np.degrees(np.arctan2(turned[:, 0], turned[:, 2])), [40, 20, 0], atol=1e-3)


def test_points_are_symmetric_and_named_once() -> None:
    assert layout.SURFACE_POINTS == 160 and layout.POINT_COUNT == 170
    assert len(set(layout.POINT_LANDMARKS)) == layout.POINT_COUNT
    assert len(set(layout.POINT_VERTICES)) == layout.SURFACE_POINTS
    groups = layout.point_groups()
    for left, right in (("left_eye", "right_eye"), ("left_brow", "right_brow")):
        assert groups[left].stop - groups[left].start == groups[right].stop - groups[right].start


def test_a_seed_is_a_person(head: HeadModel) -> None:
    one, again, other = (random_person(head, seed) for seed in (4, 4, 5))
    assert np.array_equal(one.shape, again.shape) and one.style == again.style
    assert not np.array_equal(one.shape, other.shape)


def test_plans_begin_with_a_calm_source_and_keep_the_rules() -> None:
    shots = [shot for seed in range(8) for shot in plan(np.random.default_rng(seed), 24)]
    assert all(shot.kind == Kind.SOURCE_NEUTRAL for shot in shots[::24])
    assert all(shot.kind in (Kind.SOURCE_SMILE, Kind.SOURCE_OPEN) for shot in shots[1::24])
    jaw, close = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    for shot in shots:
        face = shot.coefficients
        assert face.min() >= 0 and face.max() <= 1
        assert face[close] <= face[jaw] + 1e-6
        yaw, pitch, roll = angles_deg(shot.placement.head)
        assert abs(yaw) <= 50.1 and abs(pitch) <= 25.1 and abs(roll) <= 30.1
    for shot in shots[::24]:
        assert shot.coefficients[jaw] == 0
        assert np.abs(angles_deg(shot.placement.head)[:2]).max() < 25


def test_every_coefficient_is_performed() -> None:
    rng = np.random.default_rng(0)
    seen = np.zeros(52)
    for kind in (Kind.SPARSE, Kind.PURE, Kind.MOUTH, Kind.FEELING, Kind.BLINK):
        for _ in range(150):
            seen = np.maximum(seen, express(kind, rng)[0])
    looks = [name.startswith("eyeLook") for name in ARKIT_NAMES]
    assert (seen[~np.array(looks)] > 0.3).all()


def test_close_plans_do_the_same_nearer_to_the_face():
    far, close = (plan(np.random.default_rng(5), 6, close) for close in (False, True))
    for one, other in zip(far, close, strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        assert other.camera.half_tangent < 0.8 * one.camera.half_tangent
