"""What the characters wear, as meshes: mantles, gorgets, pauldrons, aprons, hats, drapes.

Knows shapes around the mean head and body. Refuses to know materials and who wears what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.pathtrace.skin import ripple, smooth

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Garment:
    """A quad mesh."""

    positions: F64  # [V, 3]
    quads: I32  # [Q, 4]


def rings(
    profile: F64,
    around: int = 128,
    rows: int = 48,
    square: float = 1.0,
    arc: tuple[float, float] = (0.0, 360.0),
) -> tuple[F64, F64]:
    """Stacked ovals. `profile` rows: height, half width, half depth, centre z.

    Returns points [rows, around, 3] and the angles [around] (0 = subject's left, 90 = front).
    """
    along = np.linspace(0, len(profile) - 1, rows)
    spans = [np.interp(along, np.arange(len(profile)), column) for column in profile.T]
    height, wide, deep, middle = _soften(np.stack(spans, 1)).T
    closed = arc[1] - arc[0] >= 360
    angle = np.radians(np.linspace(*arc, around, endpoint=not closed))
    cosine, sine = np.cos(angle), np.sin(angle)
    x = wide[:, None] * np.sign(cosine) * np.abs(cosine) ** square
    z = middle[:, None] + deep[:, None] * np.sign(sine) * np.abs(sine) ** square
    y = np.broadcast_to(height[:, None], x.shape)
    return np.stack([x, y, z], 2), angle


def _soften(rows: F64) -> F64:
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def sheet(points: F64, *, closed: bool) -> Garment:
    """A grid of points [R, A, 3] as a garment; `closed` joins the last column to the first."""
    rows, around, _ = points.shape
    grid = np.arange(rows * around).reshape(rows, around)
    if closed:
        grid = np.concatenate([grid, grid[:, :1]], 1)
    a, b = grid[:-1, :-1], grid[1:, :-1]
    c, d = grid[1:, 1:], grid[:-1, 1:]
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4).astype(np.int32)
    return Garment(points.reshape(-1, 3), quads)


def thick(points: F64, thickness: float, *, closed: bool) -> Garment:
    """A grid with a back side and rolled rim, for plates and leather."""
    normal = grid_normals(points)
    inner = points - thickness * normal
    roll = points[:1] + 0.4 * thickness * normal[:1]
    tail = points[-1:] + 0.4 * thickness * normal[-1:]
    return sheet(np.concatenate([inner[:1], roll, points, tail, inner[::-1]]), closed=closed)


def grid_normals(points: F64) -> F64:
    """Unit normals of a grid, pointing away from the vertical axis. [R, A, 3]"""
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9
    outward = normal[..., 0] * points[..., 0] + normal[..., 2] * points[..., 2]
    return normal * (1 if outward.sum() >= 0 else -1)


BODY = np.array([  # height, half width, half depth, centre z
    [-9.6, 6.3, 6.3, -2.6], [-11.0, 6.9, 6.8, -2.4], [-12.6, 8.6, 7.6, -2.1],
    [-14.2, 12.0, 8.8, -1.8], [-16.2, 16.6, 10.0, -1.5], [-19.0, 19.8, 10.8, -1.2],
    [-23.0, 21.4, 11.4, -0.8], [-30.0, 22.0, 11.8, -0.5], [-40.0, 22.0, 11.8, -0.5],
])  # fmt: skip


def torso(
    collar_drop: float = 0.0,
    inflate: float = 0.0,
    folds: float = 0.25,
    seed: int = 0,
    neckline: float = 0.0,
) -> Garment:
    """A close garment from the neck over the shoulders; `neckline` opens a V at the front."""
    profile = BODY + np.array([0, inflate, inflate, 0])
    profile[:2, 0] -= collar_drop
    points, angle = rings(profile, around=192, rows=96, square=0.86)
    top = np.linspace(1, 0, len(points))[:, None] ** 3
    front = np.clip(np.sin(angle), 0, 1) ** 6
    points[..., 1] -= neckline * top * front[None]
    flat = points.reshape(-1, 3)
    wave = ripple(flat * [1, 0.45, 1], seed, 0.28, 4) * smooth(-10, -14, flat[:, 1])
    points = points + folds * wave.reshape(points.shape[:2])[..., None] * grid_normals(points)
    return sheet(points, closed=True)


def gorget() -> list[Garment]:
    """A steel collar: standing neck plates over shoulder plates, lapped downwards."""
    plates = [
        np.array([[-9.1, 7.0, 7.2, -1.6], [-10.6, 7.2, 7.4, -1.6]]),
        np.array([[-10.2, 7.55, 7.75, -1.6], [-12.2, 8.3, 8.4, -1.6]]),
        np.array([[-11.8, 8.6, 8.7, -1.6], [-13.3, 11.4, 9.8, -1.4], [-15.0, 13.4, 11.0, -1.2]]),
    ]
    made = []
    for plate in plates:
        points, angle = rings(plate, around=144, rows=14, square=0.94)
        dip = np.clip(np.sin(angle), 0, 1) ** 3
        points[..., 1] -= 1.2 * dip[None] + 0.35 * np.clip(-np.sin(angle), 0, 1)[None]
        ridge = 0.5 * np.exp(-(((np.degrees(angle) - 90) / 4.0) ** 2))
        points[..., 2] += ridge[None]
        made.append(thick(points, 0.28, closed=True))
    return made


def breastplate() -> Garment:
    """The upper rim of a breastplate under the gorget, keeled in the middle."""
    profile = BODY[4:] + np.array([0, -2.8, 1.1, 0.4])
    profile[0, 0] += 0.6
    points, angle = rings(profile, around=128, rows=40, square=0.8, arc=(8, 172))
    points[..., 2] += 1.1 * np.exp(-(((np.degrees(angle) - 90) / 10.0) ** 2))[None]
    return thick(points, 0.35, closed=False)


def pauldron(side: int) -> list[Garment]:
    """Lapped shoulder plates; `side` +1 is the subject's left."""
    made = []
    for k in range(4):
        theta = np.radians(np.linspace(1 + 23 * k, 29 + 23 * k, 12))  # from the top outwards
        phi = np.radians(np.linspace(-82, 82, 64))
        radius = 7.6 + 0.28 * (3 - k)
        out = np.sin(theta)[:, None] * np.cos(phi)[None]
        up = np.broadcast_to(np.cos(theta)[:, None], out.shape)
        fore = np.sin(phi)[None] * (0.55 + 0.45 * np.sin(theta))[:, None]
        points = np.stack(
            [side * (13.2 + radius * 0.86 * out), -21.0 + radius * up, -0.9 + radius * 1.02 * fore],
            2,
        )
        made.append(thick(points, 0.3, closed=False))
    return made


def rivets(places: F64, radius: float) -> list[Garment]:
    """Small domes at [N, 3]."""
    theta = np.linspace(0.05, np.pi - 0.05, 9)
    phi = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    ball = np.stack(
        [
            np.sin(theta)[:, None] * np.cos(phi),
            np.broadcast_to(np.cos(theta)[:, None], (9, 14)),
            np.sin(theta)[:, None] * np.sin(phi),
        ],
        2,
    )
    return [sheet(place + radius * ball, closed=True) for place in places]


def band(
    profile: F64,
    thickness: float = 0.3,
    tilt_deg: float = 0.0,
    bulge: float = 0.0,
    square: float = 1.0,
    fit: Callable[[F64], F64] | None = None,
) -> Garment:
    """A belt round something; `fit` moves its points [N, 3] onto what it lies on."""
    points, _ = rings(profile, around=144, rows=12, square=square)
    waist = np.sin(np.linspace(0, np.pi, 12))[:, None, None]
    points = tilted(points + bulge * waist * grid_normals(points), tilt_deg)
    if fit is not None:
        points = fit(points.reshape(-1, 3)).reshape(points.shape)
    return thick(points, thickness, closed=True)


def tilted(points: F64, degrees: float, pivot: tuple[float, float, float] = (0, 9, 0)) -> F64:
    """Points tipped backwards (front up) about the x axis."""
    angle = np.radians(degrees)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    )
    return (points - pivot) @ turn.T + pivot


def strap(side: int, under: Garment) -> Garment:
    """An apron strap over a shoulder, lying on the garment under it."""
    t = np.linspace(0, 1, 40)
    course = np.stack(
        [
            side * np.interp(t, [0, 0.5, 1], [7.6, 8.3, 6.6]),
            np.interp(t, [0, 0.25, 0.5, 0.75, 1], [-23, -17, -12.6, -16, -22]),
            np.interp(t, [0, 0.25, 0.5, 0.75, 1], [11.9, 8.3, -1.0, -9.5, -12.5]),
        ],
        1,
    )
    for _ in range(6):
        course[1:-1] = (course[:-2] + 2 * course[1:-1] + course[2:]) / 4
    across = np.array([1.0, -0.16 * side, 0.0]) * np.linspace(-1.35, 1.35, 8)[None, :, None]
    points = course[:, None] + across
    _, nearest = cKDTree(under.positions).query(points.reshape(-1, 3), workers=1)
    points = under.positions[nearest].reshape(points.shape)
    for _ in range(3):
        points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    return thick(points + 0.42 * grid_normals(points), 0.3, closed=False)


def bib() -> Garment:
    """The upper part of a leather apron on the chest."""
    profile = np.array([[-20.5, 19.0, 11.9, -0.6], [-24, 20.5, 12.4, -0.4], [-34, 21, 12.6, -0.4]])
    points, _ = rings(profile, around=48, rows=30, square=0.86, arc=(64, 116))
    return thick(points, 0.35, closed=False)


def hood_down(seed: int, folds: float = 0.5) -> Garment:
    """A heavy roll of cloth lying round neck and shoulders."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    tube = np.linspace(0, 2 * np.pi, 41)
    fore = np.sin(angle)
    wide, deep = 10.6, 9.6
    centre = np.stack(
        [
            wide * np.cos(angle),
            -12.0 - 2.6 * np.clip(fore, 0, 1) ** 2 + 0.9 * np.clip(-fore, 0, 1),
            deep * fore - 1.9,
        ],
        1,
    )
    fat = 1.75 + 0.7 * np.clip(-fore, 0, 1)
    out = np.stack([np.cos(angle), np.zeros_like(angle), fore], 1)
    wave = folds * np.sin(
        7 * angle[None] + 2.2 * np.sin(tube)[:, None] + 2.5 * np.sin(3 * angle + seed)[None]
    )
    radius = fat[None] * (1 + 0.22 * wave)
    points = (
        centre[None]
        + (radius * np.cos(tube)[:, None])[..., None] * out[None]
        + (radius * 0.8 * np.sin(tube)[:, None])[..., None] * np.array([0, 1, 0])
    )
    flat = points.reshape(-1, 3)
    flat = flat + 0.16 * ripple(flat, seed, 0.8, 3)[:, None] * [1, 1, 1]
    return sheet(flat.reshape(points.shape), closed=True)


def hat(seed: int) -> tuple[Garment, Garment]:
    """A wide-brimmed, bent, pointed hat: crown and brim."""
    turn = np.linspace(0, 2 * np.pi, 220, endpoint=False)
    reach = np.linspace(0, 1, 34)[:, None]
    inner, outer = np.array([8.3, 9.6]), np.array([16.3, 16.6])
    wide = inner[0] + (outer[0] - inner[0]) * reach
    deep = inner[1] + (outer[1] - inner[1]) * reach
    sag = 1.5 * reach**2 * np.cos(2 * turn)[None] * 0.9 - 1.5 * reach**1.6
    wave = 0.55 * reach**2 * np.sin(5 * turn + 1.3)[None] + 0.3 * reach * np.sin(3 * turn + 4)[None]
    brim = np.stack([wide * np.cos(turn), 9.4 + sag + wave, deep * np.sin(turn) - 0.6], 2)
    up = np.linspace(0, 1, 60)[:, None]
    shrink = (1 - up) ** 0.75 * (1 + 0.05 * np.sin(9 * up)) + 0.03
    bend = 7.0 * np.clip(up - 0.5, 0, 1) ** 1.5
    rise = 9.0 + 11.5 * up - 9.0 * np.clip(up - 0.62, 0, 1) ** 1.8
    crown = np.stack(
        [
            8.5 * shrink * np.cos(turn) + bend,
            rise + 0 * turn,
            9.8 * shrink * np.sin(turn) - 0.6 - 1.2 * up,
        ],
        2,
    )
    flat = crown.reshape(-1, 3)
    crease = ripple(flat * [0.5, 1.9, 0.5], seed, 0.42, 3)[:, None] * 0.34
    crown = (flat + crease * np.array([1, 0.2, 1])).reshape(crown.shape)
    return (sheet(tilted(crown, 5.0), closed=True), thick(tilted(brim, 5.0), 0.32, closed=True))
