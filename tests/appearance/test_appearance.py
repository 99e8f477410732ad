"""The appearance encoder: its weights file, its graph, and what reading a portrait promises."""

from __future__ import annotations

import json
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mien.models.appearance.reader import AppearanceReader
from mien.models.appearance.shapes import CODE, GROUPS, MAP_PX, PICTURE_PX
from mien.models.appearance.weights import (
    SHIPPED,
    AppearanceModel,
    AppearanceWeightsError,
    expected_tensors,
    load_model,
    save_model,
)


def chance_model(seed=0):
    rng = np.random.default_rng(seed)
    return AppearanceModel(
        {name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)
         for name, shape in expected_tensors().items()}
    )  # fmt: skip


MODEL = chance_model()
PORTRAIT = cv2.GaussianBlur(
    np.random.default_rng(1).integers(0, 256, (512, 512, 3)).astype(np.uint8), (0, 0), 6
)


def test_shares_sum_to_one_and_a_code_has_unit_length():
    read = AppearanceReader(MODEL).read(PORTRAIT)
    assert read.shares.shape == (len(GROUPS), MAP_PX, MAP_PX)
    np.testing.assert_allclose(read.shares.sum(0), 1.0, atol=1e-4)
    assert read.depth.shape == (MAP_PX, MAP_PX) and np.isfinite(read.depth).all()
    assert read.code.shape == (CODE,)
    assert np.linalg.norm(read.code) == pytest.approx(1.0, abs=1e-5)


def test_a_mirrored_portrait_is_read_as_the_mirror_of_the_reading():
    reader = AppearanceReader(MODEL)
    one, other = reader.read(PORTRAIT), reader.read(np.ascontiguousarray(PORTRAIT[:, ::-1]))
    np.testing.assert_allclose(one.depth, other.depth[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(one.shares, other.shares[..., ::-1], atol=1e-5)
    np.testing.assert_allclose(one.code, other.code, atol=1e-4)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_the_graph_agrees_with_the_network_it_was_folded_from():
    import torch
    from torch import nn

    from training.codec.appearance_network import AppearanceEncoder
    from training.codec.folding import network

    torch.manual_seed(0)
    twin = AppearanceEncoder()
    for part in twin.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            part.weight.data.uniform_(0.7, 1.3)
            part.bias.data.normal_(0, 0.1)
    twin.eval()
    folded = {name: value.numpy() for name, value in network(twin).items()}
    assert folded.keys() == expected_tensors().keys()
    read = AppearanceReader(AppearanceModel(folded)).read(PORTRAIT)
    small = cv2.resize(PORTRAIT, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_AREA)
    picture = torch.from_numpy(small.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1.0)
    with torch.no_grad():
        here, there = (twin(p[None]) for p in (picture, picture.flip(2)))
    depth = (here.depth[0] + there.depth[0].flip(1)) / 2
    shares = (here.groups.softmax(1)[0] + there.groups.softmax(1)[0].flip(2)) / 2
    np.testing.assert_allclose(read.depth, depth.numpy(), atol=1e-3)
    np.testing.assert_allclose(read.shares, shares.numpy(), atol=1e-3)


def test_weights_are_written_read_and_refused_with_the_reason(tmp_path):
    path = tmp_path / "appearance.safetensors"
    save_model(path, MODEL.tensors, {"trained": "never"})
    read = load_model(path)
    assert read.notes == {"trained": "never"}
    for name, array in MODEL.tensors.items():
        np.testing.assert_allclose(read.tensors[name], array, rtol=2e-3, atol=1e-4)
    with pytest.raises(AppearanceWeightsError, match="no weights of the appearance encoder"):
        load_model(tmp_path / "none.safetensors")
    arrays = load_file(path)
    arrays["who.bias"] = np.full(CODE, np.nan, np.float16)
    bad = tmp_path / "bad.safetensors"
    save_file(arrays, bad, metadata={"mien_appearance": json.dumps({"version": 1})})
    with pytest.raises(AppearanceWeightsError, match="not finite"):
        load_model(bad)
    save_file(arrays, bad, metadata={"mien_encoder": json.dumps({"version": 1})})
    with pytest.raises(AppearanceWeightsError, match="other weights"):
        load_model(bad)


def test_the_shipped_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED.stat().st_size <= 4e6
    assert load_model().notes["steps"] > 0
