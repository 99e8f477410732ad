"""Lids that no open eye shows, and eyes without the lashes that hung over them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from mien.models.character import Character
from mien.models.codec import topology
from mien.models.codec.decoder import Decoder
from mien.models.codec.eyes import complete_iris, slit_of
from mien.models.codec.lidskin import HIGH, WIDE, lid_of, shading
from mien.models.codec.openings import coverage
from mien.models.codec.rig import EYES
from mien.models.motion import ARKIT_INDEX

STILL = np.zeros(6, np.float32)
SKIN = np.array([205.0, 160.0, 140.0])  # of the drawn portrait


def face(**values: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for stem, value in values.items():
        names = [stem] if stem in ARKIT_INDEX else [stem + "Left", stem + "Right"]
        out[[ARKIT_INDEX[name] for name in names]] = value
    return out


def lid_pixels(decoder: Decoder, dynamics: np.ndarray, above_lash_px: float) -> np.ndarray:
    """Decoded pixels [N, 3] of both upper lids, short of their lashes and folds."""
    frame = decoder.decode(dynamics, STILL)[..., :3].astype(float)
    y, x = np.mgrid[0:512, 0:512].astype(np.float64)
    out = []
    for eye in EYES:
        lid = lid_of(decoder.rig.pose(dynamics, STILL), eye, 512)
        inner = replace(
            lid,
            top=lid.top + 0.5 * (lid.bottom - lid.top),
            bottom=np.maximum(lid.bottom - above_lash_px, lid.top),
        )
        inside = coverage(inner, x.ravel(), y.ravel()).reshape(x.shape) > 0.99
        out.append(frame[inside])
    return np.concatenate(out)


@pytest.mark.parametrize("blink", [0.6, 0.8, 1.0])
def test_a_lowered_lid_is_skin_without_a_trace_of_the_eye(calm: Decoder, blink: float) -> None:
    pixels = lid_pixels(calm, face(eyeBlink=blink), above_lash_px=5.0)
    assert len(pixels) > 100
    assert np.abs(pixels.mean(0) - SKIN).max() < 16  # its shading, no other colour
    assert np.linalg.norm(pixels - SKIN, axis=1).max() < 60  # the white is 100 away, the iris 190


def test_a_shadowed_fold_does_not_darken_the_closed_lid(draw) -> None:  # type: ignore[no-untyped-def]
    """Deep-set eyes: the strip that an open eye shows of its lid is nearly black."""
    shadowed = {}
    for eye in EYES:
        character = draw()
        portrait = character.arrays["portrait"].copy()
        points = character.arrays["landmarks"][:, :2]
        for one in EYES:
            upper, crease = points[list(one.upper[1:-1])], points[list(one.crease)]
            for share in np.linspace(0.25, 1.0, 12):
                line = np.round(crease + share * (upper - crease) - [0, 2]).astype(int)
                for column, row in line:
                    portrait[row - 1 : row + 1, column - 5 : column + 6] //= 4
        arrays = {**character.arrays, "portrait": portrait}
        dark = Decoder(Character(character.name, character.provenance, character.thumbnail, arrays))
        shadowed[eye.side] = lid_pixels(dark, face(eyeBlink=1.0), above_lash_px=6.0)
    for pixels in shadowed.values():
        assert np.median(pixels.mean(1)) > 0.8 * SKIN.mean()


def test_lids_come_down_without_a_jump(calm: Decoder) -> None:
    frames = [
        calm.decode(face(eyeBlink=b), STILL)[..., :3].astype(float) for b in np.linspace(0, 1, 41)
    ]
    steps = [np.abs(b - a).mean(-1) for a, b in itertools.pairwise(frames)]
    moved = np.array([step.sum() for step in steps])
    assert moved[0] < 0.15 * moved.sum()
    assert moved.max() < 4.0 * np.median(moved)


def test_lashes_stay_with_the_lid_when_the_eye_looks_away(draw) -> None:  # type: ignore[no-untyped-def]
    character = draw()
    portrait = character.arrays["portrait"].copy()
    points = character.arrays["landmarks"][:, :2]
    x, y = np.round(points[topology.LEFT_IRIS[0]]).astype(int)
    lid = np.round(points[list(EYES[1].upper)]).astype(int)
    for column, row in lid[2:7]:  # five lashes hang into the eye
        portrait[row : row + 4, column : column + 2] = (20, 10, 10)
    arrays = {**character.arrays, "portrait": portrait}
    decoder = Decoder(Character(character.name, character.provenance, character.thumbnail, arrays))
    rest = decoder.decode(face(), STILL)[..., :3]
    assert np.abs(rest.astype(int) - portrait).max() <= 1
    down = face(eyeLookDownLeft=0.9)
    posed = decoder.rig.pose(down, STILL)
    slit = slit_of(posed, EYES[1], 512)
    frame = decoder.decode(down, STILL)[..., :3].astype(int)
    # Dark pixels that are not iris lie along the lid, none travelled down with the iris.
    window = (slice(y - 24, y + 30), slice(x - 40, x + 40))
    rows, columns = np.nonzero(frame[window].sum(-1) < 70)
    top = np.interp(
        (columns + x - 40 - slit.origin[0]) / slit.length, np.linspace(0, 1, 64), slit.top
    )
    below_lid = rows + y - 24 - slit.origin[1] - top
    assert (below_lid < 7.0).mean() > 0.95


def test_what_a_lid_hides_of_an_iris_is_like_the_rest_of_its_ring() -> None:
    y, x = np.mgrid[0:41, 0:41].astype(np.float64)
    distance = np.hypot(x - 20, y - 20)
    ring = np.where(distance < 5, 10.0, np.where(distance < 14, 90.0, 230.0))
    colour = np.repeat(ring[..., None], 3, 2).astype(np.float32)
    seen = ((distance < 14) & (y > 16)).astype(np.float32)
    hidden = colour.copy()
    hidden[y <= 16] = 200.0  # lid
    whole = complete_iris(hidden, seen, np.array([20.0, 20.0]), 14.0)
    assert np.abs(whole[(distance < 3.5)] - 10).max() < 12
    assert np.abs(whole[(distance > 7) & (distance < 12)] - 90).max() < 12


def test_wide_eyes_uncover_white_and_no_line_of_lashes(calm: Decoder) -> None:
    wide = face(eyeWide=1.0)
    frame = calm.decode(wide, STILL)[..., :3].astype(float)
    posed = calm.rig.pose(wide, STILL)
    for eye in EYES:
        iris = posed.points[eye.iris[0], :2]
        radius = np.linalg.norm(posed.points[list(eye.iris[1:]), :2] - iris, axis=1).mean()
        x = round(iris[0] + 1.5 * radius * eye.outward)
        slit = slit_of(posed, eye, 512)
        along = np.linspace(0.0, slit.length, len(slit.top))
        top = float(np.interp(x - slit.origin[0], along, slit.top)) + slit.origin[1]
        column = frame[round(top) + 3 : round(top) + 9, x].mean(-1)
        assert column.min() > 150  # no dark arc where the portrait's lid was


def test_a_closed_lid_darkens_toward_the_lashes() -> None:
    light = shading()
    assert light.shape == (HIGH,)
    assert light[-1] < light[HIGH // 3] - 0.06
    assert light.min() > 0.85
    assert light.max() < 1.06


def test_lid_skin_is_small(calm: Decoder) -> None:
    for eye in calm.eyes:
        assert eye.lid.colour.shape == (HIGH, WIDE, 3)
        assert np.isfinite(eye.lid.colour).all()


@pytest.mark.parametrize("highest", [2, 6])
def test_an_eye_that_is_not_highest_in_the_middle_rests_as_it_is(draw, highest: int) -> None:  # type: ignore[no-untyped-def]
    character = draw()
    landmarks = character.arrays["landmarks"].copy()
    for eye in EYES:
        landmarks[eye.upper[highest], 1] -= 5.0
        landmarks[eye.upper[4], 1] += 1.5
    arrays = {**character.arrays, "landmarks": landmarks}
    decoder = Decoder(Character(character.name, character.provenance, character.thumbnail, arrays))
    shift = landmarks - character.arrays["landmarks"]
    decoder.rig.shape += shift.astype(np.float64) @ decoder.rig.rotation / decoder.rig.scale
    frame = decoder.decode(face(), STILL)[..., :3].astype(int)
    assert np.abs(frame - decoder.portrait).max() <= 1
