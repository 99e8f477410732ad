"""Profiles: torch draws what NumPy and OpenVINO draw, many as one by one, or says why not."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from mien.models.codec import harmony, profiles
from mien.models.codec.decoder import Decoder
from mien.models.codec.harmony import Harmony, told_of
from mien.models.codec.mouth import lip_gap
from mien.models.codec.profiles import CPU, GPU, MOST_GFLOP, ProfileError, learned_parts
from mien.models.codec.skin_maps import SkinPainter
from mien.models.codec.skin_shape import GAIN, SHIFT_IOD
from mien.models.codec.skin_weights import SHIPPED_WIDE, shipped_model
from mien.models.motion.types import ARKIT_INDEX

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
both_weights = pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
ACTORS = 3
SHIFT_OFF, GAIN_OFF = 1e-6, 1e-5  # float32 on the CPU: iod, and a share
HALF_SHIFT_OFF, HALF_GAIN_OFF = SHIFT_IOD / 50, GAIN / 50  # bfloat16


def skins():
    """Three people's unrolled skins, and where there is any."""
    rng = np.random.default_rng(5)
    base = rng.integers(60, 200, (ACTORS, 1, 1, 3)) + rng.integers(-40, 40, (ACTORS, 128, 128, 3))
    seen = np.ones((ACTORS, 128, 128), np.float32)
    seen[:, :9] = 0.0
    return (base * seen[..., None]).astype(np.uint8), seen


def motions():
    """A frame of each: coefficients and turns; the second one is at rest."""
    rng = np.random.default_rng(6)
    dynamics = rng.random((ACTORS, 52)).astype(np.float32) ** 2
    turns = (0.2 * rng.standard_normal((ACTORS, 3))).astype(np.float32)
    dynamics[1], turns[1] = 0.0, 0.0
    return dynamics, turns


def torch_parts(wide, device="cpu", dtype=None):
    from mien.models.codec.torch_parts import TorchParts

    return TorchParts(shipped_model(wide), harmony.shipped_model(), device, dtype)


def assert_close(found, wanted, shift_off, gain_off):
    np.testing.assert_allclose(found[..., :2], wanted[..., :2], rtol=0, atol=shift_off)
    np.testing.assert_allclose(
        np.log(found[..., 2:]), np.log(wanted[..., 2:]), rtol=0, atol=gain_off
    )


@needs_torch
@both_weights
def test_torch_makes_the_maps_that_numpy_and_openvino_make(wide):
    painter, parts = SkinPainter(shipped_model(wide)), torch_parts(wide)
    pictures, seen = skins()
    for *one, dynamics, turn in zip(pictures, seen, *motions(), strict=True):
        wanted, found = painter.maps(*one), parts.maps(*one)
        maps = found.at(dynamics, turn)
        assert maps.shape == wanted.at(dynamics, turn).shape and maps.dtype == np.float32
        assert_close(maps, wanted.at(dynamics, turn), SHIFT_OFF, GAIN_OFF)


@needs_torch
@both_weights
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_at_rest_torch_shifts_nothing_and_gains_are_one_to_the_bit(wide, dtype):
    parts = torch_parts(wide, dtype=dtype)
    maps = parts.mixed(parts.skins(*skins()), *motions())
    assert not maps[1, ..., :2].any() and (maps[1, ..., 2:] == 1).all()
    assert maps[0, ..., :2].any() and maps[2, ..., :2].any()


@needs_torch
@both_weights
def test_different_characters_in_one_batch_are_as_one_by_one(wide):
    from mien.models.codec.torch_parts import together

    parts, (pictures, seen), (dynamics, turns) = torch_parts(wide), skins(), motions()
    alone = [parts.maps(*one) for one in zip(pictures, seen, strict=True)]
    stage = together([maps.skins for maps in alone])
    batch = parts.mixed(stage, dynamics, turns)
    assert len(stage) == ACTORS
    for maps, found, *frame in zip(alone, batch, dynamics, turns, strict=True):
        assert_close(found, maps.at(*frame), SHIFT_OFF, GAIN_OFF)
    assert np.abs(batch[0] - batch[2]).max() > 1e-3
    with pytest.raises(ValueError, match="3 skins, 2 faces and 3 turns"):
        parts.mixed(stage, dynamics[:2], turns)


@needs_torch
@both_weights
def test_on_torch_too_one_side_of_a_face_does_not_show_what_the_other_does(wide):
    parts = torch_parts(wide)
    pictures, seen = skins()
    maps = parts.maps(pictures[0], seen[0])
    size = parts.shape.map_px
    left, right = slice(9 * size // 16, None), slice(0, 7 * size // 16)
    still = np.zeros(3, np.float32)
    for name, own, other in (("eyeBlinkLeft", left, right), ("mouthSmileRight", right, left)):
        dynamics = np.zeros(52, np.float32)
        dynamics[ARKIT_INDEX[name]] = 1.0
        found = maps.at(dynamics, still)
        assert not found[:, other, :2].any() and (found[:, other, 2:] == 1).all()
        assert found[:, own, :2].any()


@needs_torch
def test_torch_lights_a_mouth_as_numpy_does(calm: Decoder):
    parts, light = torch_parts(False), np.random.default_rng(7).normal(0, 0.5, harmony.LIGHT)
    light = light.astype(np.float32)
    wanted, found = Harmony(harmony.shipped_model(), light), parts.light(light)
    told, one_by_one = [], []
    for face, turn in zip(*motions(), strict=True):
        posed = calm.rig.pose(face, np.zeros(6, np.float32))
        moment = (face, turn, lip_gap(posed, 512), posed.iod_px)
        gains = found.gains(*moment)
        np.testing.assert_allclose(gains, wanted.gains(*moment), rtol=0, atol=2e-6)
        told.append(told_of(*moment, light))
        one_by_one.append(gains)
    np.testing.assert_allclose(parts.brightened(np.stack(told)), one_by_one, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="what is told of mouths"):
        parts.brightened(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="a portrait's light"):
        parts.light(light[:2])


@needs_torch
def test_a_decoder_of_the_gpu_profile_is_the_portrait_at_rest_and_talks(draw, calm: Decoder):
    wide = Decoder(draw(), profile=GPU)
    rest = np.zeros(52, np.float32), np.zeros(6, np.float32)
    np.testing.assert_array_equal(wide.decode(*rest)[..., :3], calm.decode(*rest)[..., :3])
    face = np.zeros(52, np.float32)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        face[ARKIT_INDEX[name]] = 0.7
    frame, narrow = wide.decode(face, rest[1]), calm.decode(face, rest[1])
    away = np.abs(frame.astype(int) - narrow)
    assert 0 < away.mean() < 6  # the same face in another network's light
    np.testing.assert_array_equal(wide.clone().decode(face, rest[1]), frame)
    assert calm.gflop < wide.gflop <= MOST_GFLOP[GPU] and calm.gflop <= MOST_GFLOP[CPU]
    assert wide.shared_bytes > calm.shared_bytes


@needs_torch
def test_that_no_gpu_is_there_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr("mien.models.codec.torch_parts.best_device", lambda: "cpu")
    learned_parts.cache_clear()
    first = learned_parts(GPU)
    assert learned_parts(GPU) is first
    said = [record.message for record in caplog.records if "no CUDA device" in record.message]
    assert said == ["no CUDA device: the codec's profile 'gpu' runs on the CPU"]
    learned_parts.cache_clear()


@needs_torch
def test_devices_and_formats_that_are_not_there_are_refused():
    with pytest.raises(
        ProfileError, match=r"cannot run on 'cuda:63' here .*; take the device 'cpu'"
    ):
        torch_parts(False, "cuda:63")
    with pytest.raises(ProfileError, match="cannot run on 'toaster'"):
        torch_parts(False, "toaster")
    with pytest.raises(ProfileError, match="no number format 'int4'; there are float32, bfloat16"):
        torch_parts(False, dtype="int4")


def test_a_profile_that_cannot_be_had_says_what_to_do(monkeypatch, draw):
    with pytest.raises(ProfileError, match="no codec profile 'tpu'; there are cpu, gpu"):
        Decoder(draw(), profile="tpu")
    with pytest.raises(ProfileError, match="'cpu' does not run on 'cuda'; take 'gpu'"):
        learned_parts(CPU, "cuda")
    monkeypatch.setattr(profiles, "find_spec", lambda name: None)
    learned_parts.cache_clear()
    with pytest.raises(
        ProfileError, match=r"needs torch, which is not .*pip install 'mien\[gpu\]'"
    ):
        Decoder(draw(), profile=GPU)
    assert Decoder(draw()).gflop > 0  # the other profile never asks for it


def test_the_wide_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED_WIDE.stat().st_size <= 2.5e6
    assert shipped_model(wide=True).notes["steps"] > 0


@pytest.mark.gpu
@needs_torch
@both_weights
def test_bfloat16_on_a_gpu_is_near_float32_on_the_cpu(wide):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    slow, pictures = torch_parts(wide), skins()
    wanted = slow.mixed(slow.skins(*pictures), *motions())
    for dtype, shift_off, gain_off in (
        ("float32", 10 * SHIFT_OFF, 10 * GAIN_OFF),
        ("bfloat16", HALF_SHIFT_OFF, HALF_GAIN_OFF),
    ):
        fast = torch_parts(wide, "cuda", dtype)
        found = fast.mixed(fast.skins(*pictures), *motions())
        assert_close(found, wanted, shift_off, gain_off)
        assert not found[1, ..., :2].any() and (found[1, ..., 2:] == 1).all()
