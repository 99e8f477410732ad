"""The mouth's inside: a tongue where speech has one, no bar of molars, a dark roof."""

from __future__ import annotations

import numpy as np
import pytest

from mien.models.codec import mouth, topology
from mien.models.codec.decoder import Decoder
from mien.models.codec.mouth import tongue_lift
from mien.models.codec.sprites import (
    dimmed_along,
    lifted,
    sprites,
    sprites_at,
    without_molars,
    without_root,
)
from mien.models.motion import ARKIT_INDEX

STILL = np.zeros(6, np.float32)


def face(**values: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for stem, value in values.items():
        names = [stem] if stem in ARKIT_INDEX else [stem + "Left", stem + "Right"]
        out[[ARKIT_INDEX[name] for name in names]] = value
    return out


# Shapes of the mouth as the teacher gives them to these sounds.
UP = {
    "l": face(jawOpen=0.24, mouthLowerDown=0.22, mouthUpperUp=0.12),
    "n": face(jawOpen=0.20, mouthLowerDown=0.20),
    "th": face(jawOpen=0.22, mouthLowerDown=0.28, mouthUpperUp=0.14),
    "t": face(jawOpen=0.18, mouthLowerDown=0.24),
    "asked for": face(jawOpen=0.5, tongueOut=0.2),
}
DOWN = {
    "rest": face(),
    "aa": face(jawOpen=0.62, mouthLowerDown=0.2),
    "oo": face(jawOpen=0.14, mouthFunnel=0.18, mouthPucker=0.9),
    "p": face(jawOpen=0.1, mouthClose=0.1, mouthPress=0.3),
    "sh": face(jawOpen=0.07, mouthFunnel=0.62, mouthPucker=0.26, mouthLowerDown=0.22),
}


@pytest.mark.parametrize("sound", UP)
def test_the_tip_is_up_for_l_t_d_n_and_th(sound: str) -> None:
    assert tongue_lift(UP[sound]) > 0.8


@pytest.mark.parametrize("sound", DOWN)
def test_the_tip_is_down_for_open_round_and_shut_mouths(sound: str) -> None:
    assert tongue_lift(DOWN[sound]) < 0.1


def test_the_tip_rises_smoothly() -> None:
    heights = [tongue_lift(face(jawOpen=j, mouthLowerDown=0.2)) for j in np.linspace(0, 1, 201)]
    assert np.abs(np.diff(heights)).max() < 0.08


def inside(decoder: Decoder, dynamics: np.ndarray) -> np.ndarray:
    """Decoded pixels of the column between the lips' middles, top to bottom, [N, 3]."""
    points = decoder.rig.pose(dynamics, STILL).points
    upper, lower = points[topology.UPPER_LIP_CENTRE], points[topology.LOWER_LIP_CENTRE]
    rows = np.arange(int(upper[1]) + 2, int(lower[1]) - 1)
    x = round(float(upper[0]))
    frame = decoder.decode(dynamics, STILL)[..., :3].astype(float)
    return np.asarray(frame[rows, x - 3 : x + 4].mean(1))


def red(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels[:, 0] - pixels[:, 1])


def test_an_open_mouth_shows_a_tongue_on_its_floor_and_dark_above(calm: Decoder) -> None:
    column = inside(calm, face(jawOpen=0.8, mouthLowerDown=0.3))
    third = len(column) // 3
    floor, middle = column[-third:], column[third : 2 * third]
    assert red(floor).mean() > 20  # tongue
    assert floor.mean() > 1.5 * middle.min()
    assert column[third // 3 : 2 * third].min() < 45  # depth


def test_a_lifted_tongue_shows_between_the_teeth(
    calm: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = inside(calm, UP["l"])
    monkeypatch.setattr(mouth, "tongue_lift", lambda c: 0.0)
    down = inside(calm, UP["l"])
    assert np.abs(up - down).max() > 10
    assert up[-3:].mean() > down[-3:].mean()  # where it was dark behind the lower lip


@pytest.mark.parametrize("yaw", [-30, -20, 0, 20, 30])
def test_no_molars_stand_above_the_lower_incisors(yaw: int) -> None:
    seen = sprites_at(yaw)
    above = int(seen.incisors_open[1] - 0.11 * sprites().px_per_iod) - 1
    assert seen.layers["lower"][:above].max() <= 8
    assert seen.layers["lower"][above + 20 :, :, 3].max() > 200  # the front teeth are there


def test_sprite_corrections_keep_to_premultiplied_colours() -> None:
    random = np.random.default_rng(4)
    layer = random.integers(0, 256, (40, 50, 4)).astype(np.uint8)
    layer[..., :3] = np.minimum(layer[..., :3], layer[..., 3:])
    for changed in (
        lifted(layer, 0.7),
        dimmed_along(layer, 25.0, 0.5, 60.0),
        without_molars(layer, 30.0, 100.0),
        without_root(layer),
    ):
        assert changed.dtype == np.uint8
        assert (changed[..., :3].max(-1) <= changed[..., 3].astype(int) + 1).all()
    bright = lifted(layer, 0.7)
    assert (bright[..., :3].astype(int) >= layer[..., :3].astype(int) - 1).all()


def test_teeth_are_in_the_dark_of_a_mouth_that_is_hardly_open(calm: Decoder) -> None:
    hardly = inside(calm, face(jawOpen=0.12))
    open_wide = inside(calm, face(jawOpen=0.15, mouthUpperUp=0.5, mouthLowerDown=0.5))
    assert hardly.max() < 0.85 * open_wide.max()
