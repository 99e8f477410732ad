"""Turned heads: a far cheek with one clean edge, no second head, frames of glasses that hold."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.codec.decoder import Decoder
from mien.models.codec.face_mesh import FaceMesh
from mien.models.codec.layers import blended_plate, fill_upwards, with_throat
from mien.models.codec.rig import Rig, soft_limit
from mien.models.codec.warping import draw_sheet, texture
from mien.models.enrolment.geometry import measure, motion_limits
from mien.models.motion import ARKIT_INDEX

STILL = np.zeros(6, np.float32)
REST = np.zeros(52, np.float32)


def turned_by(yaw: float) -> np.ndarray:
    return np.array([0.0, np.radians(yaw), 0.0, 0.0, 0.0, 0.0], np.float32)


def test_a_frontal_portrait_may_turn_25_15_and_20_degrees() -> None:
    limits = motion_limits(np.zeros(3)).astype(float)
    for (low, high), asked in zip(
        limits.reshape(3, 2), np.radians([25.0, 15.0, 20.0]), strict=True
    ):
        for side in (-1.0, 1.0):
            assert soft_limit(side * asked, low, high) == pytest.approx(side * asked, rel=0.005)
            assert abs(soft_limit(side * 3.0, low, high)) <= 1.15 * asked


def test_at_rest_every_triangle_is_drawn(calm: Decoder, turned: Decoder) -> None:
    for decoder in (calm, turned):
        mesh = FaceMesh(decoder.rig.landmarks)
        posed = decoder.rig.pose(REST, STILL)
        assert len(mesh.seen(mesh.posed(posed))) == len(mesh.triangles) + len(mesh._edge)
        np.testing.assert_allclose(mesh.posed(posed), mesh.source, atol=1e-3)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_what_turns_away_is_left_out_and_its_rim_draws_in(calm: Decoder, side: float) -> None:
    mesh = FaceMesh(calm.rig.landmarks)
    posed = calm.rig.pose(REST, turned_by(25.0 * side))
    moved = mesh.posed(posed)
    assert len(mesh.seen(moved)) < len(mesh.triangles) + len(mesh._edge)
    outline = moved[mesh.outline, :2]
    rim = moved[topology.LANDMARKS : topology.LANDMARKS + len(mesh.outline), :2]
    width = np.linalg.norm(rim - outline, axis=1)
    # A head that looks to the picture's right hides its right side.
    at = (mesh.source[mesh.outline, 0] - 256.0) * side
    cheeks = np.abs(mesh.source[mesh.outline, 1] - 256.0) < 60
    assert width[cheeks & (at > 60)].max() < 0.6 * width[cheeks & (at < -60)].min()


def test_turning_shows_no_second_head_beyond_the_frame() -> None:
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[6:20] = 200  # a head a little below the frame's upper edge
    flow = np.zeros((16, 2, 16), np.float32)
    flow[:, 1] = -14.0  # it moved down: above it lies what the portrait never showed
    plate, frame = np.zeros((64, 64), np.uint32), np.zeros((64, 64), np.uint32)
    bands, rows = np.array([[0, 64]], np.int32), np.zeros((4, 64), np.float32)
    draw_sheet(frame, texture(layer), plate, flow, bands, rows)
    moved = frame.view(np.uint8).reshape(64, 64, 4)[..., :3]
    assert moved[:14].max() == 0
    assert moved[22:32].min() == 200


def test_plate_and_portrait_meet_softly_outside_the_person() -> None:
    portrait = np.full((64, 64, 3), 200, np.uint8)
    plate = np.full((64, 64, 3), 100, np.uint8)
    matte = np.zeros((64, 64), np.uint8)
    matte[:, :20] = 255
    blended = blended_plate(portrait, plate, matte)[32, :, 0].astype(int)
    assert (blended[:20] == 100).all()
    assert (blended[32:] == 200).all()
    assert np.diff(blended).max() < 25


def test_a_neck_goes_on_with_its_own_grain() -> None:
    random = np.random.default_rng(2)
    sheet = np.zeros((80, 60, 4), np.uint8)
    sheet[40:, 10:50, :3] = (150 + random.normal(0, 8, (40, 40, 1))).astype(np.uint8)
    sheet[40:, 10:50, 3] = 255
    known = np.zeros((80, 60), np.uint8)
    known[40:] = 255
    filled = fill_upwards(sheet, known, 60.0)
    part = filled[12:38, 18:42, 0].astype(float)
    assert abs(part.mean() - 150) < 6
    assert 3.0 < part.std() < 12.0
    assert filled[:38, :4].max() == 0  # beside the neck nothing grows


def test_a_throat_is_skin_under_the_chin_and_hair_stays_hair_beside_it(calm: Decoder) -> None:
    picture = np.dstack([calm.portrait, np.full((512, 512), 255, np.uint8)])
    chin = calm.rig.landmarks[topology.CHIN, :2]
    dark = np.full((40, 512, 4), (20, 15, 12, 255), np.uint8)  # a collar's shadow, or hair
    throat = with_throat(dark, calm.rig, picture, (0, int(chin[1]) - 20))[20, :, 0].astype(int)
    assert throat[int(chin[0])] > 100
    beside = int(0.4 * calm.rig.scale)
    assert abs(throat[int(chin[0]) - beside] - 20) <= 1
    assert abs(throat[int(chin[0]) + beside] - 20) <= 1
    light = np.full((40, 512, 4), (190, 150, 130, 255), np.uint8)  # a neck that can be seen
    kept = with_throat(light, calm.rig, picture, (0, int(chin[1]) - 20))
    np.testing.assert_array_equal(kept, light)


def geometry_of(decoder: Decoder, sureness: float | None) -> Rig:
    arrays = dict(measure(decoder.portrait, decoder.rig.landmarks.astype(np.float32)))
    del arrays["glasses"]  # as in files of before
    if sureness is not None:
        arrays["glasses"] = np.array([sureness], np.float32)
    return Rig({**arrays, "landmarks": decoder.rig.landmarks})


def test_files_from_before_glasses_have_none(calm: Decoder) -> None:
    older, bare = geometry_of(calm, None), geometry_of(calm, 0.0)
    np.testing.assert_array_equal(older.basis, bare.basis)


@pytest.mark.parametrize("name", ["browDownLeft", "cheekSquintLeft", "mouthSmileLeft"])
def test_frames_of_glasses_hold_while_the_face_moves(calm: Decoder, name: str) -> None:
    bare, worn = geometry_of(calm, 0.0), geometry_of(calm, 1.0)
    points = np.array([topology.LEFT_LID_POUCH[3], 6, 168, 285, 346])  # along the rims, the bridge
    moved = np.linalg.norm(bare.basis[ARKIT_INDEX[name]][points], axis=-1)
    held = np.linalg.norm(worn.basis[ARKIT_INDEX[name]][points], axis=-1)
    assert (held <= 0.35 * moved + 1e-6).all()
    mouth = list(topology.LIPS)
    np.testing.assert_array_equal(worn.basis[:, mouth], bare.basis[:, mouth])


def test_a_blink_behind_glasses_still_closes(calm: Decoder) -> None:
    worn = geometry_of(calm, 1.0)
    dynamics = REST.copy()
    dynamics[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = 1.0
    shape = worn.pose(dynamics, STILL).shape
    gap = shape[list(topology.LEFT_LOWER_LID), 1] - shape[list(topology.LEFT_UPPER_LID), 1]
    assert np.abs(gap).max() < 0.005
    assert face_basis().mean.shape == shape.shape
