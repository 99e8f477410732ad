"""The runtimes compute the same: OpenVINO and torch beside the numpy twin."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from motion_random import SMALL, random_model

from mien.models.motion.diffusion.guidance import mix, reach_of, turned, variants
from mien.models.motion.diffusion.openvino_runtime import OpenVinoRuntime
from mien.models.motion.diffusion.rings import EncoderRings, Picked, seen_rows
from mien.models.motion.diffusion.runtime import BlockInput, make_runtime
from mien.models.motion.diffusion.sampler import MAX_STEPS, Lips, noise, times
from mien.models.motion.diffusion.shapes import CONDITIONS, LEVELS, SLICE
from mien.models.motion.diffusion.tokens import MOUTH, TOKEN
from mien.models.motion.diffusion.weights import About
from mien.models.motion.source import Guidance

GUIDED = Guidance(audio=0.4, gaze=1.0, emotion=1.5)
MODELS = {
    "small": random_model(),
    "flow": random_model(dataclasses.replace(SMALL, objective="flow")),
    "full size": random_model(About()),
}
FAST = [
    "openvino",
    pytest.param(
        "torch",
        marks=pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
    ),
]


def exact(name, model):
    """The runtime in float32, whatever the processor could do."""
    if name == "openvino":
        return OpenVinoRuntime(model, precision="f32")
    return make_runtime(name, model)


def block_for(model, lanes, guidance=GUIDED, seed=0):
    shape, rng = model.about.transformer, np.random.default_rng(seed)

    def draw(*size):
        return rng.standard_normal(size).astype(np.float32)

    heard, wishes = variants(
        guidance,
        draw(lanes, shape.heard_slices, shape.features + LEVELS),
        draw(lanes, shape.block_frames, CONDITIONS),
    )
    noisy, newest = draw(lanes, shape.block_frames, TOKEN), draw(lanes, 2, TOKEN)
    seen = draw(lanes, *shape.seen_of_a_lane)
    reach = turned(reach_of(model.part("transformer")["reach"], heard.shape[1]))
    return BlockInput(
        noise=noisy,
        newest=newest,
        seen=seen_rows(seen, np.arange(lanes)),
        reach=reach[rng.integers(shape.history_frames, size=lanes)],
        heard=heard,
        wishes=wishes,
        mix=mix(guidance),
    )


def slices_for(model, lanes, count, seed=0):
    """Scaled slices, and what is recalled of a memory that `lanes` of five streams wrote."""
    rng, shape = np.random.default_rng(seed), model.about.encoder
    slices = rng.standard_normal((lanes, count, SLICE)).astype(np.float32)
    memory = rng.standard_normal((5, shape.memory_slices, shape.width)).astype(np.float32)
    blocks = rng.integers(1000, size=lanes)
    recalled = EncoderRings(shape, count).recalled(memory, rng.permutation(5)[:lanes], blocks)
    return slices, recalled


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_fast_runtime_hears_what_its_slow_twin_hears(name, kind, lanes):
    model = MODELS[kind]
    slices, recalled = slices_for(model, lanes, 4)
    features, after = exact(name, model).encode(slices, recalled)
    twin_features, twin_after = make_runtime("numpy", model).encode(slices, recalled)
    assert np.abs(features - twin_features).max() < 1e-4
    assert np.abs(after - twin_after).max() < 1e-4


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("guidance", [Guidance(), GUIDED], ids=["plain", "guided"])
def test_a_fast_runtime_moves_as_its_slow_twin_moves(name, kind, guidance):
    model = MODELS[kind]
    block = block_for(model, 2, guidance)
    fast, twin = exact(name, model), make_runtime("numpy", model)
    for steps in (1, 4):
        expected = twin.sample(block, times(steps))
        assert np.abs(expected).max() > 0.5
        assert np.abs(fast.sample(block, times(steps)) - expected).max() < 1e-4


def test_torch_predicts_what_its_forward_does():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from mien.models.motion.diffusion.network import MotionTransformer

    model = MODELS["small"]
    network = MotionTransformer(model.about.transformer)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.part("transformer").items()})
    shape, runtime = model.about.transformer, make_runtime("numpy", model)
    block = block_for(model, 3, Guidance())
    rng = np.random.default_rng(1)
    history = rng.standard_normal((3, shape.history_frames + 2, TOKEN)).astype(np.float32)
    seen = runtime.remember(history).transpose(0, 2, 3, 1, 4)
    reach = np.repeat(model.part("transformer")["reach"][None], 3, 0)
    block = dataclasses.replace(
        block, newest=history[:, -2:], seen=seen_rows(seen, np.arange(3)), reach=reach
    )
    tensors = [block.noise, np.ones(3, np.float32), history, block.heard, block.wishes]
    noisy, level, past, heard, wishes = map(torch.from_numpy, tensors)
    with torch.no_grad():
        x0 = network(noisy, level, past, heard[:, 0], wishes[:, 0]).numpy()
    assert np.abs(x0 - runtime.sample(block, times(1))).max() < 1e-4


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("kind", MODELS)
def test_a_fast_runtime_remembers_what_its_slow_twin_remembers(name, kind):
    model = MODELS[kind]
    history = np.random.default_rng(0).standard_normal((3, 4, TOKEN)).astype(np.float32)
    expected = make_runtime("numpy", model).remember(history)
    assert np.abs(expected).max() > 0.5
    assert np.abs(exact(name, model).remember(history) - expected).max() < 1e-4


@pytest.mark.parametrize("count", [1, 2, 4, 12])
def test_the_encoder_hears_in_rings_what_it_was_trained_to_hear_at_once(count):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from mien.models.motion.diffusion.network import SpeechEncoder

    model = MODELS["small"]
    shape = model.about.encoder
    network = SpeechEncoder(shape)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.part("encoder").items()})
    network.eval()
    slices = np.random.default_rng(0).standard_normal((1, 48, SLICE)).astype(np.float32)
    with torch.no_grad():
        whole = network(torch.from_numpy(slices), network.silence(1))[0].numpy()
    runtime, rings = make_runtime("numpy", model), EncoderRings(shape, count)
    memory, lanes = np.zeros((2, shape.memory_slices, shape.width), np.float32), np.array([1])
    pieces = []
    for k in range(48 // count):
        new, blocks = slices[:, k * count : (k + 1) * count], np.array([k])
        features, after = runtime.encode(new, rings.recalled(memory, lanes, blocks))
        rings.keep(memory, lanes, blocks, after)
        pieces.append(features)
    np.testing.assert_allclose(np.concatenate(pieces, 1), whole, atol=1e-5)
    assert not memory[0].any()


def test_where_the_past_stands_in_its_ring_makes_no_difference():
    model = MODELS["small"]
    runtime, shape = make_runtime("numpy", model), model.about.transformer
    block = block_for(model, 1)
    seen = block.seen.source.reshape(1, *shape.seen_of_a_lane)
    reach = turned(reach_of(model.part("transformer")["reach"], len(block.mix)))
    made = []
    for oldest in (0, 1, shape.history_frames - 1):
        ring = seen_rows(np.roll(seen, oldest, axis=3), np.array([0]))
        turned_block = dataclasses.replace(block, seen=ring, reach=reach[[oldest]])
        made.append(runtime.sample(turned_block, times(1)))
    np.testing.assert_allclose(made[1], made[0], atol=1e-5)
    np.testing.assert_allclose(made[2], made[0], atol=1e-5)
    shifted = dataclasses.replace(block, reach=reach[[1]])
    assert np.abs(runtime.sample(shifted, times(1)) - runtime.sample(block, times(1))).max() > 1e-3


def test_batches_of_any_size_come_out_as_lanes_do_alone():
    model = MODELS["small"]
    runtime = exact("openvino", model)
    for lanes in (3, 8, 9, 20):
        block = block_for(model, lanes)
        batch = runtime.sample(block, times(2))
        for lane in (0, lanes - 1):
            mine = {
                "noise": block.noise, "newest": block.newest, "reach": block.reach,
                "heard": block.heard, "wishes": block.wishes,
            }  # fmt: skip
            seen = Picked(block.seen.source, block.seen.rows[:, [lane]])
            own = {name: array[[lane]] for name, array in mine.items()}
            alone = runtime.sample(dataclasses.replace(block, seen=seen, **own), times(2))
            assert np.abs(batch[lane] - alone[0]).max() < 1e-4
    assert runtime.batches(20) == [*range(1, 9), 16, 24]


def test_guidance_adds_what_each_condition_changes():
    model = MODELS["small"]
    runtime = make_runtime("numpy", model)
    block = block_for(model, 2)

    def alone(i):
        part = {"heard": block.heard[:, i : i + 1], "wishes": block.wishes[:, i : i + 1]}
        past = model.about.transformer.history_frames
        part["reach"] = block.reach[:, :, :2, : past + 2]  # the first variant's sees only itself
        one = dataclasses.replace(block, mix=np.ones(1, np.float32), **part)
        return runtime.sample(one, times(1))

    full, deaf, blind, cold = (alone(i) for i in range(4))
    expected = full + 0.4 * (full - deaf) + 1.0 * (full - blind) + 1.5 * (full - cold)
    assert np.abs(runtime.sample(block, times(1)) - expected).max() < 1e-4
    assert np.abs(expected - full).max() > 0.1


def test_a_dropped_condition_is_zero_with_its_flag_and_the_others_stay():
    heard, wishes = np.ones((1, 8, 32), np.float32), np.ones((1, 2, CONDITIONS), np.float32)
    sounds, asked = variants(GUIDED, heard, wishes)
    assert sounds.max((0, 2, 3)).tolist() == [1, 0, 1, 1]
    assert [np.flatnonzero(asked[0, v, 0] == 0).tolist() for v in range(4)] == [
        [], [], [0, 1, 11], [3, 4, 5, 6, 7, 8, 9, 10, 13],
    ]  # fmt: skip


def test_a_weight_of_zero_costs_no_variant():
    heard, wishes = np.ones((1, 8, 32), np.float32), np.ones((1, 2, CONDITIONS), np.float32)
    assert variants(Guidance(), heard, wishes)[0].shape[1] == 1
    assert variants(Guidance(emotion=2.0), heard, wishes)[0].shape[1] == 2
    assert mix(Guidance(emotion=2.0)).tolist() == [3.0, -2.0]


def test_the_path_begins_in_noise_and_ends_in_motion():
    assert times(4) == (1.0, 0.75, 0.5, 0.25, 0.0)
    assert times(1) == (1.0, 0.0)
    for steps in (0, -1, MAX_STEPS + 1):
        with pytest.raises(ValueError, match="1 to 50"):
            times(steps)


@pytest.mark.parametrize("name", ["numpy", *FAST])
def test_lips_keep_to_the_first_step_and_the_rest_is_sampled_on(name):
    runtime, block = exact(name, MODELS["small"]), block_for(MODELS["small"], 2)
    once = runtime.sample(block, times(1))
    for steps in (2, 4):
        often = runtime.sample(block, times(steps))
        np.testing.assert_allclose(often[..., MOUTH], once[..., MOUTH], atol=2e-5)
        others = np.setdiff1d(np.arange(TOKEN), MOUTH)
        assert np.abs(often[..., others] - once[..., others]).mean() > 0.01


def test_held_lips_stay_on_the_straight_line_from_their_noise():
    rng = np.random.default_rng(0)
    noisy, clean = rng.standard_normal((2, 3, TOKEN)).astype(np.float32)
    lips = Lips(noisy.copy())
    lips.held(0.25 * clean + 0.75 * noisy, 0.75)
    later = lips.held(np.zeros((3, TOKEN), np.float32), 0.5)
    np.testing.assert_allclose(later[:, MOUTH], (0.5 * (clean + noisy))[:, MOUTH], atol=1e-5)
    assert not np.delete(later, MOUTH, axis=1).any()


def test_noise_is_normal_and_depends_on_seed_and_frame_alone():
    seeds = np.arange(64, dtype=np.uint64)
    draw = noise(seeds, np.zeros(64, np.int64), 50)
    assert abs(draw.mean()) < 0.01 and abs(draw.std() - 1) < 0.01
    correlation = np.corrcoef(draw.reshape(-1, TOKEN).T) - np.eye(TOKEN)
    assert np.abs(correlation).max() < 0.1
    late = noise(seeds[3:5], np.array([-1, 10]), 2)
    np.testing.assert_array_equal(late[0, 1], draw[3, 0])
    np.testing.assert_array_equal(late[1], draw[4, 10:12])


def test_one_graph_serves_any_number_of_steps():
    runtime = OpenVinoRuntime(MODELS["small"])
    block = block_for(MODELS["small"], 1)
    runtime.sample(block, times(1))
    compiled = dict(runtime._requests)
    for steps in (7, MAX_STEPS):
        runtime.sample(block, times(steps))
    assert runtime._requests == compiled


def test_the_default_runtime_needs_no_torch_and_leaves_nothing_in_the_home_folder(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import mien.models.motion.diffusion.generator\n"
        "import mien.models.motion.diffusion.openvino_runtime\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
    )
    home = os.environ | {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=home)
    assert not list(tmp_path.iterdir())


def test_a_shorter_number_format_is_close_enough_to_see_no_difference():
    model = MODELS["full size"]
    block = block_for(model, 1, Guidance())
    short = OpenVinoRuntime(model, precision="bf16").sample(block, times(4))
    assert np.abs(short - exact("openvino", model).sample(block, times(4))).max() < 0.1
    with pytest.raises(ValueError, match="f32 or bf16"):
        OpenVinoRuntime(model, precision="int4")
