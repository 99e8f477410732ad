"""Expression shading: a cheek that puffs catches light, a chin that juts throws it.

The change of each landmark's normal under the expression, lit by a soft light from above and in
front, gives a gain on the skin's own colour. The head's turning changes nothing here: the light is
taken to turn with it, which keeps a moving head free of flicker.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import face_basis

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

LIGHT = np.array([0.0, -0.62, -0.78])  # toward the light, head axes
AMBIENT = 0.40
GAIN_RANGE = (0.80, 1.12)
SMOOTHING_STEPS = 4


@njit(cache=True, nogil=True, fastmath=True)
def _normals(shape: F64, triangles: I32, out: F64) -> None:  # pragma: no cover - compiled
    out[:] = 0.0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = shape[b, 0] - shape[a, 0], shape[b, 1] - shape[a, 1], shape[b, 2] - shape[a, 2]
        vx, vy, vz = shape[c, 0] - shape[a, 0], shape[c, 1] - shape[a, 1], shape[c, 2] - shape[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        if nz > 0.0:  # the mesh has no winding; skin faces the camera
            nx, ny, nz = -nx, -ny, -nz
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(shape.shape[0]):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length


def smoothing(triangles: I32, steps: int) -> F64:
    """A matrix [478, 478] that averages values over mesh neighbours, `steps` times."""
    near = np.eye(topology.LANDMARKS)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        near[triangles[:, a], triangles[:, b]] = near[triangles[:, b], triangles[:, a]] = 1.0
    near /= near.sum(1, keepdims=True)
    return np.asarray(np.linalg.matrix_power(near, steps))


class Shading:
    """Skin gains of one face."""

    def __init__(self, shape: F64) -> None:
        """`shape` [478, 3] at rest, iod, head axes."""
        basis = face_basis()
        self.triangles = basis.triangles
        self.amount = np.ones(topology.LANDMARKS)
        self.amount[list(topology.LIPS)] = 0.35
        self.amount[[*topology.EYES, *topology.LID_RINGS]] = 0.0  # lids slide, they do not bulge
        self.amount[topology.SKIN :] = 0.0
        self._soften = smoothing(basis.triangles, SMOOTHING_STEPS)
        self.rest = self._lit(shape)

    def _lit(self, shape: F64) -> F64:
        normals = np.zeros((topology.LANDMARKS, 3))
        _normals(shape, self.triangles, normals)
        return np.asarray(AMBIENT + (1.0 - AMBIENT) * np.maximum(normals @ LIGHT, 0.0))

    def gains(self, shape: F64) -> F32:
        """Gain on skin colour per landmark under the expression `shape`, [478]; 1 at rest."""
        gain = np.clip(self._soften @ (self._lit(shape) / self.rest), *GAIN_RANGE)
        return (1.0 + self.amount * (gain - 1.0)).astype(np.float32)
