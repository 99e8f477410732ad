"""Triangles with attributes into a small grid: the flow that moves the portrait's pixels.

`rasterise` is the fast road (numba, releases the GIL); `rasterise_reference` is its slow NumPy twin
that the tests hold it against. Both cover a cell when its centre lies in a triangle and keep the
nearest triangle (smallest z).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

EDGE_TOLERANCE = np.float32(1e-4)  # barycentric: neighbouring triangles must not leave cracks
FAR = np.float32(1e9)
NEAR = np.float32(0.01)  # cells: how far beyond a triangle's corners its cells are looked for
LEVEL = np.float32(1e-7)  # a weight that changes by less from cell to cell does not change


@njit(inline="always")
def _span(
    weight: float, slope: float, left: int, right: int
) -> tuple[int, int]:  # pragma: no cover - compiled
    """The columns of left..right (counted from the triangle's first) where a weight holds."""
    bound = -EDGE_TOLERANCE - weight
    if slope > LEVEL:
        left = max(left, int(np.ceil(bound / slope)))
    elif slope < -LEVEL:
        right = min(right, int(np.floor(bound / slope)))
    elif bound > 0.0:
        right = left - 1
    return left, right


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _fill(
    points: F32, attributes: F32, triangles: I32, out: F32, depth: F32,
    x0: int, y0: int, x1: int, y1: int,
) -> None:  # fmt: skip # pragma: no cover - compiled
    channels = out.shape[1]
    here, across = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for t in range(triangles.shape[0]):
        ia, ib, ic = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[ia, 0], points[ia, 1], points[ia, 2]
        bx, by, bz = points[ib, 0], points[ib, 1], points[ib, 2]
        cx, cy, cz = points[ic, 0], points[ic, 1], points[ic, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-6:
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - NEAR)), x0)
        right = min(int(np.floor(max(ax, bx, cx) + NEAR)), x1 - 1)
        top = max(int(np.ceil(min(ay, by, cy) - NEAR)), y0)
        bottom = min(int(np.floor(max(ay, by, cy) + NEAR)), y1 - 1)
        if right < left or bottom < top:
            continue
        # Barycentric weights, depth and attributes change by constants from cell to cell.
        inverse = np.float32(1.0) / area
        wb_x, wb_y = (cy - ay) * inverse, (ax - cx) * inverse
        wc_x, wc_y = (ay - by) * inverse, (bx - ax) * inverse
        z_x = wb_x * (bz - az) + wc_x * (cz - az)
        for k in range(channels):
            a = attributes[ia, k]
            across[k] = wb_x * (attributes[ib, k] - a) + wc_x * (attributes[ic, k] - a)
        dx = np.float32(left) - ax
        for row in range(top, bottom + 1):
            dy = np.float32(row) - ay
            wb, wc = dx * wb_x + dy * wb_y, dx * wc_x + dy * wc_y
            first, last = _span(wb, wb_x, 0, right - left)
            first, last = _span(wc, wc_x, first, last)
            first, last = _span(np.float32(1.0) - wb - wc, -wb_x - wc_x, first, last)
            if last < first:
                continue
            z = az + wb * (bz - az) + wc * (cz - az)
            for k in range(channels):
                a = attributes[ia, k]
                here[k] = a + wb * (attributes[ib, k] - a) + wc * (attributes[ic, k] - a)
            for step in range(first, last + 1):
                along = np.float32(step)
                deep = z + along * z_x
                if deep < depth[row, left + step]:
                    depth[row, left + step] = deep
                    for k in range(channels):
                        out[row, k, left + step] = here[k] + along * across[k]


@njit(cache=True, nogil=True, boundscheck=False)
def _clear(
    out: F32, depth: F32, x0: int, y0: int, x1: int, y1: int
) -> None:  # pragma: no cover - compiled
    for row in range(y0, y1):
        depth[row, x0:x1] = FAR
        for k in range(out.shape[1]):
            out[row, k, x0:x1] = np.float32(0.0)


def rasterise(
    points: F32,
    attributes: F32,
    triangles: I32,
    out: F32,
    depth: F32,
    box: tuple[int, int, int, int] | None = None,
) -> None:
    """Fill `out` [H, K, W] with `attributes` [N, K] interpolated over `triangles` [T, 3].

    `points` [N, 3] in grid cells (x right, y down, z away); `depth` [H, W] ends as the depth of
    what is seen, `FAR` where nothing is. Cells that nothing covers are zero. Only cells in `box`
    (x0, y0, x1, y1) are touched; None: all.
    """
    x0, y0, x1, y1 = box or (0, 0, out.shape[2], out.shape[0])
    _clear(out, depth, x0, y0, x1, y1)
    _fill(points, attributes, triangles, out, depth, x0, y0, x1, y1)


def rasterise_reference(points: F32, attributes: F32, triangles: I32, out: F32, depth: F32) -> None:
    """What `rasterise` gives without a box, triangle by triangle in NumPy."""
    height, _, width = out.shape
    out[...] = 0.0
    depth[...] = FAR
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    for corners in triangles:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[corners]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-6:
            continue
        wb = ((columns - ax) * (cy - ay) - (cx - ax) * (rows - ay)) / area
        wc = ((bx - ax) * (rows - ay) - (columns - ax) * (by - ay)) / area
        weights = np.stack([1.0 - wb - wc, wb, wc])
        z = np.tensordot(np.array([az, bz, cz], np.float32), weights, 1)
        hit = (weights >= -EDGE_TOLERANCE).all(0) & (z < depth)
        depth[hit] = z[hit]
        out.transpose(0, 2, 1)[hit] = np.tensordot(weights[:, hit], attributes[corners], (0, 0))
