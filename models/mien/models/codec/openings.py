"""Openings of the face: the slit between two lids, the gap between two lips, as smooth edges.

An opening lives in a frame of its own: x along its corners, y across. Its two edges are height
functions of x, sampled evenly; a pixel's coverage follows from its distance to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

PORTRAIT_PX = 512.0
SAMPLES = 64


@dataclass(frozen=True)
class Opening:
    """One opening in the picture, px."""

    origin: F64  # [2] the image-left corner
    along: F64  # [2] unit vector to the other corner
    length: float
    top: F32  # [SAMPLES] edge heights across `along`, evenly spaced from corner to corner
    bottom: F32
    bounds: tuple[int, int, int, int]  # x0, y0, x1, y1 of pixels that it may touch


def curve_reference(x: F64, y: F64, length: float) -> F64:
    """A smooth curve through points with rising x, at `SAMPLES` even steps over 0..`length`.

    Cubic Hermite with finite-difference slopes that never overshoot (Fritsch and Carlson 1980).
    The slow twin of `curve`.
    """
    at = np.linspace(0.0, length, SAMPLES)
    step = np.maximum(np.diff(x), 1e-6)
    slope = np.diff(y) / step
    tangent = np.empty_like(y)
    tangent[0], tangent[-1] = slope[0], slope[-1]
    same = slope[:-1] * slope[1:] > 0
    mean = (slope[:-1] + slope[1:]) / 2
    bound = 3.0 * np.minimum(np.abs(slope[:-1]), np.abs(slope[1:]))
    tangent[1:-1] = np.where(same, np.sign(mean) * np.minimum(np.abs(mean), bound), 0.0)
    i = np.clip(np.searchsorted(x, at) - 1, 0, len(step) - 1)
    t = np.clip((at - x[i]) / step[i], 0.0, 1.0)
    h00, h10 = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2
    h01, h11 = t * t * (3 - 2 * t), t * t * (t - 1)
    value = h00 * y[i] + h10 * step[i] * tangent[i]
    value += h01 * y[i + 1] + h11 * step[i] * tangent[i + 1]
    return np.asarray(value)


@njit(cache=True, nogil=True, boundscheck=False)
def curve(x: F64, y: F64, length: float) -> F64:  # pragma: no cover - compiled
    """`curve_reference`, compiled."""
    count = len(x)
    tangent = np.zeros(count)
    for k in range(count):
        before = (y[k] - y[k - 1]) / max(x[k] - x[k - 1], 1e-6) if k > 0 else 0.0
        after = (y[k + 1] - y[k]) / max(x[k + 1] - x[k], 1e-6) if k < count - 1 else before
        if k == 0:
            before = after
        if k == 0 or k == count - 1:
            tangent[k] = after
        elif before * after > 0:
            mean = (before + after) / 2
            bound = 3.0 * min(abs(before), abs(after))
            tangent[k] = np.sign(mean) * min(abs(mean), bound)
    out = np.empty(SAMPLES)
    i = 0
    for k in range(SAMPLES):
        at = length * k / (SAMPLES - 1)
        while i < count - 2 and x[i + 1] < at:
            i += 1
        step = max(x[i + 1] - x[i], 1e-6)
        t = min(max((at - x[i]) / step, 0.0), 1.0)
        out[k] = (
            (1 + 2 * t) * (1 - t) ** 2 * y[i]
            + t * (1 - t) ** 2 * step * tangent[i]
            + t * t * (3 - 2 * t) * y[i + 1]
            + t * t * (t - 1) * step * tangent[i + 1]
        )
    return out


@njit(cache=True, nogil=True, boundscheck=False)
def _edge(contour: F64, along: F64, length: float) -> F64:  # pragma: no cover - compiled
    """The height of a contour [N, 2] over the line from its first point along `along`."""
    count = contour.shape[0]
    x, y = np.empty(count), np.empty(count)
    for i in range(count):
        u, v = contour[i, 0] - contour[0, 0], contour[i, 1] - contour[0, 1]
        x[i] = u * along[0] + v * along[1] + i * 1e-4
        y[i] = v * along[0] - u * along[1]
        if i > 0:
            x[i] = max(x[i], x[i - 1])
    return curve(x, y, length)


@njit(cache=True, nogil=True, boundscheck=False)
def _opening(
    upper: F64, lower: F64, size: int, margin_px: float
) -> tuple[F64, F64, float, F32, F32, tuple[int, int, int, int]]:  # pragma: no cover - compiled
    origin, count = upper[0].copy(), upper.shape[0]
    along = upper[count - 1] - origin
    length = max(np.hypot(along[0], along[1]), 1e-3)
    along /= length
    top, bottom = _edge(upper, along, length), _edge(lower, along, length)
    bounds = np.empty((2, 2), np.int64)
    for k in range(2):
        low = min(upper[:, k].min(), lower[:, k].min()) - margin_px
        high = max(upper[:, k].max(), lower[:, k].max()) + margin_px
        bounds[0, k] = min(max(int(np.floor(low)), 0), size)
        bounds[1, k] = min(max(int(np.ceil(high)) + 1, 0), size)
    box = (bounds[0, 0], bounds[0, 1], bounds[1, 0], bounds[1, 1])
    shut = np.maximum(top, bottom).astype(np.float32)
    return origin, along, length, top.astype(np.float32), shut, box


def opening(upper: F64, lower: F64, size: int, margin_px: float = 2.0) -> Opening:
    """The opening between two contours [N, 2] px that share their ends, left to right."""
    upper, lower = np.ascontiguousarray(upper), np.ascontiguousarray(lower)
    return Opening(*_opening(upper, lower, size, margin_px))


def coverage(shape: Opening, x: F64, y: F64) -> F64:
    """How much of pixels at `x`, `y` [N] the opening covers, 0..1: `covered` for whole arrays."""
    rel_x, rel_y = x - shape.origin[0], y - shape.origin[1]
    s = rel_x * shape.along[0] + rel_y * shape.along[1]
    v = -rel_x * shape.along[1] + rel_y * shape.along[0]
    at = np.linspace(0.0, shape.length, SAMPLES)
    top, bottom = np.interp(s, at, shape.top), np.interp(s, at, shape.bottom)
    inside = np.clip(v - top + 0.5, 0, 1) * np.clip(bottom - v + 0.5, 0, 1)
    ends = np.clip(s + 0.5, 0, 1) * np.clip(shape.length - s + 0.5, 0, 1)
    return np.asarray(inside * ends * np.clip(bottom - top, 0, 1))


@njit(inline="always")
def place(
    x: float, y: float, corner: F64, along: F64, length: float, top: F32, bottom: F32
) -> tuple[float, float, float, float]:  # pragma: no cover - compiled
    """Where a place lies in an opening: along it, across it, and both edges' heights there."""
    rel_x, rel_y = x - corner[0], y - corner[1]
    s = rel_x * along[0] + rel_y * along[1]
    v = -rel_x * along[1] + rel_y * along[0]
    at = min(max(s / length, 0.0), 1.0) * (top.shape[0] - 1)
    i = min(int(at), top.shape[0] - 2)
    f = at - i
    return s, v, top[i] + f * (top[i + 1] - top[i]), bottom[i] + f * (bottom[i + 1] - bottom[i])


@njit(inline="always")
def covered(
    s: float, v: float, high: float, low: float, length: float
) -> float:  # pragma: no cover - compiled
    """How much of a portrait pixel there an opening covers, 0..1, its edges one pixel soft."""
    inside = min(max(v - high + 0.5, 0.0), 1.0) * min(max(low - v + 0.5, 0.0), 1.0)
    ends = min(max(s + 0.5, 0.0), 1.0) * min(max(length - s + 0.5, 0.0), 1.0)
    return inside * ends * min(max(low - high, 0.0), 1.0)


@njit(inline="always")
def width_of(size: int) -> float:  # pragma: no cover - compiled
    """How many px of the portrait a pixel of a frame of `size` is wide.

    What is tiny is drawn at the portrait's own fineness in frames of any size, and averaged by
    area: `span_of` a pixel, each of its px of the portrait with its `part_of` it.
    """
    return PORTRAIT_PX / size


@njit(inline="always")
def span_of(x: int, width: float) -> tuple[int, int]:  # pragma: no cover - compiled
    """The first px of the portrait in a frame's pixel `x`, and how many there are."""
    first = int(x * width + 1e-6)
    return first, int(np.ceil((x + 1) * width - 1e-6)) - first


@njit(inline="always")
def part_of(at: int, x: int, width: float) -> float:  # pragma: no cover - compiled
    """How much of a frame's pixel `x` the px `at` of the portrait is, along one axis."""
    return (min(at + 1.0, (x + 1) * width) - max(float(at), x * width)) / width


@njit(inline="always")
def pixels_of(low: int, high: int, width: float) -> tuple[int, int]:  # pragma: no cover - compiled
    """The pixels of a frame that px `low`..`high` of the portrait lie in."""
    return int(np.floor(low / width)), int(np.ceil(high / width))


@njit(inline="always")
def lay(
    out: U8, y: int, x: int, cover: float, red: float, green: float, blue: float
) -> None:  # pragma: no cover - compiled
    """Lay what a pixel's parts add up to over `out`: coverage, and colours times coverage."""
    for k, colour in enumerate((red, green, blue)):
        value = (1.0 - cover) * out[y, x, k] + colour + 0.5
        out[y, x, k] = np.uint8(min(max(value, 0.0), 255.0))


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _seam(
    out: U8, bounds: tuple[int, int, int, int], corner: F64, along: F64, length: float,
    top: F32, bottom: F32, colour: F64, width: float, strength: float,
) -> None:  # fmt: skip # pragma: no cover - compiled
    wide = width_of(out.shape[0])
    x0, x1 = pixels_of(bounds[0], bounds[2], wide)
    y0, y1 = pixels_of(bounds[1], bounds[3], wide)
    for y in range(y0, y1):
        for x in range(x0, x1):
            cover = 0.0
            (first_y, rows_in), (first_x, columns_in) = span_of(y, wide), span_of(x, wide)
            for sample in np.ndindex(rows_in, columns_in):
                at_y, at_x = first_y + sample[0], first_x + sample[1]
                s, v, high, low = place(at_x, at_y, corner, along, length, top, bottom)
                share = s / length
                d = (v - 0.5 * (high + low)) / width
                if share <= 0.0 or share >= 1.0 or abs(d) > 3.0:
                    continue
                ends = min(min(share, 1.0 - share) * 8.0, 1.0)
                part = part_of(at_y, y, wide) * part_of(at_x, x, wide)
                cover += part * strength * ends * np.exp(-0.5 * d * d)
            if cover > 0.0:
                lay(out, y, x, cover, cover * colour[0], cover * colour[1], cover * colour[2])


def draw_seam(out: U8, shape: Opening, colour: F64, width_px: float, strength: float) -> None:
    """A soft line where an opening's edges have met, into `out` [n, n, 4]: lashes, shut lips."""
    if strength > 0.01:
        _seam(
            out, shape.bounds, shape.origin, shape.along, shape.length, shape.top, shape.bottom,
            colour, width_px, strength,
        )  # fmt: skip


def dark_edge(picture: F32, contour: F64, reach_px: float = 2.0) -> F64:
    """The colour [3] of the line drawn along `contour` [N, 2]: the darker quarter of what lies
    within `reach_px` of it in `picture` [S, S, 3]."""
    offsets = np.arange(-reach_px, reach_px + 0.5)
    points = contour[None, 1:-1] + offsets[:, None, None] * np.array([0.0, 1.0])
    columns, rows = np.round(points.reshape(-1, 2)).astype(int).T
    rows = np.clip(rows, 0, picture.shape[0] - 1)
    columns = np.clip(columns, 0, picture.shape[1] - 1)
    colours = picture[rows, columns]
    order = colours.sum(1).argsort()
    return np.asarray(np.median(colours[order[: max(len(order) // 4, 1)]], axis=0), np.float64)
