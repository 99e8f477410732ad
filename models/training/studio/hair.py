"""Hair and beards: strands that grow, fall and lie on a head, as ribbons of painted hairs.

Knows styles. Refuses to know light. Each ribbon ("card") carries a dozen hairs as a texture with
transparency, so edges, partings and tips are ragged as hair is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.studio.layout import Material
from training.studio.mesh import Piece, smooth_step, strip_triangles
from training.studio.person import Person
from training.studio.scalp import CENTRE, Scalp, hair_density
from training.studio.skin import beard_density

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

CARD_COLUMNS = 4  # of the texture: three of hairs, one of curls


@dataclass(frozen=True)
class Cut:
    """What a style does. Lengths in model units."""

    length: tuple[float, float]
    cards: int
    stations: int = 6
    width: float = 1.0
    lift: float = 0.5  # how much strands start along the skin's normal
    fall: float = 0.3  # gravity, per step
    layers: float = 0.7  # how far out the outermost strands lie
    comb: str = "crown"  # crown, parting, back, bun, out
    window: bool = False  # strands are kept out of the face
    fringe: bool = False
    curl: float = 0.0


CUTS = {
    "buzz": Cut((0.35, 0.6), 900, 2, 0.55, lift=0.9, fall=0.0, layers=0.1),
    "crop": Cut((1.8, 3.4), 950, 4, 0.7, lift=0.5, fall=0.10, layers=0.5),
    "swept": Cut((4.0, 7.5), 760, 6, 0.9, lift=0.45, fall=0.16, layers=0.9, comb="back"),
    "spiky": Cut((2.5, 4.5), 560, 4, 0.8, lift=1.8, fall=0.0, layers=0.4, comb="out"),
    "curly": Cut((4.0, 9.0), 720, 7, 1.0, lift=1.0, fall=0.24, layers=1.5, curl=0.6),
    "afro": Cut((3.0, 5.5), 800, 5, 1.3, lift=2.2, fall=0.0, layers=0.5, comb="out", curl=0.5),
    "bob": Cut((12.0, 15.5), 680, 8, 1.1, lift=0.4, fall=0.5, layers=1.0, comb="parting",
               window=True),
    "long": Cut((20.0, 30.0), 700, 10, 1.25, lift=0.4, fall=0.55, layers=1.2, comb="parting",
                window=True),
    "tied": Cut((7.0, 12.0), 620, 7, 1.1, lift=0.15, fall=0.0, layers=0.35, comb="bun"),
    "fringe": Cut((13.0, 22.0), 700, 9, 1.1, lift=0.4, fall=0.5, layers=1.0, window=True,
                  fringe=True),
}  # fmt: skip


def grow_hair(scalp: Scalp, person: Person, covered: F32 | None = None) -> Piece | None:
    """The hair of a head; `covered` [V] is 1 where a hat lies on it. None for bald heads."""
    cut = CUTS.get(person.style)
    density = hair_density(scalp.rest, person.hairline, person.seed)
    if covered is not None:
        density = density * (1 - covered)
    if cut is None or density.max() < 0.2:
        return None
    rng = np.random.default_rng(person.seed + 23)
    # Strands leave the crown and the parting on all sides: more of them must start there.
    crowded = density * (1 + 1.2 * smooth_step(10.5, 13.0, scalp.rest[:, 1]).astype(np.float32))
    roots, normals, _ = scalp.sample(crowded, cut.cards, rng)
    strands, layer = _grow(scalp, person, cut, roots, normals, rng, covered is not None)
    outer_first = np.argsort(-layer)  # what lies below is then rejected before it is shaded
    piece = ribbons(
        strands[outer_first], scalp, cut.width, rng, layer[outer_first], curly=cut.curl > 0
    )
    piece.turn = np.asarray(0.15 + 0.85 * smooth_step(-17.0, -7.0, piece.points[:, 1]), np.float32)
    return piece


def grow_beard(scalp: Scalp, person: Person) -> Piece | None:
    """The beard, bound to the skin it grows on. None where there is none."""
    lengths = {"goatee": (0.5, 1.6), "moustache": (0.6, 1.3), "full": (0.7, 2.0), "long": (2, 7)}
    if person.beard not in lengths:
        return None
    rng = np.random.default_rng(person.seed + 29)
    density = beard_density(scalp.rest, person)
    density[len(density) // 3 :] = 0.0  # the face alone, not the mouth behind it
    lip = (np.abs(scalp.rest[:, 1] + 3.45) < 1.05) & (np.abs(scalp.rest[:, 0]) < 2.9)
    density[lip & (scalp.rest[:, 2] > 9)] = 0.0
    count = {"moustache": 320, "goatee": 520}.get(person.beard, 1150)
    roots, normals, vertex = scalp.sample(density, count, rng)
    if not len(roots):
        return None
    low, high = lengths[person.beard]
    chin = smooth_step(-4.5, -8.0, roots[:, 1])
    length = rng.uniform(low, high, len(roots)) * (0.45 + 0.75 * chin)
    length[roots[:, 1] > -3.0] *= 0.5 if person.beard != "moustache" else 0.9
    down = np.array([0.0, -1.0, 0.15]) + rng.normal(size=(len(roots), 3)) * 0.22
    down[:, 0] += np.sign(roots[:, 0]) * np.where(roots[:, 1] > -3.2, 0.9, -0.1)
    strands = _walk(scalp, roots, down + 0.45 * normals, length, 4, 0.12, rng,
                    0.08 + 0.25 * rng.random(len(roots)), 0.12)  # fmt: skip
    wide = 0.55 if person.beard == "long" else 0.3
    piece = ribbons(strands, scalp, wide, rng, rng.random(len(roots)), curly=rng.random() < 0.3)
    piece.material = int(Material.BEARD)
    piece.bind = np.repeat(vertex, 8).astype(np.int32)
    return piece


def _grow(
    scalp: Scalp, person: Person, cut: Cut, roots: F64, normals: F64, rng: np.random.Generator,
    under_hat: bool,
) -> tuple[F64, F64]:  # fmt: skip
    """Strands [N, stations, 3] and how far out each lies, 0..1."""
    count = len(roots)
    layer = rng.random(count)
    length = rng.uniform(*cut.length, count) * person.volume**0.5
    comb = _comb(person, cut, roots, rng)
    comb -= (comb * normals).sum(1, keepdims=True) * normals
    comb /= np.linalg.norm(comb, axis=1, keepdims=True) + 1e-6
    lift = cut.lift * (0.4 if under_hat else 1.0)
    start = comb + lift * normals * rng.uniform(0.4, 1.2, (count, 1))
    start += rng.normal(size=(count, 3)) * 0.12
    azimuth = np.degrees(np.arctan2(np.abs(roots[:, 0]), roots[:, 2] - 1.0))
    front = (azimuth < 42) & (roots[:, 1] > 6.5)
    fringe = front & (cut.fringe or (cut.window and person.seed % 3 == 0))
    if fringe.any() and not under_hat:
        start[fringe] = [0, -0.25, 1.0] + 0.5 * normals[fringe]
        start[fringe, 0] += 0.25 * person.parting + 0.15 * rng.normal(size=fringe.sum())
        length[fringe] = np.maximum(1.0, roots[fringe, 1] - rng.normal(5.4, 0.5, fringe.sum()) + 1)
    margin = 0.12 + cut.layers * person.volume * layer
    strands = _walk(scalp, roots, start, length, cut.stations, cut.fall, rng, margin, 0.10,
                    window=cut.window & ~fringe, parting=person.parting)  # fmt: skip
    if cut.curl:
        strands = _curl(strands, cut.curl, rng)
    return strands, layer


def _comb(person: Person, cut: Cut, roots: F64, rng: np.random.Generator) -> F64:
    """The direction in which each strand is combed, [N, 3]."""
    crown = np.array([0.8 * person.parting, 13.6, -1.5])
    if cut.comb == "back":
        side = np.array([1.1 * person.parting, 0.55, -1.0])
        away = np.broadcast_to(side, roots.shape).copy()
        away[:, 1] -= 0.9 * smooth_step(6.0, 1.0, roots[:, 1])
        return away
    if cut.comb == "bun":
        return np.array([0.0, 6.5 if person.parting > 0 else 1.0, -10.5]) - roots
    if cut.comb == "out":
        return roots - CENTRE + rng.normal(size=roots.shape) * 2.0
    if cut.comb == "parting":
        line = np.stack([np.full(len(roots), 3.2 * person.parting), np.full(len(roots), 13.0),
                         np.clip(roots[:, 2], -3.0, 9.0)], 1)  # fmt: skip
        return roots - line
    return roots - crown


def _walk(
    scalp: Scalp, roots: F64, start: F64, length: F64, stations: int, fall: float,
    rng: np.random.Generator, margin: F64, wander: float,
    window: NDArray[np.bool_] | bool = False, parting: float = 0.0,
) -> F64:  # fmt: skip
    """Let strands grow step by step: onward, down, never into the head. [N, stations, 3]"""
    step = (length / (stations - 1))[:, None]
    heading = start / (np.linalg.norm(start, axis=1, keepdims=True) + 1e-9)
    place = roots - 0.06 * heading
    path = [place]
    side = np.sign(roots[:, 0] - 3.0 * parting)
    gap = rng.normal(0, 7, len(roots))
    for k in range(1, stations):
        heading = heading + [0, -fall, 0] + rng.normal(size=heading.shape) * wander
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        ahead = place + heading * step
        if np.any(window):
            ahead = _out_of_face(ahead, side, gap, np.broadcast_to(window, side.shape))
        ahead, _ = scalp.push_out(ahead, margin * min(1.0, k / 2))
        _off_shoulders(ahead)
        moved = ahead - place
        heading = moved / (np.linalg.norm(moved, axis=1, keepdims=True) + 1e-9)
        place = place + heading * step
        path.append(place)
    return np.stack(path, 1)


def _out_of_face(place: F64, side: F64, gap: F64, window: NDArray[np.bool_]) -> F64:
    """Turn points that hang before the face round to its side."""
    azimuth = np.arctan2(place[:, 0], place[:, 2] - 1.0)
    least = np.radians(np.interp(place[:, 1], [-12, 4.0, 7.0, 9.8], [58, 64, 48, 0]) + gap)
    inside = window & (azimuth * side < least) & (np.abs(azimuth) < 2.0)
    radius = np.hypot(place[:, 0], place[:, 2] - 1.0)
    out = place.copy()
    out[inside, 0] = (radius * np.sin(side * least))[inside]
    out[inside, 2] = (radius * np.cos(least) + 1.0)[inside]
    return out


def _off_shoulders(place: F64) -> None:
    """Hair lies on shoulders and does not sink in."""
    top = np.interp(
        np.hypot(place[:, 0], 0.5 * place[:, 2]), [6, 10, 16, 22], [-13, -15.5, -18, -21]
    )
    low = place[:, 1] < top
    outward = np.where(place[:, 2] >= 0, 1.0, -1.0)
    place[low, 2] += (0.9 * (top - place[:, 1]) * outward)[low]
    place[low, 1] += 0.3 * (top - place[:, 1])[low]


def _curl(strands: F64, amount: float, rng: np.random.Generator) -> F64:
    count, stations, _ = strands.shape
    phase = rng.uniform(0, 6.3, (count, 1))
    turn = np.arange(stations)[None] * 1.9 + phase
    grown = amount * np.linspace(0, 1, stations) ** 0.7
    wave = np.stack([np.sin(turn), 0.6 * np.cos(1.3 * turn), np.cos(turn)], -1)
    return np.asarray(strands + wave * grown[None, :, None])


def ribbons(
    strands: F64, scalp: Scalp, width: float, rng: np.random.Generator, layer: F64, *, curly: bool
) -> Piece:
    """Cards along strands [N, K, 3]; `layer` 0..1 is how far out each lies."""
    count, stations, _ = strands.shape
    tangent = np.gradient(strands, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-9
    outward = strands - CENTRE
    outward[..., 1] *= 0.55
    outward /= np.linalg.norm(outward, axis=2, keepdims=True) + 1e-9
    side = np.cross(tangent, outward + 0.35 * rng.normal(size=(count, 1, 3)))
    side /= np.linalg.norm(side, axis=2, keepdims=True) + 1e-9
    along = np.linspace(0, 1, stations)
    half = (
        0.5
        * width
        * rng.uniform(0.6, 1.3, (count, 1, 1))
        * (np.interp(along, [0, 0.25, 0.7, 1], [0.75, 1, 0.9, 0.45])[None, :, None])
    )
    points = np.stack([strands - side * half, strands + side * half], 2)  # [N, K, 2, 3]
    lean = np.stack([-side, side], 2) * 0.45
    normals = outward[:, :, None] + lean
    normals /= np.linalg.norm(normals, axis=3, keepdims=True)
    column = np.full(count, 3) if curly else rng.integers(0, 3, count)
    u = (column[:, None, None] + np.array([0.04, 0.96])) / CARD_COLUMNS
    uv = np.stack(
        np.broadcast_arrays(u, along[None, :, None] * rng.uniform(0.9, 1.0, (count, 1, 1))), -1
    )
    open_sky = (0.45 + 0.55 * layer)[:, None] * np.interp(along, [0, 0.35, 1], [0.45, 0.9, 1.0])
    tone = np.clip(0.5 + 0.2 * rng.normal(size=count), 0, 1)

    def both(x: F64) -> F32:
        return np.repeat(np.broadcast_to(x, (count, stations)).ravel(), 2).astype(np.float32)

    return Piece(
        points=points.reshape(-1, 3).astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        triangles=strip_triangles(count, stations),
        material=int(Material.HAIR),
        uv=uv.reshape(-1, 2).astype(np.float32),
        tangent=np.repeat(tangent.reshape(-1, 3), 2, 0).astype(np.float32),
        tone=both(tone[:, None]),
        occlusion=both(open_sky),
    )


def card_texture(size: int = 512) -> U8:
    """Painted hairs, [size, size, 4]: coverage, tone, depth, unused. Row 0 is the root."""
    rng = np.random.default_rng(3)
    wide = size // CARD_COLUMNS
    out = np.zeros((size, size, 4), np.uint8)
    for column in range(CARD_COLUMNS):
        curls = column == CARD_COLUMNS - 1
        cover, tone = np.zeros((size, wide), np.uint8), np.full((size, wide), 110, np.uint8)
        for _ in range(64 if curls else 40):
            start, stop = rng.uniform(-0.1, 0.2), min(1.0, rng.uniform(0.45, 1.25))
            t = np.linspace(max(0, start), stop, 40)
            drift = rng.normal() * 0.10 * t + 0.03 * np.sin(9 * t + rng.uniform(0, 6))
            if curls:
                drift = drift + 0.10 * np.sin(rng.uniform(18, 34) * t + rng.uniform(0, 6))
            x = rng.uniform(0.06, 0.94) + drift
            x = 0.5 + (x - 0.5) * (1 - 0.5 * t**3)
            line = np.stack([x * wide, t * size], 1)
            line = np.round(line * 16).astype(np.int32)
            ink, shade = int(rng.integers(200, 256)), int(rng.integers(30, 240))
            for part, wide_px in (
                (line[:26], int(rng.integers(2, 5))),
                (line[25:34], 2),
                (line[33:], 1),
            ):
                cv2.polylines(cover, [part], False, ink, wide_px, cv2.LINE_AA, 4)
                cv2.polylines(tone, [part], False, shade, wide_px, cv2.LINE_AA, 4)
        where = slice(column * wide, (column + 1) * wide)
        out[:, where, 0], out[:, where, 1] = cover, cv2.GaussianBlur(tone, (0, 0), 0.7)
    return out
