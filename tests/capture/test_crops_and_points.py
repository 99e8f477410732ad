"""Where the motion encoder looks, and which of its points mirror which."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.capture.crops import Crop, around, boxes, closer, halved, tensor
from mien.models.capture.points import (
    EYE_LOOK,
    EYE_POINTS,
    GROUPS,
    LANDMARKS,
    MIRROR,
    MOUTH_LOOK,
    MOUTH_POINTS,
    PLACE,
    POINTS,
)
from mien.models.capture.shapes import CROP_PX, DETAIL_PX, EYE_PX, MOUTH_PX
from mien.models.codec.basis import face_basis


def test_mirroring_twice_is_nothing_and_agrees_with_the_face_basis():
    assert len(set(LANDMARKS)) == POINTS == 170
    assert [MIRROR[MIRROR[i]] for i in range(POINTS)] == list(range(POINTS))
    mirror = face_basis().mirror
    for i, landmark in enumerate(LANDMARKS):
        if landmark < 468:  # the irises' rims are told by direction, not by number
            assert LANDMARKS[MIRROR[i]] == mirror[landmark], landmark


def test_both_eyes_are_listed_in_mirrored_order():
    assert [MIRROR[p] for p in EYE_POINTS["left"]] == EYE_POINTS["right"]
    mean = face_basis().mean[list(LANDMARKS)]
    inner, outer = EYE_POINTS["left"][:2]
    assert 0 < mean[inner, 0] < mean[outer, 0]  # the subject's left is image right
    assert mean[MOUTH_POINTS[0], 0] < mean[MOUTH_POINTS[1], 0]
    assert set(MOUTH_POINTS) == {PLACE[i] for g in ("outer_lip", "inner_lip") for i in GROUPS[g]}
    assert [MIRROR[p] for p in EYE_LOOK["left"]] == EYE_LOOK["right"]
    for part in (*EYE_LOOK.values(), MOUTH_LOOK):
        assert len(set(part)) == len(part)


def test_second_looks_hold_their_points_and_show_what_lies_there():
    picture = np.zeros((DETAIL_PX, DETAIL_PX, 3), np.uint8)
    picture[..., 0] = np.arange(DETAIL_PX)[None] * 0.79
    picture[..., 1] = np.arange(DETAIL_PX)[:, None] * 0.79
    mean = face_basis().mean[list(LANDMARKS), :2].astype(np.float64)
    points = around(mean).into(mean)
    where = boxes(points)
    eyes, mouth = closer(picture, where)
    assert eyes.shape == (2, 3, EYE_PX, EYE_PX) and mouth.shape == (3, MOUTH_PX, MOUTH_PX)
    parts = (EYE_LOOK["left"], EYE_LOOK["right"], MOUTH_LOOK)
    for box, part, seen, mirrored in zip(
        where, parts, (*eyes, mouth), (False, True, False), strict=True
    ):
        inside = (points[part] - (box.x, box.y)) / box.half
        assert 0.8 < np.abs(inside).max() < 1  # they fill the box and lie within it
        np.testing.assert_allclose(box.place(inside * (-1 if mirrored else 1, 1), mirrored),
                                   points[part], atol=1e-12)  # fmt: skip
        # Its middle shows what the crop shows there.
        half = seen.shape[-1] // 2
        middle = (seen[:2, half - 1 : half + 1, half - 1 : half + 1].mean((1, 2)) + 1) * 127.5
        there = (np.array([box.x, box.y]) + 1) * DETAIL_PX / 2 - 0.5
        np.testing.assert_allclose(middle, 0.79 * there, atol=1.5)
    assert halved(picture).shape == (CROP_PX, CROP_PX, 3)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_into_a_crop_and_out_again(angle):
    crop, rng = Crop(210.0, 150.0, 96.0, angle), np.random.default_rng(0)
    points = rng.uniform(0, 400, (30, 2))
    np.testing.assert_allclose(crop.out(crop.into(points)), points, atol=1e-9)
    np.testing.assert_allclose(crop.into(np.array([210.0, 150.0])), 0, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.5])
@pytest.mark.parametrize("side", [60.0, 240.0])
def test_a_crop_shows_what_lies_there(angle, side):
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[..., 0] = np.arange(300)[None] * 0.8
    picture[..., 1] = np.arange(300)[:, None] * 0.8
    crop = Crop(150.0, 140.0, side, angle)
    cut = crop.cut(picture)
    spots = np.array([[-0.5, -0.25], [0.0, 0.0], [0.6, 0.3]])
    half = DETAIL_PX / 2
    inside = np.round((spots + 1) * half - 0.5).astype(int)
    expected = crop.out((inside + 0.5) / half - 1)
    for (x, y), place in zip(inside, expected, strict=True):
        np.testing.assert_allclose(cut[y, x, :2], 0.8 * place, atol=1.6)
    assert tensor(cut).shape == (3, DETAIL_PX, DETAIL_PX) and np.abs(tensor(cut)).max() <= 1


def test_a_tilted_face_is_levelled():
    mean = face_basis().mean[list(LANDMARKS), :2].astype(np.float64) * 80.0
    c, s = np.cos(0.35), np.sin(0.35)
    tilted = mean @ np.array([[c, s], [-s, c]]) + (200.0, 260.0)
    crop = around(tilted)
    assert crop.angle == pytest.approx(0.35, abs=0.02)
    inside = crop.into(tilted)
    assert np.abs(inside).max() < 1
    eyes = [inside[EYE_POINTS[side]].mean(0) for side in ("left", "right")]
    assert abs(eyes[0][1] - eyes[1][1]) < 1e-9 and eyes[0][0] > eyes[1][0]
