"""Every fast kernel gives what its slow twin gives, and layers add up to the picture exactly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models.codec.compose import (
    Area,
    Sampler,
    areas_to_draw,
    enlarged,
    occupied,
    over,
    over_reference,
    over_shaded,
    over_shaded_reference,
    premultiplied_difference,
    spread,
    spread_reference,
)
from mien.models.codec.openings import curve, curve_reference
from mien.models.codec.rasteriser import FAR, rasterise, rasterise_reference


def random_bytes(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40))
def test_rasteriser_agrees_with_its_slow_twin(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-8, 40, (30, 3)).astype(np.float32)
    attributes = rng.normal(size=(30, 4)).astype(np.float32)
    triangles = rng.integers(0, 30, (count, 3)).astype(np.int32)
    fast, slow = np.empty((32, 32, 4), np.float32), np.empty((32, 32, 4), np.float32)
    fast_depth, slow_depth = np.empty((32, 32), np.float32), np.empty((32, 32), np.float32)
    rasterise(points, attributes, triangles, fast, fast_depth)
    rasterise_reference(points, attributes, triangles, slow, slow_depth)
    # Cells whose centre lies on an edge may go either way; no others may.
    differs = ~np.isclose(fast, slow, rtol=1e-3, atol=2e-2).all(-1)
    assert differs.mean() < 0.01


def test_nearer_triangles_win() -> None:
    square = np.array([[0, 0], [7, 0], [7, 7], [0, 7]], np.float32)
    points = np.concatenate([np.c_[square, np.full(4, 2.0)], np.c_[square, np.full(4, 1.0)]])
    attributes = np.repeat([[5.0], [9.0]], 4, axis=0).astype(np.float32)
    triangles = np.array([[4, 5, 6], [4, 6, 7], [0, 1, 2], [0, 2, 3]], np.int32)
    out, depth = np.empty((10, 10, 1), np.float32), np.empty((10, 10), np.float32)
    rasterise(points.astype(np.float32), attributes, triangles, out, depth)
    assert np.allclose(out[1:7, 1:7], 9.0)
    assert (depth[9] == FAR).all()
    assert (out[9] == 0.0).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_layer_over_what_lies_below_is_the_picture_exactly(seed: int) -> None:
    picture, below = random_bytes(seed, 16, 16, 3), random_bytes(seed + 1, 16, 16, 3)
    layer = premultiplied_difference(picture, below, random_bytes(seed + 2, 16, 16))
    out = np.empty((16, 16, 4), np.uint8)
    over(layer, below, out)
    assert np.array_equal(out[..., :3], picture)
    assert (out[..., 3] == 255).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_over_agrees_with_its_slow_twin(seed: int) -> None:
    layer, below = random_bytes(seed, 9, 11, 4), random_bytes(seed + 1, 9, 11, 3)
    fast, slow = np.empty((9, 11, 4), np.uint8), np.empty((9, 11, 4), np.uint8)
    over(layer, below, fast)
    over_reference(layer, below, slow)
    assert np.array_equal(fast, slow)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_shaded_over_agrees_with_its_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = random_bytes(seed, 9, 11, 4)
    shade = rng.uniform(0.0, 1.3, (9, 11, 4)).astype(np.float32)
    fast = random_bytes(seed + 1, 9, 11, 4)
    slow = fast.copy()
    over_shaded(layer, shade, fast)
    over_shaded_reference(layer, shade, slow)
    assert np.abs(fast.astype(int) - slow).max() <= 1  # one unit where a product rounds


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), x0=st.integers(0, 20), y0=st.integers(0, 20))
def test_spread_agrees_with_its_slow_twin(seed: int, x0: int, y0: int) -> None:
    rng = np.random.default_rng(seed)
    flow = rng.uniform(-3, 3, (16, 16, 8)).astype(np.float32)
    flow[..., 5] = rng.random((16, 16)) < 0.8
    flow[..., :5] *= flow[..., 5:6]
    edge = rng.random((16, 16)).astype(np.float32)
    shape = int(rng.integers(1, 13)), int(rng.integers(1, 13))
    results = []
    for way in (spread, spread_reference):
        where, shade = np.empty((*shape, 2), np.float32), np.empty((*shape, 4), np.float32)
        way(flow, edge, x0, y0, 2, where, shade)
        results.append((where, shade))
    (fast_where, fast_shade), (slow_where, slow_shade) = results
    sure = slow_shade[..., 3] > 0.02  # nothing is drawn where next to nothing covers
    assert np.allclose(fast_where[sure], slow_where[sure], atol=2e-2)
    assert np.allclose(fast_shade[sure], slow_shade[sure], atol=1e-2)


def test_a_flow_of_zero_reads_the_very_pixels() -> None:
    layer = random_bytes(1, 64, 64, 4)
    area = Area(3, 5, 61, 60)
    samples = Sampler(64).sample(layer, np.zeros((16, 16, 2), np.float32), area)
    assert np.array_equal(samples, layer[area.window])


def test_a_constant_flow_shifts_the_picture() -> None:
    layer = random_bytes(2, 64, 64, 4)
    flow = np.zeros((16, 16, 2), np.float32)
    flow[..., 0], flow[..., 1] = 4.0, -2.0
    area = Area(8, 8, 48, 48)
    samples = Sampler(64).sample(layer, flow, area)
    assert np.array_equal(samples, layer[6:46, 12:52])


@pytest.mark.parametrize("corner", [(0, 0), (13, 7), (40, 33)])
def test_part_of_a_flow_is_the_same_as_that_part_of_the_whole(corner: tuple[int, int]) -> None:
    flow = np.random.default_rng(0).normal(size=(16, 16, 2)).astype(np.float32)
    whole = enlarged(flow, 64, Area(0, 0, 64, 64))
    x, y = corner
    part = enlarged(flow, 64, Area(x, y, x + 20, y + 20))
    assert np.allclose(part, whole[y : y + 20, x : x + 20], atol=1e-5)


def test_only_what_moves_and_shows_is_drawn_anew() -> None:
    filled = np.zeros((32, 32), bool)
    filled[:, 10:16] = True
    flow = np.zeros((32, 32, 2), np.float32)
    assert areas_to_draw(flow, filled, 64) == []
    flow[5, :, 0] = 8.0  # taken from four cells to the right
    areas = areas_to_draw(flow, filled, 64)
    assert [(a.y0, a.y1) for a in areas] == [(8, 16)]
    assert areas[0].x0 == (6 - 1) * 2  # what arrives
    assert areas[0].x1 == (15 + 2) * 2  # what it leaves behind


def test_drawing_in_bands_is_the_same_as_drawing_the_whole() -> None:
    size, cells = 128, 32
    layer = random_bytes(4, size, size, 4)
    layer[:, :30] = 0
    layer[..., :3] = np.minimum(layer[..., :3], layer[..., 3:])
    plate = random_bytes(5, size, size, 3)
    rng = np.random.default_rng(6)
    flow = cv2.GaussianBlur(rng.normal(size=(cells, cells, 2)) * 40, (0, 0), 3).astype(np.float32)
    flow[24:] = 0.0
    sampler = Sampler(size)
    whole = np.empty((size, size, 4), np.uint8)
    over(sampler.sample(layer, flow, Area(0, 0, size, size)), plate, whole)
    banded = np.empty_like(whole)
    over(layer, plate, banded)  # at rest
    for area in areas_to_draw(flow, occupied(layer, cells), size):
        over(sampler.sample(layer, flow, area), plate[area.window], banded[area.window])
    assert np.abs(banded.astype(int) - whole).max() <= 1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(3, 11))
def test_curve_agrees_with_its_slow_twin_and_never_overshoots(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.5, 9.0, count))
    x -= x[0]
    y = rng.normal(size=count) * 5
    fast, slow = curve(x, y, float(x[-1])), curve_reference(x, y, float(x[-1]))
    assert np.allclose(fast, slow, atol=1e-6)
    assert fast.min() >= y.min() - 1e-6
    assert fast.max() <= y.max() + 1e-6
