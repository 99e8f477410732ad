"""Depth: seen beside the face, continued past the person, and turned as a camera sees it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mien.models.codec.decoder import Decoder
from mien.models.codec.pose import picture_rotation
from mien.models.codec.relief import LANDMARKED_WIDER, Relief, sampled
from mien.models.codec.rigid import NEAREST, Rigid, carried_reference
from mien.models.codec.sheet import Sheet

STILL = np.zeros(6, np.float32)
REST = np.zeros(52, np.float32)


def test_a_map_covers_the_portrait_from_edge_to_edge() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    points = np.array([[31.5, 100.0], [95.5, 30.0], [0.0, 0.0], [511.0, 511.0]])
    np.testing.assert_allclose(sampled(ramp, points, 512), [0.0, 1.0, 0.0, 7.0], atol=1e-5)


def test_depth_goes_on_past_the_person_and_madness_is_bounded() -> None:
    depth = np.full((32, 32), 99.0, np.float32)  # what a network says of a background
    person = np.zeros((32, 32), np.float32)
    person[8:24, 8:24], depth[8:24, 8:24] = 1.0, 0.5
    relief = Relief(depth, person)
    everywhere = np.stack(np.meshgrid(np.arange(0, 512, 37), np.arange(0, 512, 37)), -1)
    found = relief.at(everywhere.reshape(-1, 2).astype(np.float64), 512)
    np.testing.assert_allclose(found, 0.5 / LANDMARKED_WIDER, atol=1e-4)
    wild = Relief(depth, np.ones((32, 32), np.float32))
    assert wild.at(np.array([[2.0, 2.0]]), 512)[0] <= 3.0


def test_fine_depths_keep_what_smooth_ones_spread() -> None:
    depth = np.zeros((32, 32), np.float32)
    depth[16, 16] = 1.0
    relief, at = Relief(depth, np.ones((32, 32), np.float32)), np.array([[263.5, 263.5]])
    assert relief.at(at, 512, fine=True)[0] == pytest.approx(1 / LANDMARKED_WIDER, abs=1e-5)
    assert relief.at(at, 512)[0] < 0.1


def test_a_sheet_takes_its_depth_from_the_relief_but_its_face_from_the_landmarks(
    calm: Decoder,
) -> None:
    rig = calm.rig
    plain = Sheet(rig, 512)
    deep = Relief(np.full((48, 48), 0.9, np.float32), np.ones((48, 48), np.float32))
    deep._fine[:] = deep._smooth[0, 0] - 0.7  # at the face: everything else lies 0.7 behind it
    seen = Sheet(rig, 512, deep)
    nose = np.linalg.norm(seen.nodes[:, :2] - rig.landmarks[4, :2], axis=1).argmin()
    corner = np.linalg.norm(seen.nodes[:, :2] - [60.0, 60.0], axis=1).argmin()
    assert seen.nodes[nose, 2] == pytest.approx(plain.nodes[nose, 2], abs=1.0)
    middle = np.median(rig.landmarks[:468, 2])
    assert seen.nodes[corner, 2] == pytest.approx(middle + 0.7 * rig.scale, abs=2.0)


def test_rest_is_the_portrait_whatever_depths_say(draw) -> None:
    rng = np.random.default_rng(4)
    character = draw()
    arrays = dict(character.arrays)
    arrays["geometry.depth"] = rng.normal(0.5, 0.6, (96, 96)).astype(np.float32)
    odd = dataclasses.replace(character, arrays=arrays)
    shown = Decoder(odd).decode(REST, STILL)[..., :3]
    np.testing.assert_array_equal(shown, arrays["portrait"])


def seen_by_a_camera(space: np.ndarray, distance: float, axis: np.ndarray) -> np.ndarray:
    """A pinhole at `distance` before z = 0, of that focal length: [N, 3] to px and depth."""
    flat = space[:, :2] * distance / (distance + space[:, 2:])
    return np.c_[flat + axis, space[:, 2]]


def test_a_turn_is_what_a_pinhole_camera_sees() -> None:
    rng = np.random.default_rng(5)
    space = rng.normal(size=(40, 3)) * (60.0, 80.0, 50.0)
    distance, axis, spot = 900.0, np.array([250.0, 270.0]), np.array([10.0, 120.0, 0.0])
    turn = picture_rotation(np.array([0.2, -0.35, 0.1]))
    before = seen_by_a_camera(space, distance, axis)
    after = seen_by_a_camera((space - spot) @ turn.T + spot, distance, axis)
    pivot = np.array([*(spot[:2] + axis), 0.0])
    rigid = Rigid(turn, 1.0, pivot, np.zeros(3), distance, axis)
    np.testing.assert_allclose(rigid.apply(before), after, atol=1e-9)
    still = Rigid(np.eye(3), 1.0, pivot, np.zeros(3), distance, axis)
    np.testing.assert_allclose(still.apply(before), before, atol=1e-9)


def test_what_would_come_behind_the_camera_stays_finite() -> None:
    rigid = Rigid(np.eye(3), 1.0, np.zeros(3), np.zeros(3), 100.0, np.zeros(2))
    found = rigid.apply(np.array([[10.0, 0.0, -5000.0]]))
    assert np.isfinite(found).all() and found[0, 0] == pytest.approx(10.0)
    assert NEAREST > 0


def test_carrying_points_agrees_with_its_slow_twin() -> None:
    rng = np.random.default_rng(7)
    points = rng.normal(size=(60, 3)) * 200.0
    turn = picture_rotation(np.array([0.2, -0.35, 0.1]))
    pivot, shift, axis = rng.normal(size=3) * 50, rng.normal(size=3) * 9, rng.normal(size=2) * 90
    rigid = Rigid(turn, 1.07, pivot, shift, 700.0, axis)
    np.testing.assert_allclose(rigid.apply(points), carried_reference(rigid, points), atol=1e-9)


def test_the_way_back_undoes_a_movement_of_a_plane() -> None:
    rng = np.random.default_rng(8)
    pivot, axis = np.array([250.0, 300.0, 120.0]), np.array([256.0, 260.0])
    turn = picture_rotation(np.array([0.1, -0.3, 0.05]))
    rigid = Rigid(turn, 1.05, pivot, np.array([4.0, -3.0, 0.0]), 1500.0, axis)
    plane, middle = np.array([0.2, -0.1, 5.0]), np.array([230.0, 240.0])
    flat = middle + rng.uniform(-20, 20, (30, 2))
    moved = rigid.apply(np.c_[flat, np.c_[flat, np.ones(30)] @ plane])[:, :2]
    back = rigid.way_back(plane, (230.0, 240.0))
    np.testing.assert_allclose(moved @ back[:, :2].T + back[:, 2], flat, atol=0.3)
