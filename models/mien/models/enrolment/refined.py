"""Lips, seen a second time by the motion encoder.

Two witnesses look at a portrait: MediaPipe's landmarks and the motion encoder's points, the latter
twice, once in a mirror. They mean slightly different places along a lip by the same number, so that
curves are compared and not points: a landmark keeps its place along its curve and goes part of the
way over to where the other witness has that curve. Knows when the encoder is not believed: where
its two looks differ, where points are hidden, where the two are too far apart. Refuses to move
lids, brows, outer lips, irises, nose and outline by themselves: there the encoder is no better on
pictures from elsewhere (docs/decisions.md). The skin around goes along, and no triangle of it
turns over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.crops import around
from mien.models.capture.points import LANDMARKS, MIRROR, PLACE
from mien.models.capture.reader import FaceReader
from mien.models.codec import topology
from mien.models.codec.basis import face_basis

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

SEEN = 0.5  # mean chance of a curve's points being seen, below which the encoder guesses
MOST_IOD = 0.12  # farther apart, one of both is lost, and nobody knows which
SLIVER_IOD2 = 5e-5  # twice the area; about a pixel of a portrait
REACH_IOD = 0.5  # over which the skin goes along


@dataclass(frozen=True)
class Slit:
    """Two curves that share their ends, and how far the encoder is believed about them."""

    name: str
    upper: tuple[int, ...]  # landmarks, image left to image right
    lower: tuple[int, ...]
    share: float  # of the way to the encoder's curve
    corner_share: float  # of the way along it, at the ends
    unsteady: tuple[float, float]  # iod between two looks: believed up to, not believed from
    astray: float  # iod between both witnesses, not believed from
    gap_noise: float  # iod; smaller differences of the opening tell nothing

    @property
    def ring(self) -> list[int]:
        """Its landmarks all around."""
        return [*self.upper, *self.lower[-2:0:-1]]


# Under beards MediaPipe's lips are up to a tenth of an iod off: the two may differ widely.
MOUTH = Slit("mouth", topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP, 0.7, 0.7,
             (0.01, 0.02), MOST_IOD, 0.02)  # fmt: skip
SLITS = (MOUTH,)
_EYES = ((*topology.RIGHT_UPPER_LID, *topology.RIGHT_LOWER_LID),
         (*topology.LEFT_UPPER_LID, *topology.LEFT_LOWER_LID))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Witness:
    """What the encoder saw in two looks."""

    points: F64  # [170, 2] px, their mean
    apart: F64  # [170, 2] px, the direct look less the mirrored one
    visible: F64  # [170] 0..1, the less of both


def look_both_ways(portrait: U8, landmarks: F32, reader: FaceReader) -> Witness:
    """Look at `portrait` [S, S, 3] where `landmarks` [478, 3] px are, and at its mirror image."""
    near = landmarks[list(LANDMARKS), :2].astype(np.float64)
    last = portrait.shape[1] - 1
    flip = np.array([-1.0, 1.0])
    direct = reader.look(portrait, around(near))
    turned = np.ascontiguousarray(portrait[:, ::-1])
    mirrored = reader.look(turned, around(near[MIRROR] * flip + (last, 0)))
    back = mirrored.points[MIRROR] * flip + (last, 0)
    visible = np.minimum(direct.visible, mirrored.visible[MIRROR]).astype(np.float64)
    return Witness((direct.points + back) / 2, direct.points - back, visible)


def refine_points(portrait: U8, landmarks: F32, reader: FaceReader) -> tuple[F32, dict[str, float]]:
    """Landmarks [478, 3] px of `portrait` [S, S, 3] with the lips corrected.

    Depths stay. Also says how far the encoder was believed about each of `SLITS`, 0..1.
    """
    return corrected(landmarks, look_both_ways(portrait, landmarks, reader))


def corrected(landmarks: F32, seen: Witness) -> tuple[F32, dict[str, float]]:
    """`refine_points` with what the encoder saw; no point moves farther than `MOST_IOD`."""
    points = landmarks[:, :2].astype(np.float64)
    right, left = topology.OUTER_EYE_CORNERS
    iod = float(np.linalg.norm(points[left] - points[right]))
    trust = {slit.name: belief(slit, points, seen, iod) for slit in SLITS}
    for slit in (slit for slit in SLITS if trust[slit.name] > 0.0):
        moves = trust[slit.name] * move(slit, points, seen.points, iod)
        length = np.linalg.norm(moves, axis=1, keepdims=True) / iod
        moves *= np.minimum(1.0, MOST_IOD / np.maximum(length, 1e-9))
        points = points + unfolded(points, carried(moves), iod)
    out = landmarks.copy()
    out[:, :2] = points
    return out, trust


def belief(slit: Slit, points: F64, seen: Witness, iod: float) -> float:
    """How far the encoder is believed about a slit, 0..1. `points` [478, 2] px."""
    at = [PLACE[i] for i in slit.ring]
    if not np.isfinite(seen.points[at]).all() or seen.visible[at].mean() < SEEN:
        return 0.0
    half = seen.apart[at] / 2
    unsteady = curves_apart(seen.points[at] + half, seen.points[at] - half) / iod
    astray = curves_apart(points[slit.ring], seen.points[at]) / iod
    return 0.0 if astray >= slit.astray else _fading(unsteady, *slit.unsteady)


def move(slit: Slit, points: F64, seen: F64, iod: float) -> F64:
    """How landmarks [478, 2] px of a slit go over to the encoder's curves `seen` [170, 2], px."""
    first, last = points[slit.upper[0]], points[slit.upper[-1]]
    along = last - first
    axes = np.stack([along, [-along[1], along[0]]], 1) / (along @ along)  # px to widths
    curves = [((points[list(c)] - first) @ axes, (seen[[PLACE[i] for i in c]] - first) @ axes)
              for c in (slit.upper, slit.lower)]  # fmt: skip
    ends = curves[0][1][[0, -1]] - curves[0][0][[0, -1]]
    rises = [_rise(here, there, ends) for here, there in curves]
    noise = slit.gap_noise * iod / float(np.linalg.norm(along))
    wider = rises[1] - rises[0]
    idle = np.clip(wider, -noise, noise) / 2
    rises = [rises[0] + idle, rises[1] - idle]
    moves = np.zeros_like(points)
    for curve, (here, _), rise in zip((slit.upper, slit.lower), curves, rises, strict=True):
        x = here[:, 0]
        slide = slit.corner_share * ((1 - x) * ends[0, 0] + x * ends[1, 0])
        moves[list(curve)] = np.stack([slide, slit.share * rise], 1) @ np.linalg.inv(axes)
    return moves


def _rise(here: F64, there: F64, ends: F64) -> F64:
    """How much lower a curve `there` [N, 2] runs than `here` [N, 2] (y is down), [N], smoothly.

    In widths of a slit with corners at (0, 0) and (1, 0); the encoder's points tremble, so that
    besides the `ends` [2, 2] only a cubic of the difference is kept.
    """
    x = here[:, 0]
    order = np.argsort(there[:, 0])
    away = np.interp(x, there[order, 0], there[order, 1]) - here[:, 1]
    chord = (1 - x) * ends[0, 1] + x * ends[1, 1]
    bow = (x * (1 - x))[:, None] * np.stack([np.ones_like(x), x], 1)
    fit, *_ = np.linalg.lstsq(bow[1:-1], (away - chord)[1:-1], rcond=None)
    return np.asarray(chord + bow @ fit)


def carried(moves: F64) -> F64:
    """Moves [478, 2] of the slits, with the skin's other points going along smoothly, [478, 2].

    A screened Laplace equation on the mesh: slits, lids and the face's outline are held.
    """
    held, response = _skin()
    out = moves.copy()
    out[~held] = response @ moves[held]
    return out


def unfolded(points: F64, moves: F64, iod: float) -> F64:
    """As much of `moves` [478, 2] px as turns no triangle of skin over."""
    for share in (1.0, 0.8, 0.6, 0.4, 0.2):
        if not folds(points, points + share * moves, iod).any():
            return share * moves
    return np.zeros_like(moves)


def folds(before: F64, after: F64, iod: float) -> NDArray[np.bool_]:
    """Which of `skin_triangles` lie the other way round in `after` [478, 2] px than in `before`.

    Slivers, as MediaPipe has them at the lips' corners, do not count.
    """
    triangles = skin_triangles()
    was, now = areas(before, triangles), areas(after, triangles)
    return np.asarray((was * now < 0) & (np.minimum(abs(was), abs(now)) > SLIVER_IOD2 * iod**2))


@cache
def skin_triangles() -> I32:
    """Triangles [T, 3] of the mesh that are skin: neither mouth nor eye."""
    triangles = face_basis().triangles
    opening = np.zeros(len(triangles), bool)
    for hole in (MOUTH.ring, *_EYES):
        opening |= np.isin(triangles, hole).all(1)
    return np.asarray(triangles[~opening])


def areas(points: F64, triangles: I32) -> F64:
    """Twice the signed areas [T] of triangles of `points` [N, 2]."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    return np.asarray(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])


def curves_apart(one: F64, other: F64) -> float:
    """Mean distance of two closed curves [N, 2], from each one's points to the other's sides."""
    return (_to_sides(one, other) + _to_sides(other, one)) / 2


def _to_sides(points: F64, ring: F64) -> float:
    side = np.roll(ring, -1, 0) - ring
    off = points[:, None] - ring
    at = np.clip((off * side).sum(-1) / np.maximum((side**2).sum(-1), 1e-12), 0.0, 1.0)
    return float(np.linalg.norm(off - at[..., None] * side, axis=-1).min(1).mean())


def _fading(value: float, full: float, none: float) -> float:
    """1 up to `full`, 0 from `none` on."""
    if value >= none:
        return 0.0
    return 1.0 if value <= full else (none - value) / (none - full)


@cache
def _skin() -> tuple[NDArray[np.bool_], F64]:
    """Which points are held [478], and how far each other one goes along with them."""
    mean = face_basis().mean[:, :2].astype(np.float64)
    edges = skin_triangles()[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    pull = 1.0 / ((mean[edges[:, 0]] - mean[edges[:, 1]]) ** 2).sum(1)  # short ones are stiff
    joined = np.zeros((topology.LANDMARKS, topology.LANDMARKS))
    joined[edges[:, 0], edges[:, 1]] = joined[edges[:, 1], edges[:, 0]] = pull
    degree = joined.sum(1)
    held = degree == 0  # irises
    held[[*topology.FACE_OVAL, *topology.EYES, *MOUTH.ring]] = True
    stiff = np.diag(degree + REACH_IOD**-2) - joined
    return held, np.linalg.solve(stiff[~held][:, ~held], -stiff[~held][:, held])
