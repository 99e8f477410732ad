"""Triangles with attributes into small grids, many actors at once: `rasteriser` on the device.

The twin is `rasteriser.rasterise_reference`, with its rules: a cell is covered where its centre
lies in a triangle (with its tolerance), the nearest triangle is kept, and of equally near ones the
first. One program makes one tile of one actor's grid: it goes over the triangles in chunks, passes
by chunks whose boxes all lie elsewhere, and keeps depth and number of the nearest as one integer,
whose minimum does not depend on any order. So the outcome is the same every time, without atomics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

TOLERANCE = tl.constexpr(1e-4)  # `rasteriser.EDGE_TOLERANCE`
FAR = tl.constexpr(1e9)
NOTHING = tl.constexpr((1 << 63) - 1)
MARGIN = tl.constexpr(0.6)  # cells that a triangle may reach beyond its corners, by the tolerance
TILE, CHUNK = 16, 8  # with chunks of 16 a thread takes 254 registers on sm_90, with 8 half as many
INTERPRETED_TILE, INTERPRETED_CHUNK = 64, 128  # the interpreter pays for programs, not for numbers


@dataclass(frozen=True, eq=False)
class Meshes:
    """Triangles of several kinds of mesh, padded to as many."""

    triangles: Tensor  # [M, T, 3] int32
    order: Tensor  # [M, T] int32: which one after which, so that neighbours follow each other


def meshes(lists: list[NDArray[np.int32]], places: list[NDArray[Any]], device: Any) -> Meshes:
    """Meshes of `lists` of triangles [T, 3] over vertices that lie at `places` [N, 2] at rest."""
    most = max(len(one) for one in lists)
    triangles = np.zeros((len(lists), most, 3), np.int32)  # padding has no area
    order = np.tile(np.arange(most, dtype=np.int32), (len(lists), 1))
    for i, (one, at) in enumerate(zip(lists, places, strict=True)):
        triangles[i, : len(one)] = one
        order[i, : len(one)] = np.argsort(_curve(at[one].mean(1)), kind="stable")
    return Meshes(torch.from_numpy(triangles).to(device), torch.from_numpy(order).to(device))


def _curve(at: NDArray[Any]) -> NDArray[np.int64]:
    """Places [N, 2] along a curve that keeps near what is near (Morton 1966)."""
    low, high = at.min(0), at.max(0)
    steps = ((at - low) / np.maximum(high - low, 1e-6) * 1023.0).astype(np.int64)
    out = np.zeros(len(at), np.int64)
    for bit in range(10):
        for axis in (0, 1):
            out |= ((steps[:, axis] >> bit) & 1) << (2 * bit + axis)
    return out


@triton.jit
def _corner(points: tl.tensor, i: tl.tensor) -> tl.tensor:
    return tl.load(points + 3 * i), tl.load(points + 3 * i + 1), tl.load(points + 3 * i + 2)


@triton.jit
def _corners(triangles: tl.tensor, t: tl.tensor) -> tl.tensor:
    at = triangles + 3 * t
    return tl.load(at), tl.load(at + 1), tl.load(at + 2)


@triton.jit
def rasterise_kernel(
    points: tl.tensor, attributes: tl.tensor, triangles: tl.tensor, order: tl.tensor,
    mesh: tl.tensor, seen: tl.tensor, cells: tl.tensor, out: tl.tensor, depth: tl.tensor,
    vertices: tl.tensor, count: tl.tensor, stride: tl.tensor,
    CHANNELS: tl.constexpr, TILE: tl.constexpr, CHUNK: tl.constexpr,
) -> None:  # fmt: skip
    """One tile of one actor's grid; see the module."""
    actor = tl.program_id(1).to(tl.int64)
    tiles = (stride + TILE - 1) // TILE
    x0 = (tl.program_id(0) % tiles) * TILE
    y0 = (tl.program_id(0) // tiles) * TILE
    size = tl.load(cells + actor)
    if (x0 < size) & (y0 < size):
        kind = tl.load(mesh + actor).to(tl.int64)
        points += actor * vertices * 3
        attributes += actor * vertices * CHANNELS
        triangles += kind * count * 3
        order += kind * count
        seen += actor * count
        place = tl.arange(0, TILE * TILE)
        column = x0 + place % TILE
        row = y0 + place // TILE
        x = column.to(tl.float32)[None, :]
        y = row.to(tl.float32)[None, :]
        left = x0.to(tl.float32) - MARGIN
        top = y0.to(tl.float32) - MARGIN
        right = x0.to(tl.float32) + TILE - 1 + MARGIN
        bottom = y0.to(tl.float32) + TILE - 1 + MARGIN
        best = tl.full([TILE * TILE], NOTHING, tl.int64)
        for start in range(0, count, CHUNK):
            k = start + tl.arange(0, CHUNK)[:, None]
            there = k < count
            t = tl.load(order + k, mask=there, other=0)
            there = there & (tl.load(seen + t) != 0)
            ia, ib, ic = _corners(triangles, t)
            ax, ay, az = _corner(points, ia)
            bx, by, bz = _corner(points, ib)
            cx, cy, cz = _corner(points, ic)
            there &= tl.maximum(tl.maximum(ax, bx), cx) >= left
            there &= tl.minimum(tl.minimum(ax, bx), cx) <= right
            there &= tl.maximum(tl.maximum(ay, by), cy) >= top
            there &= tl.minimum(tl.minimum(ay, by), cy) <= bottom
            if tl.max(there.to(tl.int32)) > 0:
                area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
                there &= tl.abs(area) >= 1e-6
                whole = tl.where(there, area, 1.0)
                wb = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / whole
                wc = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / whole
                wa = 1.0 - wb - wc
                z = wa * az + wb * bz + wc * cz
                hit = (wa >= -TOLERANCE) & (wb >= -TOLERANCE) & (wc >= -TOLERANCE)
                hit = hit & (z < FAR) & there
                bits = z.to(tl.int32, bitcast=True)
                bits = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # as integers, in z's order
                key = (bits.to(tl.int64) << 32) | t.to(tl.int64)
                best = tl.minimum(best, tl.min(tl.where(hit, key, NOTHING), 0))
        covered = best != NOTHING
        t = tl.where(covered, best & 0xFFFFFFFF, 0).to(tl.int32)
        ia, ib, ic = _corners(triangles, t)
        ax, ay, az = _corner(points, ia)
        bx, by, bz = _corner(points, ib)
        cx, cy, cz = _corner(points, ic)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        area = tl.where(covered, area, 1.0)
        x, y = column.to(tl.float32), row.to(tl.float32)
        wb = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        wc = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        wa = 1.0 - wb - wc
        inside = (column < size) & (row < size)
        cell = (actor * stride + row) * stride + column
        z = tl.where(covered, wa * az + wb * bz + wc * cz, FAR)
        tl.store(depth + cell, z, mask=inside)
        for channel in tl.static_range(CHANNELS):
            value = wa * tl.load(attributes + ia * CHANNELS + channel)
            value += wb * tl.load(attributes + ib * CHANNELS + channel)
            value += wc * tl.load(attributes + ic * CHANNELS + channel)
            value = tl.where(covered, value, 0.0)
            tl.store(out + cell * CHANNELS + channel, value, mask=inside)


def rasterise(
    points: Tensor, attributes: Tensor, mesh: Meshes, kind: Tensor, seen: Tensor, cells: Tensor,
    out: Tensor, depth: Tensor,
) -> None:  # fmt: skip
    """Fill `out` [B, n, n, K] with `attributes` [B, N, K] interpolated over meshes of B actors.

    `points` [B, N, 3] in cells (x right, y down, z away); `kind` [B] int32 which of the meshes,
    `seen` [B, T] uint8 which of its triangles; `cells` [B] int32 how much of its grid an actor
    uses: the rest is left as it is. `depth` [B, n, n] ends as in `rasteriser.rasterise`.
    """
    tile = TILE if points.is_cuda else INTERPRETED_TILE
    chunk = CHUNK if points.is_cuda else INTERPRETED_CHUNK
    actors, size, channels = len(points), out.shape[1], out.shape[3]
    tiles = -(-size // tile)
    rasterise_kernel[(tiles * tiles, actors)](
        points, attributes, mesh.triangles, mesh.order, kind, seen, cells, out, depth,
        points.shape[1], seen.shape[1], size, CHANNELS=channels, TILE=tile, CHUNK=chunk,
    )  # fmt: skip
