"""Skin maps: zero at rest, smooth in the motion, laid on where they belong, refused if damaged."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mien.models.codec.basis import face_basis
from mien.models.codec.canonical import CANONICAL_PX, inner, layout_of, unrolled
from mien.models.codec.face_mesh import FaceMesh
from mien.models.codec.skin_maps import SkinMaps, SkinPainter
from mien.models.codec.skin_shape import (
    GAIN,
    NARROW,
    SHIFT_IOD,
    WIDE,
    SkinShape,
    expected_tensors,
    shape_from,
    within_face,
)
from mien.models.codec.skin_weights import (
    SHIPPED,
    SkinModel,
    SkinWeightsError,
    load_model,
    save_model,
)
from mien.models.motion.types import ARKIT_INDEX

REST = np.zeros(52, np.float32), np.zeros(3, np.float32)
both_shapes = pytest.mark.parametrize("shape", [NARROW, WIDE], ids=["narrow", "wide"])


def random_model(shape=NARROW, seed=0):
    rng = np.random.default_rng(seed)
    tensors = {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)
        for name, shape in expected_tensors(shape).items()
    }
    return SkinModel(tensors, shape=shape)


MODELS = {shape: random_model(shape) for shape in (NARROW, WIDE)}


def skin_maps(shape=NARROW, seed=1):
    rng = np.random.default_rng(seed)
    features = 0.1 * rng.standard_normal((shape.features, shape.map_px**2))
    features = features.astype(np.float32)
    return SkinMaps(MODELS[shape], features, rng.standard_normal(16).astype(np.float32))


def face():
    """A portrait's mesh: the mean face, 130 px between the eyes' outer corners, in 512 px."""
    points = face_basis().mean.astype(np.float64) * 130.0
    points[:, :2] += 256.0 - points[:, :2].mean(0)
    return FaceMesh(points)


def moved(maps, dynamics, turn):
    """Maps as what they change: shifts, and the logarithm of gains."""
    found = maps.at(dynamics, turn)
    return np.concatenate([found[..., :2], np.log(found[..., 2:])], -1)


@both_shapes
def test_at_rest_shifts_are_zero_and_gains_one_to_the_bit(shape):
    maps = skin_maps(shape).at(*REST)
    assert not maps[..., :2].any() and (maps[..., 2:] == 1).all()


@both_shapes
def test_maps_follow_the_motion_smoothly_and_stay_within_their_bounds(shape):
    maps, rng = skin_maps(shape), np.random.default_rng(0)
    dynamics, turn = rng.random(52).astype(np.float32), np.array([0.1, 0.3, 0.0], np.float32)
    whole = moved(maps, dynamics, turn)
    assert whole.shape == (shape.map_px, shape.map_px, 5)
    assert np.abs(whole[..., :2]).max() <= SHIFT_IOD + 1e-6
    assert np.abs(whole[..., 2:]).max() <= GAIN + 1e-6
    assert whole.std() > 0.01
    near = moved(maps, dynamics + np.float32(1e-3), turn)
    assert 0 < np.abs(near - whole).max() < 0.02


@both_shapes
def test_one_side_of_a_face_does_not_show_what_the_other_does(shape):
    left, right = slice(9 * shape.map_px // 16, None), slice(0, 7 * shape.map_px // 16)
    for name, own, other in (
        ("eyeBlinkLeft", left, right),  # the subject's left is image right
        ("mouthSmileRight", right, left),
    ):
        dynamics = np.zeros(52, np.float32)
        dynamics[ARKIT_INDEX[name]] = 1.0
        maps = moved(skin_maps(shape), dynamics, REST[1])
        assert not maps[:, other].any() and np.abs(maps[:, own]).max() > 1e-3
    for name in ("jawLeft", "mouthRight", "jawOpen"):
        dynamics = np.zeros(52, np.float32)
        dynamics[ARKIT_INDEX[name]] = 1.0
        maps = moved(skin_maps(shape), dynamics, REST[1])
        assert np.abs(maps[:, right]).max() > 1e-3 and np.abs(maps[:, left]).max() > 1e-3


def test_maps_end_before_the_face_does():
    deep = inner()
    assert deep.max() == 1 and 0.25 < (deep > 0.99).mean() < 0.5
    outline = layout_of(face().outline)[face().outline]
    for x, y in np.round(outline).astype(int):
        assert deep[np.clip(y, 0, 127), np.clip(x, 0, 127)] < 0.05
    maps = moved(skin_maps(), REST[0] + 1, REST[1])
    within = within_face(NARROW.map_px)
    assert not maps[within == 0].any() and np.abs(maps[within == 1]).max() > 0.01


@both_shapes
def test_a_painter_sees_the_skin_and_only_it(shape):
    painter, rng = SkinPainter(MODELS[shape]), np.random.default_rng(0)
    skin = rng.integers(0, 256, (CANONICAL_PX, CANONICAL_PX, 3)).astype(np.uint8)
    seen = np.ones((CANONICAL_PX, CANONICAL_PX), np.float32)
    one, code = painter.features(skin, seen)
    again, _ = painter.features(skin, seen)
    other, _ = painter.features(255 - skin, seen)
    assert one.shape == (shape.features, shape.map_px**2) and np.abs(code).max() <= 1
    np.testing.assert_array_equal(one, again)
    own = shape.own
    assert np.abs(one - other)[:own].max() > 1e-3
    np.testing.assert_array_equal(one[own:], other[own:])


def test_skin_is_unrolled_from_where_the_mesh_says():
    mesh = face()
    portrait = np.zeros((512, 512, 3), np.uint8)
    portrait[..., 0] = np.arange(512)[None] // 2
    portrait[..., 1] = np.arange(512)[:, None] // 2
    places = layout_of(mesh.outline)
    assert len(places) == len(mesh.source)
    assert places.min() > 0 and places.max() < CANONICAL_PX - 1
    source, triangles = mesh.source[:, :2].astype(np.float32), mesh.seen(mesh.source)
    skin, seen = unrolled(portrait, source, places, triangles)
    assert 0.4 < seen.mean() < 0.95
    for landmark in (1, 33, 61, 152, 263, 291, 10):
        x, y = np.round(places[landmark]).astype(int)
        np.testing.assert_allclose(skin[y, x, :2], mesh.source[landmark, :2] / 2, atol=2.5)


def test_a_file_says_its_shape_and_one_without_is_narrow(tmp_path):
    path = tmp_path / "skin.safetensors"
    save_model(path, MODELS[WIDE].tensors, {}, WIDE)
    assert load_model(path).shape == WIDE and shape_from(None) == NARROW
    assert load_model(SHIPPED).shape == NARROW
    with pytest.raises(SkinWeightsError, match=r"is \(.*, not"):
        save_model(path, MODELS[WIDE].tensors, {}, NARROW)
    arrays = load_file(path)
    for shape, message in (
        ({"own": 48}, "header of 'skin.safetensors' does not fit"),
        ({**asdict(WIDE), "own": 47}, "is \\(48, 36, 1, 1\\), not"),
        ({**asdict(WIDE), "own": 10**9}, "does not fit"),
        ({**asdict(WIDE), "more": 1}, "does not fit"),
    ):
        save_file(arrays, path, metadata={"mien_skin": json.dumps({"version": 1, "shape": shape})})
        with pytest.raises(SkinWeightsError, match=message):
            load_model(path)


@pytest.mark.parametrize(
    ("odd", "message"),
    [({"widths": (16, 32, 48)}, "four widths"), ({"groups": 5}, "groups"), ({"own": 0}, "sizes"),
     ({"map_px": 100}, "maps of 100 px")],
)  # fmt: skip
def test_sizes_that_make_no_network_are_refused(odd, message):
    with pytest.raises(ValueError, match=message):
        SkinShape(**odd)


def test_weights_are_written_read_and_refused_with_the_reason(tmp_path):
    path = tmp_path / "skin.safetensors"
    save_model(path, MODELS[NARROW].tensors, {"trained": "never"})
    read = load_model(path)
    assert read.notes == {"trained": "never"}
    for name, tensor in MODELS[NARROW].tensors.items():
        np.testing.assert_allclose(read.tensors[name], tensor, rtol=2e-3, atol=1e-4)
    with pytest.raises(SkinWeightsError, match="no weights of skin maps"):
        load_model(tmp_path / "none.safetensors")
    arrays = load_file(path)
    for spoil, message in (
        (lambda a: a.pop("shared"), "1 tensors are missing"),
        (lambda a: a.update(more=np.zeros(1, np.float16)), "1 are unknown"),
        (lambda a: a["code.bias"].fill(np.nan), "not finite"),
        (lambda a: a.update({"code.bias": np.zeros(3, np.float16)}), "not \\(16,\\)"),
    ):
        odd = {name: array.copy() for name, array in arrays.items()}
        spoil(odd)
        bad = tmp_path / "bad.safetensors"
        save_file(odd, bad, metadata={"mien_skin": '{"version": 1}'})
        with pytest.raises(SkinWeightsError, match=message):
            load_model(bad)
    save_file(arrays, tmp_path / "new.safetensors", metadata={"mien_skin": '{"version": 99}'})
    with pytest.raises(SkinWeightsError, match="newer mien"):
        load_model(tmp_path / "new.safetensors")
    save_file(arrays, tmp_path / "other.safetensors")
    with pytest.raises(SkinWeightsError, match="other weights"):
        load_model(tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:500])
    with pytest.raises(SkinWeightsError, match="cannot be read"):
        load_model(tmp_path / "cut.safetensors")
