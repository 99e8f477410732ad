"""The matte holds the person and nothing else; the plate shows the background and nobody."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.models.enrolment import cut_out, frame_face
from mien.models.enrolment.image import LoadedImage
from mien.models.enrolment.landmarks import find_faces
from mien.models.enrolment.matte import face_mask, person_matte
from mien.models.enrolment.plate import background_plate


def framed(rgb, alpha=None):
    picture = LoadedImage(rgb, alpha, rgb.shape[1], rgb.shape[0], "0" * 64)
    (face,) = find_faces(rgb)
    return picture, frame_face(picture, face)


@pytest.fixture(scope="module")
def enrolled(portrait_picture):
    picture, portrait = framed(portrait_picture)
    return portrait, cut_out(picture, portrait)


def holes(matte):
    """Parts of the background that the person encloses."""
    count, labels = cv2.connectedComponents((matte < 128).astype(np.uint8), connectivity=4)
    edge = {int(v) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for v in side}
    return count - 1 - len(edge - {0})


def test_the_face_is_all_person(enrolled):
    portrait, matte = enrolled
    assert (matte[face_mask(portrait.landmarks, 512) > 0] == 255).all()


def test_the_person_is_one_piece_without_holes(enrolled):
    _, matte = enrolled
    count, _ = cv2.connectedComponents((matte >= 128).astype(np.uint8), connectivity=4)
    assert count == 2  # background and person
    assert holes(matte) == 0


def test_hair_and_shoulders_belong_to_the_person_and_the_wall_does_not(enrolled):
    portrait, matte = enrolled
    top = portrait.landmarks[10]
    assert matte[int(top[1]) - 40, int(top[0])] == 255  # hair above the forehead
    assert matte[505, 256] == 255  # collar
    assert matte[:150, :40].max() == 0
    assert matte[:150, -40:].max() == 0


def test_the_edge_is_soft_but_narrow(enrolled):
    _, matte = enrolled
    soft = (matte > 10) & (matte < 245)
    edge = cv2.morphologyEx((matte > 128).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    assert 0.5 < soft.sum() / edge.sum() < 6  # px of softness for each px of outline


def test_the_matte_follows_the_person_to_the_pixel(portrait_picture, enrolled):
    """The same person before another wall is cut out along the same line."""
    portrait, matte = enrolled
    share = matte[..., None] / 255
    wall = np.zeros_like(portrait.rgb)
    wall[:] = (40, 90, 60)
    moved = (portrait.rgb * share + wall * (1 - share)).astype(np.uint8)
    wide = cv2.copyMakeBorder(moved, 0, 0, 100, 100, cv2.BORDER_CONSTANT, value=(40, 90, 60))
    picture, again = framed(wide)
    second = cut_out(picture, again)
    whole = np.zeros((512, 712), np.uint8)
    whole[:, 100:612] = matte
    wanted = cv2.warpAffine(
        whole,
        np.array(
            [
                [again.frame.scale, 0, -again.frame.left_px * again.frame.scale],
                [0, again.frame.scale, -again.frame.top_px * again.frame.scale],
            ]
        ),
        (512, 512),
    )
    inside = np.zeros((512, 512), bool)  # where the second frame shows the first portrait
    x0 = int((100 - again.frame.left_px) * again.frame.scale) + 4
    x1 = int((612 - again.frame.left_px) * again.frame.scale) - 4
    inside[10:500, max(x0, 0) : x1] = True
    a, b = (wanted > 128) & inside, (second > 128) & inside
    assert (a & b).sum() / (a | b).sum() > 0.97


def test_a_cut_out_picture_keeps_its_own_edge(portrait_picture, enrolled):
    portrait, _ = enrolled
    alpha = cv2.circle(np.zeros((512, 512), np.uint8), (256, 256), 240, (255,), -1)
    nothing = np.zeros((512, 512), np.float32)
    kept = person_matte(portrait.rgb, portrait.landmarks, nothing, alpha)
    np.testing.assert_array_equal(kept, alpha)


def test_a_little_transparency_only_limits_the_matte(enrolled):
    portrait, matte = enrolled
    alpha = np.full((512, 512), 255, np.uint8)
    alpha[500:, :] = 0
    person = matte.astype(np.float32) / 255
    limited = person_matte(portrait.rgb, portrait.landmarks, person, alpha)
    assert limited[500:].max() == 0
    assert limited[:480].max() == 255


def test_without_the_model_the_face_alone_is_the_person(enrolled):
    """The model may miss a cartoon altogether; the face's own points still stand."""
    portrait, _ = enrolled
    matte = person_matte(portrait.rgb, portrait.landmarks, np.zeros((512, 512), np.float32), None)
    assert (matte[face_mask(portrait.landmarks, 512) > 0] == 255).all()
    assert holes(matte) == 0


def test_the_plate_is_the_portrait_where_there_is_no_person(enrolled):
    portrait, matte = enrolled
    plate = background_plate(portrait.rgb, matte)
    far = cv2.dilate((matte > 4).astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert far.sum() > 5000
    np.testing.assert_array_equal(plate[far], portrait.rgb[far])


def test_nobody_is_left_on_the_plate(enrolled):
    portrait, matte = enrolled
    plate = background_plate(portrait.rgb, matte)
    assert find_faces(plate) == []
    # Every colour of the filling is one that the wall has: no hair, no suit.
    wall = portrait.rgb[matte == 0].astype(float)
    low, high = np.percentile(wall, 1, axis=0) - 15, np.percentile(wall, 99, axis=0) + 15
    filled = cv2.GaussianBlur(plate, (0, 0), 4)[matte > 250]
    assert ((filled > low) & (filled < high)).all(axis=1).mean() > 0.98


def scene(grain=0.0):
    """A sloping wall with grain, and a disc of another colour to be painted out."""
    x, y = np.meshgrid(np.arange(512), np.arange(512))
    wall = np.dstack([80 + 0.15 * x, 110 + 0.1 * y, 140 - 0.1 * x]).astype(np.float64)
    noisy = wall + np.random.default_rng(5).normal(0, grain, (512, 512, 1))
    matte = cv2.circle(np.zeros((512, 512), np.uint8), (256, 300), 150, (255,), -1)
    noisy[matte > 0] = (250, 20, 20)
    return np.clip(noisy, 0, 255).astype(np.uint8), matte, wall


def test_a_slope_of_light_continues_behind_the_person():
    picture, matte, wall = scene()
    plate = background_plate(picture, matte).astype(float)
    assert np.abs(plate - wall)[matte > 0].max() < 12
    assert np.abs(plate - wall)[matte > 0].mean() < 4


def test_no_seam_shows_where_the_filling_begins():
    picture, matte, _ = scene()
    plate = background_plate(picture, matte).astype(float)
    ring = cv2.dilate(matte, np.ones((71, 71))) - cv2.erode(matte, np.ones((31, 31)))
    steps = np.abs(np.diff(plate, axis=1))[ring[:, 1:] > 0]
    assert steps.max() <= 4


def test_the_filling_has_the_grain_of_the_wall():
    picture, matte, _ = scene(grain=8.0)
    plate = background_plate(picture, matte).astype(float)
    detail = plate - cv2.GaussianBlur(plate, (0, 0), 3)
    inner = cv2.erode(matte, np.ones((41, 41))) > 0
    ratio = detail[inner].std() / detail[cv2.dilate(matte, np.ones((41, 41))) == 0].std()
    assert 0.75 < ratio < 1.3
    grey = np.corrcoef(detail[inner].T)
    assert grey.min() > 0.9  # the wall's grain has no colour, so neither has the filling's


def test_a_person_who_fills_the_frame_leaves_a_calm_plate():
    picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    plate = background_plate(picture, np.full((512, 512), 255, np.uint8))
    assert plate.shape == (512, 512, 3)
    assert plate.std(axis=(0, 1)).max() == 0


def test_the_plate_is_the_same_every_time(enrolled):
    portrait, matte = enrolled
    one, two = background_plate(portrait.rgb, matte), background_plate(portrait.rgb, matte)
    np.testing.assert_array_equal(one, two)
