"""The weights file: written, read back, and refused with a reason; and how a source is chosen."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from motion_random import SMALL, random_model
from safetensors.numpy import load_file, save_file

from mien.models.motion import HOP_SAMPLES, perform
from mien.models.motion.diffusion import weights
from mien.models.motion.diffusion.weights import MotionWeightsError, load_model, save_model
from mien.models.motion.source import Guidance, MotionSourceError, make_generator

MODEL = random_model()


def write(path, model=MODEL, about=SMALL, **options):
    statistics = {name: getattr(model, name) for name in weights.STATISTICS}
    encoder, transformer = model.part("encoder"), model.part("transformer")
    save_model(path, encoder, transformer, statistics, about, **options)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("weights") / "motion.safetensors")


def test_what_is_written_is_read_back(tmp_path):
    about = dataclasses.replace(SMALL, lookahead_frames=2, objective="flow", notes={"data": "none"})
    read = load_model(write(tmp_path / "m.safetensors", about=about, half=False))
    assert read.about == about
    for name, array in MODEL.tensors.items():
        np.testing.assert_array_equal(read.tensors[name], array)
    np.testing.assert_array_equal(read.token_scale, MODEL.token_scale)
    assert list(tmp_path.iterdir()) == [tmp_path / "m.safetensors"]


def test_half_precision_halves_the_file_and_keeps_three_digits(tmp_path):
    whole = write(tmp_path / "whole.safetensors", half=False)
    half = write(tmp_path / "half.safetensors")
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    for name, array in load_model(half).tensors.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, MODEL.tensors[name], rtol=1e-3, atol=1e-5)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MotionWeightsError, match="no motion weights at"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 200, 20_000, -1])
def test_a_truncated_file_is_refused(file, tmp_path, keep):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(MotionWeightsError, match="damaged"):
        load_model(cut)


def rewritten(file, path, change, **header):
    """Copy `file` with its arrays changed by `change` and its header by `header`."""
    arrays = load_file(file)
    change(arrays)
    head = {"version": 1} | json.loads(json.dumps(dataclasses.asdict(SMALL))) | header
    save_file(arrays, path, {"mien_motion": json.dumps(head)})
    return path


def spoil(arrays):
    arrays["transformer.carry"][3] = np.nan


def misshape(arrays):
    arrays["encoder.enter.bias"] = np.zeros(7, np.float16)


def integers(arrays):
    arrays["encoder.enter.bias"] = np.zeros(48, np.int32)


@pytest.mark.parametrize(
    ("change", "header", "message"),
    [
        (lambda a: a.pop("token_mean"), {}, "1 tensors are missing"),
        (lambda a: a.update(extra=np.zeros(1, np.float32)), {}, "1 are unknown"),
        (misshape, {}, "not \\(48,\\)"),
        (integers, {}, "int32"),
        (spoil, {}, "not finite"),
        (lambda a: a["token_scale"].fill(0.0), {}, "positive"),
        (lambda a: None, {"version": 99}, "newer mien"),
        (lambda a: None, {"lookahead_frames": 7}, "look-ahead"),
        (lambda a: None, {"objective": "wishful"}, "objective"),
        (lambda a: None, {"temperature": -0.1}, "temperature is 0 to 2"),
        (lambda a: None, {"articulation": 9.0}, "articulation is 0.5 to 2"),
        (lambda a: None, {"firmness": 0.5}, "firmness is 0 to 0.1"),
        (lambda a: None, {"transformer": {"width": 64}}, "features"),
        (lambda a: None, {"encoder": {"wings": 2}}, "header"),
        (lambda a: None, {"encoder": 3}, "header"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(
    file, tmp_path, change, header, message
):
    path = rewritten(file, tmp_path / "odd.safetensors", change, **header)
    with pytest.raises(MotionWeightsError, match=message):
        load_model(path)


def test_another_models_weights_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(MotionWeightsError, match="other weights"):
        load_model(path)


def test_weights_that_could_not_be_read_back_are_not_written(tmp_path):
    with pytest.raises(MotionWeightsError, match="missing"):
        save_model(tmp_path / "m.safetensors", {}, {}, {}, SMALL)
    assert not list(tmp_path.iterdir())


def test_a_source_is_made_from_a_file_and_performs(file):
    generator = make_generator("diffusion", weights=file, steps=2, guidance=Guidance(audio=0.5))
    assert (generator.steps, generator.block_frames, generator.lookahead_frames) == (2, 2, 1)
    assert len(perform(generator, np.zeros(5 * HOP_SAMPLES, np.float32))) == 5
    assert make_generator("diffusion", weights=file).steps == SMALL.steps


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("telepathy", {}, "diffusion, signal"),
        ("diffusion", {"runtime": "abacus"}, "openvino, torch, numpy"),
        ("diffusion", {"steps": 0}, "1 to 50 steps"),
        ("diffusion", {"steps": 51}, "1 to 50 steps"),
        ("diffusion", {"guidance": Guidance(gaze=float("nan"))}, "finite"),
        ("signal", {"steps": 4}, "neither"),
    ],
)
def test_a_source_that_cannot_be_had_says_why(file, name, options, message):
    weights_file = {} if name == "signal" else {"weights": file}
    with pytest.raises(MotionSourceError, match=message):
        make_generator(name, **weights_file, **options)


def test_missing_weights_and_a_missing_runtime_say_what_to_do(file, tmp_path, monkeypatch):
    with pytest.raises(MotionSourceError, match="no motion weights at"):
        make_generator("diffusion", weights=tmp_path / "none.safetensors")
    runtime = "mien.models.motion.diffusion.runtime.find_spec"
    monkeypatch.setattr(runtime, lambda name: None)
    with pytest.raises(MotionSourceError, match=r"pip install 'mien\[daemon\]'"):
        make_generator("diffusion", weights=file)
