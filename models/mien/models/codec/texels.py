"""Blocks of pixels: a flow's displacement, the four texels it lies between, and laying on.

Knows RGBA packed into 32 bits (red lowest), premultiplied, and what one block of `lanes.LANES`
pixels costs. `warping` makes frames of them and holds their slow twins. A position is rounded to
1/256 of a pixel, so that what does not move is read exactly; the four weights add up to 256.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from mien.models.codec.lanes import Lanes, counted, load, load_neighbours, spread, store

MAP_CHANNELS = 8  # of `mix_maps`: five, and three that fill a vector up
STEPS = 256.0  # a position's steps within a pixel
LEAST_COVER = 1e-3
EDGE_FROM, EDGE_TO = 0.4, 0.85  # softened coverage where edges fade
_EVEN = 0x00FF00FF  # red and blue of a pixel; shifted by 8: green and alpha


def _pointer(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _between(
    builder: Any, rows: Any, both: tuple[Any, Any], channel: int, pitch: Any, x: Any, down: Lanes
) -> Lanes:
    """A channel between two rows of a flow, `down` of the way from the upper to the lower."""
    upper, lower = (
        load(builder, rows, builder.add(x, builder.mul(pitch, builder.add(k, k.type(channel)))))
        for k in both
    )
    return upper + (lower - upper) * down


def _fixed(position: Lanes, most: Any) -> Lanes:
    """A position px in steps, within 0 .. `most` px."""
    return (position.most(0.0).least(most) * STEPS + 0.5).to_int()


def _weights(left: Lanes, right: Lanes) -> Lanes:
    """Weights of a texel and its right neighbour beside each of their bytes, 16-bit lanes."""
    return (left | left << 16).pairs(right | right << 16).shorts()


def _fetched(builder: Any, texels: Any, width: Any, x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """What lies at (`x`, `y`) steps: red and blue, green and alpha, in 16 bits each."""
    index = (y >> 8) * spread(builder, width) + (x >> 8)
    across, down = x & 255, y & 255
    both = (across * down + 128) >> 8
    across, down, none = across - both, down - both, 256 - across - down + both
    upper = load_neighbours(builder, texels, index)
    lower = load_neighbours(builder, texels, index + spread(builder, width))
    upper_weights, lower_weights = _weights(none, across), _weights(down, both)

    def mixed(bits: int) -> Lanes:
        mask = _EVEN | _EVEN << 32
        parts = [(row >> bits & mask).shorts() for row in (upper, lower)]
        halves = (parts[0] * upper_weights + parts[1] * lower_weights).longs()
        total = (halves + (halves >> 32)).low()  # 255 · 256 at most: no lane runs over
        return (total + 0x00800080) >> 8 & _EVEN

    return mixed(0), mixed(8)


def _through(alpha: Lanes, below: Lanes) -> Lanes:
    """`below` (two channels) times 255 − `alpha`, over 255, rounded (Blinn 1995)."""
    rest = 255 - alpha
    product = below.shorts() * (rest | rest << 16).shorts() + 128
    return (product + (product >> 8)) >> 8


def _packed(even: Lanes, odd: Lanes) -> Lanes:
    """Sums of two channels each, held within 255 and made opaque pixels."""
    low, high = even.least(255).ints(), odd.least(255).ints()
    return low | high << 8 | 0xFF000000


@intrinsic
def lay_block(  # type: ignore[no-untyped-def]
    typing, frame, layer, plate, size, rows, pitch, upper, lower, down, x, y
):
    """A block at (`x`, `y`) of `frame`: `layer` through two rows of a flow, over `plate`.

    All three are flat, `size` px wide, uint32. `rows` [2 rows · 2 channels, pitch] are
    displacements px right and down, one row a channel, from their rows `upper` and `lower` on.
    """
    i32, f32 = types.int32, types.float32
    signature = types.void(frame, layer, plate, i32, rows, i32, i32, i32, f32, i32, i32)

    def build(context: Any, b: Any, sig: Any, given: Any) -> Any:
        frame, layer, plate, rows = (
            _pointer(context, b, sig.args[k], given[k]) for k in (0, 1, 2, 4)
        )
        size, pitch, upper, lower, down, x, y = (given[k] for k in (3, 5, 6, 7, 8, 9, 10))
        share, most = spread(b, down), spread(b, b.sub(size, size.type(1))).to_float()
        places = []
        for channel, home in enumerate((counted(b, x), spread(b, y).to_float())):
            moved = _between(b, rows, (upper, lower), channel, pitch, x, share)
            places.append(_fixed(home + moved, most))
        even, odd = _fetched(b, layer, size, *places)
        here = b.add(b.mul(y, size), x)
        below, alpha = load(b, plate, here), odd >> 16
        even = even.shorts() + _through(alpha, below & _EVEN)
        odd = odd.shorts() + _through(alpha, below >> 8 & _EVEN)
        store(b, _packed(even, odd), frame, here)
        return context.get_dummy_value()

    return signature, build


@intrinsic
def lay_shaded_block(  # type: ignore[no-untyped-def]
    typing, frame, size, layer, width, high, left, top, rows, pitch, upper, lower, down, x, y
):
    """A block at (`x`, `y`) of `frame`, in place: a shaded `layer` through two rows of a flow.

    `layer` is `width` × `high` texels whose corner lies at (`left`, `top`) of the frame and whose
    border is empty. `rows` [2 rows · 7 channels, pitch]: displacement right and down px, gains of
    red, green and blue, coverage (all times coverage) and softened coverage.
    """
    i32, f32 = types.int32, types.float32
    signature = types.void(
        frame, i32, layer, i32, i32, i32, i32, rows, i32, i32, i32, f32, i32, i32
    )  # fmt: skip

    def build(context: Any, b: Any, sig: Any, given: Any) -> Any:
        frame, layer, rows = (_pointer(context, b, sig.args[k], given[k]) for k in (0, 2, 7))
        size, width, high, left, top = (given[k] for k in (1, 3, 4, 5, 6))
        pitch, upper, lower, down, x, y = given[8:]
        share = spread(b, down)
        channels = []
        for channel in range(7):
            channels.append(_between(b, rows, (upper, lower), channel, pitch, x, share))
        right, below, *gains, cover, soft = channels
        whole = 1.0 / cover.most(LEAST_COVER)
        homes = counted(b, b.sub(x, left)), spread(b, b.sub(y, top)).to_float()
        places = [
            _fixed(home + moved * whole, spread(b, b.sub(most, most.type(1))).to_float())
            for home, moved, most in zip(homes, (right, below), (width, high), strict=True)
        ]
        even, odd = _fetched(b, layer, width, *places)
        edge = (soft.least(cover) - EDGE_FROM) * (1.0 / (EDGE_TO - EDGE_FROM))
        edge = edge.most(0.0).least(1.0)
        alpha = ((odd >> 16).to_float() * edge + 0.5).to_int()
        gain = whole * edge
        red, green, blue = (
            (texel.to_float() * (own * gain) + 0.5).least(255.0).to_int()
            for texel, own in zip((even & 255, odd & 255, even >> 16), gains, strict=True)
        )
        here = b.add(b.mul(y, size), x)
        behind = load(b, frame, here)
        even = (red | blue << 16).shorts() + _through(alpha, behind & _EVEN)
        odd = green.shorts() + _through(alpha, behind >> 8 & _EVEN)
        store(b, _packed(even, odd), frame, here)
        return context.get_dummy_value()

    return signature, build


@intrinsic
def mix_maps(typing, maps, index, stride, right, down, out):  # type: ignore[no-untyped-def]
    """Eight channels of `maps`, flat, between four places, into `out` [8].

    `index` is where the upper left place begins, `stride` how far below the next row lies; `right`
    and `down` are shares of the way to the next place.
    """
    i32, f32 = types.int32, types.float32
    signature = types.void(maps, i32, i32, f32, f32, out)

    def build(context: Any, b: Any, sig: Any, given: Any) -> Any:
        maps, out = (_pointer(context, b, sig.args[k], given[k]) for k in (0, 5))
        index, stride = given[1:3]
        right, down = (spread(b, share, MAP_CHANNELS) for share in given[3:5])

        def row(first: Any) -> Lanes:
            left = load(b, maps, first, MAP_CHANNELS)
            beside = load(b, maps, b.add(first, first.type(MAP_CHANNELS)), MAP_CHANNELS)
            return left + (beside - left) * right

        upper = row(index)
        store(b, upper + (row(b.add(index, stride)) - upper) * down, out, index.type(0))
        return context.get_dummy_value()

    return signature, build
