"""Rotations, and the step between the public axes of motion and the axes of the picture.

Public (motion): +x the subject's left, +y up, +z toward the camera. Picture: x right, y down,
z away from the camera. The two differ by a half turn about x, so rotation vectors only change sign
in y and z.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PUBLIC_TO_PICTURE = np.array([1.0, -1.0, -1.0])


def rotation_matrix(vector: F32 | F64) -> F64:
    """The rotation of `vector` (axis times radians), [3] → [3, 3] (Rodrigues)."""
    x, y, z = (float(part) for part in vector)
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = x / angle, y / angle, z / angle
    sin, cos = math.sin(angle), math.cos(angle)
    rest = 1.0 - cos
    return np.array(
        [
            [cos + rest * x * x, rest * x * y - sin * z, rest * x * z + sin * y],
            [rest * x * y + sin * z, cos + rest * y * y, rest * y * z - sin * x],
            [rest * x * z - sin * y, rest * y * z + sin * x, cos + rest * z * z],
        ]
    )


def rotation_vector(matrix: F64) -> F64:
    """Inverse of `rotation_matrix` for angles below half a turn, [3, 3] → [3]."""
    angle = np.arccos(np.clip((np.trace(matrix) - 1.0) / 2.0, -1.0, 1.0))
    if angle < 1e-9:
        return np.zeros(3)
    skew = np.array(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )
    return np.asarray(skew * (angle / (2.0 * np.sin(angle))))


def picture_rotation(public_vector: F32 | F64) -> F64:
    """A public rotation vector as a matrix over picture axes."""
    return rotation_matrix(np.asarray(public_vector, np.float64) * PUBLIC_TO_PICTURE)


def yaw_pitch_roll(matrix: F64) -> F64:
    """Public angles in radians of a rotation over picture axes, [3].

    Yaw is positive where the face looks to the picture's right, pitch where it looks down, roll
    where its top leans to the picture's left.
    """
    yaw = math.asin(min(max(-float(matrix[0, 2]), -1.0), 1.0))
    pitch = math.atan2(-float(matrix[1, 2]), float(matrix[2, 2]))
    roll = math.atan2(float(matrix[0, 1]), float(matrix[0, 0]))
    return np.array([yaw, pitch, roll])


def similarity(target: F64, source: F64, weight: F64) -> tuple[float, F64, F64]:
    """Scale s, rotation R, shift t with target ≈ s · source Rᵀ + t, weighted (Umeyama 1991).

    `target`, `source` [N, 3]; `weight` [N].
    """
    w = weight / weight.sum()
    target_mean, source_mean = w @ target, w @ source
    centred = source - source_mean
    u, singular, vt = np.linalg.svd((target - target_mean).T @ (centred * w[:, None]))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ flip @ vt
    scale = float((singular * np.diag(flip)).sum() / (w @ (centred**2).sum(1)))
    return scale, rotation, target_mean - scale * rotation @ source_mean
