"""What people wear on their heads: hats, hoods, helmets, circlets, glasses.

Knows shapes that fit a scalp. Refuses to know hair and cloth's colours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.studio.layout import Material
from training.studio.mesh import Piece, grid_triangles, normals_of, smooth_step, tube
from training.studio.person import Person
from training.studio.pose import Eye
from training.studio.scalp import CENTRE, Scalp, direction

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_COLUMNS = 56


def hat(scalp: Scalp, person: Person) -> list[Piece]:
    """The pieces of this person's hat; none for the bare-headed."""
    rng = np.random.default_rng(person.seed + 37)
    build = {"beanie": _beanie, "brimmed": _brimmed, "hood": _hood, "helmet": _helmet,
             "scarf": _scarf, "circlet": _circlet}  # fmt: skip
    return build[person.hat](scalp, rng) if person.hat in build else []


def covered(scalp: Scalp, person: Person) -> F32 | None:
    """1 where a hat lies on the scalp, [V]; None where hair is free."""
    edge = {"beanie": 6.6, "brimmed": 7.6, "hood": 3.0, "helmet": 4.5, "scarf": 7.4}
    if person.hat not in edge:
        return None
    rest = scalp.rest
    line = edge[person.hat] + (0.25 * (rest[:, 2] - 4) if person.hat != "hood" else 0)
    above = smooth_step(-0.6, 0.6, rest[:, 1] - line)
    if person.hat == "hood":
        above = np.maximum(above * 0.9, smooth_step(5.5, 2.5, rest[:, 2]) * (rest[:, 1] > -8))
    return above.astype(np.float32)


def _sheet(
    scalp: Scalp, low: F64, high: float, rows: int, thick: F64, material: Material,
    columns: slice = slice(None), bump: F64 | None = None,
) -> Piece:  # fmt: skip
    """A shell from elevation `low` [A] (degrees) up to `high`, `thick` [rows] outside the head."""
    azimuth = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)[None]
    share = np.linspace(0, 1, rows)[:, None]
    elevation = np.radians(low[None] + (high - low[None]) * share)
    out = direction(np.broadcast_to(azimuth, elevation.shape), elevation)
    reach = scalp.distance_out(out) + thick[:, None]
    if bump is not None:
        reach = reach + bump
    points = (CENTRE + out * reach[..., None]).astype(np.float32)
    uv = np.stack(np.broadcast_arrays(azimuth * 3, share * 6), -1)
    return _piece(points, uv, material, closed=True)


def _piece(points: F32, uv: F64, material: Material, *, closed: bool) -> Piece:
    rows, columns = points.shape[:2]
    triangles = grid_triangles(rows, columns, closed=closed)
    flat = points.reshape(-1, 3)
    normals = normals_of(flat, triangles)
    outward = ((flat - CENTRE) * normals).sum(1)
    if outward.mean() < 0:
        normals, triangles = -normals, np.ascontiguousarray(triangles[:, ::-1])
    return Piece(flat, normals, triangles, int(material), uv.reshape(-1, 2).astype(np.float32))


def _line(front: float, side: float, back: float) -> F64:
    """Elevation in degrees of an edge round the head, [A]."""
    azimuth = np.abs((np.linspace(0, 360, _COLUMNS, endpoint=False) + 180) % 360 - 180)
    return np.asarray(np.interp(azimuth, [0, 35, 90, 180], [front, front - 2, side, back]))


def _beanie(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    edge = _line(rng.uniform(16, 26), rng.uniform(4, 14), rng.uniform(-18, -5))
    rows = 22
    tall = rng.uniform(0.6, 1.8)
    share = np.linspace(0, 1, rows)
    fold = 0.35 * smooth_step(0.26, 0.20, share)
    thick = 0.55 + fold + tall * share**2
    rib = 0.05 * np.sin(np.arange(_COLUMNS) * 2 * np.pi / 2.0)[None] * np.ones((rows, 1))
    return [_sheet(scalp, edge, 89.0, rows, thick, Material.HAT, bump=rib)]


def _brimmed(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    edge = _line(rng.uniform(27, 33), 22, rng.uniform(8, 16))
    rows = 18
    share = np.linspace(0, 1, rows)
    tall = rng.uniform(1.5, 5.0)
    crown = _sheet(scalp, edge, 89.0, rows, 0.5 + tall * smooth_step(0.1, 0.8, share), Material.HAT)
    azimuth = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)
    ring = (
        CENTRE
        + direction(azimuth, np.radians(edge))
        * (scalp.distance_out(direction(azimuth, np.radians(edge))) + 0.45)[:, None]
    )
    width = rng.uniform(3.0, 6.5)
    flat = np.stack(
        [np.sin(azimuth), np.full(_COLUMNS, rng.uniform(-0.25, 0.1)), np.cos(azimuth)], 1
    )
    wave = 0.5 * rng.random() * np.sin(2 * azimuth + rng.uniform(0, 6))
    reach = np.linspace(0, 1, 6)[:, None, None] * width
    points = ring[None] + flat[None] * reach
    points[..., 1] += wave[None] * np.linspace(0, 1, 6)[:, None] ** 2
    uv = np.stack(np.broadcast_arrays(azimuth[None] * 3, np.linspace(0, 2, 6)[:, None]), -1)
    brim = _piece(points.astype(np.float32), uv, Material.HAT, closed=True)
    under = Piece(brim.points - np.float32([0, 0.12, 0]), -brim.normals,
                  np.ascontiguousarray(brim.triangles[:, ::-1]), brim.material,
                  brim.uv)  # fmt: skip
    under.occlusion[:] = 0.5
    return [crown, brim, under]


def _hood(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    """Cloth round the head, open at the face, falling to the shoulders."""
    rows, columns = 26, 41
    opening = rng.uniform(52, 64)
    azimuth = np.radians(np.linspace(opening, 360 - opening, columns))[None]
    height = np.linspace(0, 1, rows)[:, None]
    loose = rng.uniform(1.2, 2.4)
    elevation = np.radians(np.interp(height, [0, 0.45, 1], [-72, -20, 88]))
    front = np.radians(opening) * np.interp(height, [0, 0.5, 0.8, 1], [0.8, 1.0, 0.75, 0.2])
    span = (np.linspace(0, 1, columns)[None] * (2 * np.pi - 2 * front)) + front
    out = direction(span, np.broadcast_to(elevation, span.shape))
    reach = scalp.distance_out(out)
    low = elevation < np.radians(-25)
    reach = np.where(low, np.minimum(reach, 10.0 / np.maximum(np.cos(elevation), 0.45)), reach)
    fold = 0.35 * np.sin(5 * span + 3 * height) * (1 - height) + 0.2 * np.sin(9 * span)
    points = CENTRE + out * (reach + loose + fold)[..., None]
    points[..., 1] += 0.9 * smooth_step(0.8, 1.0, height)
    uv = np.stack(np.broadcast_arrays(azimuth * 3, height * 8), -1)
    piece = _piece(points.astype(np.float32), uv, Material.HAT, closed=False)
    piece.turn = (0.25 + 0.75 * smooth_step(-13, -5, piece.points[:, 1])).astype(np.float32)
    inner = Piece(piece.points * np.float32(0.985), -piece.normals,
                  np.ascontiguousarray(piece.triangles[:, ::-1]), piece.material, piece.uv,
                  turn=piece.turn)  # fmt: skip
    inner.occlusion[:] = 0.35
    return [piece, inner]


def _helmet(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    edge = _line(rng.uniform(20, 28), rng.uniform(-28, 6), rng.uniform(-35, -20))
    rows = 20
    share = np.linspace(0, 1, rows)
    ridge = np.zeros((rows, _COLUMNS))
    if rng.random() < 0.5:  # a crest from brow to nape
        azimuth = np.arange(_COLUMNS) * 2 * np.pi / _COLUMNS
        ridge = 0.7 * np.exp(-((np.sin(azimuth) / 0.12) ** 2))[None] * share[:, None] * 0.8
    rim = 0.22 * smooth_step(0.10, 0.06, share)
    shell = _sheet(scalp, edge, 89.0, rows, 0.75 + rim, Material.METAL, bump=ridge)
    pieces = [shell]
    if rng.random() < 0.5:  # a bar before the nose
        y = np.linspace(8.6, 1.2, 8)
        z = np.interp(y, [1.2, 4, 8.6], [14.2, 13.0, 12.4])
        path = np.stack([np.zeros(8), y, z], 1)
        points, triangles = tube(path, 0.42, 6)
        pieces.append(_wire(points, triangles, Material.METAL))
    return pieces


def _scarf(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    edge = _line(rng.uniform(24, 32), rng.uniform(12, 20), rng.uniform(-25, 0))
    fold = 0.12 * np.sin(np.arange(_COLUMNS)[None] * 0.9 + np.arange(16)[:, None] * 1.3)
    return [_sheet(scalp, edge, 89.0, 16, np.full(16, 0.7), Material.HAT, bump=fold)]


def _circlet(scalp: Scalp, rng: np.random.Generator) -> list[Piece]:
    azimuth = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)
    out = direction(azimuth, np.radians(_line(27, 20, 8)))
    path = CENTRE + out * (scalp.distance_out(out) + 0.75)[:, None]
    points, triangles = tube(path, rng.uniform(0.12, 0.32), 6, closed=True)
    return [_wire(points, triangles, Material.METAL)]


def _wire(points: F32, triangles: NDArray[np.int32], material: Material) -> Piece:
    return Piece(points, normals_of(points, triangles), triangles, int(material),
                 np.zeros((len(points), 2), np.float32))  # fmt: skip


def glasses(
    scalp: Scalp, person: Person, eyes: tuple[Eye, ...]
) -> tuple[list[Piece], Piece | None]:
    """Frame pieces and the lenses (drawn as glass), or nothing."""
    if person.glasses == "none":
        return [], None
    rng = np.random.default_rng(person.seed + 41)
    wide, tall, power = {"round": (2.2, 1.95, 2.0), "square": (2.5, 1.6, 4.0),
                         "cat": (2.5, 1.65, 2.6)}[person.glasses]  # fmt: skip
    wide, tall = wide * rng.uniform(0.9, 1.1), tall * rng.uniform(0.85, 1.15)
    wire = rng.uniform(0.07, 0.24)
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = wide * np.sign(cosine) * np.abs(cosine) ** (2 / power)
    y = tall * np.sign(sine) * np.abs(sine) ** (2 / power)
    frames, lenses = [], []
    front = max(float(eye.centre[2] + eye.radius) for eye in eyes) + 1.75
    for eye, sign in zip(eyes, (-1.0, 1.0), strict=True):
        lift = 0.35 * np.clip(sign * x / wide, 0, 1) ** 2 * (person.glasses == "cat")
        rim = np.stack([eye.centre[0] + 0.15 * sign + x, eye.centre[1] + y + lift,
                        front - 0.045 * (eye.centre[0] + x) ** 2], 1)  # fmt: skip
        frames.append(_wire(*tube(rim, wire, 6, closed=True), Material.FRAME))
        lenses.append(np.concatenate([rim, rim.mean(0, keepdims=True)]))
        hinge = np.array([eye.centre[0] + sign * (wide + 0.2), eye.centre[1] + 0.6, front - 1.6])
        ear = np.array([sign * 8.0, eye.centre[1] + 0.3, 0.3])
        temple = hinge + (ear - hinge) * np.linspace(0, 1, 6)[:, None]
        temple[:, 0] = np.maximum(np.abs(temple[:, 0]), np.linspace(abs(hinge[0]), 8.1, 6)) * sign
        frames.append(_wire(*tube(temple, wire, 5), Material.FRAME))
    inner = wide - 0.15
    span = np.linspace(eyes[0].centre[0] + inner, eyes[1].centre[0] - inner, 7)
    arch = 0.35 * (1 - (span / max(abs(span[0]), 1e-3)) ** 2)
    bridge = np.stack([span, np.full(7, eyes[0].centre[1] + 0.4) + arch, front + 0.15 * arch], 1)
    frames.append(_wire(*tube(bridge, wire, 6), Material.FRAME))
    return frames, _lens(lenses)


def _lens(discs: list[F64]) -> Piece:
    points = np.concatenate(discs).astype(np.float32)
    triangles = []
    for k, disc in enumerate(discs):
        rim = np.arange(len(disc) - 1) + k * len(disc)
        centre = np.full(len(rim), (k + 1) * len(disc) - 1)
        triangles.append(np.stack([rim, np.roll(rim, -1), centre], 1))
    normals = np.tile(np.float32([0, 0, 1]), (len(points), 1))
    normals[:, 0] = points[:, 0] * 0.05
    return Piece(points, normals, np.concatenate(triangles).astype(np.int32), int(Material.FRAME),
                 np.zeros((len(points), 2), np.float32))  # fmt: skip
