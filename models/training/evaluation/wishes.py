"""Where the eyes end up and how near the head comes, against what was asked.

Knows the geometry of gaze and distance. Refuses to know lips. Angles in radians inside, degrees
where a figure is for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.controls import CueTrack
from mien.models.motion.cues import DistanceCue, GazeCue
from mien.models.motion.gaze import EYE_RANGE_RAD
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS
from mien.models.motion.types import ARKIT_INDEX, FRAME_RATE_HZ, Motion
from training.evaluation.lines import Line
from training.evaluation.performing import Actor
from training.evaluation.scenes import lasting, silence

F64 = NDArray[np.float64]

THETAS_DEG = (-25.0, -12.5, 0.0, 12.5, 25.0)
PHIS_DEG = (-15.0, 0.0, 15.0)
GAZE_SETTLES_S, GAZE_HELD_S = 0.6, 2.0
DISTANCES = (0.75, 0.85, 0.95, 1.0, 1.1, 1.2, 1.35)
DISTANCE_SETTLES_S, DISTANCE_HELD_S = 1.6, 2.0
_GRID = list(product(THETAS_DEG, PHIS_DEG))
# A fixed shuffle: neighbours on the grid would make small steps only.
_ORDER = [(7 * i) % len(_GRID) for i in range(len(_GRID))]


def world_gaze(motion: Motion) -> F64:
    """Where the eyes look in the world, [T, 2] rad: eyes in the head and the head itself.

    The inverse of `eye_weights`, averaged over both eyes.
    """
    d = motion.dynamics.astype(np.float64)
    column = ARKIT_INDEX
    left_eye = d[:, column["eyeLookOutLeft"]] - d[:, column["eyeLookInLeft"]]
    right_eye = d[:, column["eyeLookInRight"]] - d[:, column["eyeLookOutRight"]]
    up = sum(d[:, column["eyeLookUp" + side]] for side in ("Left", "Right"))
    down = sum(d[:, column["eyeLookDown" + side]] for side in ("Left", "Right"))
    across = _turned(np.asarray((left_eye + right_eye) / 2), 0.95, EYE_RANGE_RAD[0])
    upward = np.asarray((up - down) / 2)
    reach = np.where(upward > 0, EYE_RANGE_RAD[2], EYE_RANGE_RAD[3])
    along = _turned(upward, 0.9, reach)
    return np.stack([across + motion.pose[:, 1], along - motion.pose[:, 0]], axis=1)


def _turned(weight: F64, most: float, reach: NDArray[np.floating[Any]] | float) -> F64:
    return np.asarray(most * reach * np.arctanh(np.clip(weight / most, -0.999, 0.999)))


def angle_between(a: F64, b: F64) -> F64:
    """Angle between directions [..., 2] given as theta and phi, rad."""
    return np.asarray(np.arccos(np.clip((_direction(a) * _direction(b)).sum(-1), -1.0, 1.0)))


def _direction(angles: F64) -> F64:
    theta, phi = angles[..., 0], angles[..., 1]
    return np.stack(
        [np.cos(phi) * np.sin(theta), np.sin(phi), np.cos(phi) * np.cos(theta)], axis=-1
    )


def gaze_errors(actor: Actor, lines: Sequence[Line], seeds: Sequence[int]) -> dict[str, float]:
    """How far from a wish the eyes look, degrees, while it is held, in speech and in silence.

    Wishes over +-25 by +-15 degrees, each for 2 s after 0.6 s to get there. The mean is over all
    frames: small saccades and glances aside count.
    """
    wish_s = GAZE_SETTLES_S + GAZE_HELD_S
    asked = [np.radians(_GRID[i]) for i in _ORDER]
    track = CueTrack(
        GazeCue(round(k * wish_s * 1e6), 0, None, float(a[0]), float(a[1]))
        for k, a in enumerate(asked)
    )
    seconds = wish_s * len(asked)
    scenes = [lasting("gaze", lines, seconds)] * len(seeds) + [silence(seconds)] * len(seeds)
    motions = actor(scenes, [*seeds, *seeds], [track] * len(scenes))
    errors = []
    for motion in motions:
        looked = world_gaze(motion)
        held = [_held(k, wish_s, GAZE_SETTLES_S, len(motion)) for k in range(len(asked))]
        beside = [angle_between(looked[h], wish) for h, wish in zip(held, asked, strict=True)]
        errors.append(np.degrees(np.concatenate(beside)))
    speaking, silent = errors[: len(seeds)], errors[len(seeds) :]
    return {
        "gaze_error_deg": float(np.concatenate(errors).mean()),
        "gaze_error_deg_median": float(np.median(np.concatenate(errors))),
        "gaze_error_deg_speech": float(np.concatenate(speaking).mean()),
        "gaze_error_deg_silence": float(np.concatenate(silent).mean()),
    }


def distance_error(actor: Actor, lines: Sequence[Line], seeds: Sequence[int]) -> dict[str, float]:
    """Mean |performed - wished| head distance (1: as in the portrait) while a wish is held."""
    wish_s = DISTANCE_SETTLES_S + DISTANCE_HELD_S
    order = [DISTANCES[(3 * i) % len(DISTANCES)] for i in range(len(DISTANCES))]
    track = CueTrack(DistanceCue(round(k * wish_s * 1e6), 0, None, d) for k, d in enumerate(order))
    line = lasting("distance", lines, wish_s * len(order))
    errors, biases = [], []
    for motion in actor([line] * len(seeds), seeds, [track] * len(seeds)):
        performed = 1.0 - motion.pose[:, 5].astype(np.float64) / CAMERA_HEAD_WIDTHS
        for k, wish in enumerate(order):
            difference = performed[_held(k, wish_s, DISTANCE_SETTLES_S, len(motion))] - wish
            errors.append(np.abs(difference).mean())
            biases.append(abs(difference.mean()))
    return {"distance_error": float(np.mean(errors)), "distance_bias": float(np.mean(biases))}


def _held(number: int, wish_s: float, settles_s: float, frames: int) -> slice:
    first = int(np.ceil((number * wish_s + settles_s) * FRAME_RATE_HZ))
    return slice(min(first, frames - 1), min(int((number + 1) * wish_s * FRAME_RATE_HZ), frames))
