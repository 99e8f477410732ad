"""Folds of the skin that an expression makes: frowns, foreheads, crow's feet, noses, cheeks.

Knows where folds run on the mean face (between landmarks), which coefficients deepen them and what
a crease does to light: dark in its trough, a little brighter on its banks. On smooth, painted skin
a fold is fainter than on skin with grain. At rest every gain is one, to the bit. Refuses to know
meshes; `skin_maps` does what is softer than a fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.basis import face_basis
from mien.models.codec.canonical import CANONICAL_PX, inner, layout_of
from mien.models.codec.rig import coefficients_of
from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

BANK = 0.2  # how bright a bank is, of how dark the trough is
BANK_AWAY, BANK_WIDTH = 2.2, 1.5  # of the trough's width
MOST = 1.2  # an expression deepens a fold no further
GRAIN_SMOOTH, GRAIN_ROUGH = 2.0, 6.5  # grey levels of grain at which skin is painted, or weathered
FAINTEST = 0.4  # of a fold's depth, on skin without grain
SPLIT_PX = 3.0  # across which folds answer to both sides

TINGE = (0.8, 1.0, 1.05)  # folds are skin lit by skin: they lose least of red

Spot = tuple[int, int, float]  # from a landmark so far toward another


@dataclass(frozen=True)
class Fold:
    """A crease of the subject's right half; its twin lies in the mirror."""

    causes: dict[str, float]  # coefficients without their side
    line: tuple[Spot, ...]
    depth: float  # of the logarithm of light
    width_px: float  # of the canonical layout


_FROWN = {"browDown": 1.0, "noseSneer": 0.3}
_BROW = {"browInnerUp": 0.75, "browOuterUp": 0.55}
_NOSE = {"noseSneer": 1.1}
_EYE = {"cheekSquint": 0.7, "eyeSquint": 0.5, "mouthSmile": 0.3}
_CHEEK = {"mouthSmile": 0.8, "mouthUpperUp": 0.5, "noseSneer": 0.5, "mouthStretch": 0.3}

FOLDS = (
    Fold(_FROWN, ((8, 55, 0.40), (9, 107, 0.50), (107, 151, 0.36)), 0.30, 0.9),
    Fold(_FROWN, ((8, 55, 0.85), (9, 107, 0.86), (107, 108, 0.36)), 0.14, 0.9),
    Fold(_BROW, ((9, 151, 0.55), (107, 108, 0.62), (66, 69, 0.62), (105, 104, 0.62)), 0.20, 1.0),
    Fold(_BROW, ((151, 10, 0.08), (108, 109, 0.05), (69, 67, 0.05), (104, 103, 0.0)), 0.22, 1.0),
    Fold(_BROW, ((151, 10, 0.42), (108, 109, 0.40), (69, 67, 0.38), (104, 103, 0.34)), 0.16, 1.0),
    Fold(_NOSE, ((6, 197, 0.2), (122, 196, 0.3), (122, 188, 0.6)), 0.20, 0.9),
    Fold(_NOSE, ((197, 195, 0.2), (196, 3, 0.4), (174, 217, 0.3)), 0.18, 0.9),
    Fold(_EYE, ((33, 162, 0.16), (33, 162, 0.34), (33, 162, 0.56)), 0.18, 0.8),
    Fold(_EYE, ((33, 127, 0.16), (33, 127, 0.36), (33, 127, 0.58)), 0.18, 0.8),
    Fold(_EYE, ((33, 234, 0.14), (33, 234, 0.30), (33, 234, 0.46)), 0.16, 0.8),
    Fold(_CHEEK, ((129, 203, 0.55), (206, 203, 0.1), (216, 206, 0.2), (212, 216, 0.35)), 0.22, 1.3),
)  # fmt: skip


def _crease(line: F64, width: float) -> F64:
    """How a fold along `line` [N, 2] px takes light, [128, 128]: 1 in the trough, less than 0
    on its banks."""
    rows, columns = np.mgrid[:CANONICAL_PX, :CANONICAL_PX].astype(np.float64)
    best, along = np.full(rows.shape, np.inf), np.zeros(rows.shape)
    pieces = len(line) - 1
    for k in range(pieces):
        a, span = line[k], line[k + 1] - line[k]
        x, y = columns - a[0], rows - a[1]
        t = np.clip((x * span[0] + y * span[1]) / (span @ span), 0.0, 1.0)
        distance = np.hypot(x - t * span[0], y - t * span[1])
        nearer = distance < best
        best[nearer], along[nearer] = distance[nearer], (k + t[nearer]) / pieces
    fade = np.sin(np.pi * np.clip(0.08 + 0.84 * along, 0.0, 1.0)) ** 0.7
    trough = np.exp(-((best / width) ** 2))
    away = (best - BANK_AWAY * width) / (BANK_WIDTH * width)
    return np.asarray(fade * (trough - BANK * np.exp(-(away**2))))


def _smooth_line(points: F64) -> F64:
    """A line through `points` [N, 2] without corners (Catmull and Rom 1974)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    out = [points[:1]]
    t = (np.arange(1, 9) / 8.0)[:, None]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        out.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                          + (3 * b - a - 3 * c + d) * t**3))  # fmt: skip
    return np.concatenate(out)


@cache
def _mean_folds() -> tuple[NDArray[np.intp], F32, F32]:
    """Pixels that a fold touches [n], what each does there [n, 2F] and its causes [2F, 52]."""
    mean = face_basis().mean[:468]
    outline = cv2.convexHull(np.ascontiguousarray(mean[:, :2]), returnPoints=False)[:, 0]
    places = layout_of(outline)[:468].astype(np.float64)
    left = 1.0 / (1.0 + np.exp((CANONICAL_PX / 2 - 0.5 - np.arange(CANONICAL_PX)) / SPLIT_PX))
    maps, causes = [], []
    for fold in FOLDS:
        line = np.array([places[a] + t * (places[b] - places[a]) for a, b, t in fold.line])
        right = fold.depth * _crease(_smooth_line(line), fold.width_px) * inner()
        both = right + right[:, ::-1] if fold.line[0][0] in _MIDDLE else None
        for side, share in (("Right", 1.0 - left), ("Left", left)):
            if both is not None:
                maps.append(_joined(right) * share)
            else:
                maps.append(right if side == "Right" else right[:, ::-1])
            row = np.zeros(len(ARKIT_NAMES), np.float32)
            for name, weight in fold.causes.items():
                row[ARKIT_INDEX.get(name + side, ARKIT_INDEX.get(name, -1))] = weight
            causes.append(row)
    whole = np.stack(maps, -1).reshape(-1, len(maps))
    touched = np.flatnonzero(np.abs(whole).max(1) > 0.004)
    return touched, whole[touched].astype(np.float32), np.stack(causes)


_MIDDLE = (9, 151, 6, 197)  # folds that begin in the middle of the face meet their twins there


def _joined(right: F64) -> F64:
    """A fold and its twin as one, the stronger of both where they meet."""
    twin = right[:, ::-1]
    return np.where(np.abs(right) > np.abs(twin), right, twin)


def fold_layout() -> tuple[NDArray[np.intp], F32]:
    """Pixels of the canonical layout that a fold touches [n], and what each does there [n, 2F]."""
    return _mean_folds()[:2]


def fold_amounts(dynamics: F32) -> F32:
    """How far an expression [52] folds each of them, [2F]; all zero where `Folds.at` has none."""
    amount = np.minimum(_mean_folds()[2] @ coefficients_of(dynamics), np.float32(MOST))
    return np.asarray(amount * (float(amount.max()) >= 0.01), np.float32)


def grain_of(skin: U8, seen: F32) -> float:
    """How grainy a skin [128, 128, 3] is, 0 (painted) to 1 (weathered), where it is `seen`."""
    grey = cv2.cvtColor(skin, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    inside = (inner() > 0.99) & (seen > 0.99)
    if not inside.any():
        return 0.0
    grain = 1.48 * float(np.median(fine[inside]))
    return float(np.clip((grain - GRAIN_SMOOTH) / (GRAIN_ROUGH - GRAIN_SMOOTH), 0.0, 1.0))


class Folds:
    """The folds of one character."""

    def __init__(self, skin: U8, seen: F32) -> None:
        """`skin` [128, 128, 3] in the canonical layout, and where there is any [128, 128]."""
        self._pixels, self._maps, self._causes = _mean_folds()
        self.depth = FAINTEST + (1.0 - FAINTEST) * grain_of(skin, seen)

    def at(self, dynamics: F32) -> F32 | None:
        """Gains [128, 128] of an expression [52]; None where nothing folds."""
        amount = np.minimum(self._causes @ coefficients_of(dynamics), np.float32(MOST))
        if float(amount.max()) < 0.01:
            return None
        depth = np.exp(self._maps @ (np.float32(-self.depth) * amount))
        gains = np.ones(CANONICAL_PX * CANONICAL_PX, np.float32)
        _put(gains, self._pixels, depth)
        return gains.reshape(CANONICAL_PX, CANONICAL_PX)


@njit(cache=True, nogil=True, boundscheck=False)
def _put(whole: F32, where: NDArray[np.intp], values: F32) -> None:  # pragma: no cover - compiled
    for i in range(where.shape[0]):
        whole[where[i]] = values[i]
