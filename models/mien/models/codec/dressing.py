"""A posed face's flow, dressed: what skin maps and folds do to it, and how its edges fade.

`dress` is the fast road (numba, releases the GIL); `dress_reference` is its slow NumPy twin. Knows
the channels that `decoder` rasterises (displacement px right and down, gain, place in the canonical
layout px right and down) and those that `warping.draw_face` reads. Refuses to know expressions.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.folds import TINGE
from mien.models.codec.rasteriser import FAR
from mien.models.codec.texels import MAP_CHANNELS, mix_maps

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

POSED_CHANNELS = 5
PLAIN_MAPS = np.tile(np.array([0, 0, 1, 1, 1, 0, 0, 0], np.float32), (2, 2, 1))
PLAIN_FOLDS = np.ones((2, 2), np.float32)


def filled_up(maps: F32) -> F32:
    """Skin maps [S, S, 5] as `dress` takes them, [S, S, 8]."""
    out = np.zeros((*maps.shape[:2], MAP_CHANNELS), np.float32)
    out[..., :5] = maps
    return out


@njit(inline="always")
def _spot(at: Any, size: int, scale: Any) -> tuple[int, Any]:  # pragma: no cover - compiled
    """The element left of canonical px `at` in a line of `size`, and how far right of it it is."""
    half = np.float32(0.5)
    place = np.float32(scale) * (at + half) - half
    place = min(max(place, np.float32(0.0)), np.float32(size - 1.001))
    first = int(place)
    return first, place - np.float32(first)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _soften(
    out: F32, i: int, above: int, below: int, x0: int, x1: int
) -> None:  # pragma: no cover - compiled
    """Row `i` of the coverage, averaged over three cells each way."""
    soft = out[i, 6]
    column = np.empty(x1 - x0 + 2, np.float32)
    for j in range(x0, x1):
        column[j - x0 + 1] = out[above, 5, j] + out[i, 5, j] + out[below, 5, j]
    column[0], column[x1 - x0 + 1] = column[1], column[x1 - x0]
    for j in range(x1 - x0):
        total = column[j] + column[j + 1] + column[j + 2]
        soft[x0 + j] = total * np.float32(1.0 / 9.0)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def dress(
    posed: F32, depth: F32, maps: F32, folds: F32, iod_px: float,
    box: tuple[int, int, int, int], out: F32, extents: I32,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Dress the cells of `box` (x0, y0, x1, y1) of a face's flow, into `out` [h, 7, w].

    `posed` [h, 5, w] and `depth` [h, w] as rasterised; the box has a margin that nothing covers.
    `maps` [S, S, 8] shift places (in units of `iod_px`) and gain, see `SkinMaps.at`; `folds`
    [128, 128] gain, see `Folds.at`, most of it in blue. `extents` [h, 2] gets the first cell of
    each row that is covered, and the one after the last.
    """
    x0, y0, x1, y1 = box
    size, fold_size = maps.shape[0], folds.shape[0]
    folded = fold_size > PLAIN_FOLDS.shape[0]
    scale, stride = np.float32(size / CANONICAL_PX), np.int32(size * MAP_CHANNELS)
    unit, one = np.float32(iod_px), np.float32(1.0)
    here = np.empty(MAP_CHANNELS, np.float32)
    for i in range(y0, y1):
        extents[i, 0], extents[i, 1] = x1, x0
        for j in range(x0, x1):
            if depth[i, j] >= FAR:
                for k in range(6):
                    out[i, k, j] = np.float32(0.0)
                continue
            extents[i, 0] = min(extents[i, 0], j)
            extents[i, 1] = j + 1
            u, v = posed[i, 3, j], posed[i, 4, j]
            a, p = _spot(v, size, scale)
            b, q = _spot(u, size, scale)
            mix_maps(  # type: ignore[call-arg]
                maps, np.int32((a * size + b) * MAP_CHANNELS), stride, q, p, here
            )
            dark = np.float32(0.0)
            if folded:
                a, p = _spot(v, fold_size, one)
                b, q = _spot(u, fold_size, one)
                top = folds[a, b] + q * (folds[a, b + 1] - folds[a, b])
                low = folds[a + 1, b] + q * (folds[a + 1, b + 1] - folds[a + 1, b])
                dark = top + p * (low - top) - one
            out[i, 0, j] = posed[i, 0, j] + here[0] * unit
            out[i, 1, j] = posed[i, 1, j] + here[1] * unit
            gain = posed[i, 2, j]
            for k in range(3):
                out[i, 2 + k, j] = gain * here[2 + k] * (one + np.float32(TINGE[k]) * dark)
            out[i, 5, j] = one
    for i in range(y0, y1):
        _soften(out, i, max(i - 1, y0), min(i + 1, y1 - 1), x0, x1)


def dress_reference(posed: F32, depth: F32, maps: F32, folds: F32, iod_px: float) -> F32:
    """What `dress` gives of the whole grid, [h, 7, w]."""
    posed, cover = posed.transpose(1, 0, 2), (depth < FAR).astype(np.float32)

    def read(picture: F32, scale: float) -> F32:
        high = np.float32(len(picture) - 1.001)
        x, y = (np.clip(scale * (at + 0.5) - 0.5, 0.0, high).astype(np.float32) for at in posed[3:])
        i, j = y.astype(int), x.astype(int)
        p, q = (y - i)[..., None], (x - j)[..., None]
        top = picture[i, j] + q * (picture[i, j + 1] - picture[i, j])
        low = picture[i + 1, j] + q * (picture[i + 1, j + 1] - picture[i + 1, j])
        return np.asarray(top + p * (low - top), np.float32)

    mapped = read(maps, len(maps) / CANONICAL_PX)
    dark = read(folds[..., None], 1.0) - 1.0
    place = posed[:2] + iod_px * mapped[..., :2].transpose(2, 0, 1)
    gains = posed[2] * (mapped[..., 2:5] * (1.0 + np.array(TINGE) * dark)).transpose(2, 0, 1)
    soft = cv2.blur(cover, (3, 3), borderType=cv2.BORDER_REPLICATE)
    whole = np.concatenate([cover * place, cover * gains, cover[None], soft[None]])
    return np.ascontiguousarray(whole.transpose(1, 0, 2), np.float32)
