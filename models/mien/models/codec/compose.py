"""Layers laid over each other, in 8-bit integers, and what of them has to be drawn anew.

A layer is premultiplied RGBA. Layers are made with this when a character is loaded; frames are
drawn by `warping`, to the same integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
I32 = NDArray[np.int32]

BANDS = 8  # horizontal stripes that a layer is drawn in, each as wide as it has to be
STILL_PX = 1.0 / 128.0  # a displacement that nobody could see


def divide_255(value: Any) -> Any:  # an int32 or an array of them
    """`value` / 255 rounded, for 0 ≤ value ≤ 65025, without a division (Blinn 1995)."""
    return (value + 128 + ((value + 128) >> 8)) >> 8


def premultiplied_difference(picture: U8, below: U8, alpha: U8) -> U8:
    """The layer [S, S, 4] that turns `below` into `picture` exactly, with at least `alpha` [S, S].

    Where `below` is brighter than the layer's share allows, alpha grows until the difference is
    a colour: the stack at rest is then the picture, whatever the matte.
    """
    layer = np.empty((*alpha.shape, 4), np.uint8)
    _differ(picture, below, alpha, layer)
    return layer


@njit(cache=True, nogil=True, boundscheck=False)
def _differ(picture: U8, below: U8, alpha: U8, layer: U8) -> None:  # pragma: no cover - compiled
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            opaque = np.int32(alpha[y, x])
            for k in range(3):
                own, under = np.int32(picture[y, x, k]), np.int32(below[y, x, k])
                if under > own:
                    opaque = max(opaque, np.int32(255) - own * np.int32(255) // under)
            for k in range(3):
                product = (np.int32(255) - opaque) * np.int32(below[y, x, k]) + np.int32(128)
                colour = np.int32(picture[y, x, k]) - ((product + (product >> 8)) >> 8)
                layer[y, x, k] = min(max(colour, 0), 255)
            layer[y, x, 3] = opaque


def premultiplied_difference_reference(picture: U8, below: U8, alpha: U8) -> U8:
    """What `premultiplied_difference` gives, in NumPy."""
    least = np.where(
        below > picture, 255 - picture.astype(np.int32) * 255 // np.maximum(below, 1), 0
    ).max(-1)
    opaque = np.maximum(alpha.astype(np.int32), least)
    through = (255 - opaque)[..., None]
    colour = picture.astype(np.int32) - divide_255(through * below.astype(np.int32))
    layer = np.concatenate([np.clip(colour, 0, 255), opaque[..., None]], -1)
    return np.asarray(layer, np.uint8)


@njit(cache=True, nogil=True, boundscheck=False)
def over(layer: U8, below: U8, out: U8) -> None:  # pragma: no cover - compiled
    """`layer` [H, W, 4] over `below` [H, W, 3 or 4] into `out` [H, W, 4], opaque."""
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            through = np.int32(255) - np.int32(layer[y, x, 3])
            for k in range(3):
                product = through * np.int32(below[y, x, k]) + np.int32(128)
                value = np.int32(layer[y, x, k]) + ((product + (product >> 8)) >> 8)
                out[y, x, k] = min(value, 255)
            out[y, x, 3] = 255


def over_reference(layer: U8, below: U8, out: U8) -> None:
    """What `over` gives, in NumPy."""
    through = 255 - layer[..., 3:].astype(np.int32)
    value = layer[..., :3].astype(np.int32) + divide_255(through * below[..., :3].astype(np.int32))
    out[..., :3] = np.minimum(value, 255)
    out[..., 3] = 255


@njit(cache=True, nogil=True, boundscheck=False)
def bands_to_draw(flow: F32, filled: Bools, size: int) -> I32:  # pragma: no cover - compiled
    """Pixels from and to, [BANDS, 2], that each stripe of a layer of `size` px has to be drawn in.

    `flow` [h, 2, w] displaces the layer, `filled` [h, w] says where it holds anything. What does
    not move, and background that the layer neither covers nor covered, is left out.
    """
    cells = flow.shape[0]
    scale, high = size // cells, size // BANDS
    bands = np.empty((BANDS, 2), np.int32)
    bands[:, 0], bands[:, 1] = size, 0
    for row in range(cells):
        first, last = cells, -1
        for column in range(cells):
            dx, dy = flow[row, 0, column], flow[row, 1, column]
            if abs(dx) + abs(dy) <= STILL_PX:
                continue
            from_column = min(max(round(column + dx / scale), 0), cells - 1)
            from_row = min(max(round(row + dy / scale), 0), cells - 1)
            if filled[row, column] or filled[from_row, from_column]:
                first, last = min(first, column), max(last, column)
        if last < 0:
            continue
        # Interpolation carries movement one cell further, up and down too.
        above, below = max(row - 1, 0) * scale // high, (min(row + 2, cells) * scale - 1) // high
        for band in range(above, below + 1):
            bands[band, 0] = min(bands[band, 0], max(first - 1, 0) * scale)
            bands[band, 1] = max(bands[band, 1], min(last + 2, cells) * scale)
    return bands
