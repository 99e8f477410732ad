"""Where the motion encoder looks, and which of its points mirror which."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.capture.crops import Crop, around, tensor
from mien.models.capture.points import (
    EYE_POINTS,
    GROUPS,
    LANDMARKS,
    MIRROR,
    MOUTH_POINTS,
    PLACE,
    POINTS,
    SAMPLED,
)
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
    assert len(set(SAMPLED)) == len(SAMPLED)


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
    inside = np.round((spots + 1) * 80 - 0.5).astype(int)
    expected = crop.out((inside + 0.5) / 80 - 1)
    for (x, y), place in zip(inside, expected, strict=True):
        np.testing.assert_allclose(cut[y, x, :2], 0.8 * place, atol=1.6)
    assert tensor(cut).shape == (3, 160, 160) and np.abs(tensor(cut)).max() <= 1


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
