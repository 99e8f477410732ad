"""A person's skin as a fine mesh with painted attributes: colour, lips, gloss, wrinkles.

Knows where on a face blood, shadow, hair roots and folds lie, in coordinates of the mean head
("rest"). Refuses to know identities, light and strands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import distance_transform_edt

from training.pathtrace import blender
from training.pathtrace.head import BROWS, LIDS, OUTER_LIP, HeadModel

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Complexion:
    """How a skin looks. Colours are linear RGB; amounts run 0..1."""

    tone: tuple[float, float, float]
    lips: tuple[float, float, float]
    hair: tuple[float, float, float]  # tint of scalp, stubble and brow roots
    red: float = 0.5
    shadows: float = 0.3  # under the eyes
    age: float = 0.2
    stubble: float = 0.0
    freckles: float = 0.0
    soot: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Skin:
    """The fine skin: posed surface, its place on the mean head, and what is painted on it."""

    positions: F64  # [V, 3]
    normals: F64  # [V, 3]
    rest: F64  # [V, 3]
    quads: NDArray[np.int32]  # [Q, 4]
    attributes: dict[str, F64]


def fine_skin(
    head: HeadModel, posed: F64, look: Complexion, hairline: F64 | None, levels: int = 2
) -> Skin:
    """Subdivide the posed skin and paint it. `hairline`: see `hair_density`."""
    quads = head.skin_quads()
    count = head.ranges["gums_tongue"][0]
    surface = blender.subdivided(posed[:count], quads, levels, {"rest": head.neutral[:count]})
    rest = surface.attributes["rest"]
    lips = lip_mask(head, rest)
    painted = paint(head, rest, look, lips, hairline)
    depth = wrinkles(rest, look.age, look.seed)
    positions = surface.positions + surface.normals * depth[:, None]
    return Skin(positions, surface.normals, rest, surface.quads, painted)


def bell(rest: F64, centre: tuple[float, float, float], width: float) -> F64:
    """A soft spot at a place and its mirror image. [V]"""
    place = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    square = sum((p - c) ** 2 for p, c in zip(place, centre, strict=True))
    return np.exp(-square / (2 * width**2))


def smooth(low: float, high: float, value: F64) -> F64:
    """Smooth step from 0 at `low` to 1 at `high` (which may be below `low`)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def ripple(rest: F64, seed: int, frequency: float, octaves: int = 4) -> F64:
    """Cheap smooth noise: sines in random directions, standard deviation about one. [V]"""
    random = np.random.default_rng(seed)
    total = np.zeros(len(rest))
    for octave in range(octaves):
        for _ in range(3):
            direction = random.normal(size=3) * frequency * 1.9**octave
            total += 0.62**octave * np.sin(rest @ direction + random.uniform(0, 6.3))
    return total / np.sqrt(1.5 * sum(0.62 ** (2 * k) for k in range(octaves)))


def lip_mask(head: HeadModel, rest: F64) -> F64:
    """1 on the red of the lips, seen from the front, with a soft edge. [V]"""
    outline = head.neutral[head.landmarks68[slice(*OUTER_LIP)]][:, :2]
    closed = np.concatenate([outline, outline[:1]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    curve = CubicSpline(along, closed, bc_type="periodic")(np.linspace(0, along[-1], 240))
    step = 0.02
    xs, ys = np.arange(-3.5, 3.5, step), np.arange(-5.5, -1.5, step)
    inside = _inside(curve, np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2))
    inside = inside.reshape(len(ys), len(xs))
    signed = (distance_transform_edt(inside) - distance_transform_edt(~inside)) * step
    column = np.clip(((rest[:, 0] + 3.5) / step).astype(int), 0, len(xs) - 1)
    row = np.clip(((rest[:, 1] + 5.5) / step).astype(int), 0, len(ys) - 1)
    return smooth(-0.07, 0.10, signed[row, column]) * (rest[:, 2] > 9.2)


def _inside(polygon: F64, points: F64) -> NDArray[np.bool_]:
    """Even-odd rule."""
    x, y = points.T
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside


def azimuth_deg(rest: F64) -> F64:
    """Angle round the head from the face (0) past the ear (90) to the nape (180). [V]"""
    return np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2] - 1.0))


def hair_density(rest: F64, hairline: F64, seed: int = 0, softness: float = 1.2) -> F64:
    """0 below the hairline to 1 above. `hairline` [K, 2]: azimuth in degrees, height. [V]"""
    height = np.interp(azimuth_deg(rest), hairline[:, 0], hairline[:, 1])
    ragged = 0.22 * ripple(rest, seed + 91, 1.1)
    density = np.clip((rest[:, 1] - height + ragged) / softness, 0, 1)
    return density * (1 - ear_mask(rest))


def ear_mask(rest: F64) -> F64:
    """1 on the ears. [V]"""
    out = smooth(7.7, 8.1, np.abs(rest[:, 0]))
    return out * (rest[:, 1] > -3.5) * (rest[:, 1] < 4.6) * (rest[:, 2] > -4.0)


def beard_density(rest: F64, lips: F64, reach: float = 1.0, seed: int = 0) -> F64:
    """Where a beard grows: jaw, chin, moustache; `reach` raises it on the cheek. [V]"""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    ragged = 0.28 * ripple(rest, seed + 17, 0.9)
    line = np.interp(x, [0, 2.6, 4.5, 6.2, 7.6], [-4.9, -4.6, -3.4, -0.9, 2.2]) + 0.7 * (reach - 1)
    jaw = smooth(0.5, -0.5, y - line + ragged) * smooth(-10.4, -8.8, y + ragged)
    jaw *= smooth(0.2, 2.4, z) * (x < 8.0)
    moustache = smooth(-1.15, -1.55, y + 0.10 * x) * smooth(-3.4, -2.9, y + 0.05 * x)
    moustache *= smooth(3.5, 2.9, x) * (z > 9.3)
    side = smooth(2.5, 2.9, x) * smooth(3.7, 3.3, x) * (y > -5.4) * smooth(-1.9, -2.7, y)
    side *= z > 8.0
    grown = np.maximum.reduce([jaw, 2.2 * moustache, 1.4 * side])
    bare = smooth(0.75, 0.35, np.hypot(x / 1.4, y + 4.85)) * 0.7  # under the lower lip
    return grown * (1 - np.clip(lips * 3, 0, 1)) * (1 - bare)


def paint(
    head: HeadModel, rest: F64, look: Complexion, lips: F64, hairline: F64 | None
) -> dict[str, F64]:
    """Vertex attributes for the skin material. Colours linear [V, 3], masks [V]."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    slow, quick = ripple(rest, look.seed, 0.35), ripple(rest, look.seed + 1, 1.6)
    colour = np.array(look.tone) * (1 + 0.035 * slow + 0.03 * quick)[:, None]
    blood = (
        0.8 * bell(rest, (4.4, -0.4, 9), 1.8)
        + 0.9 * bell(rest, (0.0, 0.3, 12.8), 1.1)
        + 0.5 * bell(rest, (0, -6.6, 10.6), 1.3)
        + 0.7 * ear_mask(rest)
        + 0.3 * bell(rest, (3.1, 4.5, 9.4), 0.9)
        + 0.35 * bell(rest, (1.3, 0.2, 11.6), 0.6)
    )
    blood = np.clip(blood * look.red * (1 + 0.25 * quick), 0, 1)
    colour *= 1 - blood[:, None] * np.array([0.10, 0.38, 0.40])
    tired = bell(rest, (2.7, 2.2, 9.5), 0.8) + 0.5 * bell(rest, (1.9, 3.1, 9.2), 0.5)
    tired *= look.shadows
    colour *= 1 - np.clip(tired, 0, 1)[:, None] * np.array([0.38, 0.42, 0.30])
    colour *= 1 + 0.10 * (smooth(5.5, 8.5, y) * (z > 4))[:, None] * np.array([0.8, 1.0, 0.8])
    colour = _freckles(rest, colour, look)
    stubble = np.minimum(beard_density(rest, lips, 1.1, look.seed), 1) * look.stubble
    colour = _toward(colour, 0.35 * np.array(look.tone) + 0.3 * np.array(look.hair), 0.7 * stubble)
    if hairline is not None:
        colour = _toward(
            colour,
            0.4 * np.array(look.hair) + 0.15 * np.array(look.tone),
            0.8 * hair_density(rest, hairline, look.seed),
        )
    colour = _toward(
        colour, 0.5 * np.array(look.hair) + 0.3 * np.array(look.tone), 0.38 * brow_shade(head, rest)
    )
    colour = _soot(rest, colour, look)
    rim = np.abs(lips - 0.5) < 0.5
    body = np.array(look.lips) * (1 + 0.08 * quick)[:, None]
    colour = _toward(colour, np.where(rim[:, None], 0.92, 1.0) * body, 0.88 * lips)
    oily = 0.6 * bell(rest, (0, 8, 10.5), 2.4) + 0.8 * bell(rest, (0, 1, 12.6), 1.3)
    oily += 0.35 * bell(rest, (4.4, 1.2, 9.3), 1.0)
    inner = smooth(9.6, 9.0, z) * (y < -2.6) * (y > -4.6) * (x < 2.6)  # inside of the lips
    colour = _toward(colour, np.array([0.12, 0.03, 0.03]), 0.9 * inner)
    sockets = _sockets(head, rest)
    colour = _toward(colour, np.array([0.45, 0.13, 0.11]), sockets)
    return {
        "colour": np.clip(colour, 0, 1),
        "lips": lips,
        "oily": np.clip(oily, 0, 1),
        "wet": np.clip(sockets + inner, 0, 1),
    }


def brow_shade(head: HeadModel, rest: F64) -> F64:
    """The roots of the brows, a soft band. [V]"""
    start, stop = BROWS[1]
    arc = head.neutral[head.landmarks68[start:stop]][:, :2] - [0, 0.16]
    place = np.stack([np.abs(rest[:, 0]), rest[:, 1]], 1)
    distance, along = _polyline(arc, place)
    width = 0.42 - 0.26 * along
    return np.exp(-((distance / width) ** 2)) * (rest[:, 2] > 6)


def _toward(colour: F64, target: F64, amount: F64) -> F64:
    return colour + (target - colour) * np.clip(amount, 0, 1)[:, None]


def _sockets(head: HeadModel, rest: F64) -> F64:
    """1 on the red skin behind the lids. [V]"""
    wet = np.zeros(len(rest))
    for eye in head.eyeballs(head.neutral).values():
        away = rest - eye.centre
        near = np.linalg.norm(away, axis=1) < eye.radius + 0.12
        wet = np.maximum(wet, near & (np.abs(away[:, 1]) < 1.0))
    return wet


def _freckles(rest: F64, colour: F64, look: Complexion) -> F64:
    if look.freckles <= 0:
        return colour
    random = np.random.default_rng(look.seed + 5)
    spots = np.stack([random.normal(0, 3.2, 420), random.normal(1.3, 1.5, 420)], 1)
    sizes, darks = random.uniform(0.05, 0.15, 420), random.uniform(0.25, 0.9, 420)
    amount = np.zeros(len(rest))
    front = np.flatnonzero((rest[:, 2] > 6) & (rest[:, 1] > -3) & (rest[:, 1] < 6))
    for spot, size, dark in zip(spots, sizes, darks, strict=True):
        square = ((rest[front, :2] - spot) ** 2).sum(1)
        amount[front] = np.maximum(amount[front], dark * np.exp(-square / (2 * size**2)))
    return colour * (1 - look.freckles * amount[:, None] * np.array([0.35, 0.52, 0.62]))


def _soot(rest: F64, colour: F64, look: Complexion) -> F64:
    if look.soot <= 0:
        return colour
    smear = smooth(0.5, 1.6, ripple(rest * [1, 2.2, 1], look.seed + 33, 0.5, 5))
    where = bell(rest, (4.6, -1.2, 8.5), 1.9) + bell(rest, (2.2, 8.4, 9.5), 1.6)
    return _toward(colour, np.array([0.03, 0.025, 0.022]), look.soot * smear * np.clip(where, 0, 1))


# Folds of an ageing face in the frontal plane: points (|x|, y), depth, width (model units).
FOLDS: tuple[tuple[tuple[tuple[float, float], ...], float, float], ...] = (
    (((1.75, 0.5), (2.5, -0.9), (3.1, -2.4), (3.25, -3.6)), 0.17, 0.16),  # nose to mouth
    (((2.75, -4.0), (3.0, -5.0), (3.0, -5.9)), 0.08, 0.16),  # mouth to jaw
    (((0.0, 8.3), (1.6, 8.1), (3.2, 8.4), (4.4, 8.0)), 0.055, 0.10),
    (((0.0, 9.2), (1.8, 9.0), (3.6, 9.3)), 0.05, 0.10),
    (((0.0, 7.4), (1.4, 7.2), (3.0, 7.6)), 0.04, 0.09),
    (((0.55, 5.2), (0.62, 6.1), (0.5, 6.9)), 0.07, 0.11),  # between the brows
    (((1.9, 2.75), (2.8, 2.15), (3.9, 2.35), (4.7, 2.9)), 0.07, 0.12),  # under the eye
    (((2.0, 2.0), (2.9, 1.45), (4.0, 1.5)), 0.06, 0.16),
    (((4.75, 3.55), (5.3, 3.9), (5.9, 4.2)), 0.05, 0.08),  # crow's feet
    (((4.8, 3.35), (5.5, 3.35), (6.1, 3.3)), 0.05, 0.08),
    (((4.7, 3.1), (5.3, 2.75), (5.8, 2.3)), 0.05, 0.08),
)


def wrinkles(rest: F64, age: float, seed: int) -> F64:
    """Height of the folds, negative inwards, in model units. [V]"""
    x, y, z = rest.T
    height = np.zeros(len(rest))
    front = np.flatnonzero((z > 4.5) & (y > -7) & (y < 10.5))
    wander = 0.12 * ripple(rest[front], seed + 3, 0.7)
    place = np.stack([np.abs(x[front] + wander), y[front] + wander], 1)
    for points, depth, width in FOLDS:
        distance, along = _polyline(np.array(points), place)
        fade = np.sin(np.pi * np.clip(0.12 + 0.88 * along, 0, 1)) ** 0.6
        trough = -np.exp(-((distance / width) ** 2))
        bank = 0.45 * np.exp(-(((distance - 2.4 * width) / (1.6 * width)) ** 2))
        height[front] += age * depth * fade * (trough + bank)
    return height


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


def lid_margin(head: HeadModel, posed: F64, side: str) -> tuple[F64, F64]:
    """The rims of upper and lower lid, inner corner to outer. Two [K, 3]."""
    inner, up_in, up_out, outer, low_out, low_in = LIDS[side]
    rims = []
    for indices in ((inner, up_in, up_out, outer), (inner, low_in, low_out, outer)):
        points = posed[head.landmarks68[list(indices)]]
        rims.append(CubicSpline(np.arange(4), points)(np.linspace(0, 3, 40)))
    return rims[0], rims[1]
