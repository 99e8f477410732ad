"""The mouth's inside on the device: sprites in their light, own teeth, a tongue that is out.

A part of the frame kernel. The twin is `mouth.Mouth.draw`. A mouth is a pointer to its numbers, one
to the addresses of its pixels and one to the gains of its light, as `layout` has them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from mien.models.codec import mouth_inside
from mien.models.codec.gpu import layout
from mien.models.codec.gpu.openings import affine, covered, draw_seam, place, within
from mien.models.codec.gpu.sampling import byte, four, held, laid
from mien.models.codec.harmony import COLUMNS, ROWS

(CANVAS, JAW, WIDE, HIGH, OWN_WIDE, OWN_HIGH, OWN_X, OWN_Y, OWN_BACK, OWN_KEEP, TINT, TONGUE_TINT,
 SHADOW, TONGUE_UP, LIFT, TEETH, SEAM, SEAM_WIDTH, SEAM_STRENGTH, OUT_STRENGTH, OUT_JAW, OUT_AREA,
 LENGTH) = (
    tl.constexpr(k)
    for k in (
        layout.CANVAS, layout.JAW, layout.SPRITE_WIDE, layout.SPRITE_HIGH, layout.OWN_WIDE,
        layout.OWN_HIGH, layout.OWN_X, layout.OWN_Y, layout.OWN_BACK, layout.OWN_KEEP, layout.TINT,
        layout.TONGUE_TINT, layout.SHADOW_PX, layout.TONGUE_UP, layout.LIFT, layout.TEETH,
        layout.SEAM, layout.SEAM_WIDTH, layout.SEAM_STRENGTH, layout.TONGUE_STRENGTH,
        layout.TONGUE_JAW, layout.TONGUE_AREA, layout.LENGTH,
    )
)  # fmt: skip
CAVITY, TONGUE_REST, LOWER, UPPER, TONGUE_OUT, OWN_COLOUR, OWN_DEPTH = (
    tl.constexpr(k)
    for k in (
        layout.CAVITY, layout.TONGUE_REST, layout.LOWER, layout.UPPER, layout.TONGUE_OUT,
        layout.OWN_COLOUR, layout.OWN_DEPTH,
    )
)  # fmt: skip
DEEP_R, DEEP_G, DEEP_B = (tl.constexpr(level) for level in mouth_inside.DEPTH)
ROOF, FLOOR = tl.constexpr(mouth_inside.ROOF_LIT), tl.constexpr(mouth_inside.FLOOR_LIT)
GAIN_ROWS, GAIN_COLUMNS = tl.constexpr(ROWS), tl.constexpr(COLUMNS)


@triton.jit
def _sprite(addresses: tl.tensor, k: tl.constexpr) -> tl.tensor:
    return tl.load(addresses + k).to(tl.pointer_type(tl.int32))


@triton.jit
def _mix(
    sprite: tl.tensor, wide: tl.tensor, high: tl.tensor, x: tl.tensor, y: tl.tensor,
    share: tl.tensor, mask: tl.tensor, r: tl.tensor, g: tl.tensor, b: tl.tensor,
    gain_r: tl.tensor, gain_g: tl.tensor, gain_b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """Lay a `share` of a premultiplied sprite at (`x`, `y`), times gains, over a colour."""
    right, below = wide.to(tl.float32) - 1.001, high.to(tl.float32) - 1.001
    there = mask & (x >= 0.0) & (y >= 0.0) & (x <= right) & (y <= below)
    x, y = held(x, 0.0, right), held(y, 0.0, below)
    j, i = x.to(tl.int32), y.to(tl.int32)
    q, p = x - j.to(tl.float32), y - i.to(tl.float32)
    at = sprite + i * wide + j
    one = tl.load(at, mask=there, other=0)
    two = tl.load(at + 1, mask=there, other=0)
    three = tl.load(at + wide, mask=there, other=0)
    last = tl.load(at + wide + 1, mask=there, other=0)
    wa, wb, wc, wd = (1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q
    alpha = byte(one, 24) * wa + byte(two, 24) * wb + byte(three, 24) * wc + byte(last, 24) * wd
    red = byte(one, 0) * wa + byte(two, 0) * wb + byte(three, 0) * wc + byte(last, 0) * wd
    green = byte(one, 8) * wa + byte(two, 8) * wb + byte(three, 8) * wc + byte(last, 8) * wd
    blue = byte(one, 16) * wa + byte(two, 16) * wb + byte(three, 16) * wc + byte(last, 16) * wd
    clear = 1.0 - share * alpha / 255.0  # 1 outside the sprite: nothing was read there
    r = clear * r + gain_r * share * red
    g = clear * g + gain_g * share * green
    b = clear * b + gain_b * share * blue
    return r, g, b


@triton.jit
def _gain(
    gains: tl.tensor, x: tl.tensor, y: tl.tensor, k: tl.constexpr, teeth: tl.tensor, mask: tl.tensor
) -> tl.tensor:
    """A gain of the light; a mouth that shows its own teeth has that much less of it."""
    value = four(gains, x, y, GAIN_COLUMNS, k, 4, mask)
    return 1.0 + (1.0 - teeth) * (value - 1.0)


@triton.jit
def _inside(
    numbers: tl.tensor, addresses: tl.tensor, gains: tl.tensor, x: tl.tensor, y: tl.tensor,
    inside: tl.tensor, r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    s, v, high, low = place(numbers, x, y)
    length = tl.load(numbers + LENGTH)
    cover = tl.where(inside, covered(s, v, high, low, length), 0.0)
    drawn = cover > 0.0
    cx, cy = affine(numbers + CANVAS, x, y)
    jy = tl.load(numbers + JAW) * cy + tl.load(numbers + JAW + 1)
    share = held(s / length, 0.0, 1.0)
    deep = held((v - high) / tl.maximum(low - high, 1.0), 0.0, 1.0)
    gx = held(share * GAIN_COLUMNS - 0.5, 0.0, GAIN_COLUMNS - 1.001)
    gy = held(deep * GAIN_ROWS - 0.5, 0.0, GAIN_ROWS - 1.001)
    own = tl.load(numbers + TEETH)
    flesh_r = _gain(gains, gx, gy, 0, own, drawn)
    flesh_g = _gain(gains, gx, gy, 1, own, drawn)
    flesh_b = _gain(gains, gx, gy, 2, own, drawn)
    teeth = _gain(gains, gx, gy, 3, own, drawn)
    wide, tall = tl.load(numbers + WIDE).to(tl.int32), tl.load(numbers + HIGH).to(tl.int32)
    red, green, blue = cover * 0.0, cover * 0.0, cover * 0.0
    red, green, blue = _mix(
        _sprite(addresses, CAVITY), wide, tall, cx, jy, 1.0, drawn, red, green, blue,
        flesh_r, flesh_g, flesh_b,
    )  # fmt: skip
    lit = deep * (FLOOR - ROOF) + ROOF
    red = tl.maximum(red, lit * DEEP_R)
    green = tl.maximum(green, lit * DEEP_G)
    blue = tl.maximum(blue, lit * DEEP_B)
    tongue, up = _sprite(addresses, TONGUE_REST), tl.load(numbers + TONGUE_UP)
    red, green, blue = _mix(
        tongue, wide, tall, cx, jy + up, 1.0, drawn, red, green, blue, flesh_r, flesh_g, flesh_b
    )
    red, green, blue = _mix(
        _sprite(addresses, LOWER), wide, tall, cx, jy, 1.0, drawn, red, green, blue,
        teeth, teeth, teeth,
    )  # fmt: skip
    red, green, blue = _mix(  # a lifted tip lies over the lower teeth
        tongue, wide, tall, cx, jy + up, tl.load(numbers + LIFT), drawn, red, green, blue,
        flesh_r, flesh_g, flesh_b,
    )  # fmt: skip
    red, green, blue = _mix(
        _sprite(addresses, UPPER), wide, tall, cx, cy, 1.0, drawn, red, green, blue,
        teeth, teeth, teeth,
    )  # fmt: skip
    ends = tl.minimum(share, 1.0 - share)
    shade = 1.0 - 0.36 * tl.exp(-tl.maximum(v - high, 0.0) / tl.load(numbers + SHADOW))
    shade *= 0.35 + 0.65 * tl.minimum(ends * 5.0, 1.0)
    bx, by = affine(numbers + OWN_BACK, x, y)
    bx -= tl.load(numbers + OWN_X)
    by -= tl.load(numbers + OWN_Y)
    own_wide, own_high = tl.load(numbers + OWN_WIDE), tl.load(numbers + OWN_HIGH)
    kept = tl.load(numbers + OWN_KEEP)
    there = drawn & (bx >= 0.0) & (by >= 0.0)
    there &= (bx < own_wide - 1.0) & (by < own_high - 1.0)
    bx, by = held(bx, 0.0, own_wide - 1.001), held(by, 0.0, own_high - 1.001)
    across = own_wide.to(tl.int32)
    depth = tl.load(addresses + OWN_DEPTH).to(tl.pointer_type(tl.float32))
    buried = four(depth, bx, by, across, 0, 1, there)
    keep = tl.where(kept < 1.0, kept * tl.minimum(buried / 2.5, 1.0), kept)
    keep = tl.where(there, keep, 0.0)
    colour = tl.load(addresses + OWN_COLOUR).to(tl.pointer_type(tl.float32))
    red *= tl.load(numbers + TINT) * shade
    green *= tl.load(numbers + TINT + 1) * shade
    blue *= tl.load(numbers + TINT + 2) * shade
    red += keep * (four(colour, bx, by, across, 0, 3, there) - red)
    green += keep * (four(colour, bx, by, across, 1, 3, there) - green)
    blue += keep * (four(colour, bx, by, across, 2, 3, there) - blue)
    return laid(red, cover, r), laid(green, cover, g), laid(blue, cover, b)


@triton.jit
def _tongue(
    numbers: tl.tensor, addresses: tl.tensor, x: tl.tensor, y: tl.tensor, inside: tl.tensor,
    r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    s, v, high, _ = place(numbers, x, y)
    length = tl.load(numbers + LENGTH)
    cover = tl.load(numbers + OUT_STRENGTH) * held(v - high + 0.5, 0.0, 1.0)
    cover *= held(0.15 * tl.minimum(s, length - s), 0.0, 1.0)
    cover = tl.where(inside, cover, 0.0)
    tint_r, tint_g, tint_b = (
        tl.load(numbers + TONGUE_TINT),
        tl.load(numbers + TONGUE_TINT + 1),
        tl.load(numbers + TONGUE_TINT + 2),
    )
    cx, cy = affine(numbers + CANVAS, x, y)
    jy = tl.load(numbers + OUT_JAW) * cy + tl.load(numbers + OUT_JAW + 1)
    wide, tall = tl.load(numbers + WIDE).to(tl.int32), tl.load(numbers + HIGH).to(tl.int32)
    red, green, blue = _mix(
        _sprite(addresses, TONGUE_OUT), wide, tall, cx, jy, 1.0, cover > 0.0, r / tint_r,
        g / tint_g, b / tint_b, 1.0, 1.0, 1.0,
    )  # fmt: skip
    return (
        laid(red * tint_r, cover, r),
        laid(green * tint_g, cover, g),
        laid(blue * tint_b, cover, b),
    )


@triton.jit
def draw_mouth(
    numbers: tl.tensor, addresses: tl.tensor, gains: tl.tensor, px: tl.tensor, py: tl.tensor,
    r: tl.tensor, g: tl.tensor, b: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """A mouth's inside, a shut mouth's line and the tongue over pixels of colour `r`, `g`, `b`."""
    x, y = px.to(tl.float32), py.to(tl.float32)
    inside = within(numbers, px, py)
    r, g, b = _inside(numbers, addresses, gains, x, y, inside, r, g, b)
    width, strength = tl.load(numbers + SEAM_WIDTH), tl.load(numbers + SEAM_STRENGTH)
    r, g, b = draw_seam(numbers, numbers + SEAM, width, strength, x, y, inside, r, g, b)
    if tl.load(numbers + OUT_STRENGTH) > 0.0:
        reach = within(numbers + OUT_AREA, px, py)
        r, g, b = _tongue(numbers, addresses, x, y, reach, r, g, b)
    return r, g, b
