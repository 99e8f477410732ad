"""The virtual camera: where it stands, what it frames, and where points land.

Knows projection. Refuses to know faces' inner workings and what lenses do to pixels (see
`training.studio.film`). Camera axes: +x right, +y up, +z toward the camera, origin at the neck's
pivot; pictures: x right, y down, in pixels, (0, 0) the outer corner of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
NEAR, FAR = 15.0, 260.0


@dataclass(frozen=True)
class Camera:
    """A pinhole looking along -z, never turned."""

    place: tuple[float, float, float]
    half_tangent: float  # of the vertical and horizontal angle of view

    @property
    def focal(self) -> float:
        """Focal length in picture widths."""
        return 0.5 / self.half_tangent

    def matrix(self) -> F64:
        """Camera axes to clip space, [4, 4], column vectors."""
        scale = 1 / self.half_tangent
        m = np.zeros((4, 4))
        m[0, 0] = m[1, 1] = scale
        m[2, 2], m[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
        m[3, 2] = -1
        move = np.eye(4)
        move[:3, 3] = -np.array(self.place)
        return np.asarray(m @ move)

    def project(self, points: NDArray[np.floating], size: int) -> F64:
        """Pixels x, y and distance along the axis, [N, 3]."""
        seen = np.asarray(points, np.float64) - self.place
        depth = -seen[:, 2]
        at = seen[:, :2] / (depth[:, None] * self.half_tangent)
        return np.stack([(0.5 + 0.5 * at[:, 0]) * size, (0.5 - 0.5 * at[:, 1]) * size, depth], 1)


def frame_head(
    anchor: F64, *, distance: float, half_height: float, offset: tuple[float, float] = (0.0, 0.0)
) -> Camera:
    """A camera `distance` before a head whose `anchor` lies between the eyes.

    `half_height` is what the picture shows above and below its middle at the head, model units;
    `offset` moves the camera sideways and up. The middle is a little below the eyes.
    """
    x, y, z = anchor
    return Camera((x + offset[0], y - 2.2 + offset[1], z + distance), half_height / distance)


def shadow_matrix(direction: F64, middle: F64, radius: float = 25.0) -> F64:
    """Orthographic view from far along `direction`, for shadow maps. [4, 4]"""
    forward = -direction / np.linalg.norm(direction)
    reference = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.95 else np.array([0.0, 0, 1.0])
    right = np.cross(forward, reference)
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    view = np.eye(4)
    view[:3, :3] = np.stack([right, up, -forward])
    view[:3, 3] = -view[:3, :3] @ (middle - forward * 70.0)
    box = np.eye(4)
    box[0, 0] = box[1, 1] = 1 / radius
    box[2, 2], box[2, 3] = -2 / 130.0, -150.0 / 130.0
    return np.asarray(box @ view)
