"""What skin maps and folds do to a posed face's flow, and how its edges fade, on the device.

The twin is `dressing.dress_reference`, whose channels lie in planes. Cells here are [n, n, 8]:
displacement px (two), gains (three), coverage, and the place in the canonical layout (two); the
first of those last two becomes the softened coverage.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from mien.models.codec import folds as fold_rules
from mien.models.codec.canonical import CANONICAL_PX

CHANNELS = 8
MAPS = tl.constexpr(5)
LAYOUT_PX = tl.constexpr(CANONICAL_PX)
TINGE_R, TINGE_G, TINGE_B = (tl.constexpr(float(share)) for share in fold_rules.TINGE)
BLOCK, INTERPRETED_BLOCK = 256, 16384


@triton.jit
def _spot(at: tl.tensor, size: tl.tensor, scale: tl.tensor) -> tl.tensor:
    """The element before canonical px `at` in a line of `size`, and how far beyond it that is."""
    place = scale * (at + 0.5) - 0.5
    place = tl.minimum(tl.maximum(place, 0.0), size - 1.001)
    first = place.to(tl.int32)
    return first, place - first.to(tl.float32)


@triton.jit
def _read(
    picture: tl.tensor,
    i: tl.tensor,
    j: tl.tensor,
    p: tl.tensor,
    q: tl.tensor,
    row: tl.tensor,
    step: tl.tensor,
    mask: tl.tensor,
) -> tl.tensor:
    """A picture between four elements; rows are `row` apart, columns `step`."""
    at = picture + i * row + j * step
    a = tl.load(at, mask=mask, other=0.0)
    b = tl.load(at + step, mask=mask, other=0.0)
    c = tl.load(at + row, mask=mask, other=0.0)
    d = tl.load(at + row + step, mask=mask, other=0.0)
    top = a + q * (b - a)
    return top + p * (c + q * (d - c) - top)


@triton.jit
def dress_kernel(
    grid: tl.tensor,
    maps: tl.tensor,
    gains: tl.tensor,
    iod_px: tl.tensor,
    size: tl.tensor,
    map_px: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """A block of cells of one actor's face."""
    actor = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = cell < size * size
    row, column = cell // size, cell % size
    grid += actor * size * size * 8
    at = grid + cell * 8
    cover = tl.load(at + 5, mask=mask, other=0.0)
    worn = mask & (cover > 0.0)
    u = tl.load(at + 6, mask=worn, other=0.0)
    v = tl.load(at + 7, mask=worn, other=0.0)
    i, p = _spot(v, LAYOUT_PX, 1.0)
    j, q = _spot(u, LAYOUT_PX, 1.0)
    folded = gains + actor * LAYOUT_PX * LAYOUT_PX
    dark = _read(folded, i, j, p, q, LAYOUT_PX, 1, worn) - 1.0
    scale = map_px.to(tl.float32) / LAYOUT_PX
    i, p = _spot(v, map_px, scale)
    j, q = _spot(u, map_px, scale)
    maps += actor * map_px * map_px * MAPS
    unit = tl.load(iod_px + actor)
    for k in tl.static_range(5):
        here = _read(maps + k, i, j, p, q, map_px * MAPS, MAPS, worn)
        value = tl.load(at + k, mask=worn, other=0.0)
        if k < 2:
            value += here * unit
        else:
            tinge = TINGE_R if k == 2 else (TINGE_G if k == 3 else TINGE_B)
            value *= here * (1.0 + tinge * dark)
        tl.store(at + k, value, mask=worn)
    total = tl.zeros([BLOCK], tl.float32)
    for dy in tl.static_range(-1, 2):
        for dx in tl.static_range(-1, 2):
            y, x = tl.abs(row + dy), tl.abs(column + dx)  # mirrored about the outermost cells
            y = tl.minimum(y, 2 * size - 2 - y)
            x = tl.minimum(x, 2 * size - 2 - x)
            total += tl.load(grid + (y * size + x) * 8 + 5, mask=mask, other=0.0)
    tl.store(at + 6, total / 9.0, mask=mask)


def dress(grid: Tensor, maps: Tensor, gains: Tensor, iod_px: Tensor) -> None:
    """Dress the faces of B actors in place: `grid` [B, n, n, 8].

    `maps` [B, S, S, 5] as `SkinMaps.at` has them, `gains` [B, 128, 128] as `Folds.at`, `iod_px`
    [B] what a shift of one outer-eye distance is, in pixels.
    """
    block = BLOCK if grid.is_cuda else INTERPRETED_BLOCK
    actors, size = grid.shape[:2]
    blocks = -(-size * size // block)
    dress_kernel[(blocks, actors)](
        grid, maps, gains, iod_px, size, maps.shape[1], BLOCK=block
    )  # fmt: skip
