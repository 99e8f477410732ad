"""How much a face and a head move: against the teacher's, over minutes, and at rest.

Knows pose and coefficients over time. Refuses to know what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX, F32, FRAME_RATE_HZ, Motion
from training.evaluation import lips
from training.evaluation.lines import Line
from training.evaluation.performing import Actor
from training.evaluation.scenes import lasting, silence
from training.evaluation.timeline import Mask, frame_times, speech

F64 = NDArray[np.float64]

ACTIVE_STD = 0.02  # a coefficient that the teacher moves less than this is not compared
BLINK_ON, BLINK_OFF = 0.5, 0.3
DRIFT_MINUTES = 5
_EYES_TURN = [i for name, i in ARKIT_INDEX.items() if name.startswith("eyeLook")]
_FACE = np.array([i for name, i in ARKIT_INDEX.items() if not name.startswith("eyeLook")])
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def delta_pose_rad(pose: F32 | F64, mask: Mask) -> float:
    """Mean turn from one frame to the next, rad, over frames in `mask` (VASA-1's delta-P).

    `pose` [T, 6]; the norm of the difference of rotation vectors [:, :3].
    """
    steps = np.linalg.norm(np.diff(np.asarray(pose, np.float64)[:, :3], axis=0), axis=1)
    both = mask[1:] & mask[:-1]
    return float(steps[both].mean()) if both.any() else float("nan")


@dataclass(frozen=True)
class Liveliness:
    """How much moves, averaged over scenes."""

    delta_pose_rad: float
    std: F64  # [52] of every coefficient within a scene
    pose_std: F64  # [6]


def liveliness(lines: Sequence[Line], motions: Sequence[Motion]) -> Liveliness:
    """Measure motions of scenes; delta-P over their speech, the rest over all of them."""
    turns = [
        delta_pose_rad(m.pose, speech(frame_times(len(m)), line.segments))
        for line, m in zip(lines, motions, strict=True)
    ]
    return Liveliness(
        float(np.nanmean(turns)),
        np.mean([m.dynamics.astype(np.float64).std(0) for m in motions], axis=0),
        np.mean([m.pose.astype(np.float64).std(0) for m in motions], axis=0),
    )


def compared(own: Liveliness, teachers: Liveliness) -> dict[str, float]:
    """Ratios to the teacher's: 1 is as lively. `variance_ratio` is the mean, over coefficients
    that the teacher moves, of the ratios of standard deviations; eye directions stand apart."""
    active = _FACE[teachers.std[_FACE] > ACTIVE_STD]
    ratios = own.std[active] / teachers.std[active]
    mouth = np.isin(active, [i for n, i in ARKIT_INDEX.items() if n.startswith(("jaw", "mouth"))])
    return {
        "delta_pose_ratio": own.delta_pose_rad / teachers.delta_pose_rad,
        "variance_ratio": float(ratios.mean()),
        "variance_ratio_median": float(np.median(ratios)),
        "variance_ratio_mouth": _mean(ratios[mouth]),
        "variance_ratio_above_mouth": _mean(ratios[~mouth]),
        "eye_turn_variance_ratio": float(
            own.std[_EYES_TURN].mean() / max(teachers.std[_EYES_TURN].mean(), 1e-6)
        ),
        "pose_std_ratio": float((own.pose_std[:3] / teachers.pose_std[:3]).mean()),
        "delta_pose_deg_s": float(np.degrees(own.delta_pose_rad) * FRAME_RATE_HZ),
    }


def _mean(values: F64) -> float:
    return float(values.mean()) if len(values) else float("nan")


def blinks(dynamics: F32 | F64) -> int:
    """How often the lids shut, by hysteresis on eyeBlink [T, 52]: past .5, back below .3."""
    lids = np.asarray(dynamics)[:, _LIDS].mean(1)
    count, shut = 0, bool(lids[0] > BLINK_ON) if len(lids) else False
    for value in lids:
        if not shut and value > BLINK_ON:
            count, shut = count + 1, True
        elif shut and value < BLINK_OFF:
            shut = False
    return count


def blinks_per_min(motions: Sequence[Motion]) -> float:
    """Blinks a minute over motions."""
    minutes = sum(len(m) for m in motions) / FRAME_RATE_HZ / 60
    return sum(blinks(m.dynamics) for m in motions) / minutes


def at_rest(actor: Actor, seconds: float, seeds: Sequence[int]) -> dict[str, float]:
    """What an actor does in silence: blinks, how still mouth and head are, frozen frames."""
    quiet = [silence(seconds)] * len(seeds)
    motions = actor(quiet, seeds, None)
    mouth = [np.abs(np.diff(lips.opening(m.dynamics))).mean() * FRAME_RATE_HZ for m in motions]
    still = [(np.abs(np.diff(m.pose, axis=0)).max(1) < 1e-6).mean() for m in motions]
    return {
        "blinks_per_min": blinks_per_min(motions),
        "idle_mouth_speed_iod_s": float(np.mean(mouth)),
        "idle_pose_std_deg": float(
            np.degrees(np.mean([m.pose[:, :3].std(0).mean() for m in motions]))
        ),
        "idle_frozen_frames": float(np.mean(still)),
    }


def statistics(motions: Sequence[Motion]) -> dict[str, float]:
    """What must not change over minutes, from pieces of motion."""
    face = [m.dynamics[:, _FACE].astype(np.float64) for m in motions]
    pose = [m.pose.astype(np.float64) for m in motions]
    return {
        "expression_std": float(np.mean([f.std(0).mean() for f in face])),
        "expression_speed": float(np.mean([np.abs(np.diff(f, axis=0)).mean() for f in face])),
        "expression_mean": float(np.mean([f.mean() for f in face])),
        "opening_mean": float(np.mean([lips.opening(m.dynamics).mean() for m in motions])),
        "opening_std": float(np.mean([lips.opening(m.dynamics).std() for m in motions])),
        "head_speed": float(
            np.mean([np.linalg.norm(np.diff(p[:, :3], axis=0), axis=1).mean() for p in pose])
        ),
        "head_std": float(np.mean([p[:, :3].std(0).mean() for p in pose])),
    }


def drift(actor: Actor, lines: Sequence[Line], seeds: Sequence[int]) -> dict[str, float]:
    """Minute 5 over minute 1 of a scene that repeats the same minute of speech and pauses.

    Pooled over `seeds`, so that chance weighs little. `drift_ratio` is the ratio furthest from 1.
    """
    minute = lasting("minute", lines, 60.0)
    scene = lasting("five minutes", [minute], 60.0 * DRIFT_MINUTES)
    motions = actor([scene] * len(seeds), seeds, None)
    length = 60 * FRAME_RATE_HZ
    first = statistics([_piece(m, 0, length) for m in motions])
    last = statistics([_piece(m, (DRIFT_MINUTES - 1) * length, length) for m in motions])
    ratios = {f"drift_{name}": last[name] / max(first[name], 1e-9) for name in first}
    worst = max(ratios.values(), key=lambda r: abs(np.log(max(r, 1e-9))))
    return {"drift_ratio": worst, **ratios}


def _piece(motion: Motion, start: int, length: int) -> Motion:
    return Motion(motion.dynamics[start : start + length], motion.pose[start : start + length])
