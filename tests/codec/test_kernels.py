"""Every fast kernel gives what its slow twin gives, and layers add up to the picture exactly."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models.codec.compose import (
    bands_to_draw,
    over,
    over_reference,
    premultiplied_difference,
    premultiplied_difference_reference,
)
from mien.models.codec.levels import occupied
from mien.models.codec.openings import curve, curve_reference
from mien.models.codec.rasteriser import FAR, rasterise, rasterise_reference
from mien.models.codec.warping import (
    draw_face,
    draw_face_reference,
    draw_sheet,
    draw_sheet_reference,
    texture,
)


def random_bytes(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40))
def test_rasteriser_agrees_with_its_slow_twin(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-8, 40, (30, 3)).astype(np.float32)
    attributes = rng.normal(size=(30, 4)).astype(np.float32)
    triangles = rng.integers(0, 30, (count, 3)).astype(np.int32)
    fast, slow = np.empty((32, 4, 32), np.float32), np.empty((32, 4, 32), np.float32)
    fast_depth, slow_depth = np.empty((32, 32), np.float32), np.empty((32, 32), np.float32)
    rasterise(points, attributes, triangles, fast, fast_depth)
    rasterise_reference(points, attributes, triangles, slow, slow_depth)
    # Cells whose centre lies on an edge may go either way; no others may.
    differs = ~np.isclose(fast, slow, rtol=1e-3, atol=2e-2).all(1)
    assert differs.mean() < 0.01


def test_nearer_triangles_win() -> None:
    square = np.array([[0, 0], [7, 0], [7, 7], [0, 7]], np.float32)
    points = np.concatenate([np.c_[square, np.full(4, 2.0)], np.c_[square, np.full(4, 1.0)]])
    attributes = np.repeat([[5.0], [9.0]], 4, axis=0).astype(np.float32)
    triangles = np.array([[4, 5, 6], [4, 6, 7], [0, 1, 2], [0, 2, 3]], np.int32)
    out, depth = np.empty((10, 1, 10), np.float32), np.empty((10, 10), np.float32)
    rasterise(points.astype(np.float32), attributes, triangles, out, depth)
    assert np.allclose(out[1:7, 0, 1:7], 9.0)
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
def test_differences_agree_with_their_slow_twin(seed: int) -> None:
    picture, below = random_bytes(seed, 16, 16, 3), random_bytes(seed + 1, 16, 16, 3)
    alpha = random_bytes(seed + 2, 16, 16)
    slow = premultiplied_difference_reference(picture, below, alpha)
    assert np.array_equal(premultiplied_difference(picture, below, alpha), slow)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([3, 4]))
def test_over_agrees_with_its_slow_twin(seed: int, channels: int) -> None:
    layer, below = random_bytes(seed, 9, 11, 4), random_bytes(seed + 1, 9, 11, channels)
    fast, slow = np.empty((9, 11, 4), np.uint8), np.empty((9, 11, 4), np.uint8)
    over(layer, below, fast)
    over_reference(layer, below, slow)
    assert np.array_equal(fast, slow)


def random_flow(rng: np.random.Generator, cells: int, channels: int, px: float) -> np.ndarray:
    """Smooth displacements of about `px` pixels, [cells, channels, cells]."""
    rough = rng.normal(size=(channels, cells, cells))
    smooth = np.stack([cv2.GaussianBlur(each, (0, 0), 1.5) for each in rough], 1)
    return np.ascontiguousarray(smooth * px, np.float32)


def packed(picture: np.ndarray) -> np.ndarray:
    return picture.view(np.uint32)[..., 0].copy()


def pixels(frame: np.ndarray) -> np.ndarray:
    return frame.view(np.uint8).reshape(*frame.shape, 4)


def opaque(seed: int, size: int) -> np.ndarray:
    picture = random_bytes(seed, size, size, 4)
    picture[..., 3] = 255
    return picture


def drawn_sheet(
    layer: np.ndarray, plate: np.ndarray, flow: np.ndarray, bands: np.ndarray | None = None,
    frame: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    size = len(layer)
    frame = np.zeros((size, size), np.uint32) if frame is None else frame
    bands = np.array([[0, size]] * 8, np.int32) if bands is None else bands
    rows = np.zeros((4, size), np.float32)
    draw_sheet(frame, texture(layer), packed(plate), flow, bands, rows)
    return pixels(frame)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), cells=st.sampled_from([8, 16, 32, 64]))
def test_drawing_a_sheet_agrees_with_its_slow_twin(seed: int, cells: int) -> None:
    layer, plate = random_bytes(seed, 64, 64, 4), opaque(seed + 1, 64)
    flow = random_flow(np.random.default_rng(seed), cells, 2, 20.0)
    slow = np.empty((64, 64, 4), np.uint8)
    draw_sheet_reference(slow, layer, plate, flow)
    # Where a position rounds to the next 256th of a pixel, noise differs by one unit.
    assert np.abs(drawn_sheet(layer, plate, flow).astype(int) - slow).max() <= 1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), cells=st.sampled_from([16, 32, 64]))
def test_drawing_a_face_agrees_with_its_slow_twin(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    whole = np.zeros((64, 64, 4), np.uint8)
    box = (9, 6, 50, 59)
    whole[7:58, 10:49] = random_bytes(seed, 51, 39, 4)
    flow = random_flow(rng, cells, 7, 8.0)
    flow[:, 2:5] = rng.uniform(0.5, 1.4, (cells, 3, cells))
    cover = (random_flow(rng, cells, 1, 1.0)[:, 0] > -0.1).astype(np.float32)
    cover[0] = cover[-1] = 0.0
    flow *= cover[:, None]
    flow[:, 5], flow[:, 6] = cover, cv2.blur(cover, (3, 3))
    extents = np.array([[0, cells]] * cells, np.int32)
    fast, slow = opaque(seed + 1, 64), opaque(seed + 1, 64)
    frame = packed(fast)
    cut = texture(whole[box[1] : box[3], box[0] : box[2]])
    draw_face(frame, cut, box, flow, extents, (0, 0, 64, 64), np.zeros((14, 64), np.float32))
    draw_face_reference(slow, whole, flow)
    difference = np.abs(pixels(frame).astype(int) - slow)
    # A position or a gain that rounds the other way; more where next to nothing covers.
    assert (difference.max(-1) > 1).mean() < 0.01
    assert difference.max() <= 8


def test_a_flow_of_zero_reads_the_very_pixels() -> None:
    layer, plate = opaque(1, 64), opaque(2, 64)
    assert np.array_equal(drawn_sheet(layer, plate, np.zeros((16, 2, 16), np.float32)), layer)


def test_a_flow_of_zero_lays_a_face_on_exactly() -> None:
    picture, below = random_bytes(3, 64, 64, 3), opaque(4, 64)
    layer = premultiplied_difference(picture, below[..., :3], random_bytes(5, 64, 64))
    flow = np.zeros((32, 7, 32), np.float32)
    flow[:, 2:] = 1.0
    frame, extents = packed(below), np.array([[0, 32]] * 32, np.int32)
    rows = np.zeros((14, 64), np.float32)
    draw_face(frame, texture(layer), (0, 0, 64, 64), flow, extents, (0, 0, 64, 64), rows)
    assert np.array_equal(pixels(frame)[..., :3], picture)


def test_a_constant_flow_shifts_the_picture() -> None:
    layer, plate = opaque(2, 64), opaque(3, 64)
    flow = np.zeros((16, 2, 16), np.float32)
    flow[:, 0], flow[:, 1] = 4.0, -2.0
    assert np.array_equal(drawn_sheet(layer, plate, flow)[8:48, 8:48], layer[6:46, 12:52])


def test_only_what_moves_and_shows_is_drawn_anew() -> None:
    filled = np.zeros((32, 32), bool)
    filled[:, 10:16] = True
    flow = np.zeros((32, 2, 32), np.float32)
    still = bands_to_draw(flow, filled, 64)
    assert (still[:, 1] <= still[:, 0]).all()
    flow[5, 0] = 8.0  # taken from four cells to the right
    bands = bands_to_draw(flow, filled, 64)
    assert np.flatnonzero(bands[:, 1] > bands[:, 0]).tolist() == [1]  # rows 8 to 15
    assert bands[1].tolist() == [(6 - 1) * 2, (15 + 2) * 2]  # what arrives, what it leaves behind


def test_drawing_in_bands_is_the_same_as_drawing_the_whole() -> None:
    size, cells = 128, 32
    layer = random_bytes(4, size, size, 4)
    layer[:, :30] = 0
    layer[..., :3] = np.minimum(layer[..., :3], layer[..., 3:])
    plate = opaque(5, size)
    flow = random_flow(np.random.default_rng(6), cells, 2, 40.0)
    flow[24:] = 0.0
    whole = drawn_sheet(layer, plate, flow)
    rest = packed(drawn_sheet(layer, plate, np.zeros_like(flow)))
    banded = drawn_sheet(
        layer, plate, flow, bands_to_draw(flow, occupied(layer, cells), size), rest
    )
    assert np.array_equal(banded, whole)


def test_only_the_cells_of_a_box_are_touched() -> None:
    points = np.array([[0, 0, 1], [20, 0, 1], [0, 20, 1]], np.float32)
    out, depth = np.full((16, 2, 16), 7.0, np.float32), np.full((16, 16), 7.0, np.float32)
    values, triangle = np.full((3, 2), 3.0, np.float32), np.array([[0, 1, 2]], np.int32)
    rasterise(points, values, triangle, out, depth, (4, 5, 9, 12))
    inside = np.zeros((16, 16), bool)
    inside[5:12, 4:9] = True
    assert np.allclose(out.transpose(0, 2, 1)[inside], 3.0)
    assert (out.transpose(0, 2, 1)[~inside] == 7.0).all()
    assert (depth[~inside] == 7.0).all()


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
