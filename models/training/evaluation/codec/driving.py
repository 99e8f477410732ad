"""From what is known of two pictures of one head to the motion that leads from one to the other.

Knows the public convention of poses and how a portrait's rig moves points. Refuses to know where
points come from: exact labels of renders, or looks of the motion encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.points import LANDMARKS, places
from mien.models.capture.reader import Look
from mien.models.codec.basis import face_basis
from mien.models.codec.pose import PUBLIC_TO_PICTURE, rotation_matrix, rotation_vector
from mien.models.codec.rig import CAMERA_DISTANCE_IOD, Rig, soft_limit
from mien.models.enrolment.framing import Frame
from mien.models.motion.types import ARKIT_INDEX
from training.studio.labels import Labels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_IDS = np.array(LANDMARKS)
_OVAL = places("oval")
_SIGNS = np.diag(PUBLIC_TO_PICTURE)
_LIMITS = ((2, 3), (0, 1), (4, 5))  # of a rotation vector's parts, in `Rig.limits`
_REACHED = 0.97  # of a limit: nearer to it, a wish beyond all measure is needed


@dataclass(frozen=True)
class Seen:
    """A head in a portrait-sized picture."""

    points: F64  # [170, 2] px, whole numbers at pixel centres
    visible: F64  # [170] 0..1
    rotation: F64  # [3, 3] of the head, public axes


def from_labels(labels: Labels, size_px: int, frame: Frame | None = None) -> Seen:
    """What a render's labels say, in the px of a portrait cut from it by `frame`."""
    points = labels.points[:, :2].astype(np.float64) * size_px - 0.5
    return Seen(_cut(points, frame), labels.visible.astype(np.float64),
                rotation_matrix(labels.rotation))  # fmt: skip


def from_look(look: Look, frame: Frame | None = None) -> Seen:
    """What the motion encoder saw, in the px of a portrait cut by `frame`."""
    return Seen(_cut(look.points, frame), look.visible.astype(np.float64), look.rotation)


def _cut(points: F64, frame: Frame | None) -> F64:
    if frame is None:
        return points
    flat = np.c_[points, np.zeros(len(points))].astype(np.float32)
    return np.asarray(frame.to_portrait(flat)[:, :2], np.float64)


def relative_face(face: F32, rest: F32) -> F32:
    """Coefficients [52] against those of the portrait; opposite ways of looking cancel out."""
    moved = face.astype(np.float64) - rest
    for name, index in ARKIT_INDEX.items():
        if name.startswith("eyeLook"):
            other = ARKIT_INDEX[_opposite(name)]
            moved[index] = (face[index] - rest[index]) - (face[other] - rest[other])
    return np.clip(moved, 0.0, 1.0).astype(np.float32)


def _opposite(name: str) -> str:
    for way, other in (("Up", "Down"), ("Down", "Up"), ("In", "Out"), ("Out", "In")):
        if name.startswith("eyeLook" + way):
            return name.replace("eyeLook" + way, "eyeLook" + other)
    return name


def relative_pose(rig: Rig, source: Seen, target: Seen) -> F32:
    """The public pose [6] that takes the portrait's head to where the target's is.

    The turn is the true one, as far as the portrait's limits let it be: what the rig compresses is
    asked for that much stronger. Shift and size then follow from the rigid points by least
    squares, since a flat picture does not tell a turn from a shift by itself.
    """
    turn = _SIGNS @ target.rotation @ source.rotation.T @ _SIGNS
    vector = rotation_vector(rig.rotation.T @ turn @ rig.rotation) * PUBLIC_TO_PICTURE
    wish = [_wish(value, rig.limits[low], rig.limits[high])
            for value, (low, high) in zip(vector, _LIMITS, strict=True)]  # fmt: skip
    pose = np.array([*wish, 0.0, 0.0, 0.0], np.float32)
    turned, weight = _turned(rig, pose, source), _weight(source, target)
    there, here = target.points - weight @ target.points, turned - weight @ turned
    scale = float((weight[:, None] * there * here).sum() / (weight[:, None] * here**2).sum())
    shift = weight @ target.points - scale * (weight @ turned) - rig.pivot[:2]
    unit = rig.scale * rig.head_width
    pose[3], pose[4] = shift[0] / unit, -shift[1] / unit
    pose[5] = (1.0 - 1.0 / scale) * CAMERA_DISTANCE_IOD / rig.head_width
    return pose


def residual_iod(rig: Rig, source: Seen, target: Seen, pose: F32) -> float:
    """How far rigid points lie from their places once the portrait is posed: rms, iod."""
    rigid, weight = rig.rigid(pose), _weight(source, target)
    placed = rigid.scale * _turned(rig, pose, source) + rig.pivot[:2] + rigid.shift[:2]
    away = ((placed - target.points) ** 2).sum(1)
    return float(np.sqrt(weight @ away)) / rig.scale


def _turned(rig: Rig, pose: F32, source: Seen) -> F64:
    """The portrait's points, with depths of its own landmarks, turned about the rig's pivot."""
    turning = np.concatenate([pose[:3], np.zeros(3, np.float32)])
    deep = np.c_[source.points, rig.landmarks[_IDS, 2]]
    return np.asarray((rig.rigid(turning).apply(deep) - rig.pivot)[:, :2])


def _weight(source: Seen, target: Seen) -> F64:
    rigid = face_basis().rigid_weight[_IDS].astype(np.float64)
    rigid[_OVAL] = 0.0  # an outline's points lie where the face turns away: their depth is unsure
    weight = rigid * np.minimum(source.visible, target.visible) + 1e-4 * rigid + 1e-9
    return np.asarray(weight / weight.sum())


def _wish(value: float, low: float, high: float) -> float:
    """What to ask of `soft_limit` to get `value`, or nearly a limit where it lies beyond."""
    wanted = float(np.clip(value, _REACHED * low, _REACHED * high))
    near, far = 0.0, 8.0 * wanted
    for _ in range(50):
        middle = (near + far) / 2
        short = abs(soft_limit(middle, float(low), float(high))) < abs(wanted)
        near, far = (middle, far) if short else (near, middle)
    return (near + far) / 2
