"""A posed face's flow takes on what skin maps and folds say, where their place is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.dressing import (
    PLAIN_FOLDS,
    PLAIN_MAPS,
    dress,
    dress_reference,
    filled_up,
)
from mien.models.codec.rasteriser import FAR

SIZE = 16
WHOLE = (0, 0, SIZE, SIZE)


def posed_square() -> tuple[np.ndarray, np.ndarray]:
    """A square of covered cells, eight px of the canonical layout apart."""
    posed = np.zeros((SIZE, 5, SIZE), np.float32)
    posed[:, 0], posed[:, 1], posed[:, 2] = 1.0, 2.0, 1.0
    posed[:, 3] = 8.0 * np.arange(SIZE)
    posed[:, 4] = 8.0 * np.arange(SIZE)[:, None]
    depth = np.full((SIZE, SIZE), FAR, np.float32)
    depth[4:12, 4:12] = 1.0
    return posed, depth


def dressed(
    posed: np.ndarray, depth: np.ndarray, maps: np.ndarray, folds: np.ndarray, iod_px: float
) -> tuple[np.ndarray, np.ndarray]:
    out, extents = np.full((SIZE, 7, SIZE), 9.0, np.float32), np.zeros((SIZE, 2), np.int32)
    dress(posed, depth, maps, folds, iod_px, WHOLE, out, extents)
    return out, extents


def random_maps(size: int) -> np.ndarray:
    maps = np.random.default_rng(0).normal(0, 0.1, (size, size, 5)).astype(np.float32)
    maps[..., 2:] += 1.0
    return maps


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("folded", [False, True])
def test_dressing_agrees_with_its_slow_twin(size: int, folded: bool) -> None:
    rng = np.random.default_rng(1)
    posed, depth = posed_square()
    posed[:, 3:] += rng.uniform(-20, 20, (SIZE, 2, SIZE))  # some beyond the layout
    depth[rng.random((SIZE, SIZE)) < 0.2] = FAR
    shape = (CANONICAL_PX, CANONICAL_PX)
    folds = rng.uniform(0.5, 1.1, shape).astype(np.float32) if folded else PLAIN_FOLDS
    maps = filled_up(random_maps(size))
    fast, _ = dressed(posed, depth, maps, folds, 100.0)
    np.testing.assert_allclose(fast, dress_reference(posed, depth, maps, folds, 100.0), atol=2e-3)


def test_nothing_to_put_on_changes_nothing() -> None:
    posed, depth = posed_square()
    out, extents = dressed(posed, depth, PLAIN_MAPS, PLAIN_FOLDS, 100.0)
    inside = (slice(4, 12), slice(None), slice(4, 12))
    assert np.array_equal(out[inside][:, :2], posed[inside][:, :2])
    assert (out[inside][:, 2:6] == 1.0).all()
    assert (out[:4, :6] == 0.0).all()  # nothing there
    assert extents[4:12].tolist() == [[4, 12]] * 8
    assert (extents[:4, 1] <= extents[:4, 0]).all()
    assert out[8, 6, 8] == pytest.approx(1.0)
    assert out[4, 6, 4] == pytest.approx(4 / 9)  # edges fade


def test_maps_are_laid_on_where_their_place_is() -> None:
    posed, depth = posed_square()
    posed[5, 3:, 5] = 50.5, 20.25
    maps = random_maps(CANONICAL_PX)
    out, _ = dressed(posed, depth, filled_up(maps), PLAIN_FOLDS, 100.0)
    here = maps[8 * 6, 8 * 9]
    np.testing.assert_allclose(out[6, :2, 9], (1.0, 2.0) + 100.0 * here[:2], rtol=1e-4)
    np.testing.assert_allclose(out[6, 2:5, 9], here[2:], rtol=1e-4)
    between = cv2.remap(maps[..., 2], np.float32([[50.5]]), np.float32([[20.25]]), 1)
    np.testing.assert_allclose(out[5, 2, 5], between[0, 0], rtol=1e-2)


def test_folds_are_laid_where_the_flow_says_and_take_least_of_red() -> None:
    gains = np.ones((CANONICAL_PX, CANONICAL_PX), np.float32)
    gains[40:43, 60:63] = 0.5
    posed, depth = posed_square()
    posed[:, 3:] = 10.0
    posed[5, 3:, 6] = 61.0, 41.0
    out, _ = dressed(posed, depth, PLAIN_MAPS, gains, 100.0)
    red, green, blue = out[5, 2:5, 6]
    assert blue < green == pytest.approx(0.5) and green < red < 0.7
    out[5, 2:5, 6] = 1.0
    assert (out[4:12, 2:5, 4:12] == 1.0).all()
