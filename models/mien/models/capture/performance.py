"""From looks at a face, frame after frame, to motion that any character can perform.

Knows what a person's neutral face is worth, how pose follows from points and rotation, and how
frames of any rate become motion at 25 Hz. Refuses to know videos and networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.points import LANDMARKS
from mien.models.capture.reader import FaceReader, Look
from mien.models.codec.basis import face_basis
from mien.models.codec.pose import PUBLIC_TO_PICTURE, rotation_vector, yaw_pitch_roll
from mien.models.codec.rig import CAMERA_DISTANCE_IOD, PIVOT_BEHIND_EYES, PIVOT_BELOW_EYES
from mien.models.codec.topology import OUTER_EYE_CORNERS
from mien.models.motion.gaze import EYE_RANGE_RAD
from mien.models.motion.types import ARKIT_INDEX, FRAME_RATE_HZ, Motion

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
NEUTRAL_SHARE = 0.04  # of the frames, the calmest ones, say what the person's neutral face is
CALM = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown",
        "mouthUpperUp", "mouthLowerDown", "eyeBlink", "browDown", "browInnerUp", "mouthPress",
        "mouthRollLower", "mouthRollUpper", "noseSneer", "eyeSquint", "eyeWide")  # fmt: skip
_PICTURE = np.diag(PUBLIC_TO_PICTURE)


@dataclass(frozen=True)
class Stand:
    """Where a head is in a picture: weak perspective."""

    rotation: F64  # [3, 3] picture axes
    scale: float  # px per outer-eye distance
    pivot: F64  # [2] px, the top of the neck


def stand(look: Look) -> Stand:
    """Fit the mean face's rigid points, turned as the look says, to the look's points."""
    basis = face_basis()
    ids = np.array(LANDMARKS)
    weight = basis.rigid_weight[ids].astype(np.float64) * look.visible + 1e-4
    rotation = _PICTURE @ look.rotation @ _PICTURE
    mean = basis.mean.astype(np.float64)
    turned = (mean[ids] @ rotation.T)[:, :2]
    w = weight / weight.sum()
    there, here = turned - w @ turned, look.points - w @ look.points
    scale = float((w[:, None] * there * here).sum() / (w[:, None] * there * there).sum())
    shift = w @ look.points - scale * (w @ turned)
    pivot = mean[list(OUTER_EYE_CORNERS)].mean(0)
    pivot = pivot + np.array([0.0, PIVOT_BELOW_EYES, PIVOT_BEHIND_EYES])
    return Stand(rotation, scale, scale * (rotation @ pivot)[:2] + shift)


def neutral_look(looks: Sequence[Look], reader: FaceReader) -> Look:
    """The person's neutral face: the mean of the calmest frames that look about ahead."""
    columns = [i for name, i in ARKIT_INDEX.items() if name.startswith(CALM)]
    alone = np.stack([reader.motion(look) for look in looks])
    angles = np.stack([yaw_pitch_roll(_PICTURE @ k.rotation @ _PICTURE) for k in looks])
    aside = np.abs(angles - np.median(angles, 0))[:, :2].sum(1)
    unrest = alone[:, columns].sum(1) + 4.0 * aside
    calm = np.argsort(unrest)[: max(1, round(NEUTRAL_SHARE * len(looks)))]
    first = looks[int(calm[0])]
    return Look(
        points=first.points, visible=first.visible, rotation=first.rotation,
        gaze_rad=first.gaze_rad,
        code=np.mean([looks[i].code for i in calm], 0, dtype=np.float32),
        level=np.mean([looks[i].level for i in calm], 0, dtype=np.float32),
    )  # fmt: skip


def eye_looks(gaze_rad: F64) -> dict[str, float]:
    """The eight eyeLook coefficients of the gaze in the head [2, 2], right eye first."""
    found = {}
    for side, (theta, phi) in zip(("Right", "Left"), gaze_rad, strict=True):
        out = theta if side == "Left" else -theta
        across = 0.95 * np.tanh(out / EYE_RANGE_RAD[0] / 0.95)
        along = 0.9 * np.tanh(phi / (EYE_RANGE_RAD[2] if phi > 0 else EYE_RANGE_RAD[3]) / 0.9)
        for way, weight in (("Out", across), ("In", -across), ("Up", along), ("Down", -along)):
            found[f"eyeLook{way}{side}"] = float(max(weight, 0.0))
    return found


def perform(looks: Sequence[Look], times_us: Sequence[int], reader: FaceReader) -> Motion:
    """Return the motion of a performance, relative to its own neutral face and middle pose.

    `looks` one a frame, `times_us` their rising times from 0; the motion has a frame for every
    40 ms begun. Raises ValueError without frames.
    """
    if not looks:
        raise ValueError("a performance needs at least one frame")
    neutral = neutral_look(looks, reader)
    dynamics = np.stack([reader.motion(look, neutral) for look in looks])
    for i, look in enumerate(looks):
        for name, weight in eye_looks(look.gaze_rad).items():
            dynamics[i, ARKIT_INDEX[name]] = weight
    poses = relative_poses([stand(look) for look in looks])
    values = _smooth(np.concatenate([dynamics, poses], 1).astype(np.float64))
    at = np.arange(times_us[-1] * FRAME_RATE_HZ // 1_000_000 + 1) * (1e6 / FRAME_RATE_HZ)
    shown = np.stack([np.interp(at, times_us, column) for column in values.T], 1)
    clipped = np.clip(shown[:, :-6], 0.0, 1.0)
    return Motion(clipped.astype(np.float32), shown[:, -6:].astype(np.float32))


def relative_poses(stands: Sequence[Stand]) -> F64:
    """Public poses [T, 6] against the middle of them all."""
    width = float(np.linalg.norm(face_basis().mean[234] - face_basis().mean[454]))
    turns = np.stack([s.rotation for s in stands])
    u, _, vt = np.linalg.svd(turns.mean(0))
    rest = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    scale = float(np.median([s.scale for s in stands]))
    pivot = np.median([s.pivot for s in stands], 0)
    unit = scale * width
    poses = np.zeros((len(stands), 6))
    for pose, s in zip(poses, stands, strict=True):
        pose[:3] = rotation_vector(rest.T @ s.rotation) * PUBLIC_TO_PICTURE
        pose[3:5] = (s.pivot - pivot) / unit * (1.0, -1.0)
        pose[5] = (1.0 - scale / s.scale) * CAMERA_DISTANCE_IOD / width
    return poses


def _smooth(values: F64) -> F64:
    """A quarter, a half, a quarter: what is left of a network's noise, at no delay."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])
