"""Walls go on behind a head, and stay calm where nothing shows them."""

from __future__ import annotations

import cv2
import numpy as np

from mien.models.enrolment.plate import background_plate
from mien.models.enrolment.texture import complete


def bricks(size=256, course=16, length=36):
    """A wall's joints, around zero, [size, size, 3]."""
    y, x = np.mgrid[0:size, 0:size]
    row = y // course
    joint = (y % course < 2) | ((x + (row % 2) * length // 2) % length < 2)
    wall = np.where(joint, -20.0, 4.0)
    wall = cv2.GaussianBlur(wall, (0, 0), 1.0)
    return np.repeat(wall[..., None], 3, 2).astype(np.float32)


def gap(size=256, radius=30):
    known = np.ones((size, size), np.uint8)
    cv2.circle(known, (size // 2, size // 2), radius, (0,), -1)
    return known


def test_bricks_go_on_through_a_gap():
    wall, known = bricks(), gap()
    whole = complete(wall, known, np.ones_like(known))
    hidden = known == 0
    likeness = np.corrcoef(whole[hidden].ravel(), wall[hidden].ravel())[0, 1]
    assert likeness > 0.6  # courses meet those beside the gap
    assert 0.6 < whole[hidden].std() / wall[hidden].std() < 1.3
    np.testing.assert_array_equal(whole[known > 0], wall[known > 0])


def test_only_what_is_wanted_is_completed():
    wall, known = bricks(), gap(radius=60)
    wanted = (cv2.distanceTransform(1 - known, cv2.DIST_L2, 5) < 20).astype(np.uint8)
    whole = complete(wall, known, wanted)
    assert np.abs(whole[(known == 0) & (wanted == 0)]).max() == 0
    assert np.abs(whole[(known == 0) & (wanted == 1)]).max() > 5


def test_the_same_wall_is_always_completed_alike():
    wall, known = bricks(), gap()
    one, two = complete(wall, known, 1 - known), complete(wall, known, 1 - known)
    np.testing.assert_array_equal(one, two)


def test_too_little_to_learn_from_gives_nothing():
    wall = bricks()
    known = np.zeros(wall.shape[:2], np.uint8)
    known[:4, :4] = 1
    whole = complete(wall, known, 1 - known)
    assert np.abs(whole[10:]).max() == 0


def test_a_wall_shows_its_bricks_beside_a_head_that_moved():
    wall = cv2.resize(bricks(), (512, 512), interpolation=cv2.INTER_CUBIC) + 110.0
    matte = cv2.circle(np.zeros((512, 512), np.uint8), (256, 280), 130, (255,), -1)
    picture = np.clip(wall, 0, 255).astype(np.uint8)
    picture[matte > 0] = (190, 140, 120)
    plate = background_plate(picture, matte).astype(float).mean(-1)
    inside = cv2.distanceTransform((matte > 0).astype(np.uint8), cv2.DIST_L2, 5)
    near, deep = (inside > 8) & (inside < 50), inside > 118

    def joints(image):
        return image - cv2.GaussianBlur(image, (0, 0), 12)

    known = joints(wall.mean(-1).astype(float))[matte == 0].std()
    assert joints(plate)[near].std() > 0.6 * known  # was .1 with calm colour
    assert joints(plate)[deep].std() < 0.5 * known  # nobody will look there
    assert np.abs(plate[near].mean() - wall[matte == 0].mean()) < 6  # and no colour of the person


def test_a_lamp_is_not_repeated_and_casts_no_halo():
    picture = np.full((512, 512, 3), 30, np.uint8)
    picture[...] += np.random.default_rng(1).integers(0, 5, (512, 512, 1), np.uint8)
    cv2.circle(picture, (120, 150), 9, (255, 230, 180), -1)
    matte = cv2.circle(np.zeros((512, 512), np.uint8), (280, 280), 130, (255,), -1)
    picture[matte > 0] = (190, 140, 120)
    plate = cv2.GaussianBlur(background_plate(picture, matte), (0, 0), 2).astype(float)
    assert np.abs(plate[matte > 0] - 32).max() < 10
