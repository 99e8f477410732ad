"""Harmony: how bright the mouth's inside is, place by place, for this face and this moment.

Knows a small network (two hidden layers) and what it is told: the coefficients, the head's turn,
how far the lips are apart, and the light on this portrait's cheeks and lips. It answers with smooth
gains over the gap between the lips; their colour is bounded, so that teeth stay teeth. Refuses to
draw: what lies in a mouth, its edges and its grain, is `mouth`'s.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.openings import SAMPLES, Opening
from mien.models.codec.rig import Rig
from mien.models.motion.types import COEFFICIENTS
from mien.models.weights_file import Kind, Weights

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

VERSION = 1
SHIPPED = Path(__file__).parents[1] / "weights" / "harmony.safetensors"
ROWS, COLUMNS = 4, 8  # of the gains: from the upper lip to the lower, from image left to right
LIGHT = 14  # values that say how the portrait is lit (`light_of`)
ASIDE, SIDES = 9, slice(11, 13)  # of them: left against right; right and left
SHAPE = 3  # values that say how the lips stand
HIDDEN = 96
TOLD = COEFFICIENTS + 3 + SHAPE + LIGHT
TURN_GAIN = 3.0
# The most that log gains do: darken, brighten (little: white teeth would run together), tinge.
DARKEN, BRIGHTEN, TINGE = 1.1, 0.28, 0.18
TEETH = 0.4  # of the brightness alone: teeth in shade are grey, not brown
# Landmarks whose surroundings tell the light: cheeks right and left, forehead, chin, lips.
_CHEEKS, _FOREHEAD, _CHIN, _LIPS = (50, 280), 151, 199, (0, 17)


class MouthWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


HarmonyModel = Weights


def expected_tensors() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all tensors."""
    out: dict[str, tuple[int, ...]] = {}
    widths = (TOLD, HIDDEN, HIDDEN, 4 * ROWS * COLUMNS)
    for place, (into, width) in enumerate(pairwise(widths)):
        out |= {f"{place}.weight": (width, into), f"{place}.bias": (width,)}
    return out


_KIND = Kind("mien_mouth", VERSION, "the mouth", MouthWeightsError, expected_tensors, SHIPPED)
save_model, load_model = _KIND.save, _KIND.load


# Operations a frame in 10^9: three small matrices.
GFLOP = 2e-9 * (TOLD * HIDDEN + HIDDEN * HIDDEN + HIDDEN * 4 * ROWS * COLUMNS)


@cache
def shipped_model() -> HarmonyModel:
    """The weights that ship with mien, read once. Raises MouthWeightsError."""
    return load_model()


def light_of(portrait: F32, rig: Rig, tint: F64) -> F32:
    """What is told of the light [LIGHT], of `portrait` [S, S, 3] 0..255 and the mouth's tint."""

    def log(colour: F64) -> F64:
        return np.asarray(np.log((colour + 4.0) / 128.0))

    right, left = (_around(portrait, rig, i) for i in _CHEEKS)
    lips = np.mean([_around(portrait, rig, i) for i in _LIPS], 0)
    forehead, chin = (_around(portrait, rig, i).mean(keepdims=True) for i in (_FOREHEAD, _CHIN))
    aside = log(left.mean(keepdims=True)) - log(right.mean(keepdims=True))
    values = [np.log(tint), log((right + left) / 2), log(lips), aside, log(chin) - log(forehead),
              log(right.mean(keepdims=True)), log(left.mean(keepdims=True)), log(chin)]  # fmt: skip
    return np.asarray(np.concatenate(values), np.float32)


def _around(portrait: F32, rig: Rig, landmark: int) -> F64:
    x, y = np.clip(np.round(rig.landmarks[landmark, :2]).astype(int), 3, portrait.shape[0] - 4)
    return np.asarray(portrait[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1)), np.float64)


def shape_of(gap: Opening, iod_px: float) -> F32:
    """What is told of the lips [SHAPE]: how far they are apart, on average too, and how long."""
    apart = (gap.bottom - gap.top) / iod_px
    values = (5.0 * float(apart.max()), 5.0 * float(apart.mean()), gap.length / iod_px)
    return np.array(values, np.float32)


def told_of(dynamics: F32, turn: F32, gap: Opening, iod_px: float, light: F32) -> F32:
    """What the network is told of a moment [TOLD]; see `Harmony.gains`."""
    told = [dynamics, TURN_GAIN * turn, shape_of(gap, iod_px), light]
    return np.asarray(np.concatenate(told), np.float32)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _product(weight: F32, bias: F32, x: F32, smooth: bool) -> F32:  # pragma: no cover - compiled
    out = np.empty(bias.shape[0], np.float32)
    half, one = np.float32(0.5), np.float32(1.0)
    for i in range(out.shape[0]):
        total = bias[i]
        for k in range(x.shape[0]):
            total += weight[i, k] * x[k]
        out[i] = half * total * (one + np.tanh(half * total)) if smooth else total  # SiLU
    return out


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _answer(
    told: F32, w0: F32, b0: F32, w1: F32, b1: F32, w2: F32, b2: F32, out: F32
) -> None:  # pragma: no cover - compiled
    x = _product(w2, b2, _product(w1, b1, _product(w0, b0, told, True), True), False)
    places = ROWS * COLUMNS
    for place in range(places):
        i, j = place // COLUMNS, place % COLUMNS
        bright = np.tanh(x[place])
        bright *= BRIGHTEN if bright > 0 else DARKEN
        for k in range(3):
            out[i, j, k] = np.exp(bright + TINGE * np.tanh(x[(k + 1) * places + place]))
        out[i, j, 3] = np.exp(TEETH * bright)


class Harmony:
    """One character's gains."""

    def __init__(self, model: HarmonyModel, light: F32) -> None:
        self._light = light
        self._layers = tuple(
            np.ascontiguousarray(model.tensors[f"{place}.{part}"], np.float32)
            for place in (0, 1, 2)
            for part in ("weight", "bias")
        )

    def gains(self, dynamics: F32, turn: F32, gap: Opening, iod_px: float) -> F32:
        """Gains [ROWS, COLUMNS, 4] of a moment: coefficients [52], rotation vector [3], lips.

        Of flesh (red, green, blue) and of teeth.
        """
        told = told_of(dynamics, turn, gap, iod_px, self._light)
        out = np.empty((ROWS, COLUMNS, 4), np.float32)
        w0, b0, w1, b1, w2, b2 = self._layers
        _answer(told, w0, b0, w1, b1, w2, b2, out)
        return out


def gains_reference(model: HarmonyModel, told: F32) -> F32:
    """Gains [ROWS, COLUMNS, 4] of what is `told` [TOLD]: what `Harmony` computes, in NumPy."""
    x, w = told, model.tensors
    for place in (0, 1):
        x = w[f"{place}.weight"] @ x + w[f"{place}.bias"]
        x = 0.5 * x * (1.0 + np.tanh(0.5 * x))  # SiLU
    x = w["2.weight"] @ x + w["2.bias"]
    both = np.tanh(x.reshape(4, ROWS, COLUMNS))
    bright = np.where(both[:1] > 0, BRIGHTEN, DARKEN) * both[:1]
    gains = np.exp(np.concatenate([bright + TINGE * both[1:], TEETH * bright]))
    return np.asarray(gains.transpose(1, 2, 0), np.float32)


def unrolled_places(gap: Opening, rows: int, columns: int) -> F64:
    """Where the middle of each place of a gap lies in the picture, [rows, columns, 2] px."""
    share = (np.arange(columns) + 0.5) / columns
    at = np.linspace(0.0, 1.0, SAMPLES)
    top, bottom = np.interp(share, at, gap.top), np.interp(share, at, gap.bottom)
    down = ((np.arange(rows) + 0.5) / rows)[:, None]
    across = np.array([-gap.along[1], gap.along[0]])
    height = top + down * (bottom - top)
    line = gap.origin + (share * gap.length)[:, None] * gap.along
    return np.asarray(line[None] + height[..., None] * across)
