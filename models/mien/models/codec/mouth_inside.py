"""The mouth's inside, pixel by pixel: sprites in a light, own teeth, a tongue stuck out.

Compiled; knows what `mouth` has decided, and how a frame's pixels are made of the portrait's.
Refuses to know faces and motion.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.openings import covered, lay, part_of, pixels_of, place, span_of, width_of
from mien.models.codec.pose import F64

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

DEPTH = (46.0, 18.0, 15.0)  # flesh that no light reaches is dark red, never black
FLOOR_LIT, ROOF_LIT = 1.35, 0.45  # of that red: the mouth's floor and what lies under the lip


@njit(inline="always")
def _mix(
    sprite: U8, x: float, y: float, share: float, colour: F64, gain: F64
) -> None:  # pragma: no cover - compiled
    """Lay a `share` of a premultiplied sprite at (x, y), times `gain` [3], over `colour` [3]."""
    if x < 0.0 or y < 0.0 or x > sprite.shape[1] - 1.001 or y > sprite.shape[0] - 1.001:
        return
    i, j = int(y), int(x)
    p, q = y - i, x - j
    a, b, c, d = (1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q
    through = 1.0 - share * (
        a * sprite[i, j, 3] + b * sprite[i, j + 1, 3]
        + c * sprite[i + 1, j, 3] + d * sprite[i + 1, j + 1, 3]
    ) / 255.0  # fmt: skip
    for k in range(3):
        colour[k] = through * colour[k] + gain[k] * share * (
            a * sprite[i, j, k] + b * sprite[i, j + 1, k]
            + c * sprite[i + 1, j, k] + d * sprite[i + 1, j + 1, k]
        )  # fmt: skip


@njit(inline="always")
def _own(
    pixels: F32, depth: F32, x: float, y: float, keep: float, colour: F64
) -> None:  # pragma: no cover - compiled
    """Lay what the portrait shows at (`x`, `y`) of its own mouth over `colour` [3]."""
    if not (0.0 <= x < pixels.shape[1] - 1 and 0.0 <= y < pixels.shape[0] - 1):
        return
    m, n = int(y), int(x)
    p, q = y - m, x - n
    a, b, c, d = (1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q
    if keep < 1.0:  # soft edges once it leaves its place
        buried = (
            a * depth[m, n] + b * depth[m, n + 1] + c * depth[m + 1, n] + d * depth[m + 1, n + 1]
        )
        keep *= min(buried / 2.5, 1.0)
    for k in range(3):
        own = (
            a * pixels[m, n, k] + b * pixels[m, n + 1, k]
            + c * pixels[m + 1, n, k] + d * pixels[m + 1, n + 1, k]
        )  # fmt: skip
        colour[k] += keep * (own - colour[k])


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def draw_inside(
    out: U8, cavity: U8, tongue: U8, lower: U8, upper: U8, back: F64, jaw: F64,
    own: F32, own_depth: F32, own_x: int, own_y: int, own_back: F64, own_keep: float,
    bounds: tuple[int, int, int, int], corner: F64, along: F64, length: float,
    top: F32, bottom: F32, tint: F64, shadow_px: float, tongue_up: float, lift: float, gains: F32,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Draw what lies between the lips into `out` [n, n, 4]; `bounds` in px of the portrait.

    `back` leads from there to the sprites' canvas, `own_back` to the portrait's own mouth, of which
    `own_keep` stays; `corner`, `along`, `length`, `top` and `bottom` are the gap's (`Opening`).
    """
    colour, flesh, teeth, total = np.zeros(3), np.ones(3), np.ones(3), np.zeros(4)
    wide = width_of(out.shape[0])
    x0, x1 = pixels_of(bounds[0], bounds[2], wide)
    y0, y1 = pixels_of(bounds[1], bounds[3], wide)
    for y in range(y0, y1):
        for x in range(x0, x1):
            total[:] = 0.0
            (first_y, rows_in), (first_x, columns_in) = span_of(y, wide), span_of(x, wide)
            for sample in np.ndindex(rows_in, columns_in):
                at_y, at_x = first_y + sample[0], first_x + sample[1]
                s, v, high, low = place(at_x, at_y, corner, along, length, top, bottom)
                cover = covered(s, v, high, low, length)
                if cover <= 0.0:
                    continue
                cover *= part_of(at_y, y, wide) * part_of(at_x, x, wide)
                cx = back[0, 0] * at_x + back[0, 1] * at_y + back[0, 2]
                cy = back[1, 0] * at_x + back[1, 1] * at_y + back[1, 2]
                jy = jaw[0] * cy + jaw[1]
                share = min(max(s / length, 0.0), 1.0)
                deep = min(max((v - high) / max(low - high, 1.0), 0.0), 1.0)
                gx = min(max(share * gains.shape[1] - 0.5, 0.0), gains.shape[1] - 1.001)
                gy = min(max(deep * gains.shape[0] - 0.5, 0.0), gains.shape[0] - 1.001)
                gi, gj = int(gy), int(gx)
                gp, gq = gy - gi, gx - gj
                for k in range(4):
                    gain = (
                        (1 - gp) * ((1 - gq) * gains[gi, gj, k] + gq * gains[gi, gj + 1, k])
                        + gp * ((1 - gq) * gains[gi + 1, gj, k] + gq * gains[gi + 1, gj + 1, k])
                    )  # fmt: skip
                    if k < 3:
                        flesh[k] = gain
                    else:
                        teeth[:] = gain
                colour[:] = 0.0
                _mix(cavity, cx, jy, 1.0, colour, flesh)
                lit = ROOF_LIT + (FLOOR_LIT - ROOF_LIT) * deep
                for k in range(3):
                    colour[k] = max(colour[k], DEPTH[k] * lit)
                _mix(tongue, cx, jy + tongue_up, 1.0, colour, flesh)
                _mix(lower, cx, jy, 1.0, colour, teeth)
                if lift > 0.0:  # a lifted tip lies over the lower teeth
                    _mix(tongue, cx, jy + tongue_up, lift, colour, flesh)
                _mix(upper, cx, cy, 1.0, colour, teeth)
                ends = min(share, 1.0 - share)
                shade = 1.0 - 0.36 * np.exp(-max(v - high, 0.0) / shadow_px)
                shade *= 0.35 + 0.65 * min(ends * 5.0, 1.0)
                for k in range(3):
                    colour[k] *= tint[k] * shade
                if own_keep > 0.0:
                    bx = own_back[0, 0] * at_x + own_back[0, 1] * at_y + own_back[0, 2] - own_x
                    by = own_back[1, 0] * at_x + own_back[1, 1] * at_y + own_back[1, 2] - own_y
                    _own(own, own_depth, bx, by, own_keep, colour)
                total[3] += cover
                for k in range(3):
                    total[k] += cover * colour[k]
            if total[3] > 0.0:
                lay(out, y, x, total[3], total[0], total[1], total[2])


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def draw_tongue(
    out: U8, sprite: U8, back: F64, jaw: F64, bounds: tuple[int, int, int, int],
    corner: F64, along: F64, length: float, top: F32, tint: F64, strength: float,
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Draw a tongue stuck out below the gap's upper edge; see `draw_inside`."""
    colour, gain, total = np.zeros(3), np.ones(3), np.zeros(4)
    wide = width_of(out.shape[0])
    x0, x1 = pixels_of(bounds[0], bounds[2], wide)
    y0, y1 = pixels_of(bounds[1], bounds[3], wide)
    for y in range(y0, y1):
        for x in range(x0, x1):
            total[:] = 0.0
            (first_y, rows_in), (first_x, columns_in) = span_of(y, wide), span_of(x, wide)
            for sample in np.ndindex(rows_in, columns_in):
                at_y, at_x = first_y + sample[0], first_x + sample[1]
                s, v, high, _ = place(at_x, at_y, corner, along, length, top, top)
                cover = strength * min(max(v - high + 0.5, 0.0), 1.0)
                cover *= min(max(0.15 * min(s, length - s), 0.0), 1.0)
                if cover <= 0.0:
                    continue
                cover *= part_of(at_y, y, wide) * part_of(at_x, x, wide)
                for k in range(3):
                    colour[k] = out[y, x, k] / tint[k]
                cx = back[0, 0] * at_x + back[0, 1] * at_y + back[0, 2]
                cy = back[1, 0] * at_x + back[1, 1] * at_y + back[1, 2]
                _mix(sprite, cx, jaw[0] * cy + jaw[1], 1.0, colour, gain)
                total[3] += cover
                for k in range(3):
                    total[k] += cover * colour[k] * tint[k]
            if total[3] > 0.0:
                lay(out, y, x, total[3], total[0], total[1], total[2])
