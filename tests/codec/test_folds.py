"""Folds that expressions make."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.codec.canonical import CANONICAL_PX, inner
from mien.models.codec.folds import FAINTEST, Folds, grain_of
from mien.models.motion.types import ARKIT_INDEX

SMOOTH = np.full((CANONICAL_PX, CANONICAL_PX, 3), 150, np.uint8)
ROUGH = np.clip(
    150 + np.random.default_rng(0).normal(0, 12, (CANONICAL_PX, CANONICAL_PX, 3)), 0, 255
).astype(np.uint8)
SEEN = np.ones((CANONICAL_PX, CANONICAL_PX), np.float32)


def face(**moved):
    dynamics = np.zeros(52, np.float32)
    for name, value in moved.items():
        dynamics[ARKIT_INDEX[name]] = value
    return dynamics


def darkest(gains, columns=slice(None), rows=slice(None)):
    return float(1.0 - gains[rows, columns].min())


def test_a_face_at_rest_and_one_that_only_speaks_has_no_folds():
    folds = Folds(ROUGH, SEEN)
    assert folds.at(face()) is None
    assert folds.at(face(jawOpen=0.6, eyeBlinkLeft=1.0)) is None
    assert folds.at(np.full(52, np.nan, np.float32)) is None


def test_a_frown_darkens_between_the_brows_and_nowhere_else():
    gains = Folds(ROUGH, SEEN).at(face(browDownLeft=1.0, browDownRight=1.0))
    middle = slice(CANONICAL_PX // 2 - 16, CANONICAL_PX // 2 + 16)
    assert darkest(gains) == darkest(gains, middle) > 0.1
    assert darkest(gains, rows=slice(CANONICAL_PX // 2, None)) < 0.01  # not below the eyes
    np.testing.assert_allclose(gains, gains[:, ::-1], atol=0.02)
    assert (gains[inner() == 0] == 1).all()


def test_one_side_folds_alone():
    gains = Folds(ROUGH, SEEN).at(face(mouthSmileRight=1.0))
    half = CANONICAL_PX // 2
    assert darkest(gains, slice(0, half)) > 0.05  # the subject's right is image left
    assert darkest(gains, slice(half + 8, None)) < 0.005


def test_painted_skin_folds_less_than_weathered_skin():
    frown = face(browDownLeft=1.0, browDownRight=1.0)
    smooth, rough = Folds(SMOOTH, SEEN), Folds(ROUGH, SEEN)
    assert grain_of(SMOOTH, SEEN) == 0.0 and grain_of(ROUGH, SEEN) > 0.5
    assert grain_of(ROUGH, np.zeros_like(SEEN)) == 0.0
    assert smooth.depth == pytest.approx(FAINTEST)
    assert 0.0 < darkest(smooth.at(frown)) < 0.75 * darkest(rough.at(frown))


def test_more_than_a_whole_expression_folds_no_deeper():
    folds = Folds(ROUGH, SEEN)
    whole = folds.at(face(mouthSmileLeft=1.0, mouthUpperUpLeft=1.0, noseSneerLeft=1.0))
    with_stretch = folds.at(face(mouthSmileLeft=1.0, mouthUpperUpLeft=1.0, noseSneerLeft=1.0,
                                 mouthStretchLeft=1.0))  # fmt: skip
    lower = slice(int(0.6 * CANONICAL_PX), None)
    np.testing.assert_array_equal(whole[lower], with_stretch[lower])
