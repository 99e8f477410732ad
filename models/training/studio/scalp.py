"""A person's scalp and outline: where hair grows, where surfaces are, how far out the head reaches.

Knows the neutral head of one person. Refuses to know strands and hats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from training.studio.head import HeadModel
from training.studio.mesh import normals_of, smooth_step

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

CENTRE = np.array([0.0, 4.5, 0.5])  # of the skull, roughly
_AZIMUTHS, _ELEVATIONS = 48, 25


def hair_density(rest: F32, hairline: F64, seed: int, softness: float = 1.3) -> F32:
    """0 below a ragged hairline to 1 above. `hairline` [K, 2]: azimuth in degrees, height. [...]"""
    x, y, z = rest[..., 0], rest[..., 1], rest[..., 2]
    azimuth = np.degrees(np.arctan2(np.abs(x), z - 1.0))
    height = np.interp(azimuth, hairline[:, 0], hairline[:, 1])
    s = seed % 89
    ragged = 0.28 * np.sin(1.3 * x + 0.7 * y + s) + 0.22 * np.sin(2.9 * x - 1.1 * z + 2 * s)
    ragged = ragged + 0.16 * np.sin(5.7 * x + 2.3 * y + 3 * s) + 0.1 * np.sin(9.1 * z + 7.3 * x)
    ear = smooth_step(7.6, 8.0, np.abs(x)) * (y > -3.5) * (y < 5.0) * (z > -4.0)
    return np.asarray(np.clip((y - height + ragged) / softness, 0, 1) * (1 - ear), np.float32)


class Scalp:
    """Surface queries on one person's head at rest."""

    def __init__(self, head: HeadModel, neutral: F32) -> None:
        self.rest, self.neutral = head.neutral, neutral
        self.triangles = head.skin_triangles
        self.normals = normals_of(neutral, self.triangles)
        used = np.unique(self.triangles)
        self._used = used[(neutral[used, 1] > -15) & (np.arange(len(used)) % 3 == 0)]
        self._tree = cKDTree(neutral[self._used])
        self.reach = self._outline()

    def sample(self, density: F32, count: int, rng: np.random.Generator) -> tuple[F64, F64, I32]:
        """Random roots where `density` [V] is high: places, normals [count, 3], nearest vertex."""
        t = self.triangles
        a, b, c = (self.neutral[t[:, k]].astype(np.float64) for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        weight = area * density[t].mean(1) ** 1.2
        if weight.sum() < 1e-6:
            return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.int32)
        chosen = rng.choice(len(t), count, p=weight / weight.sum())
        u, v = rng.random(count), rng.random(count)
        flip = u + v > 1
        u[flip], v[flip] = 1 - u[flip], 1 - v[flip]
        w = np.stack([1 - u - v, u, v], 1)[..., None]
        place = (self.neutral[t[chosen]] * w).sum(1)
        normal = (self.normals[t[chosen]] * w).sum(1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        return place, normal, t[chosen, 0].astype(np.int32)

    def push_out(self, points: F64, margin: F64) -> tuple[F64, F64]:
        """Points [N, 3] kept `margin` [N] outside the skin, and the skin's normals there."""
        _, near = self._tree.query(points, workers=1)
        vertex = self._used[near]
        normal = self.normals[vertex].astype(np.float64)
        depth = ((points - self.neutral[vertex]) * normal).sum(1)
        return points + normal * np.maximum(margin - depth, 0)[:, None], normal

    def _outline(self) -> F64:
        """How far the skin reaches from CENTRE, by azimuth and elevation. [A, E]"""
        used = np.unique(self.triangles)
        used = used[self.neutral[used, 1] > -12]
        used = used[np.abs(self.rest[used, 0]) < 7.9]  # without ears
        offset = self.neutral[used] - CENTRE
        distance = np.linalg.norm(offset, axis=1)
        azimuth, elevation = _angles(offset)
        a = np.round(azimuth / (2 * np.pi) * _AZIMUTHS).astype(int) % _AZIMUTHS
        e = np.round((elevation / np.pi + 0.5) * (_ELEVATIONS - 1)).astype(int)
        reach = np.zeros((_AZIMUTHS, _ELEVATIONS))
        np.maximum.at(reach, (a, e), distance)
        filled = np.where(reach > 0, reach, 0)
        weight = gaussian_filter((reach > 0).astype(float), 1.0, mode=("wrap", "nearest"))
        smooth = gaussian_filter(filled, 1.0, mode=("wrap", "nearest")) / np.maximum(weight, 1e-3)
        return np.asarray(np.maximum(np.where(reach > 0, reach, smooth) * 0.5 + smooth * 0.5, 6.0))

    def distance_out(self, directions: F64) -> F64:
        """How far the head reaches from CENTRE along unit directions [..., 3]."""
        azimuth, elevation = _angles(directions)
        a = azimuth / (2 * np.pi) * _AZIMUTHS
        e = np.clip((elevation / np.pi + 0.5) * (_ELEVATIONS - 1), 0, _ELEVATIONS - 1.001)
        a0, e0 = np.floor(a).astype(int), np.floor(e).astype(int)
        fa, fe = a - a0, e - e0
        grid = self.reach
        low, high = a0 % _AZIMUTHS, (a0 + 1) % _AZIMUTHS
        return np.asarray(
            (1 - fa) * ((1 - fe) * grid[low, e0] + fe * grid[low, e0 + 1])
            + fa * ((1 - fe) * grid[high, e0] + fe * grid[high, e0 + 1])
        )


def _angles(offset: NDArray[np.floating]) -> tuple[F64, F64]:
    """Azimuth 0..2π from the face toward the subject's left, elevation ±π/2."""
    azimuth = np.arctan2(offset[..., 0], offset[..., 2]) % (2 * np.pi)
    flat = np.hypot(offset[..., 0], offset[..., 2])
    return np.asarray(azimuth), np.asarray(np.arctan2(offset[..., 1], flat))


def direction(azimuth: F64, elevation: F64) -> F64:
    """Unit vectors for angles in radians, [..., 3]."""
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], -1)
