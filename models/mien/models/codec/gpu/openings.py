"""Openings of the face on the device: where pixels lie in them. Parts of frame kernels.

The twins are `openings.place`, `openings.covered` and `openings.draw_seam`. An opening is a pointer
to its numbers, as `layout` has them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from mien.models.codec.gpu import layout
from mien.models.codec.gpu.sampling import held, laid
from mien.models.codec.openings import SAMPLES

LAST = tl.constexpr(SAMPLES - 1)
TOP, BOTTOM, LENGTH = (tl.constexpr(k) for k in (layout.TOP, layout.BOTTOM, layout.LENGTH))
ORIGIN, ALONG = tl.constexpr(layout.ORIGIN_X), tl.constexpr(layout.ALONG_X)


@triton.jit
def within(bounds: tl.tensor, px: tl.tensor, py: tl.tensor) -> tl.tensor:
    """Whether pixels lie in `bounds`: a pointer to x0, y0, x1, y1, ends exclusive."""
    inside = (px >= tl.load(bounds).to(tl.int32)) & (py >= tl.load(bounds + 1).to(tl.int32))
    return (
        inside & (px < tl.load(bounds + 2).to(tl.int32)) & (py < tl.load(bounds + 3).to(tl.int32))
    )


@triton.jit
def meets(
    bounds: tl.tensor, x0: tl.tensor, y0: tl.tensor, wide: tl.constexpr, high: tl.constexpr
) -> tl.tensor:
    """Whether a tile has pixels in `bounds`."""
    here = (tl.load(bounds).to(tl.int32) < x0 + wide) & (tl.load(bounds + 2).to(tl.int32) > x0)
    return here & (
        (tl.load(bounds + 1).to(tl.int32) < y0 + high) & (tl.load(bounds + 3).to(tl.int32) > y0)
    )


@triton.jit
def affine(numbers: tl.tensor, x: tl.tensor, y: tl.tensor) -> tl.tensor:
    """Where a 2×3 affine (a pointer to its six numbers) takes `x`, `y`."""
    u = tl.load(numbers) * x + tl.load(numbers + 1) * y + tl.load(numbers + 2)
    v = tl.load(numbers + 3) * x + tl.load(numbers + 4) * y + tl.load(numbers + 5)
    return u, v


@triton.jit
def place(opening: tl.tensor, x: tl.tensor, y: tl.tensor) -> tl.tensor:
    """Along the opening, across it, and both edges' heights there."""
    right, below = x - tl.load(opening + ORIGIN), y - tl.load(opening + ORIGIN + 1)
    along_x, along_y = tl.load(opening + ALONG), tl.load(opening + ALONG + 1)
    s = right * along_x + below * along_y
    v = below * along_x - right * along_y
    at = held(s / tl.load(opening + LENGTH), 0.0, 1.0) * LAST
    i = tl.minimum(at.to(tl.int32), LAST - 1)
    f = at - i.to(tl.float32)
    top, bottom = tl.load(opening + TOP + i), tl.load(opening + BOTTOM + i)
    high = top + f * (tl.load(opening + TOP + i + 1) - top)
    low = bottom + f * (tl.load(opening + BOTTOM + i + 1) - bottom)
    return s, v, high, low


@triton.jit
def covered(
    s: tl.tensor, v: tl.tensor, high: tl.tensor, low: tl.tensor, length: tl.tensor
) -> tl.tensor:
    """How much of a pixel the opening covers, 0..1, its edges one pixel soft."""
    inside = held(v - high + 0.5, 0.0, 1.0) * held(low - v + 0.5, 0.0, 1.0)
    ends = held(s + 0.5, 0.0, 1.0) * held(length - s + 0.5, 0.0, 1.0)
    return inside * ends * held(low - high, 0.0, 1.0)


@triton.jit
def draw_seam(
    opening: tl.tensor, colour: tl.tensor, width: tl.tensor, strength: tl.tensor, x: tl.tensor,
    y: tl.tensor, inside: tl.tensor, r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """A soft line between the opening's edges; `colour` is a pointer to three numbers."""
    s, v, high, low = place(opening, x, y)
    share = s / tl.load(opening + LENGTH)
    d = (v - 0.5 * (high + low)) / width
    drawn = inside & (share > 0.0) & (share < 1.0) & (tl.abs(d) <= 3.0)
    ends = tl.minimum(tl.minimum(share, 1.0 - share) * 8.0, 1.0)
    strength = tl.where(strength > 0.01, strength, 0.0)  # fainter ones are left out
    weight = tl.where(drawn, strength * ends * tl.exp(-0.5 * d * d), 0.0)
    r = laid(tl.load(colour), weight, r)
    g = laid(tl.load(colour + 1), weight, g)
    b = laid(tl.load(colour + 2), weight, b)
    return r, g, b
