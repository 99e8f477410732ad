"""One eye on the device: white, iris, lashes, the lid that comes down. A part of the frame kernel.

The twins are `eyes.draw_eye` and `lidskin.draw_lid`. An eye is a pointer to its numbers and one to
the addresses of its pixels, as `layout` has them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from mien.models.codec import lidskin
from mien.models.codec.eyes import CORNER_SHADE, CORNER_SHARE, FRINGE_COLUMNS, FRINGE_STEPS
from mien.models.codec.gpu import layout
from mien.models.codec.gpu.openings import affine, covered, draw_seam, place, within
from mien.models.codec.gpu.sampling import four, held, laid
from mien.models.codec.openings import SAMPLES

LID, WIDE, HIGH, AT_X, AT_Y, BACK, LOOK, SHADE, SHADE_PX, HANG, CLEAN, LASH = (
    tl.constexpr(k)
    for k in (
        layout.LID, layout.EYE_WIDE, layout.EYE_HIGH, layout.EYE_X, layout.EYE_Y, layout.BACK,
        layout.LOOK_X, layout.SHADE, layout.SHADE_PX, layout.HANG, layout.CLEAN, layout.LASH,
    )
)  # fmt: skip
LASH_WIDTH, LASH_STRENGTH = tl.constexpr(layout.LASH_WIDTH), tl.constexpr(layout.LASH_STRENGTH)
LID_AMOUNT, LID_IOD, LID_LASH = (
    tl.constexpr(k) for k in (layout.LID_AMOUNT, layout.LID_IOD_PX, layout.LID_LASH_PX)
)
LENGTH = tl.constexpr(layout.LENGTH)
DARK_CORNER, CORNER = tl.constexpr(CORNER_SHADE), tl.constexpr(CORNER_SHARE)
STEPS, COLUMNS = tl.constexpr(FRINGE_STEPS), tl.constexpr(FRINGE_COLUMNS)
LID_HIGH, LID_WIDE, FADES_BY, LINE = (
    tl.constexpr(k) for k in (lidskin.HIGH, lidskin.WIDE, lidskin.FADES_BY, lidskin.LASH_STRENGTH)
)
LAST_HEIGHT = tl.constexpr(SAMPLES - 1)


@triton.jit
def _picture(addresses: tl.tensor, k: tl.constexpr) -> tl.tensor:
    return tl.load(addresses + k).to(tl.pointer_type(tl.float32))


@triton.jit
def _both(
    first: tl.tensor, second: tl.tensor, share: tl.tensor, x: tl.tensor, y: tl.tensor,
    wide: tl.tensor, k: tl.constexpr, channels: tl.constexpr, mask: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """Two pictures of one place, the second with a `share`."""
    value = four(first, x, y, wide, k, channels, mask)
    return value + share * (four(second, x, y, wide, k, channels, mask) - value)


@triton.jit
def _ball(
    eye: tl.tensor, addresses: tl.tensor, x: tl.tensor, y: tl.tensor, inside: tl.tensor,
    r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    s, v, high, low = place(eye, x, y)
    length = tl.load(eye + LENGTH)
    cover = tl.where(inside, covered(s, v, high, low, length), 0.0)
    drawn = cover > 0.0
    bx, by = affine(eye + BACK, x, y)
    bx -= tl.load(eye + AT_X)
    by -= tl.load(eye + AT_Y)
    right, below = tl.load(eye + WIDE) - 1.001, tl.load(eye + HIGH) - 1.001
    wide = tl.load(eye + WIDE).to(tl.int32)
    wx, wy = held(bx, 0.0, right), held(by, 0.0, below)
    jx = held(bx - tl.load(eye + LOOK), 0.0, right)
    jy = held(by - tl.load(eye + LOOK + 1), 0.0, below)
    clean = tl.load(eye + CLEAN)
    white, bare = _picture(addresses, 0), _picture(addresses, 1)
    iris, whole = _picture(addresses, 2), _picture(addresses, 3)
    alpha = _both(iris, whole, clean, jx, jy, wide, 3, 4, drawn)
    dim = 1.0 - tl.load(eye + SHADE) * tl.exp(-tl.maximum(v - high, 0.0) / tl.load(eye + SHADE_PX))
    share = held(s / length, 0.0, 1.0)
    ends = tl.minimum(tl.minimum(share, 1.0 - share) / CORNER, 1.0)
    dim *= 1.0 - clean * (1.0 - ends) * (1.0 - ends) * DARK_CORNER
    d = (v - high) / tl.load(eye + HANG) * (STEPS - 1)
    hangs = drawn & (d < STEPS - 1)
    e = held(share * COLUMNS - 0.5, 0.0, COLUMNS - 1.001)
    d = held(d, 0.0, STEPS - 1.001)
    lashes = clean * four(_picture(addresses, 4), e, d, COLUMNS, 0, 1, hangs)
    red = _both(iris, whole, clean, jx, jy, wide, 0, 4, drawn)
    red += (1 - alpha) * _both(white, bare, clean, wx, wy, wide, 0, 3, drawn)
    red *= dim
    red += lashes * (tl.load(eye + LASH) - red)
    green = _both(iris, whole, clean, jx, jy, wide, 1, 4, drawn)
    green += (1 - alpha) * _both(white, bare, clean, wx, wy, wide, 1, 3, drawn)
    green *= dim
    green += lashes * (tl.load(eye + LASH + 1) - green)
    blue = _both(iris, whole, clean, jx, jy, wide, 2, 4, drawn)
    blue += (1 - alpha) * _both(white, bare, clean, wx, wy, wide, 2, 3, drawn)
    blue *= dim
    blue += lashes * (tl.load(eye + LASH + 2) - blue)
    return laid(red, cover, r), laid(green, cover, g), laid(blue, cover, b)


@triton.jit
def _skin(
    eye: tl.tensor, addresses: tl.tensor, x: tl.tensor, y: tl.tensor, inside: tl.tensor,
    r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    lid = eye + LID
    s, v, high, low = place(lid, x, y)
    share = s / tl.load(lid + LENGTH)
    tall = low - high
    edge = held(low - v + 0.5, 0.0, 1.0)
    t = (v - high) / tl.maximum(tall, 0.5)
    drawn = inside & (share > 0.0) & (share < 1.0) & (tall >= 0.5) & (edge > 0.0) & (t > 0.0)
    ends = tl.minimum(tl.minimum(share, 1.0 - share) * 12.0, 1.0)
    cover = tl.minimum(t / FADES_BY, 1.0)
    cover = tl.load(eye + LID_AMOUNT) * edge * cover * cover * (3.0 - 2.0 * cover) * ends
    cover = tl.where(drawn, cover, 0.0)
    at = held(share, 0.0, 1.0) * LAST_HEIGHT
    i = tl.minimum(at.to(tl.int32), LAST_HEIGHT - 1)
    heights = _picture(addresses, 6) + i
    first = tl.load(heights)
    whole = first + (at - i.to(tl.float32)) * (tl.load(heights + 1) - first)
    u = held(share * LID_WIDE - 0.5, 0.0, LID_WIDE - 1.001)
    w = 1.0 - tl.maximum(low - v, 0.0) / tl.maximum(whole * tl.load(eye + LID_IOD), 1.0)
    w = held(w * LID_HIGH - 0.5, 0.0, LID_HIGH - 1.001)
    away = tl.maximum(low - v, 0.0) / tl.load(eye + LID_LASH)
    line = tl.exp(-0.5 * away * away) * LINE
    colour, shown = _picture(addresses, 5), cover > 0.0
    red = four(colour, u, w, LID_WIDE, 0, 3, shown)
    green = four(colour, u, w, LID_WIDE, 1, 3, shown)
    blue = four(colour, u, w, LID_WIDE, 2, 3, shown)
    red += line * (tl.load(eye + LASH) - red)
    green += line * (tl.load(eye + LASH + 1) - green)
    blue += line * (tl.load(eye + LASH + 2) - blue)
    return laid(red, cover, r), laid(green, cover, g), laid(blue, cover, b)


@triton.jit
def draw_eye(
    eye: tl.tensor, addresses: tl.tensor, px: tl.tensor, py: tl.tensor, r: tl.tensor,
    g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """One eye over pixels of colour `r`, `g`, `b`."""
    x, y = px.to(tl.float32), py.to(tl.float32)
    inside = within(eye, px, py)
    r, g, b = _ball(eye, addresses, x, y, inside, r, g, b)
    r, g, b = _skin(eye, addresses, x, y, within(eye + LID, px, py), r, g, b)
    width, strength = tl.load(eye + LASH_WIDTH), tl.load(eye + LASH_STRENGTH)
    return draw_seam(eye, eye + LASH, width, strength, x, y, inside, r, g, b)
