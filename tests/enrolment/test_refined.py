"""A second witness corrects lips where it can be believed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.capture.points import LANDMARKS, PLACE, places
from mien.models.capture.reader import shared_reader
from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.enrolment.landmarks import eye_distance_px, find_faces
from mien.models.enrolment.refined import (
    MOST_IOD,
    MOUTH,
    Witness,
    corrected,
    curves_apart,
    folds,
    refine_points,
)

IOD_PX = 150.0
OUTER = list(topology.OUTER_LIP)


def truth(smile: float = 0.0) -> np.ndarray:
    """Landmarks [478, 3] of the mean face, px of a portrait."""
    basis = face_basis()
    shape = basis.mean + smile * (basis.shape("mouthSmileLeft") + basis.shape("mouthSmileRight"))
    return (shape * IOD_PX + [256.0, 250.0, 0.0]).astype(np.float32)


def witness(face: np.ndarray, visible: float = 1.0) -> Witness:
    """Somebody who sees `face` as it is, twice the same."""
    points = face[list(LANDMARKS), :2].astype(np.float64)
    return Witness(points, np.zeros_like(points), np.full(len(points), visible))


def moved(face: np.ndarray, landmarks, by_iod) -> np.ndarray:
    out = face.copy()
    out[list(landmarks), :2] += np.array(by_iod) * IOD_PX
    return out


def off(slit, found: np.ndarray, true: np.ndarray) -> float:
    """How far a slit's curves are from the truth, iod."""
    return curves_apart(found[slit.ring, :2], true[slit.ring, :2]) / IOD_PX


def lips_off_by(across: float, down: float) -> np.ndarray:
    return moved(truth(), topology.LIPS, (across, down))


def test_lips_come_nearer_to_where_they_are_seen() -> None:
    wrong = moved(truth(), MOUTH.ring, (0.004, 0.01))
    found, belief = corrected(wrong, witness(truth()))
    assert belief["mouth"] == 1.0
    assert off(MOUTH, found, truth()) < 0.6 * off(MOUTH, wrong, truth())


def test_a_mouth_lost_in_a_beard_comes_back_with_both_lips() -> None:
    wrong = lips_off_by(0.0, 0.06)
    found, _ = corrected(wrong, witness(truth()))
    assert off(MOUTH, found, truth()) < 0.5 * off(MOUTH, wrong, truth())
    back = (wrong - found)[OUTER, 1] / (0.06 * IOD_PX)  # of the way
    assert back.min() > 0.2 and back.mean() > 0.4


def test_what_is_seen_where_it_was_moves_nothing() -> None:
    found, belief = corrected(truth(), witness(truth()))
    assert set(belief.values()) == {1.0}
    np.testing.assert_allclose(found, truth(), atol=0.01 * IOD_PX)


def test_points_that_slide_along_the_same_lip_are_no_error() -> None:
    slid = truth()
    for curve in (MOUTH.upper, MOUTH.lower):
        inner = slid[list(curve), :2]
        slid[list(curve[1:-1]), :2] = 0.7 * inner[1:-1] + 0.3 * inner[:-2]
    found, _ = corrected(truth(), witness(slid))
    shift = np.linalg.norm((slid - truth())[MOUTH.ring, :2], axis=1).mean()
    assert np.linalg.norm((found - truth())[MOUTH.ring], axis=1).mean() < 0.35 * shift


def test_lids_irises_outline_and_depths_stay() -> None:
    found, _ = corrected(lips_off_by(0.02, 0.05), witness(truth()))
    kept = [*range(topology.SKIN, topology.LANDMARKS), *topology.FACE_OVAL, *topology.EYES]
    np.testing.assert_array_equal(found[kept], truth()[kept])
    np.testing.assert_array_equal(found[:, 2], truth()[:, 2])


def unsteady(by_iod: float) -> Witness:
    """A witness whose second look at everything lies lower."""
    seen = witness(truth())
    apart = np.full_like(seen.points, by_iod * IOD_PX)
    return Witness(seen.points, apart, seen.visible)


def nowhere() -> Witness:
    seen = witness(truth())
    return Witness(seen.points * np.nan, seen.apart, seen.visible)


@pytest.mark.parametrize(
    "seen",
    [unsteady(0.04), witness(truth(), 0.3), witness(moved(truth(), LANDMARKS, (0.0, 0.2))),
     nowhere()],
    ids=["two looks differ", "hidden", "far from mediapipe's", "not a number"],
)  # fmt: skip
def test_without_belief_landmarks_are_mediapipes(seen) -> None:
    wrong = moved(lips_off_by(0.0, 0.01), topology.EYES, (0.0, 0.005))
    found, belief = corrected(wrong, seen)
    assert set(belief.values()) == {0.0}
    np.testing.assert_array_equal(found, wrong)


def test_belief_fades_as_two_looks_differ() -> None:
    beliefs = [corrected(truth(), unsteady(by))[1]["mouth"] for by in (0.004, 0.014, 0.04)]
    assert beliefs[0] == 1.0 > beliefs[1] > beliefs[2] == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_nothing_goes_far_and_no_skin_folds_whatever_is_seen(seed) -> None:
    rng = np.random.default_rng(seed)
    wild = witness(truth(smile=float(rng.uniform(0, 1))))
    shift = rng.uniform(-0.09, 0.09, 2) * IOD_PX
    wild.points[places("inner_lip")] += shift + rng.normal(0, 0.02 * IOD_PX, (20, 2))
    for side in ("left_eye", "right_eye"):
        wild.points[places(side)] += rng.normal(0, 0.01 * IOD_PX, (16, 2))
    found, _ = corrected(truth(), wild)
    assert np.linalg.norm(found - truth(), axis=1).max() <= MOST_IOD * IOD_PX + 1e-3
    before, after = (x[:, :2].astype(np.float64) for x in (truth(), found))
    assert not folds(before, after, IOD_PX).any()


def test_a_triangle_that_is_turned_over_counts_as_a_fold() -> None:
    before = truth()[:, :2].astype(np.float64)
    after = before.copy()
    after[topology.NOSE_TIP] += [0.5 * IOD_PX, 0.0]
    assert folds(before, after, IOD_PX).any()


def test_shut_lips_are_not_parted_by_a_trembling_witness() -> None:
    shut = truth()
    pairs = zip(topology.UPPER_INNER_LIP[1:-1], topology.LOWER_INNER_LIP[1:-1], strict=True)
    for upper, lower in pairs:
        shut[[upper, lower]] = shut[[upper, lower]].mean(0)
    seen = witness(shut)
    seen.points[[PLACE[i] for i in topology.LOWER_INNER_LIP[1:-1]], 1] += 0.015 * IOD_PX
    found, _ = corrected(shut, seen)
    upper, lower = (found[list(c), 1] for c in (topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP))
    assert np.abs(lower - upper).max() < 0.003 * IOD_PX


def test_the_shipped_encoder_brings_a_misplaced_mouth_back(portrait_picture) -> None:
    reader = shared_reader()
    (face,) = find_faces(portrait_picture)
    right, _ = refine_points(portrait_picture, face.landmarks, reader)
    away = 0.04 * eye_distance_px(face.landmarks)
    wrong = face.landmarks.copy()
    wrong[list(topology.LIPS), 1] += away
    found, belief = refine_points(portrait_picture, wrong, reader)
    assert belief["mouth"] > 0.2
    inner = list(MOUTH.ring)
    assert (found - right)[inner, 1].mean() < (1 - 0.3 * belief["mouth"]) * away
