"""The motion encoder's weights file and the graphs made of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mien.models.capture.crops import Crop
from mien.models.capture.points import POINTS
from mien.models.capture.reader import FaceReader, rotation_of
from mien.models.capture.shapes import MotionEncoderShape
from mien.models.capture.weights import (
    SHIPPED,
    EncoderModel,
    EncoderWeightsError,
    expected_tensors,
    load_model,
    save_model,
)

SHAPE = MotionEncoderShape(
    widths=(8, 12, 16, 24), map_width=16, look_widths=(4, 8, 12, 16), seen=12, code=32
)


def random_model(seed=0):
    rng = np.random.default_rng(seed)
    return EncoderModel(
        SHAPE,
        {name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)
         for name, shape in expected_tensors(SHAPE).items()},
    )  # fmt: skip


MODEL = random_model()
PICTURE = cv2.GaussianBlur(
    np.random.default_rng(1).integers(0, 256, (240, 240, 3)).astype(np.uint8), (0, 0), 3
)


def test_a_reader_sees_the_same_twice_and_something_else_elsewhere():
    reader = FaceReader(MODEL)
    one = reader.look(PICTURE, Crop(120.0, 120.0, 150.0), passes=1)
    again = reader.look(PICTURE, Crop(120.0, 120.0, 150.0), passes=1)
    other = reader.look(PICTURE[::-1].copy(), Crop(120.0, 120.0, 150.0), passes=1)
    np.testing.assert_array_equal(one.points, again.points)
    assert one.points.shape == (POINTS, 2) and np.isfinite(one.points).all()
    assert (one.visible >= 0).all() and (one.visible <= 1).all()
    np.testing.assert_allclose(one.rotation @ one.rotation.T, np.eye(3), atol=1e-6)
    assert np.abs(one.code - other.code).max() > 1e-3
    alone, beside = reader.motion(one), reader.motion(one, other)
    assert alone.shape == (52,) and (alone >= 0).all() and (alone <= 1).all()
    assert np.abs(alone - beside).max() > 1e-4


def test_a_turned_crop_turns_the_head_back():
    reader = FaceReader(MODEL)
    level = reader.look(PICTURE, Crop(120.0, 120.0, 150.0), passes=1)
    matrix = cv2.getRotationMatrix2D((119.5, 119.5), -20.0, 1.0)  # clockwise as one sees it
    turned = cv2.warpAffine(PICTURE, matrix, (240, 240))
    crop = Crop(*(matrix @ [120.0, 120.0, 1.0]), 150.0, float(np.radians(20.0)))
    again = reader.look(turned, crop, passes=1)
    back = rotation_of(np.array([np.cos(0.349066), -np.sin(0.349066), 0, np.sin(0.349066),
                                 np.cos(0.349066), 0]))  # fmt: skip
    np.testing.assert_allclose(again.rotation, back @ level.rotation, atol=0.06)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_the_graphs_agree_with_the_network_they_were_folded_from():
    import torch
    from torch import nn

    from mien.models.capture.crops import boxes, closer, halved, tensor
    from training.codec.folding import network
    from training.codec.network import MotionEncoder, Parts

    def looked(crop_of_it):
        detail = crop_of_it.cut(PICTURE)
        first, visible = twin.first(torch.from_numpy(tensor(halved(detail)))[None])
        where = boxes(first[0].double().numpy())
        eyes, mouth = closer(detail, where)
        places = torch.tensor([[[b.x, b.y, b.half] for b in where]], dtype=torch.float32)
        parts = Parts(torch.from_numpy(eyes)[None], torch.from_numpy(mouth)[None], places)
        return twin.look(parts, first), torch.sigmoid(visible)

    torch.manual_seed(0)
    twin = MotionEncoder(SHAPE)
    for part in twin.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            part.weight.data.uniform_(0.7, 1.3)
            part.bias.data.normal_(0, 0.1)
    twin.eval()
    folded = {name: value.numpy() for name, value in network(twin).items()}
    assert folded.keys() == expected_tensors(SHAPE).keys()
    reader = FaceReader(EncoderModel(SHAPE, folded))
    crops = Crop(110.0, 120.0, 160.0), Crop(125.0, 118.0, 180.0)
    seen, rest = (reader.look(PICTURE, crop, passes=1) for crop in crops)
    with torch.no_grad():
        (look, visible), (neutral, _) = (looked(crop) for crop in crops)
        motion = torch.sigmoid(twin.motion(look, neutral))[0].numpy()
        alone = torch.sigmoid(twin.motion(look, None))[0].numpy()
    np.testing.assert_allclose(seen.points, crops[0].out(look.points[0].numpy()), atol=2e-2)
    np.testing.assert_allclose(seen.visible, visible[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(seen.code, look.code[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(reader.motion(seen, rest), motion, atol=1e-3)
    np.testing.assert_allclose(reader.motion(seen), alone, atol=1e-3)


def test_weights_are_written_read_and_refused_with_the_reason(tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_model(path, MODEL.tensors, SHAPE, {"trained": "never"})
    read = load_model(path)
    assert (read.shape, read.notes) == (SHAPE, {"trained": "never"})
    for name, array in MODEL.tensors.items():
        np.testing.assert_allclose(read.tensors[name], array, rtol=2e-3, atol=1e-4)
    with pytest.raises(EncoderWeightsError, match="no weights of a motion encoder"):
        load_model(tmp_path / "none.safetensors")
    with pytest.raises(EncoderWeightsError, match="missing"):
        save_model(tmp_path / "m.safetensors", {}, SHAPE)
    arrays = load_file(path)
    good = json.dumps({"version": 2, "shape": asdict(SHAPE)})
    for spoil, header, message in (
        (lambda a: a.pop("turn.bias"), good, "1 tensors are missing"),
        (lambda a: a["turn.bias"].fill(np.inf), good, "not finite"),
        (lambda a: a.update({"turn.bias": np.zeros(2, np.float16)}), good, "not \\(6,\\)"),
        (lambda a: a.update({"turn.bias": np.zeros(6, np.int16)}), good, "int16"),
        (lambda a: None, '{"version": 9}', "newer mien"),
        (lambda a: None, '{"version": 2, "shape": {"wings": 2}}', "header"),
        (lambda a: None, "{", "cannot be read"),
    ):
        odd = {name: array.copy() for name, array in arrays.items()}
        spoil(odd)
        bad = tmp_path / "bad.safetensors"
        save_file(odd, bad, metadata={"mien_encoder": header})
        with pytest.raises(EncoderWeightsError, match=message):
            load_model(bad)
    save_file(arrays, tmp_path / "other.safetensors")
    with pytest.raises(EncoderWeightsError, match="other weights"):
        load_model(tmp_path / "other.safetensors")


def test_the_shipped_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED.stat().st_size <= 12e6
    assert load_model().notes
