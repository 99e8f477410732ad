"""Whole frames on the device: sheet over plate, face over both, eyes and mouth, in one pass.

Every pixel depends on flows and pictures alone, so one program makes one tile from the background
to the tongue and writes each pixel once. The twins are what `Decoder.decode` does: spreading flows,
laying layers over each other, and the openings. Refuses to know where numbers come from (`moment`).
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from mien.models.codec.gpu import layout
from mien.models.codec.gpu.eye_kernel import draw_eye
from mien.models.codec.gpu.mouth_kernel import draw_mouth
from mien.models.codec.gpu.openings import meets
from mien.models.codec.gpu.sampling import (
    EDGE_FROM,
    EDGE_RANGE,
    LEAST_COVER,
    fetched,
    held,
    shown,
    through,
)

PLATE, SHEET, FACE = (tl.constexpr(k) for k in (layout.PLATE, layout.SHEET, layout.FACE))
EYE_PIXELS, EYE_STEP = tl.constexpr(layout.EYE_PIXELS), tl.constexpr(layout.EYE_ADDRESSES)
SHEET_CELLS, FACE_AREA = tl.constexpr(layout.SHEET_CELLS), tl.constexpr(layout.FACE_AREA)
EYES, EYE, LID, MOUTH, OUT_AREA = (
    tl.constexpr(k)
    for k in (layout.EYES, layout.EYE, layout.LID, layout.MOUTH_AT, layout.TONGUE_AREA)
)
NUMBERS, ADDRESSES = tl.constexpr(layout.NUMBERS), tl.constexpr(layout.ADDRESSES)
GAINS = tl.constexpr(4 * 8 * 4)  # of a mouth's light
WIDE, HIGH, INTERPRETED = 32, 8, 128  # a tile's sides, px


@triton.jit
def _between(
    flow: tl.tensor, at: tl.tensor, row: tl.tensor, channels: tl.constexpr, p: tl.tensor,
    q: tl.tensor,
) -> tl.tensor:  # fmt: skip
    """A flow's channel between four cells; rows are `row` numbers apart."""
    a, b = tl.load(flow + at), tl.load(flow + at + channels)
    c, d = tl.load(flow + at + row), tl.load(flow + at + row + channels)
    left, right = a + p * (c - a), b + p * (d - b)
    return left + q * (right - left)


@triton.jit
def _cell(at: tl.tensor, cells: tl.tensor, size: tl.constexpr) -> tl.tensor:
    """The cell before a pixel, and how far beyond its middle the pixel's lies."""
    place = held((at.to(tl.float32) + 0.5) * cells / size - 0.5, 0.0, cells - 1.0)
    first = tl.minimum(place.to(tl.int32), cells.to(tl.int32) - 2)
    return first, place - first.to(tl.float32)


@triton.jit
def _stand(
    numbers: tl.tensor, addresses: tl.tensor, flow: tl.tensor, stride: tl.tensor, px: tl.tensor,
    py: tl.tensor, SIZE: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """The sheet through its flow [stride, stride, 2] over the plate."""
    cells = tl.load(numbers + SHEET_CELLS)
    j, q = _cell(px, cells, SIZE)
    i, p = _cell(py, cells, SIZE)
    at, row = (i * stride + j) * 2, stride * 2
    x = px.to(tl.float32) + _between(flow, at, row, 2, p, q)
    y = py.to(tl.float32) + _between(flow + 1, at, row, 2, p, q)
    every = px >= 0
    sheet = tl.load(addresses + SHEET).to(tl.pointer_type(tl.int32))
    r, g, b, alpha = fetched(sheet, x, y, SIZE, every)
    plate = tl.load(addresses + PLATE).to(tl.pointer_type(tl.int32))
    behind = tl.load(plate + py * SIZE + px)
    r = tl.minimum(r + through(alpha, behind & 255), 255)
    g = tl.minimum(g + through(alpha, (behind >> 8) & 255), 255)
    b = tl.minimum(b + through(alpha, (behind >> 16) & 255), 255)
    return r.to(tl.float32), g.to(tl.float32), b.to(tl.float32)


@triton.jit
def _gained(
    colour: tl.tensor, gain: tl.tensor, alpha: tl.tensor, drawn: tl.tensor, below: tl.tensor
) -> tl.tensor:
    value = shown(colour.to(tl.float32) * gain + 0.5).to(tl.int32)
    value = tl.minimum(value + through(alpha, below.to(tl.int32)), 255)
    return tl.where(drawn, value.to(tl.float32), below)


@triton.jit
def _face(
    addresses: tl.tensor, flow: tl.tensor, cells: tl.tensor, px: tl.tensor, py: tl.tensor,
    r: tl.tensor, g: tl.tensor, b: tl.tensor, SIZE: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """The face through its dressed flow [cells, cells, 8] over what is there."""
    j, q = _cell(px, cells.to(tl.float32), SIZE)
    i, p = _cell(py, cells.to(tl.float32), SIZE)
    at, row = (i * cells + j) * 8, cells * 8
    cover = _between(flow + 5, at, row, 8, p, q)
    soft = tl.minimum(_between(flow + 6, at, row, 8, p, q), cover)
    edge = tl.minimum((soft - EDGE_FROM) / EDGE_RANGE, 1.0)
    whole = 1.0 / tl.maximum(cover, LEAST_COVER)
    x = px.to(tl.float32) + _between(flow, at, row, 8, p, q) * whole
    y = py.to(tl.float32) + _between(flow + 1, at, row, 8, p, q) * whole
    drawn = edge > 0.0
    layer = tl.load(addresses + FACE).to(tl.pointer_type(tl.int32))
    red, green, blue, alpha = fetched(layer, x, y, SIZE, drawn)
    drawn &= alpha > 0
    alpha = (alpha.to(tl.float32) * edge + 0.5).to(tl.int32)
    whole *= edge
    r = _gained(red, _between(flow + 2, at, row, 8, p, q) * whole, alpha, drawn, r)
    g = _gained(green, _between(flow + 3, at, row, 8, p, q) * whole, alpha, drawn, g)
    b = _gained(blue, _between(flow + 4, at, row, 8, p, q) * whole, alpha, drawn, b)
    return r, g, b


@triton.jit
def frame_kernel(
    numbers: tl.tensor, addresses: tl.tensor, sheet: tl.tensor, face: tl.tensor, gains: tl.tensor,
    out: tl.tensor, sheet_cells: tl.tensor, face_cells: tl.tensor, SIZE: tl.constexpr,
    WIDE: tl.constexpr, HIGH: tl.constexpr,
) -> None:  # fmt: skip
    """One tile of one actor's frame; see the module."""
    actor = tl.program_id(1).to(tl.int64)
    across = SIZE // WIDE
    x0, y0 = (tl.program_id(0) % across) * WIDE, (tl.program_id(0) // across) * HIGH
    numbers += actor * NUMBERS
    addresses += actor * ADDRESSES
    sheet += actor * sheet_cells * sheet_cells * 2
    face += actor * face_cells * face_cells * 8
    gains += actor * GAINS
    place = tl.arange(0, WIDE * HIGH)
    px, py = x0 + place % WIDE, y0 + place // WIDE
    r, g, b = _stand(numbers, addresses, sheet, sheet_cells, px, py, SIZE)
    if meets(numbers + FACE_AREA, x0, y0, WIDE, HIGH):
        r, g, b = _face(addresses, face, face_cells, px, py, r, g, b, SIZE)
    for k in range(2):
        eye = numbers + EYES + k * EYE
        near = meets(eye, x0, y0, WIDE, HIGH)
        near |= meets(eye + LID, x0, y0, WIDE, HIGH)
        if near:
            pixels = addresses + EYE_PIXELS + k * EYE_STEP
            r, g, b = draw_eye(eye, pixels, px, py, r, g, b)
    mouth = numbers + MOUTH
    near = meets(mouth, x0, y0, WIDE, HIGH)
    near |= meets(mouth + OUT_AREA, x0, y0, WIDE, HIGH)
    if near:
        r, g, b = draw_mouth(mouth, addresses, gains, px, py, r, g, b)
    pixel = r.to(tl.int32) | (g.to(tl.int32) << 8) | (b.to(tl.int32) << 16)
    opaque = pixel | -16777216  # 255 in the highest byte
    tl.store(out + (actor * SIZE + py) * SIZE + px, opaque)


def draw_frames(
    numbers: Tensor, addresses: Tensor, sheet: Tensor, face: Tensor, gains: Tensor, out: Tensor
) -> None:
    """Draw B actors into `out` [B, S, S] int32, RGBA with red lowest.

    `numbers` [B, NUMBERS] float32 and `addresses` [B, ADDRESSES] int64 as in `layout`; flows of
    `sheet` [B, n, n, 2] and dressed `face` [B, m, m, 8]; `gains` [B, 4, 8, 4] of mouths' light.
    """
    size = out.shape[1]
    wide, high = (WIDE, HIGH) if out.is_cuda else (INTERPRETED, INTERPRETED)
    wide, high = min(wide, size), min(high, size)
    frame_kernel[((size // wide) * (size // high), len(out))](
        numbers, addresses, sheet, face, gains, out, sheet.shape[1], face.shape[1],
        SIZE=size, WIDE=wide, HIGH=high,
    )  # fmt: skip
