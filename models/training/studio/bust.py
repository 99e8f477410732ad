"""Shoulders and clothes below a head: a soft shell of rings with a neckline.

Knows cuts of collars. Refuses to know faces and light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.studio.layout import Material
from training.studio.mesh import Piece, grid_triangles, normals_of, smooth_step
from training.studio.person import Person

F64 = NDArray[np.float64]
_AROUND = 64
# Rings: height, half width, half depth, middle's z.
_RINGS = np.array([
    (-12.6, 7.0, 6.7, -2.0), (-13.2, 7.6, 7.2, -1.9), (-15.0, 9.6, 8.4, -1.5),
    (-17.4, 13.2, 9.2, -1.2), (-19.4, 17.6, 9.8, -1.0), (-22.2, 20.6, 10.4, -0.8),
    (-27.2, 22.6, 11.0, -0.5), (-36.0, 23.2, 11.4, 0.0), (-52.0, 23.2, 11.4, 0.0),
])  # fmt: skip


def clothes(person: Person) -> list[Piece]:
    """The dressed bust, and a collar where the cut has one."""
    rng = np.random.default_rng(person.seed + 43)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    front = np.clip(np.sin(angle), 0, 1)
    share = np.linspace(0, len(_RINGS) - 1, 36)
    wide = (0.9 + 0.22 * person.masculine) * rng.uniform(0.95, 1.05)
    dip = {"crew": 1.6, "vee": 4.5, "collar": 3.0, "robe": 5.0, "armour": 1.0}[person.cloth]
    sharp = {"crew": 2.0, "vee": 7.0, "collar": 6.0, "robe": 6.0, "armour": 2.0}[person.cloth]
    phase = rng.uniform(0, 6.3, 4)
    points = np.stack([
        _ring(k, angle, front, wide, dip, sharp, phase, person.cloth == "armour") for k in share
    ])  # fmt: skip
    pieces = [_shell(points, 0.35, Material.METAL if person.cloth == "armour" else Material.CLOTH)]
    if person.cloth in ("collar", "robe"):
        pieces.append(_collar(points[0], angle, rng))
    return pieces


def _ring(
    k: float, angle: F64, front: F64, wide: float, dip: float, sharp: float, phase: F64,
    plain: bool,
) -> F64:  # fmt: skip
    """One ring of points, [A, 3]."""
    low = min(int(k), len(_RINGS) - 2)
    y, half_x, half_z, z = _RINGS[low] + (k - low) * (_RINGS[low + 1] - _RINGS[low])
    broad = wide if k >= 2 else 1.0
    cosine, sine = np.cos(angle), np.sin(angle)
    neck = 1 - smooth_step(-15, -23, np.array(y))
    drop = neck * (front**sharp * dip - 1.2 * np.clip(0.2 - sine, 0, 1))
    cloth = 0.0 if plain else 0.25 * float(smooth_step(-14, -19, np.array(y)))
    fold = cloth * (
        np.sin(5 * angle + 0.35 * y + phase[0]) + 0.6 * np.sin(9 * angle - 0.5 * y + phase[1])
    )
    x = half_x * broad * np.sign(cosine) * np.abs(cosine) ** 0.85
    depth = half_z * np.sign(sine) * np.abs(sine) ** 0.85
    return np.stack([x * (1 + 0.01 * fold), y - drop + 0.15 * fold, z + depth + 0.35 * fold], 1)


def _collar(ring: F64, angle: F64, rng: np.random.Generator) -> Piece:
    """A standing, turned-over band round the neckline, open in front."""
    tall, lean = rng.uniform(1.0, 2.6), rng.uniform(0.2, 1.0)
    opening = np.clip(np.sin(angle), 0, 1) ** 8
    rise = np.array([0.0, 0.5, 1.0, 0.9, 0.3])
    out = np.array([0.1, 0.05, 0.2, 0.8, 1.4]) * lean
    away = np.stack([np.cos(angle), np.zeros(_AROUND), np.sin(angle)], 1)
    rows = [
        ring
        + [0, 1, 0] * (tall * r * (1 - 0.9 * opening))[:, None]
        + away * (o + 0.2 * opening)[:, None]
        for r, o in zip(rise, out, strict=True)
    ]
    return _shell(np.stack(rows), 0.8, Material.CLOTH)


def _shell(points: F64, top_occlusion: float, material: Material) -> Piece:
    rows = len(points)
    flat = points.reshape(-1, 3).astype(np.float32)
    triangles = grid_triangles(rows, _AROUND, closed=True)
    normals = normals_of(flat, triangles)
    if (normals * (flat * [1, 0, 1])).sum() < 0:
        normals, triangles = -normals, np.ascontiguousarray(triangles[:, ::-1])
    uv = np.stack(np.meshgrid(np.linspace(0, 20, _AROUND), np.linspace(0, 20, rows)), -1)
    shade = np.repeat(
        top_occlusion + (1 - top_occlusion) * np.clip(np.arange(rows) / 8, 0, 1), _AROUND
    )
    return Piece(flat, normals, triangles, int(material), uv.reshape(-1, 2).astype(np.float32),
                 occlusion=shade.astype(np.float32),
                  turn=np.zeros(len(flat), np.float32))  # fmt: skip
