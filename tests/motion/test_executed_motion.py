"""Motion over executors: the same motion under every profile, and as an ONNX file."""

from __future__ import annotations

import dataclasses
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from motion_random import SMALL, random_model

from mien.models.engine.executor import EngineError
from mien.models.engine.network import make_executor
from mien.models.engine.self_check import Tolerance, check, random_probe
from mien.models.motion.diffusion.guidance import mix, reach_of, turned, variants
from mien.models.motion.diffusion.networks import (
    ExecutedRuntime,
    given,
    hearing,
    remembering,
    step,
)
from mien.models.motion.diffusion.rings import EncoderRings, Picked, seen_rows
from mien.models.motion.diffusion.runtime import BlockInput, make_runtime
from mien.models.motion.diffusion.sampler import times
from mien.models.motion.diffusion.shapes import CONDITIONS, LEVELS, SLICE
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import About
from mien.models.motion.source import Guidance

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "onnxscript", "onnxruntime")),
    reason="torch, onnxscript and onnxruntime are not all installed",
)
PROFILES = ["openvino", pytest.param("torch", marks=needs_torch)]
GUIDED = Guidance(audio=0.4, gaze=1.0, emotion=1.5)
MODELS = {
    "small": random_model(),
    "flow": random_model(dataclasses.replace(SMALL, objective="flow")),
    "full size": random_model(About()),
}
OFF = 1e-4  # float32 everywhere; only the order of sums differs


def executed(model, profile):
    device = "cpu" if profile != "openvino" else None
    return ExecutedRuntime(model, partial(make_executor, profile=profile, device=device), profile)


def block_for(model, lanes, guidance):
    shape, rng = model.about.transformer, np.random.default_rng(0)
    heard = rng.standard_normal((lanes, shape.heard_slices, shape.features + LEVELS), np.float32)
    wishes = rng.standard_normal((lanes, shape.block_frames, CONDITIONS), np.float32)
    heard, wishes = variants(guidance, heard, wishes)
    seen = rng.standard_normal((lanes, *shape.seen_of_a_lane), np.float32)
    reach = turned(reach_of(model.part("transformer")["reach"], heard.shape[1]))
    return BlockInput(
        noise=rng.standard_normal((lanes, shape.block_frames, TOKEN), np.float32),
        newest=rng.standard_normal((lanes, 2, TOKEN), np.float32),
        seen=seen_rows(seen, np.arange(lanes)),
        reach=reach[rng.integers(shape.history_frames, size=lanes)],
        heard=heard,
        wishes=wishes,
        mix=mix(guidance),
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("guidance", [Guidance(), GUIDED], ids=["plain", "guided"])
def test_motion_comes_out_as_its_slow_twin_makes_it(profile, kind, guidance):
    model = MODELS[kind]
    block = block_for(model, 3, guidance)  # in a bucket of four
    runtime, twin = executed(model, profile), make_runtime("numpy", model)
    for steps in (1, 4):
        expected = twin.sample(block, times(steps))
        found = runtime.sample(block, times(steps))
        assert found.shape == expected.shape
        assert np.abs(expected).max() > 0.5
        assert np.abs(found - expected).max() < OFF


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("lanes", [1, 5])
def test_sound_and_past_are_taken_in_as_their_slow_twin_takes_them(profile, lanes):
    model, rng = MODELS["small"], np.random.default_rng(1)
    shape = model.about.encoder
    slices = rng.standard_normal((lanes, 4, SLICE), np.float32)
    memory = rng.standard_normal((lanes, shape.memory_slices, shape.width), np.float32)
    heard = np.arange(lanes, dtype=np.int64)
    recalled = EncoderRings(shape, 4).recalled(memory, np.arange(lanes), heard)
    history = rng.standard_normal((lanes, 4, TOKEN), np.float32)
    runtime, twin = executed(model, profile), make_runtime("numpy", model)
    found = *runtime.encode(slices, recalled), runtime.remember(history)
    wanted = *twin.encode(slices, recalled), twin.remember(history)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and np.abs(one - other).max() < OFF


@pytest.mark.parametrize("profile", PROFILES)
def test_a_lane_moves_the_same_whoever_is_beside_it(profile):
    model = MODELS["small"]
    block, runtime = block_for(model, 7, GUIDED), executed(model, profile)
    together = runtime.sample(block, times(4))
    for lane in (0, 6):
        names = ("noise", "newest", "reach", "heard", "wishes")
        parts = {name: getattr(block, name)[lane : lane + 1] for name in names}
        seen = Picked(block.seen.source, block.seen.rows[:, lane : lane + 1])
        alone = runtime.sample(dataclasses.replace(block, seen=seen, **parts), times(4))
        assert np.abs(alone[0] - together[lane]).max() < OFF


def test_batches_to_try_are_the_buckets_up_to_what_may_come():
    runtime = executed(MODELS["small"], "openvino")
    assert runtime.batches(1) == [1] and runtime.batches(5) == [1, 2, 4, 8]
    assert runtime.batches(64) == [1, 2, 4, 8, 16, 32, 64]


def test_more_lanes_than_the_largest_bucket_has_are_refused():
    with pytest.raises(ValueError, match="1 to 64 lanes"):
        executed(MODELS["small"], "openvino").sample(
            block_for(MODELS["small"], 65, Guidance()), times(1)
        )


@needs_torch
def test_shorter_numbers_are_near_enough_and_unknown_ones_are_refused():
    for network in (step(MODELS["full size"], 1), hearing(MODELS["full size"], 4)):
        exact = make_executor(network, "torch", device="cpu", precision="f32")
        short = make_executor(network, "torch", device="cpu", precision="bf16")
        check(short, exact, Tolerance(), random_probe(network.ports), (1, 4))
        one, other = (
            e.host(next(iter(e.run(1, random_probe(network.ports)(1)).values())))
            for e in (exact, short)
        )
        assert np.abs(one - other).max() > 1e-6  # they are other numbers
    with pytest.raises(EngineError, match="no number format 'int4'; there are f32, bf16, f16"):
        make_executor(step(MODELS["small"], 1), "torch", device="cpu", precision="int4")


@needs_torch
def test_tensorrt_that_is_not_here_leaves_the_work_to_torch_and_says_so(tmp_path, caplog):
    if find_spec("tensorrt") is not None:
        pytest.skip("TensorRT is installed here")
    network = step(MODELS["small"], 1)
    executor = make_executor(network, "tensorrt", device="cpu", cache=tmp_path / "engines")
    assert executor.name == "torch"
    assert "TensorRT is not installed here" in caplog.text
    assert "torch runs it instead" in caplog.text
    inputs = random_probe(network.ports)(2)
    wanted = make_executor(network, "torch", device="cpu").run(2, inputs)
    np.testing.assert_array_equal(executor.run(2, inputs)["moved"], wanted["moved"])
    with pytest.raises(EngineError, match="a folder to keep engines in"):
        make_executor(network, "tensorrt", device="cpu")


CUT = {
    "hearing": lambda model: hearing(model, 4),
    "remembering": lambda model: remembering(model, 2),
    "given": lambda model: given(model, 2),
    "step": lambda model: step(model, 2),
}


@needs_onnx
@pytest.mark.parametrize(
    ("cut", "kind"),
    [("hearing", "small"), ("remembering", "small"), ("given", "small"), ("step", "small"),
     ("step", "flow"),
     pytest.param("step", "full size", marks=pytest.mark.slow)],
)  # fmt: skip
def test_onnx_files_compute_what_torch_and_openvino_compute(cut, kind, onnx_executor):
    network = CUT[cut](MODELS[kind])
    exported, probe = onnx_executor(network), random_probe(network.ports)
    by = Tolerance(absolute=OFF, share=0.0)
    for profile in ("torch", "openvino"):
        reference = make_executor(network, profile, device="cpu")
        check(exported, reference, by, probe, (1, 2, 8))
