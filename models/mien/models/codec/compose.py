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

STILL_PX = 1.0 / 64.0  # a displacement below what sampling resolves
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
def by_coverage(flow: F32) -> None:  # pragma: no cover - compiled
    """Undo what interpolation mixed in from uncovered cells: divide by coverage, in place.

    `flow` [H, W, 4]: displacement x, y, gain, coverage. Edges then move with what they belong to.
    """
    for y in range(flow.shape[0]):
        for x in range(flow.shape[1]):
            cover = flow[y, x, 3]
            if cover < np.float32(0.9999):
                inverse = np.float32(1.0) / max(cover, np.float32(1e-3))
                flow[y, x, 0] *= inverse
                flow[y, x, 1] *= inverse
                flow[y, x, 2] *= inverse


def by_coverage_reference(flow: F32) -> None:
    """The same result as `by_coverage`."""
    partly = flow[..., 3:] < np.float32(0.9999)
    flow[..., :3] = np.where(partly, flow[..., :3] / np.maximum(flow[..., 3:], 1e-3), flow[..., :3])


class Sampler:
    """Samples layers through coarse flows; keeps the full-size map that every flow is added to."""

    def __init__(self, size: int) -> None:
        rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
        self._at_rest = np.ascontiguousarray(np.stack([columns, rows], -1))
        # Scratch that is touched once: fresh megabytes a frame would cost more than the sampling.
        self._where = np.zeros(size * size * 2, np.float32)
        self._moved = np.zeros(size * size * 4, np.uint8)

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        return self._at_rest.nbytes + self._where.nbytes + self._moved.nbytes

    def sample(self, layer: U8, flow: F32, area: Area) -> tuple[U8, F32]:
        """`layer` [S, S, 4] through `flow` [h, w, 2 or 4], inside `area`.

        Returns samples [H, W, 4], valid until the next call, and the flow at full size [H, W, 2
        or 4].
        """
        full = enlarged(flow, layer.shape[0], area)
        if full.shape[2] == 4:
            by_coverage(full)
            softened = cv2.blur(flow[..., 3], (3, 3))  # silhouettes without stairs
            full[..., 3] = np.minimum(full[..., 3], enlarged(softened, layer.shape[0], area))
        height, width = full.shape[:2]
        where = self._where[: height * width * 2].reshape(height, width, 2)
        moved = self._moved[: height * width * 4].reshape(height, width, 4)
        np.add(self._at_rest[area.window], full[..., :2], out=where)
        border = cv2.BORDER_REFLECT_101
        cv2.remap(layer, where, None, cv2.INTER_LINEAR, dst=moved, borderMode=border)
        return moved, full


def enlarged(flow: F32, size: int, area: Area) -> F32:
    """Part of a coarse flow [h, w] or [h, w, K] at the size of the picture, [H, W] or [H, W, K]."""
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


def moving_area(flow: F32, size: int) -> Area:
    """The pixels of a picture of `size` px that a coarse flow [h, w, 2] displaces."""
    moving = np.abs(flow[..., 0]) + np.abs(flow[..., 1]) > STILL_PX
    rows, columns = np.flatnonzero(moving.any(1)), np.flatnonzero(moving.any(0))
    if not rows.size:
        return Area(0, 0, 0, 0)
    scale = size // flow.shape[0]
    low_x, low_y = (columns[0] - 1) * scale, (rows[0] - 1) * scale
    high_x, high_y = (columns[-1] + 2) * scale, (rows[-1] + 2) * scale
    return Area(
        max(int(low_x), 0), max(int(low_y), 0), min(int(high_x), size), min(int(high_y), size)
    )


@njit(cache=True, nogil=True, boundscheck=False)
def over(layer: U8, below: U8, out: U8) -> None:  # pragma: no cover - compiled
    """`layer` [H, W, 4] over `below` [H, W, 3] into `out` [H, W, 4], opaque."""
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            through = np.int32(255) - np.int32(layer[y, x, 3])
            for k in range(3):
                value = np.int32(layer[y, x, k]) + _divide_255(through * np.int32(below[y, x, k]))
                out[y, x, k] = min(value, 255)
            out[y, x, 3] = 255


def over_reference(layer: U8, below: U8, out: U8) -> None:
    """The same result as `over`."""
    through = 255 - layer[..., 3:].astype(np.int32)
    value = layer[..., :3].astype(np.int32) + divide_255(through * below.astype(np.int32))
    out[..., :3] = np.minimum(value, 255)
    out[..., 3] = 255


@njit(cache=True, nogil=True, boundscheck=False)
def over_shaded(layer: U8, flow: F32, out: U8) -> None:  # pragma: no cover - compiled
    """`layer` [H, W, 4] over `out` [H, W, 4] in place, its colour times a gain.

    `flow` [H, W, 4]: x, y, gain, coverage; the layer fades where coverage ends.
    """
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            if layer[y, x, 3] == 0:
                continue
            edge = (flow[y, x, 3] - EDGE_FROM) / (EDGE_TO - EDGE_FROM)
            if edge <= np.float32(0.0):
                continue
            edge = min(edge, np.float32(1.0))
            gain = flow[y, x, 2] * edge
            alpha = np.int32(np.float32(layer[y, x, 3]) * edge + np.float32(0.5))
            through = np.int32(255) - alpha
            for k in range(3):
                colour = np.int32(np.float32(layer[y, x, k]) * gain + np.float32(0.5))
                value = colour + _divide_255(through * np.int32(out[y, x, k]))
                out[y, x, k] = min(value, 255)


def over_shaded_reference(layer: U8, flow: F32, out: U8) -> None:
    """The same result as `over_shaded`."""
    edge = np.clip((flow[..., 3:] - EDGE_FROM) / (EDGE_TO - EDGE_FROM), 0.0, 1.0)
    edge = edge * (layer[..., 3:] > 0)
    half = np.float32(0.5)
    alpha = (layer[..., 3:] * edge + half).astype(np.int32)
    colour = (layer[..., :3] * (flow[..., 2:3] * edge) + half).astype(np.int32)
    value = colour + divide_255((255 - alpha) * out[..., :3].astype(np.int32))
    out[..., :3] = np.where(edge > 0.0, np.minimum(value, 255), out[..., :3])
