"""Pixels: layers sampled through their flows and laid over each other, in 8-bit integers.

A layer is premultiplied RGBA. `over` and `over_shaded` are the fast road (numba, they release the
GIL); `over_reference` and `over_shaded_reference` are their slow NumPy twins that the tests hold
them against. Sampling is OpenCV's remap. Flows are displacements on a coarser grid, so that a flow
of zero reads the portrait's own pixel exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
I32 = NDArray[np.int32]

BANDS = 8  # horizontal stripes that a layer is drawn in, each as wide as it has to be
STILL_PX = 1.0 / 32.0  # a displacement below what sampling resolves
EDGE_FROM, EDGE_TO = np.float32(0.4), np.float32(0.85)  # softened coverage where edges fade


@dataclass(frozen=True)
class Area:
    """A rectangle of pixels, ends exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing a picture."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.x1 <= self.x0 or self.y1 <= self.y0


def divide_255(value: Any) -> Any:  # an int32 or an array of them
    """`value` / 255 rounded, for 0 ≤ value ≤ 65025, without a division (Blinn 1995)."""
    return (value + 128 + ((value + 128) >> 8)) >> 8


_divide_255 = njit(inline="always")(divide_255)


def premultiplied_difference(picture: U8, below: U8, alpha: U8) -> U8:
    """The layer [S, S, 4] that turns `below` into `picture` exactly, with at least `alpha` [S, S].

    Where `below` is brighter than the layer's share allows, alpha grows until the difference is
    a colour: the stack at rest is then the picture, whatever the matte.
    """
    least = np.where(
        below > picture, 255 - picture.astype(np.int32) * 255 // np.maximum(below, 1), 0
    ).max(-1)
    opaque = np.maximum(alpha.astype(np.int32), least)
    through = (255 - opaque)[..., None]
    colour = picture.astype(np.int32) - divide_255(through * below.astype(np.int32))
    layer = np.concatenate([np.clip(colour, 0, 255), opaque[..., None]], -1)
    return np.asarray(layer, np.uint8)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def spread(
    flow: F32, edge: F32, x0: int, y0: int, scale: int, where: F32, shade: F32
) -> None:  # pragma: no cover - compiled
    """A coarse flow at full size: where each pixel of an area is taken from, and how it is shaded.

    `flow` [h, w, 6 or more]: displacement x, y, gains of red, green and blue, coverage, and `edge`
    [h, w] on cells of `scale` px; the area starts at pixel (`x0`, `y0`). `where` [H, W, 2] gets
    source positions px, `shade` [H, W, 4] gains and edge. Displacement and gains are weighted by
    coverage, so that edges move with what they belong to.
    """
    rows, columns = flow.shape[0], flow.shape[1]
    height, width = where.shape[0], where.shape[1]
    left = max(x0 // scale - 1, 0)
    right = min((x0 + width) // scale + 2, columns)
    cell, share, here = (
        np.empty(width, np.int32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    for x in range(width):
        at = min(max((x + x0 + 0.5) / scale - 0.5, 0.0), columns - 1.0)
        cell[x] = min(int(at), columns - 2)
        share[x] = at - cell[x]
        here[x] = x + x0
    one, least = np.float32(1.0), np.float32(1e-3)
    row = np.empty((columns, 7), np.float32)
    for y in range(height):
        down = min(max((y + y0 + 0.5) / scale - 0.5, 0.0), rows - 1.0)
        i = min(int(down), rows - 2)
        fy, line = np.float32(down - i), np.float32(y + y0)
        for j in range(left, right):
            for k in range(6):
                row[j, k] = flow[i, j, k] + fy * (flow[i + 1, j, k] - flow[i, j, k])
            row[j, 6] = edge[i, j] + fy * (edge[i + 1, j] - edge[i, j])
        for x in range(width):
            j, fx = cell[x], share[x]
            dx = row[j, 0] + fx * (row[j + 1, 0] - row[j, 0])
            dy = row[j, 1] + fx * (row[j + 1, 1] - row[j, 1])
            cover = row[j, 5] + fx * (row[j + 1, 5] - row[j, 5])
            soft = row[j, 6] + fx * (row[j + 1, 6] - row[j, 6])
            inverse = one / max(cover, least)
            where[y, x, 0] = here[x] + dx * inverse
            where[y, x, 1] = line + dy * inverse
            for k in range(3):
                gain = row[j, 2 + k] + fx * (row[j + 1, 2 + k] - row[j, 2 + k])
                shade[y, x, k] = gain * inverse
            shade[y, x, 3] = min(soft, cover)


def spread_reference(
    flow: F32, edge: F32, x0: int, y0: int, scale: int, where: F32, shade: F32
) -> None:
    """The same result as `spread`."""
    height, width = where.shape[:2]
    size = (flow.shape[1] * scale, flow.shape[0] * scale)
    window = (slice(y0, y0 + height), slice(x0, x0 + width))
    full = cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR)[window].copy()
    soft = cv2.resize(edge, size, interpolation=cv2.INTER_LINEAR)[window]
    cover = full[..., 5:6]
    values = full[..., :5] / np.maximum(cover, 1e-3)
    rows, columns = np.mgrid[y0 : y0 + height, x0 : x0 + width]
    where[...] = values[..., :2] + np.stack([columns, rows], -1)
    shade[..., :3] = values[..., 2:]
    shade[..., 3] = np.minimum(soft, cover[..., 0])


class Sampler:
    """Samples layers through coarse flows.

    Keeps its scratch: fresh megabytes for every frame would cost more than the sampling itself.
    What it returns is valid until its next call.
    """

    def __init__(self, size: int) -> None:
        rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
        self._at_rest = np.ascontiguousarray(np.stack([columns, rows], -1))
        self._where = np.zeros(size * size * 2, np.float32)
        self._shade = np.zeros(size * size * 4, np.float32)
        self._moved = np.zeros(size * size * 4, np.uint8)

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        scratch = (self._at_rest, self._where, self._shade, self._moved)
        return sum(array.nbytes for array in scratch)

    def sample(self, layer: U8, flow: F32, area: Area) -> U8:
        """`layer` [S, S, 4] through `flow` [h, w, 2] (displacement x, y), inside `area`."""
        where = self._part(self._where, area, 2)
        np.add(self._at_rest[area.window], enlarged(flow, layer.shape[0], area), out=where)
        return self._take(layer, where, area)

    def sample_shaded(self, layer: U8, flow: F32, area: Area) -> tuple[U8, F32]:
        """`layer` [S, S, 4] through `flow` [h, w, 6 or more] (see `spread`), inside `area`.

        Also returns gains and edge [H, W, 4]; edges are softened, silhouettes have no stairs.
        """
        where, shade = self._part(self._where, area, 2), self._part(self._shade, area, 4)
        edge = cv2.blur(np.ascontiguousarray(flow[..., 5]), (3, 3))
        spread(flow, edge, area.x0, area.y0, layer.shape[0] // flow.shape[0], where, shade)
        return self._take(layer, where, area), shade

    @staticmethod
    def _part(scratch: Any, area: Area, channels: int) -> Any:
        height, width = area.y1 - area.y0, area.x1 - area.x0
        return scratch[: height * width * channels].reshape(height, width, channels)

    def _take(self, layer: U8, where: F32, area: Area) -> U8:
        moved: U8 = self._part(self._moved, area, 4)
        border = cv2.BORDER_REPLICATE  # a mirror would show a second head
        cv2.remap(layer, where, None, cv2.INTER_LINEAR, dst=moved, borderMode=border)
        return moved


def enlarged(flow: F32, size: int, area: Area) -> F32:
    """Part of a coarse flow [h, w, K] at the size of the picture, [H, W, K]."""
    cells = flow.shape[0]
    scale = size // cells
    # The cells that the area needs and one beyond, so that interpolation sees its neighbours.
    c0x, c0y = max(area.x0 // scale - 1, 0), max(area.y0 // scale - 1, 0)
    c1x, c1y = min(-(-area.x1 // scale) + 1, cells), min(-(-area.y1 // scale) + 1, cells)
    part = flow[c0y:c1y, c0x:c1x]
    target = ((c1x - c0x) * scale, (c1y - c0y) * scale)
    full = cv2.resize(part, target, interpolation=cv2.INTER_LINEAR)
    top, left = area.y0 - c0y * scale, area.x0 - c0x * scale
    return np.asarray(full[top : top + area.y1 - area.y0, left : left + area.x1 - area.x0])


def occupied(layer: U8, cells: int) -> Bools:
    """Which of `cells` × `cells` parts of a layer [S, S, 4] hold anything, or lie next to it."""
    side = layer.shape[0] // cells
    filled = layer[..., 3].reshape(cells, side, cells, side).max((1, 3)) > 0
    near = cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(near > 0)


@njit(cache=True, nogil=True, boundscheck=False)
def _extents(flow: F32, filled: Bools, scale: int, bounds: I32) -> None:  # pragma: no cover
    cells = flow.shape[0]
    high = cells // bounds.shape[0]
    for row in range(cells):
        for column in range(cells):
            dx, dy = flow[row, column, 0], flow[row, column, 1]
            if abs(dx) + abs(dy) <= STILL_PX:
                continue
            from_column = min(max(round(column + dx / scale), 0), cells - 1)
            from_row = min(max(round(row + dy / scale), 0), cells - 1)
            if filled[from_row, from_column] or filled[row, column]:
                # Interpolation carries movement one cell further, up and down too.
                for near in range(max(row - 1, 0) // high, min(row + 1, cells - 1) // high + 1):
                    bounds[near, 0] = min(bounds[near, 0], column - 1)
                    bounds[near, 1] = max(bounds[near, 1], column + 2)


def areas_to_draw(flow: F32, filled: Bools, size: int) -> list[Area]:
    """Bands of a picture of `size` px that a layer has to be drawn in anew.

    `flow` [h, w, 2] displaces the layer, `filled` [h, w] says where it holds anything. What does
    not move, and background that the layer neither covers nor covered, is left out.
    """
    cells = flow.shape[0]
    scale, high = size // cells, size // BANDS
    bounds = np.empty((BANDS, 2), np.int32)
    bounds[:, 0], bounds[:, 1] = cells, 0
    _extents(flow, filled, scale, bounds)
    return [
        Area(max(int(x0), 0) * scale, i * high, min(int(x1), cells) * scale, (i + 1) * high)
        for i, (x0, x1) in enumerate(bounds)
        if x1 > x0
    ]


@njit(cache=True, nogil=True, boundscheck=False)
def over(layer: U8, below: U8, out: U8) -> None:  # pragma: no cover - compiled
    """`layer` [H, W, 4] over `below` [H, W, 3] into `out` [H, W, 4], opaque."""
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            alpha = np.int32(layer[y, x, 3])
            if alpha == 255:  # most of a person
                for k in range(4):
                    out[y, x, k] = layer[y, x, k]
                continue
            for k in range(3):
                value = np.int32(layer[y, x, k])
                value += _divide_255((np.int32(255) - alpha) * np.int32(below[y, x, k]))
                out[y, x, k] = min(value, 255)
            out[y, x, 3] = 255


def over_reference(layer: U8, below: U8, out: U8) -> None:
    """The same result as `over`."""
    through = 255 - layer[..., 3:].astype(np.int32)
    value = layer[..., :3].astype(np.int32) + divide_255(through * below.astype(np.int32))
    out[..., :3] = np.minimum(value, 255)
    out[..., 3] = 255


@njit(cache=True, nogil=True, boundscheck=False)
def over_shaded(layer: U8, shade: F32, out: U8) -> None:  # pragma: no cover - compiled
    """`layer` [H, W, 4] over `out` [H, W, 4] in place, its colours times their gains.

    `shade` [H, W, 4]: gains and edge; the layer fades where its edge does.
    """
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            if layer[y, x, 3] == 0:
                continue
            edge = (shade[y, x, 3] - EDGE_FROM) / (EDGE_TO - EDGE_FROM)
            if edge <= np.float32(0.0):
                continue
            edge = min(edge, np.float32(1.0))
            alpha = np.int32(np.float32(layer[y, x, 3]) * edge + np.float32(0.5))
            through = np.int32(255) - alpha
            for k in range(3):
                gained = np.float32(layer[y, x, k]) * (shade[y, x, k] * edge)
                colour = np.int32(min(gained + np.float32(0.5), np.float32(255.0)))
                value = colour + _divide_255(through * np.int32(out[y, x, k]))
                out[y, x, k] = min(value, 255)


def over_shaded_reference(layer: U8, shade: F32, out: U8) -> None:
    """The same result as `over_shaded`."""
    edge = np.clip((shade[..., 3:] - EDGE_FROM) / (EDGE_TO - EDGE_FROM), 0.0, 1.0)
    edge = edge * (layer[..., 3:] > 0)
    half = np.float32(0.5)
    alpha = (layer[..., 3:] * edge + half).astype(np.int32)
    gained = layer[..., :3] * (shade[..., :3] * edge)
    colour = np.minimum(gained + half, np.float32(255.0)).astype(np.int32)
    value = colour + divide_255((255 - alpha) * out[..., :3].astype(np.int32))
    out[..., :3] = np.where(edge > 0.0, np.minimum(value, 255), out[..., :3])
