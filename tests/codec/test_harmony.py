"""The mouth's light: bounded, smooth, off where a portrait shows its own teeth."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mien.models.codec.decoder import Decoder
from mien.models.codec.harmony import (
    BRIGHTEN,
    COLUMNS,
    DARKEN,
    LIGHT,
    ROWS,
    SHIPPED,
    TEETH,
    TINGE,
    TOLD,
    Harmony,
    HarmonyModel,
    MouthWeightsError,
    expected_tensors,
    gains_reference,
    light_of,
    load_model,
    save_model,
    told_of,
    unrolled_places,
)
from mien.models.codec.mouth import lip_gap
from mien.models.motion import ARKIT_INDEX

STILL = np.zeros(6, np.float32)


def model(size: float, seed: int = 0) -> HarmonyModel:
    rng = np.random.default_rng(seed)
    return HarmonyModel({n: (size * rng.standard_normal(s)).astype(np.float32)
                         for n, s in expected_tensors().items()})  # fmt: skip


def open_mouth(wide: float = 0.6) -> np.ndarray:
    face = np.zeros(52, np.float32)
    face[ARKIT_INDEX["jawOpen"]] = wide
    return face


def gap_of(decoder: Decoder, face: np.ndarray):
    posed = decoder.rig.pose(face, STILL)
    return lip_gap(posed, 512), posed.iod_px


def test_gains_are_one_without_weights_and_bounded_with_wild_ones(calm: Decoder) -> None:
    gap, iod = gap_of(calm, open_mouth())
    light = np.zeros(LIGHT, np.float32)
    quiet = Harmony(model(0.0), light).gains(open_mouth(), STILL[:3], gap, iod)
    np.testing.assert_array_equal(quiet, np.ones((ROWS, COLUMNS, 4)))
    wild = np.log(Harmony(model(9.0), light).gains(open_mouth(), STILL[:3], gap, iod))
    assert wild.min() >= -DARKEN - TINGE - 1e-5 and wild.max() <= BRIGHTEN + TINGE + 1e-5
    assert np.ptp(wild[..., :3], axis=2).max() <= 2 * TINGE + 1e-5
    assert wild[..., 3].min() >= -TEETH * DARKEN - 1e-5  # teeth stay light


@pytest.mark.parametrize("size", [0.05, 0.3])
def test_gains_agree_with_their_slow_twin(calm: Decoder, size: float) -> None:
    weights, (gap, iod) = model(size), gap_of(calm, open_mouth())
    light = np.linspace(-1, 1, LIGHT).astype(np.float32)
    told = told_of(open_mouth(), STILL[:3], gap, iod, light)
    fast = Harmony(weights, light).gains(open_mouth(), STILL[:3], gap, iod)
    np.testing.assert_allclose(fast, gains_reference(weights, told), rtol=1e-4)


def test_what_is_told_of_light_says_which_side_is_bright(calm: Decoder) -> None:
    portrait = calm.portrait.astype(np.float32)
    tint = np.ones(3)
    flat = np.full_like(portrait, 120.0)
    assert light_of(flat, calm.rig, tint)[9] == pytest.approx(0.0, abs=1e-6)
    flat[:, 256:] = 200.0  # the subject's left
    assert light_of(flat, calm.rig, tint)[9] > 0.3


def test_places_of_a_gap_lie_between_its_edges(calm: Decoder) -> None:
    gap, _ = gap_of(calm, open_mouth())
    places = unrolled_places(gap, 4, 8)
    across = np.array([-gap.along[1], gap.along[0]])
    height = (places - gap.origin) @ across
    assert (np.diff(height, axis=0) > 0).all()
    x0, y0, x1, y1 = gap.bounds
    assert (places[..., 0] > x0).all() and (places[..., 0] < x1).all()
    assert (places[..., 1] > y0).all() and (places[..., 1] < y1).all()


def test_gains_darken_a_mouth_but_not_own_teeth(calm: Decoder) -> None:
    dark = {n: np.zeros(s, np.float32) for n, s in expected_tensors().items()}
    dark["2.bias"][: ROWS * COLUMNS] = -3.0
    mouth = calm.mouth
    plain, teeth = mouth._harmony, mouth.teeth
    gap, _ = gap_of(calm, open_mouth())
    window = (slice(gap.bounds[1], gap.bounds[3]), slice(gap.bounds[0], gap.bounds[2]))

    def shown() -> float:
        return float(calm.decode(open_mouth(), STILL)[window][..., :3].mean())

    try:
        mouth._harmony = None
        bright = shown()
        mouth._harmony = Harmony(HarmonyModel(dark), np.zeros(LIGHT, np.float32))
        assert shown() < bright - 5
        mouth.teeth = 1.0
        with_own = shown()
        mouth._harmony = None
        assert shown() == pytest.approx(with_own, abs=1e-6)
    finally:
        mouth._harmony, mouth.teeth = plain, teeth


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_numpy_agrees_with_the_network_and_a_mirror_with_a_mirror() -> None:
    import torch

    from mien.models.codec.harmony_network import HarmonyNetwork
    from training.codec.harmony import Mouths, mirrored

    torch.manual_seed(3)
    twin = HarmonyNetwork()
    torch.nn.init.normal_(twin[2].weight, std=0.2)
    tensors = {name: value.numpy() for name, value in twin.state_dict().items()}
    told = torch.randn(1, TOLD)
    x = told[0].numpy()
    harmony = Harmony(HarmonyModel(tensors), x[-LIGHT:])
    gap = type(
        "Gap", (), {"top": np.zeros(64), "bottom": np.full(64, 0.2 * x[55]), "length": x[57]}
    )
    x[56] = x[55]
    with torch.no_grad():
        wanted = torch.exp(twin(torch.from_numpy(x)[None]))[0].permute(1, 2, 0).numpy()
    found = harmony.gains(x[:52], x[52:55] / 3.0, gap, 1.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    pictures = (torch.rand(1, channels, 16, 32) for channels in (3, 1, 3))
    batch = Mouths(*pictures, told, torch.ones(1))
    again = mirrored(mirrored(batch))
    for one, other in zip(vars(batch).values(), vars(again).values(), strict=True):
        torch.testing.assert_close(one, other)


def test_weights_are_written_read_and_refused_with_the_reason(tmp_path) -> None:
    path = tmp_path / "mouth.safetensors"
    save_model(path, model(0.1).tensors, {"trained": "never"})
    assert load_model(path).notes == {"trained": "never"}
    with pytest.raises(MouthWeightsError, match="no weights of the mouth"):
        load_model(tmp_path / "none.safetensors")
    arrays = load_file(path)
    arrays.pop("2.bias")
    save_file(arrays, path, metadata={"mien_mouth": json.dumps({"version": 1})})
    with pytest.raises(MouthWeightsError, match="1 tensors are missing"):
        load_model(path)


def test_the_shipped_weights_are_small_and_say_where_they_come_from() -> None:
    assert SHIPPED.stat().st_size < 1e5
    assert load_model().notes["steps"] > 0
