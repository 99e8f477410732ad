"""Shapes of the tongue: the groove it has at rest, and the tongue stuck out.

The head model has no shape for a tongue that leaves the mouth; this one is swept along a curve.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from training.pathtrace.head import Mesh

F64 = NDArray[np.float64]

# Stations along the tongue stuck out, back to tip, for the jaw at 0.5 (model units):
# height and depth of the middle of the upper surface, half width, thickness.
STATIONS = np.array(
    [
        # y      z     half   thick
        [-4.30, 3.00, 1.70, 1.50],
        [-3.95, 5.20, 1.80, 1.40],
        [-4.05, 7.20, 1.72, 1.15],
        [-4.55, 9.00, 1.62, 0.90],
        [-4.88, 10.30, 1.56, 0.74],
        [-5.30, 11.30, 1.50, 0.64],
        [-6.05, 11.95, 1.36, 0.55],
        [-6.75, 12.20, 1.05, 0.46],
        [-7.15, 12.22, 0.62, 0.34],
        [-7.32, 12.18, 0.05, 0.10],
    ]
)
RINGS, AROUND = 56, 40


def groove(tongue: Mesh, depth: float = 0.16, width: float = 0.30) -> Mesh:
    """The tongue at rest with its middle furrow, deepest halfway along."""
    x, y, z = tongue.positions.T
    along = np.clip((z - z.min()) / np.ptp(z), 0, 1)
    top = np.clip((y - np.interp(z, *_mid_height(tongue))) / 0.4, 0, 1)
    sunk = depth * np.exp(-((x / width) ** 2)) * np.sin(np.pi * along**0.8) * top
    return Mesh(np.stack([x, y - sunk, z], 1), tongue.triangles, tongue.source)


def _mid_height(tongue: Mesh) -> tuple[F64, F64]:
    """Height of the tongue's middle, by depth."""
    y, z = tongue.positions[:, 1], tongue.positions[:, 2]
    bins = np.linspace(z.min(), z.max(), 12)
    middles = [(y[abs(z - b) < 0.5].min() + y[abs(z - b) < 0.5].max()) / 2 for b in bins]
    return bins, np.array(middles)


def tongue_out(rest: Mesh) -> Mesh:
    """A tongue that lies over the lower teeth and lip, pointing forward and down.

    A closed tube of flattened rings along STATIONS. `source` has no meaning here and is zero.
    """
    t = np.linspace(0, len(STATIONS) - 1, RINGS)
    y, z, half, thick = CubicSpline(np.arange(len(STATIONS)), STATIONS)(t).T
    tangent = np.stack([np.gradient(y), np.gradient(z)], 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1)  # [R, 2] (y, z), out of the upper side
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    across = np.cos(angle)
    up = np.sin(angle)
    profile = np.where(up > 0, 0.35 * np.sign(up) * abs(up) ** 0.8, -0.65 * abs(up) ** 0.7)
    furrow = 0.24 * np.exp(-((across / 0.16) ** 2)) * (up > 0)
    edge_curl = 0.10 * across**4
    height = thick[:, None] * (profile - 0.35 + edge_curl)[None]
    height -= (np.sin(np.pi * np.linspace(0, 1, RINGS)) ** 0.5 * 0.45)[:, None] * furrow[None]
    wobble = 0.035 * np.sin(3.1 * t)[:, None] * np.cos(angle + 0.6)[None]
    x = np.maximum(half, 0.02)[:, None] * across[None] * (1 + wobble)
    ring_y = y[:, None] + normal[:, :1] * height
    ring_z = z[:, None] + normal[:, 1:] * height
    points = np.stack([x, ring_y, ring_z], 2).reshape(-1, 3)
    return Mesh(points, _tube(RINGS, AROUND), np.zeros(len(points), np.int32))


def _tube(rings: int, around: int) -> NDArray[np.int32]:
    grid = np.arange(rings * around).reshape(rings, around)
    a, b = grid[:-1], grid[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
