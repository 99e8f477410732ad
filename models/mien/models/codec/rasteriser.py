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


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _fill(
    points: F32, attributes: F32, triangles: I32, out: F32, depth: F32
) -> None:  # pragma: no cover - compiled
    height, width, channels = out.shape
    for t in range(triangles.shape[0]):
        ia, ib, ic = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[ia, 0], points[ia, 1], points[ia, 2]
        bx, by, bz = points[ib, 0], points[ib, 1], points[ib, 2]
        cx, cy, cz = points[ic, 0], points[ic, 1], points[ic, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-6:
            continue
        inverse = np.float32(1.0) / area
        left = max(int(np.ceil(min(ax, bx, cx) - 0.01)), 0)
        right = min(int(np.floor(max(ax, bx, cx) + 0.01)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.01)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) + 0.01)), height - 1)
        # Barycentric weights and depth change by constants from cell to cell.
        wb_x, wb_y = (cy - ay) * inverse, (ax - cx) * inverse
        wc_x, wc_y = (ay - by) * inverse, (bx - ax) * inverse
        z_x = wb_x * (bz - az) + wc_x * (cz - az)
        for row in range(top, bottom + 1):
            dx, dy = np.float32(left) - ax, np.float32(row) - ay
            wb, wc = dx * wb_x + dy * wb_y, dx * wc_x + dy * wc_y
            z = az + wb * (bz - az) + wc * (cz - az)
            for column in range(left, right + 1):
                wa = np.float32(1.0) - wb - wc
                if (
                    wa >= -EDGE_TOLERANCE
                    and wb >= -EDGE_TOLERANCE
                    and wc >= -EDGE_TOLERANCE
                    and z < depth[row, column]
                ):
                    depth[row, column] = z
                    for k in range(channels):
                        out[row, column, k] = (
                            wa * attributes[ia, k] + wb * attributes[ib, k] + wc * attributes[ic, k]
                        )
                wb += wb_x
                wc += wc_x
                z += z_x


def rasterise(points: F32, attributes: F32, triangles: I32, out: F32, depth: F32) -> None:
    """Fill `out` [H, W, K] with `attributes` [N, K] interpolated over `triangles` [T, 3].

    `points` [N, 3] in grid cells (x right, y down, z away); `depth` [H, W] is scratch and ends as
    the depth of what is seen, `FAR` where nothing is. Cells that nothing covers are zero.
    """
    out[...] = 0.0
    depth[...] = FAR
    _fill(points, attributes, triangles, out, depth)


def rasterise_reference(points: F32, attributes: F32, triangles: I32, out: F32, depth: F32) -> None:
    """The same result as `rasterise`, triangle by triangle in NumPy."""
    height, width, _ = out.shape
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
        out[hit] = np.tensordot(weights[:, hit], attributes[corners], (0, 0))
