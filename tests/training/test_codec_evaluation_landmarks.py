"""Landmarks are judged by labels, point by point and as curves."""

from importlib.resources import files

import numpy as np
import pytest

from mien.models.capture.points import LANDMARKS, places
from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from training.evaluation.codec.landmarks import (
    CURVES,
    MEDIAPIPE,
    NAMES,
    POINTS,
    REFINED,
    averaged,
    errors,
    of_sitting,
)
from training.evaluation.codec.results import Results
from training.evaluation.codec.sitting import enrolled
from training.studio.labels import LABEL_SHAPES, Labels

IOD_PX = 120.0
FACE = face_basis().mean[:, :2].astype(np.float64) * IOD_PX + 250.0
TRUE = FACE[list(LANDMARKS)]
SEEN = np.ones(len(LANDMARKS))


def test_exact_landmarks_have_no_error():
    found = errors(FACE, TRUE, SEEN, IOD_PX)
    assert tuple(found) == NAMES == (*POINTS, *CURVES)
    assert all(value == pytest.approx(0.0, abs=1e-9) for value in found.values())


def test_an_error_is_told_in_percent_of_the_eye_distance_and_for_its_own_group():
    moved = FACE.copy()
    moved[list(topology.OUTER_LIP)] += [0.03 * IOD_PX, 0.04 * IOD_PX]
    found = errors(moved, TRUE, SEEN, IOD_PX)
    assert found.pop("outer_lip") == pytest.approx(5.0)
    assert max(found.values()) < 1e-9


def test_a_point_that_slides_along_its_lid_leaves_the_curve_where_it_was():
    slid = FACE.copy()
    lid = list(topology.LEFT_LOWER_LID)
    slid[lid[1:-1]] = 0.6 * FACE[lid[1:-1]] + 0.4 * FACE[lid[2:]]
    found = errors(slid, TRUE, SEEN, IOD_PX)
    assert found["lids_curve"] < 0.2 * found["lids"]


def test_hidden_points_do_not_count():
    hidden = SEEN.copy()
    hidden[places("nose")] = 0.0
    found = errors(FACE, TRUE, hidden, IOD_PX)
    assert np.isnan(found["nose"]) and found["oval"] == pytest.approx(0.0, abs=1e-9)
    both = averaged([{MEDIAPIPE: found, REFINED: errors(FACE + 3.0, TRUE, SEEN, IOD_PX)}])
    assert np.isnan(both[MEDIAPIPE]["nose"]) and both[REFINED]["nose"] > 0
    results = Results(landmarks=both)
    assert results.as_json()["more"]["landmarks_pct"][MEDIAPIPE]["nose"] is None


def test_an_enrolled_portrait_is_judged_with_and_without_the_encoder():
    portrait = files("mien.models").joinpath("data/demo/captain.jpg").read_bytes()
    sitting = enrolled(portrait, "captain")
    rows = {name: np.zeros(shape, np.float32) for name, shape in LABEL_SHAPES.items()}
    points, frame = sitting.rig.landmarks[list(LANDMARKS), :2], sitting.frame
    rows["points"][:, :2] = ((points + 0.5) / frame.scale + (frame.left_px, frame.top_px)) / 512
    rows["visible"][:] = 1.0
    rows["iod"][:] = IOD_PX / frame.scale / 512
    found = of_sitting(sitting, Labels(**rows))
    assert max(found[REFINED].values()) < 0.1
    assert found[MEDIAPIPE]["inner_lip"] > 0.1
