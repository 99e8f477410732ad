"""The codec's networks over executors: what NumPy, OpenVINO and ONNX make of them is the same."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from mien.models.codec import harmony
from mien.models.codec.decoder import Decoder
from mien.models.codec.frame_networks import mouth_light, skin_mixer, skin_reader
from mien.models.codec.harmony import Harmony, told_of
from mien.models.codec.mouth import lip_gap
from mien.models.codec.skin_maps import SkinMaps, SkinPainter, channels_of, motion_of
from mien.models.codec.skin_shape import within_face
from mien.models.codec.skin_weights import shipped_model
from mien.models.engine.executor import EngineError, run_lanes
from mien.models.engine.network import make_executor
from mien.models.engine.self_check import Tolerance, check, random_probe

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnxscript", "onnxruntime")),
    reason="onnxscript and onnxruntime are not both installed",
)
both_weights = pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
ACTORS = 3
SHIFT_OFF, LOG_GAIN_OFF = 1e-6, 1e-5  # float32 on the CPU: iod, and a share


def skins():
    rng = np.random.default_rng(5)
    base = rng.integers(60, 200, (ACTORS, 1, 1, 3)) + rng.integers(-40, 40, (ACTORS, 128, 128, 3))
    seen = np.ones((ACTORS, 128, 128), np.float32)
    seen[:, :9] = 0.0
    return (base * seen[..., None]).astype(np.uint8), seen


def motions():
    rng = np.random.default_rng(6)
    dynamics = rng.random((ACTORS, 52)).astype(np.float32) ** 2
    turns = (0.2 * rng.standard_normal((ACTORS, 3))).astype(np.float32)
    dynamics[1], turns[1] = 0.0, 0.0
    return dynamics, turns


def on_torch(network):
    return make_executor(network, "torch", device="cpu")


@both_weights
def test_maps_of_a_batch_are_those_of_numpy_and_openvino_one_by_one(wide):
    model, (dynamics, turns) = shipped_model(wide), motions()
    pictures = np.stack([channels_of(*one) for one in zip(*skins(), strict=True)])
    read = run_lanes(on_torch(skin_reader(model)), {"skin": pictures})
    motion = motion_of(dynamics, turns)
    maps = run_lanes(on_torch(skin_mixer(model)), {**read, "motion": motion})["maps"]
    painter = SkinPainter(model)
    for found, *one, face, turn in zip(maps, *skins(), dynamics, turns, strict=True):
        wanted = SkinMaps(model, *painter.features(*one)).at(face, turn)
        assert np.abs(wanted[..., :2]).max() > 1e-3 or not face.any()
        np.testing.assert_allclose(found[..., :2], wanted[..., :2], rtol=0, atol=SHIFT_OFF)
        logs = np.log(found[..., 2:]), np.log(wanted[..., 2:])
        np.testing.assert_allclose(*logs, rtol=0, atol=LOG_GAIN_OFF)
    assert not maps[1, ..., :2].any() and (maps[1, ..., 2:] == 1).all()  # at rest, to the bit


def test_maps_mixed_from_shorter_numbers_are_near_and_at_rest_exact():
    import torch

    model = shipped_model(True)
    mixer, inputs = on_torch(skin_mixer(model)), dict(skin_mixer(model).probe(2))
    exact = mixer.host(mixer.run(2, inputs)["maps"]).copy()
    short = {**inputs, "features": torch.from_numpy(inputs["features"]).to(torch.bfloat16)}
    found = mixer.host(mixer.run(2, short)["maps"])
    np.testing.assert_allclose(found, exact, rtol=0, atol=0.02)
    assert (found[1] == exact[1]).all() and (found[1, ..., 2:] == 1).all()
    assert np.abs(found[0] - exact[0]).max() > 1e-5


def test_outside_the_face_maps_are_at_rest():
    model = shipped_model()
    mixer, inputs = on_torch(skin_mixer(model)), dict(skin_mixer(model).probe(1))
    maps = mixer.host(mixer.run(1, inputs)["maps"])[0]
    outside = within_face(model.shape.map_px) == 0
    assert not maps[outside, :2].any() and (maps[outside, 2:] == 1).all()
    assert np.abs(maps[~outside, :2]).max() > 1e-3


def test_a_mouth_is_lit_as_numpy_lights_it(calm: Decoder):
    model = harmony.shipped_model()
    light = np.random.default_rng(7).normal(0, 0.5, harmony.LIGHT).astype(np.float32)
    told, wanted = [], []
    for face, turn in zip(*motions(), strict=True):
        posed = calm.rig.pose(face, np.zeros(6, np.float32))
        moment = (face, turn, lip_gap(posed, 512), posed.iod_px)
        wanted.append(Harmony(model, light).gains(*moment))
        told.append(told_of(*moment, light))
    found = run_lanes(on_torch(mouth_light(model)), {"told": np.stack(told)})["gains"]
    np.testing.assert_allclose(found, np.stack(wanted), rtol=0, atol=2e-6)


def test_the_frame_s_networks_have_no_openvino_form_and_say_so():
    for network in (skin_mixer(shipped_model()), mouth_light(harmony.shipped_model())):
        with pytest.raises(EngineError, match="has no OpenVINO form; NumPy runs it"):
            make_executor(network, "openvino")


@needs_onnx
@pytest.mark.parametrize("name", ["reader", "mixer", "light"])
def test_onnx_files_compute_what_torch_computes(name, onnx_executor):
    network = {
        "reader": lambda: skin_reader(shipped_model()),
        "mixer": lambda: skin_mixer(shipped_model()),
        "light": lambda: mouth_light(harmony.shipped_model()),
    }[name]()
    exported = onnx_executor(network)
    probe = network.probe or random_probe(network.ports)
    by = Tolerance(absolute=1e-5 if name != "reader" else 1e-4, share=0.0)
    check(exported, on_torch(network), by, probe, (1, 4))


@needs_onnx
def test_an_onnx_file_of_the_mixer_is_at_rest_to_the_bit(onnx_executor):
    network = skin_mixer(shipped_model())
    inputs = {**network.probe(2), "motion": np.zeros((2, 55), np.float32)}
    maps = onnx_executor(network).run(2, inputs)["maps"]
    assert not maps[..., :2].any() and (maps[..., 2:] == 1).all()
