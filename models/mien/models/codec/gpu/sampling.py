"""Reading pictures between their pixels, and laying one colour on another: parts of frame kernels.

The twins are `warping.fetched` and what `draw_sheet_reference` and `draw_face_reference` lay, and
the blending of `eyes` and `mouth`. Colours are float32 that hold whole numbers 0..255: every layer
is rounded to 8 bits as the twins round it.
"""

from __future__ import annotations

import triton
import triton.language as tl

STEPS = tl.constexpr(256)  # a position's steps within a pixel, as in `texels`
BEYOND = tl.constexpr(16)  # px outside a picture, where its edge is seen all the same
EDGE_FROM, EDGE_RANGE = (
    tl.constexpr(0.4),
    tl.constexpr(0.85 - 0.4),
)  # `compose.EDGE_FROM`, `EDGE_TO`
LEAST_COVER = tl.constexpr(1e-3)


@triton.jit
def held(value: tl.tensor, low: tl.tensor, high: tl.tensor) -> tl.tensor:
    """`value` within `low`..`high`."""
    return tl.minimum(tl.maximum(value, low), high)


@triton.jit
def shown(value: tl.tensor) -> tl.tensor:
    """A colour as 8 bits hold it, half a level already added."""
    return tl.floor(held(value, 0.0, 255.0))


@triton.jit
def byte(pixel: tl.tensor, shift: tl.constexpr) -> tl.tensor:
    """One channel of packed RGBA (red lowest)."""
    return (pixel >> shift) & 255


@triton.jit
def fetched(
    layer: tl.tensor, x: tl.tensor, y: tl.tensor, size: tl.constexpr, mask: tl.tensor
) -> tl.tensor:
    """Packed `layer` [size, size] at `x`, `y` px, edges held: four channels, whole numbers."""
    right = ((held(x, -BEYOND, size + BEYOND) + BEYOND) * STEPS + 0.5).to(tl.int32)
    below = ((held(y, -BEYOND, size + BEYOND) + BEYOND) * STEPS + 0.5).to(tl.int32)
    j, i = right // STEPS - BEYOND, below // STEPS - BEYOND
    q, p = right % STEPS, below % STEPS
    j0, j1 = held(j, 0, size - 1), held(j + 1, 0, size - 1)
    i0, i1 = held(i, 0, size - 1) * size, held(i + 1, 0, size - 1) * size
    a = tl.load(layer + i0 + j0, mask=mask, other=0)
    b = tl.load(layer + i0 + j1, mask=mask, other=0)
    c = tl.load(layer + i1 + j0, mask=mask, other=0)
    d = tl.load(layer + i1 + j1, mask=mask, other=0)
    wa, wb = (STEPS - p) * (STEPS - q), (STEPS - p) * q
    wc, wd = p * (STEPS - q), p * q
    red = byte(a, 0) * wa + byte(b, 0) * wb + byte(c, 0) * wc + byte(d, 0) * wd
    green = byte(a, 8) * wa + byte(b, 8) * wb + byte(c, 8) * wc + byte(d, 8) * wd
    blue = byte(a, 16) * wa + byte(b, 16) * wb + byte(c, 16) * wc + byte(d, 16) * wd
    alpha = byte(a, 24) * wa + byte(b, 24) * wb + byte(c, 24) * wc + byte(d, 24) * wd
    half = STEPS * STEPS // 2
    whole = STEPS * STEPS
    return (
        (red + half) // whole,
        (green + half) // whole,
        (blue + half) // whole,
        (alpha + half) // whole,
    )


@triton.jit
def through(alpha: tl.tensor, below: tl.tensor) -> tl.tensor:
    """`below` times 255 − `alpha`, over 255, rounded: `compose.divide_255` (Blinn 1995)."""
    value = (255 - alpha) * below + 128
    return (value + (value >> 8)) >> 8


@triton.jit
def four(
    texture: tl.tensor, x: tl.tensor, y: tl.tensor, wide: tl.tensor, channel: tl.constexpr,
    channels: tl.constexpr, mask: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """One channel of a float32 `texture` [h, wide, channels] at `x`, `y` inside it."""
    j, i = x.to(tl.int32), y.to(tl.int32)
    q, p = x - j.to(tl.float32), y - i.to(tl.float32)
    at = texture + (i * wide + j) * channels + channel
    down = wide * channels
    a = tl.load(at, mask=mask, other=0.0)
    b = tl.load(at + channels, mask=mask, other=0.0)
    c = tl.load(at + down, mask=mask, other=0.0)
    d = tl.load(at + down + channels, mask=mask, other=0.0)
    return (1 - p) * ((1 - q) * a + q * b) + p * ((1 - q) * c + q * d)


@triton.jit
def laid(colour: tl.tensor, cover: tl.tensor, below: tl.tensor) -> tl.tensor:
    """`colour` with a share `cover` over `below`; where it covers nothing, `below` untouched."""
    value = shown(below + cover * (colour - below) + 0.5)
    return tl.where(cover > 0.0, value, below)
