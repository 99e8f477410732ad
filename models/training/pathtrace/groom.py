"""Hair as strands: scalp hair, brows, lashes, beards.

Knows how strands grow, fall, clump, curl and keep out of the body. Refuses to know colours,
characters and renderers. All functions return strands as [N, K, 3] in model units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

F64 = NDArray[np.float64]
Flow = Callable[[F64, F64, F64], F64]  # (roots, where the strands are, normals) -> directions


@dataclass(frozen=True)
class Ground:
    """What hair grows on and lies on: points with outward normals."""

    positions: F64  # [V, 3]
    normals: F64  # [V, 3]


@dataclass(frozen=True)
class Groom:
    """How one kind of hair grows."""

    count: int
    length: tuple[float, float]
    steps: int = 12
    lift: float = 0.6  # how much of the first direction is the skin's normal
    gravity: float = 0.0
    stiffness: float = 0.7  # how much a step keeps of the last direction
    clump: int = 30  # strands a clump
    gather: float = 0.5  # how far the tips draw together
    curl_radius: float = 0.0
    curl_turns: float = 0.0  # per model unit of length
    frizz: float = 0.05
    clearance: float = 0.08
    thickness: float = 0.012
    seed: int = 0


def scatter(
    positions: F64, quads: NDArray[np.int32], density: F64, count: int, seed: int
) -> tuple[NDArray[np.int32], F64]:
    """`count` random places on quads, by area times density: quad corners [N, 4], weights."""
    random = np.random.default_rng(seed)
    corner = positions[quads]
    area = np.linalg.norm(
        np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]), axis=1
    )
    share = area * density[quads].mean(1)
    chosen = random.choice(len(quads), count, p=share / share.sum())
    u, v = random.random((2, count))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], 1)
    return quads[chosen], weights


def on_surface(values: F64, corners: NDArray[np.int32], weights: F64) -> F64:
    """Values at scattered places. [N, ...]"""
    return np.einsum("nk,nk...->n...", weights, values[corners])


def grow(
    groom: Groom, roots: F64, normals: F64, flow: Flow, ground: Ground, scale: F64 | None = None
) -> F64:
    """Grow strands from roots, step by step, then clump and curl them."""
    random = np.random.default_rng(groom.seed)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    length = random.uniform(*groom.length, len(roots)) * (1 if scale is None else scale)
    tree = cKDTree(ground.positions)
    points = np.empty((len(roots), groom.steps, 3))
    points[:, 0] = place = roots.copy()
    direction = _unit(groom.lift * normals + (1 - groom.lift) * flow(roots, place, normals))
    stride = (length / (groom.steps - 1))[:, None]
    for step in range(1, groom.steps):
        wish = _unit(flow(roots, place, normals)) + np.array([0, -groom.gravity, 0])
        wish = wish + groom.frizz * random.normal(size=place.shape)
        direction = _unit(groom.stiffness * direction + (1 - groom.stiffness) * wish)
        place = keep_out(place + direction * stride, tree, ground, groom.clearance)
        points[:, step] = place
    points = gather(points, groom, random)
    return curl(points, groom, length, random)


def _unit(vectors: F64) -> F64:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def keep_out(place: F64, tree: cKDTree, ground: Ground, clearance: float) -> F64:
    """Push points that sank into the body back out of it."""
    _, nearest = tree.query(place, workers=1)
    normal = ground.normals[nearest]
    above = ((place - ground.positions[nearest]) * normal).sum(1)
    return place + normal * np.maximum(clearance - above, 0)[:, None]


def gather(points: F64, groom: Groom, random: np.random.Generator) -> F64:
    """Draw every strand toward the guide strand of its clump, tips most."""
    if groom.clump < 2 or len(points) < 2 * groom.clump:
        return points
    guides = random.choice(len(points), len(points) // groom.clump, replace=False)
    _, nearest = cKDTree(points[guides, 0]).query(points[:, 0], workers=1)
    along = np.linspace(0, 1, points.shape[1])[None, :, None] ** 1.3
    pull = groom.gather * random.uniform(0.4, 1.0, (len(points), 1, 1)) * along
    return points + (points[guides[nearest]] - points) * pull


def curl(points: F64, groom: Groom, length: F64, random: np.random.Generator) -> F64:
    """Wind strands round their own course."""
    if groom.curl_radius <= 0:
        return points
    tangent = _unit(np.gradient(points, axis=1))
    side = _unit(np.cross(tangent, [0.31, 0.2, 0.93]))
    other = np.cross(tangent, side)
    along = np.linspace(0, 1, points.shape[1])[None]
    waves = smooth_phase(points[:, 0], random)[:, None]
    angle = 2 * np.pi * groom.curl_turns * length[:, None] * along + waves
    spread = random.uniform(0.6, 1.3, (len(points), 1))
    radius = groom.curl_radius * np.minimum(along * 3, 1) * spread
    swing = np.cos(angle)[..., None] * side + np.sin(angle)[..., None] * other
    return points + radius[..., None] * swing


def smooth_phase(roots: F64, random: np.random.Generator) -> F64:
    """A phase that neighbours nearly share. [N]"""
    waves = random.normal(size=(3, 3)) * 0.9
    return (np.sin(roots @ waves) * 2.2).sum(1) + random.normal(0, 0.35, len(roots))


def taper(steps: int, thickness: float, tip: float = 0.15) -> F64:
    """Radius along a strand. [K]"""
    return thickness * (1 - (1 - tip) * np.linspace(0, 1, steps) ** 1.6)


def lashes(rim: F64, centre: F64, count: int, length: float, upward: float, seed: int) -> F64:
    """Lashes fanning out of a lid's rim and curling up (or down, `upward` < 0). [N, 8, 3]"""
    random = np.random.default_rng(seed)
    steps = 8
    where = np.sort(random.random(count))
    walk = np.linspace(0, 1, len(rim))
    root = np.stack([np.interp(where, walk, rim[:, k]) for k in range(3)], 1)
    out = _unit(root - centre)
    fan = (root[:, :1] - centre[0]) * np.array([0.28, 0.0, 0.0])
    reach = length * np.sin(np.pi * (0.14 + 0.78 * where)) ** 0.7 * random.uniform(0.7, 1.1, count)
    t = np.linspace(0, 1, steps)[None, :, None]
    course = out[:, None] * t + fan[:, None] * t
    course = course + np.array([0, upward, 0.15])[None, None] * (t**2) - [0, 0.25 * upward, 0] * t
    jitter = random.normal(0, 0.05, (count, 1, 3)) * t
    return root[:, None] + 0.06 * out[:, None] + reach[:, None, None] * (course + jitter)


def brow(arc: F64, ground: Ground, count: int, width: float, length: float, seed: int) -> F64:
    """One eyebrow: hairs along an arc [M, 3] from the inner end, laid on the skin. [N, 6, 3]"""
    random = np.random.default_rng(seed)
    t = random.beta(1.25, 1.15, count)
    walk = np.linspace(0, 1, len(arc))
    at = np.stack([np.interp(t, walk, arc[:, k]) for k in range(3)], 1)
    along = _unit(np.stack([np.interp(t, walk, np.gradient(arc[:, k])) for k in range(3)], 1))
    body = width * (0.45 + 0.55 * np.minimum(t * 5, 1)) * (1 - 0.72 * t**2)
    across = np.clip(random.normal(0, 0.62, count), -1.3, 1.3)
    up = np.array([0.0, 1.0, 0.0])
    root = at + (across * body)[:, None] * up
    lean = np.radians(78 - 72 * np.minimum(t * 2.0, 1) - 26 * across + random.normal(0, 9, count))
    direction = np.cos(lean)[:, None] * along + np.sin(lean)[:, None] * up
    reach = length * random.uniform(0.65, 1.1, count) * (1 - 0.35 * t)
    steps = np.linspace(0, 1, 6)[None, :, None]
    droop = -0.22 * steps**2 * up
    points = root[:, None] + reach[:, None, None] * (direction[:, None] * steps + droop)
    flat = points.reshape(-1, 3)
    _, nearest = cKDTree(ground.positions).query(flat, workers=1)
    normal = ground.normals[nearest]
    above = ((flat - ground.positions[nearest]) * normal).sum(1)
    rise = np.tile(np.linspace(-0.01, 0.09, 6), count)
    return (flat + normal * (rise - above)[:, None]).reshape(points.shape)
