"""Layers drawn into a frame through coarse flows: displaced, shaded and laid on, in one go.

`draw_sheet` and `draw_face` are the fast road (numba; they release the GIL); `draw_sheet_reference`
and `draw_face_reference` are their slow NumPy twins that the tests hold them against. A flow is
displacements px and what else goes with them, row by row and in each channel by channel, on cells
of one or several pixels; in between it is linear. Between texels, too (cubic sampling is no sharper
at these scales and six times as slow). Refuses to know where flows come from.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.compose import divide_255
from mien.models.codec.lanes import LANES
from mien.models.codec.texels import (
    EDGE_FROM,
    EDGE_TO,
    LEAST_COVER,
    STEPS,
    lay_block,
    lay_shaded_block,
)

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]

SHEET_CHANNELS, FACE_CHANNELS = 2, 7


def texture(layer: U8) -> U32:
    """A layer [H, W, 4] as the kernels take it: flat pixels, and room to read one row beyond."""
    packed = np.ascontiguousarray(layer).view(np.uint32).ravel()
    return np.concatenate([packed, np.zeros(layer.shape[1] + 1, np.uint32)])


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _widened(
    row: F32, scale: int, out: F32, x0: int, x1: int
) -> None:  # pragma: no cover - compiled
    """`row` [cells] of a flow for pixels `x0`..`x1` (multiples of the blocks) of `out` [size]."""
    cells = row.shape[0]
    if scale == 1:
        out[x0:x1] = row[x0:x1]
    elif scale == 2:
        # Slices that begin at 0: loops over them become vectors.
        near, far = np.float32(0.75), np.float32(0.25)
        first, count = x0 // 2, (x1 - x0) // 2
        pairs, here = out[x0:x1], row[first : first + count]
        for j in range(1, count):
            pairs[2 * j] = near * here[j] + far * here[j - 1]
        for j in range(count - 1):
            pairs[2 * j + 1] = near * here[j] + far * here[j + 1]
        before, after = max(first - 1, 0), min(first + count, cells - 1)
        pairs[0] = near * here[0] + far * row[before]
        pairs[2 * count - 1] = near * here[count - 1] + far * row[after]
    else:
        step, half = np.float32(1.0 / scale), np.float32(0.5)
        most, start = np.float32(cells - 1), np.float32(x0) + half
        for x in range(x1 - x0):
            at = min(max((np.float32(x) + start) * step - half, np.float32(0.0)), most)
            j = min(int(at), cells - 2)
            out[x0 + x] = row[j] + (at - np.float32(j)) * (row[j + 1] - row[j])


@njit(inline="always")
def _row_of(y: int, scale: int, cells: int) -> tuple[int, float]:  # pragma: no cover - compiled
    """The row of cells above the middle of pixel row `y`, and how far below it that lies."""
    at = min(max((y + 0.5) / scale - 0.5, 0.0), cells - 1.0)
    i = min(int(at), cells - 2)
    return i, at - i


@njit(cache=True, nogil=True, boundscheck=False)
def draw_sheet(
    frame: U32, layer: U32, plate: U32, flow: F32, bands: I32, rows: F32
) -> None:  # pragma: no cover - compiled
    """Draw `layer` (a `texture`) through `flow` [cells, 2, cells], over `plate` [size, size].

    Into `frame` [size, size], in `bands` [B, 2] of equal height: pixels from and to, of each.
    `rows` [4, size or more] is scratch.
    """
    size, cells = frame.shape[0], flow.shape[0]
    scale, high = size // cells, size // bands.shape[0]
    width, pitch = np.int32(size), np.int32(rows.shape[1])
    for band in range(bands.shape[0]):
        x0, x1 = bands[band, 0] // LANES * LANES, (bands[band, 1] + LANES - 1) // LANES * LANES
        x1 = min(x1, size)
        if bands[band, 1] <= bands[band, 0]:
            continue
        kept = -2
        for y in range(band * high, (band + 1) * high):
            i, down = _row_of(y, scale, cells)
            if i != kept:
                for r in range(i + 1 if i == kept + 1 else i, i + 2):
                    for k in range(SHEET_CHANNELS):
                        line = rows[(r & 1) * SHEET_CHANNELS + k]
                        _widened(flow[r, k], scale, line, x0, x1)
                kept = i
            upper = np.int32((i & 1) * SHEET_CHANNELS)
            lower = np.int32(((i + 1) & 1) * SHEET_CHANNELS)
            for x in range(x0, x1, LANES):
                lay_block(  # type: ignore[call-arg]
                    frame, layer, plate, width, rows, pitch, upper, lower,
                    np.float32(down), np.int32(x), np.int32(y),
                )  # fmt: skip


@njit(cache=True, nogil=True, boundscheck=False)
def draw_face(
    frame: U32, layer: U32, box: tuple[int, int, int, int], flow: F32,
    extents: I32, area: tuple[int, int, int, int], rows: F32,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Draw a shaded `layer` through `flow` [cells, 7, cells] over `frame` [size, size], in place.

    `layer` is the `texture` of what `box` (x0, y0, x1, y1 px, an empty border) holds. Channels:
    displacement px, gains of red, green and blue, coverage, all zero where nothing covers, and
    coverage softened; `extents` [cells, 2]: what is covered of each row. Only the pixels of `area`
    (x0, y0, x1, y1), whole blocks.
    """
    size, cells = frame.shape[0], flow.shape[0]
    scale, width, pitch = size // cells, np.int32(size), np.int32(rows.shape[1])
    left, top = np.int32(box[0]), np.int32(box[1])
    wide, tall = np.int32(box[2] - box[0]), np.int32(box[3] - box[1])
    x0, x1 = area[0], area[2]
    kept = -2
    for y in range(area[1], area[3]):
        i, down = _row_of(y, scale, cells)
        if i != kept:
            for r in range(i + 1 if i == kept + 1 else i, i + 2):
                for k in range(FACE_CHANNELS):
                    line = rows[(r & 1) * FACE_CHANNELS + k]
                    _widened(flow[r, k], scale, line, x0, x1)
            kept = i
        upper = np.int32((i & 1) * FACE_CHANNELS)
        lower = np.int32(((i + 1) & 1) * FACE_CHANNELS)
        first = max(min(extents[i, 0], extents[i + 1, 0]) - 1, 0) * scale // LANES * LANES
        last = min(max(extents[i, 1], extents[i + 1, 1]) * scale + scale, x1)
        for x in range(max(first, x0), last, LANES):
            lay_shaded_block(  # type: ignore[call-arg]
                frame, width, layer, wide, tall, left, top, rows, pitch, upper, lower,
                np.float32(down), np.int32(x), np.int32(y),
            )  # fmt: skip


def blocks_around(low: F64, high: F64, size: int) -> tuple[int, int, int, int] | None:
    """Whole blocks of a frame that hold `low` .. `high` [2] px with an edge: x0, y0, x1, y1.

    None where that is no part of the frame.
    """
    edge = 3.0 * size / 512 + 2.0
    x0, y0 = (int(max(at - edge, 0.0)) for at in low)
    x1, y1 = (int(min(at + edge, size)) for at in high)
    x0, x1 = x0 // LANES * LANES, -(-x1 // LANES) * LANES
    return (x0, y0 // 2 * 2, x1, -(-y1 // 2) * 2) if x1 > x0 and y1 > y0 else None


def full_flow(flow: F32, size: int) -> F32:
    """A flow [cells, K, cells] at every pixel, [K, size, size]."""
    flow, cells = flow.transpose(1, 0, 2), len(flow)
    at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0.0, cells - 1.0)
    i = np.minimum(at.astype(int), cells - 2)
    share = (at - i).astype(np.float32)
    tall = flow[:, i] + share[:, None] * (flow[:, i + 1] - flow[:, i])
    return np.asarray(tall[..., i] + share * (tall[..., i + 1] - tall[..., i]), np.float32)


def fetched(layer: U8, x: F32, y: F32) -> U8:
    """`layer` [H, W, 4] at positions `x`, `y` [h, w] px of it, held within its edges."""
    height, width = layer.shape[:2]
    right = (np.clip(x, 0, width - 1) * STEPS + 0.5).astype(np.int32)
    below = (np.clip(y, 0, height - 1) * STEPS + 0.5).astype(np.int32)
    i, j, p, q = below >> 8, right >> 8, below & 255, right & 255
    both = (p * q + 128) >> 8
    total = np.zeros((*x.shape, 4), np.int32)
    for a, b, weight in (
        (0, 0, 256 - p - q + both), (0, 1, q - both), (1, 0, p - both), (1, 1, both)
    ):  # fmt: skip
        rows, columns = np.minimum(i + a, height - 1), np.minimum(j + b, width - 1)
        total += weight[..., None] * layer[rows, columns].astype(np.int32)
    return ((total + 128) >> 8).astype(np.uint8)


def draw_sheet_reference(frame: U8, layer: U8, plate: U8, flow: F32) -> None:
    """What `draw_sheet` gives where its bands are the whole frame; all [size, size, 4]."""
    size = len(frame)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    right, below = full_flow(flow, size)
    moved = fetched(layer, columns + right, rows + below).astype(np.int32)
    value = moved + divide_255((255 - moved[..., 3:]) * plate.astype(np.int32))
    frame[..., :3] = np.minimum(value[..., :3], 255)
    frame[..., 3] = 255


def draw_face_reference(frame: U8, layer: U8, flow: F32) -> None:
    """What `draw_face` gives, of a `layer` that is as large as the `frame` [size, size, 4]."""
    size = len(frame)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    right, below, *gains, cover, soft = full_flow(flow, size)
    whole = 1.0 / np.maximum(cover, np.float32(LEAST_COVER))
    texel = fetched(layer, columns + right * whole, rows + below * whole).astype(np.float32)
    edge = np.clip((np.minimum(soft, cover) - EDGE_FROM) / (EDGE_TO - EDGE_FROM), 0.0, 1.0)
    alpha = (texel[..., 3] * edge + 0.5).astype(np.int32)[..., None]
    gained = texel[..., :3] * np.stack(gains, -1) * (whole * edge)[..., None]
    colour = np.minimum(gained + 0.5, 255.0).astype(np.int32)
    value = colour + divide_255((255 - alpha) * frame[..., :3].astype(np.int32))
    frame[..., :3] = np.minimum(value, 255)
    frame[..., 3] = 255
