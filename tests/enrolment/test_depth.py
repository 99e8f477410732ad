"""Landmarks' depths: corrected where skin is seen, left alone where nothing is understood."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.appearance.reader import Appearance
from mien.models.appearance.shapes import CODE, GROUPS, MAP_PX
from mien.models.codec.basis import face_basis
from mien.models.codec.relief import LANDMARKED_WIDER
from mien.models.codec.topology import OUTER_EYE_CORNERS
from mien.models.enrolment.depth import with_seen_depth

IOD_PX = 150.0
CENTRE = np.array([256.0, 250.0])


def landmarks() -> np.ndarray:
    return (face_basis().mean * IOD_PX + [*CENTRE, 0.0]).astype(np.float32)


def appearance(depth_px, skin: float = 1.0) -> Appearance:
    """A reading whose depth at portrait px (x, y) is `depth_px(x, y)`."""
    middle = (np.arange(MAP_PX) + 0.5) * 512 / MAP_PX - 0.5
    x, y = np.meshgrid(middle, middle)
    right, left = (landmarks()[i, :2] for i in OUTER_EYE_CORNERS)
    iod = np.linalg.norm(left - right) / LANDMARKED_WIDER
    shares = np.zeros((len(GROUPS), MAP_PX, MAP_PX), np.float32)
    shares[GROUPS.index("face")], shares[GROUPS.index("hat")] = skin, 1.0 - skin
    return Appearance(shares, (depth_px(x, y) / iod).astype(np.float32), np.zeros(CODE, np.float32))


def bowl(x, y):
    return ((x - CENTRE[0]) ** 2 + (y - CENTRE[1]) ** 2) / 300.0


def test_depth_inside_the_face_becomes_what_is_seen_up_to_a_shift() -> None:
    found = with_seen_depth(landmarks(), appearance(bowl))
    np.testing.assert_array_equal(found[:, :2], landmarks()[:, :2])
    inside = [50, 280, 205, 425, 4, 195, 151, 9, 200]
    true = bowl(found[inside, 0], found[inside, 1])
    before = landmarks()[inside, 2] - true
    after = found[inside, 2] - true
    assert np.std(after) < 0.35 * np.std(before)


def test_a_tilt_that_landmarks_missed_is_found_everywhere() -> None:
    lean = with_seen_depth(landmarks(), appearance(lambda x, y: 0.2 * x))
    straight = with_seen_depth(landmarks(), appearance(lambda x, y: 0.0 * x))
    tilt = np.polyfit(landmarks()[:468, 0], (lean - straight)[:468, 2], 1)[0]
    assert tilt == pytest.approx(0.2, abs=0.03)


def test_where_no_skin_is_seen_landmarks_stay() -> None:
    hidden = with_seen_depth(landmarks(), appearance(bowl, skin=0.2))
    np.testing.assert_array_equal(hidden, landmarks())


def test_a_misread_depth_moves_nothing_far() -> None:
    wild = with_seen_depth(landmarks(), appearance(lambda x, y: 4000.0 * np.sin(x / 9.0)))
    assert np.abs(wild - landmarks())[:, 2].max() < 0.8 * IOD_PX
