"""Folds of a face: those that age leaves, and those that an expression makes and smooths again.

Knows where folds run (in the frontal plane of the mean head, mirrored) and what moves them.
Refuses to know colour and light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_NAMES
from training.studio.mesh import smooth_step

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# What deepens the folds of a region, by coefficient (both sides where there are two).
REGIONS: dict[str, dict[str, float]] = {
    "forehead": {"browInnerUp": 0.9, "browOuterUp": 0.8},
    "frown": {"browDown": 1.1, "noseSneer": 0.3},
    "nose": {"noseSneer": 1.1, "cheekSquint": 0.2},
    "eye": {"cheekSquint": 0.6, "eyeSquint": 0.6, "mouthSmile": 0.35, "eyeBlink": 0.15},
    "cheek": {"mouthSmile": 0.9, "mouthUpperUp": 0.5, "noseSneer": 0.5, "cheekSquint": 0.3,
              "mouthStretch": 0.3},
    "corner": {"mouthDimple": 0.9, "mouthSmile": 0.3, "mouthStretch": 0.5, "mouthPress": 0.4},
    "chin": {"mouthShrugLower": 1.0, "mouthFrown": 0.6, "mouthPress": 0.3},
}  # fmt: skip
# Where a region's folds answer: centre (|x|, y) and reach.
_PLACES = {"forehead": (0.0, 8.3, 4.2, 2.2), "frown": (0.6, 5.6, 1.7, 1.6),
           "nose": (0.9, 3.0, 1.5, 1.5), "eye": (4.6, 3.0, 2.2, 1.7),
           "cheek": (2.8, -1.2, 1.7, 2.6), "corner": (3.2, -3.9, 1.0, 1.6),
           "chin": (0.0, -6.6, 2.6, 1.9)}  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """A crease: a line of points (|x|, y), how deep and how wide in model units."""

    region: str
    points: tuple[tuple[float, float], ...]
    depth: float
    width: float


FOLDS = (
    Fold("forehead", ((0.0, 7.25), (1.6, 7.1), (3.2, 7.5), (4.4, 7.3)), 0.09, 0.13),
    Fold("forehead", ((0.0, 8.05), (1.6, 7.95), (3.2, 8.3), (4.6, 8.0)), 0.10, 0.13),
    Fold("forehead", ((0.0, 8.9), (1.8, 8.8), (3.6, 9.1), (4.6, 8.8)), 0.08, 0.12),
    Fold("frown", ((0.52, 4.9), (0.62, 5.8), (0.55, 6.8)), 0.12, 0.14),
    Fold("frown", ((1.0, 5.4), (1.25, 6.0), (1.3, 6.7)), 0.08, 0.12),
    Fold("frown", ((0.0, 4.45), (0.5, 4.5), (0.95, 4.7)), 0.07, 0.12),
    Fold("nose", ((0.25, 3.7), (0.8, 3.4), (1.25, 2.8)), 0.07, 0.10),
    Fold("nose", ((0.3, 3.1), (0.9, 2.7), (1.3, 2.1)), 0.07, 0.10),
    Fold("eye", ((4.75, 3.55), (5.3, 3.95), (6.0, 4.3)), 0.08, 0.09),
    Fold("eye", ((4.8, 3.3), (5.5, 3.3), (6.2, 3.2)), 0.08, 0.09),
    Fold("eye", ((4.7, 3.05), (5.3, 2.65), (5.9, 2.1)), 0.08, 0.09),
    Fold("eye", ((1.9, 2.75), (2.8, 2.15), (3.9, 2.3), (4.7, 2.9)), 0.08, 0.12),
    Fold("eye", ((2.0, 2.1), (2.9, 1.5), (4.0, 1.55)), 0.06, 0.16),
    Fold("cheek", ((1.75, 0.5), (2.45, -0.9), (3.05, -2.3), (3.4, -3.5)), 0.20, 0.19),
    Fold("corner", ((3.2, -2.7), (3.55, -3.6), (3.45, -4.5)), 0.11, 0.15),
    Fold("corner", ((2.75, -3.9), (3.0, -4.9), (3.0, -5.8)), 0.06, 0.16),
    Fold("chin", ((0.0, -5.45), (0.9, -5.5), (1.7, -5.9)), 0.09, 0.18),
)


def relief(rest: F32, seed: int, amounts: dict[str, float] | None = None) -> F32:
    """Height of all folds, negative inwards, [...]; `amounts` scales single regions."""
    x, y, z = rest[..., 0], rest[..., 1], rest[..., 2]
    height = np.zeros(x.shape, np.float32)
    front = (z > 4.5) & (y > -8) & (y < 10.5)
    rng = np.random.default_rng(seed + 3)
    phase = rng.uniform(0, 6.3, 4)
    px, py = np.abs(x[front]), y[front]
    wander = 0.09 * np.sin(1.7 * py + phase[0]) + 0.06 * np.sin(3.1 * x[front] + phase[1])
    place = np.stack([px + wander, py + 0.8 * wander[::1]], 1)
    found = np.zeros(len(place))
    for fold in FOLDS:
        strength = (1.0 if amounts is None else amounts.get(fold.region, 0.0)) * rng.uniform(
            0.5, 1.2
        )
        if strength <= 0:
            continue
        found += strength * fold.depth * _crease(np.array(fold.points), place, fold.width)
    chin = 0.05 if amounts is None else 0.0
    dimples = np.sin(7.1 * px + phase[2]) * np.sin(6.3 * py + phase[3])
    found += chin * dimples * np.exp(-((px / 1.6) ** 2) - ((py + 6.6) / 1.1) ** 2)
    height[front] = found
    return height


def _crease(points: F64, place: F64, width: float) -> F64:
    low, high = points.min(0) - 5 * width, points.max(0) + 5 * width
    near = np.flatnonzero(((place > low) & (place < high)).all(1))
    out = np.zeros(len(place))
    if not len(near):
        return out
    distance, along = _polyline(points, place[near])
    fade = np.sin(np.pi * np.clip(0.12 + 0.86 * along, 0, 1)) ** 0.6
    trough = -np.exp(-((distance / width) ** 2))
    bank = 0.4 * np.exp(-(((distance - 2.2 * width) / (1.5 * width)) ** 2))
    out[near] = fade * (trough + bank)
    return out


def _polyline(points: F64, place: F64) -> tuple[F64, F64]:
    """Distance to a polyline, and where along it (0..1)."""
    best, along = np.full(len(place), np.inf), np.zeros(len(place))
    pieces = len(points) - 1
    for k in range(pieces):
        a, span = points[k], points[k + 1] - points[k]
        t = np.clip((place - a) @ span / (span @ span), 0, 1)
        distance = np.linalg.norm(place - a - t[:, None] * span, axis=1)
        nearer = distance < best
        best[nearer], along[nearer] = distance[nearer], (k + t[nearer]) / pieces
    return best, along


def region_weights(rest: F32) -> F32:
    """Where each region's folds answer, left and right apart, [N, 2 * regions]."""
    x, y, z = rest.T
    columns = []
    for cx, cy, wx, wy in _PLACES.values():
        bell = np.exp(-(((np.abs(x) - cx) / wx) ** 2) - ((y - cy) / wy) ** 2) * (z > 4)
        left = smooth_step(-0.7, 0.7, x)
        columns += [bell * (1 - left), bell * left]
    return np.stack(columns, 1).astype(np.float32)


def activation(coefficients: F32) -> F32:
    """How deep each region's folds are for an expression [52]: right, left, [2 * regions]."""
    index = {name: i for i, name in enumerate(ARKIT_NAMES)}
    out = []
    for causes in REGIONS.values():
        for side in ("Right", "Left"):
            amount = sum(
                weight * coefficients[index.get(name + side, index.get(name, -1))]
                for name, weight in causes.items()
            )
            out.append(min(float(amount), 1.3))
    return np.array(out, np.float32)
