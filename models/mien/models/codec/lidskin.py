"""The skin of a lid that no open eye shows: drawn over the upper lid as it comes down.

An open eye hides most of its lid in a fold, so a blink has nothing to show but a few stretched
rows of crease and lashes. This skin is taken from around the eye instead: calm colour from the
bone above and the cheek below, column by column, their grain, and the shading of a ball that looks
down. Refuses to touch an eye at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.layers import smoothstep
from mien.models.codec.lips import ease
from mien.models.codec.openings import (
    PORTRAIT_PX,
    Opening,
    lay,
    opening,
    part_of,
    pixels_of,
    place,
    span_of,
    width_of,
)
from mien.models.codec.pose import F64
from mien.models.codec.rig import Eye, Posed, Rig

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

WIDE, HIGH = 96, 48  # texels from corner to corner, and from fold to lashes
# Bands that colour comes from, as shares of the ways crease → brow and pouch → down the cheek.
ABOVE_FROM, ABOVE_TO = 0.05, 0.60
BELOW_FROM_IOD, BELOW_TO_IOD = 0.015, 0.11
ABOVE_SHARE = 0.45  # of the colour comes from above, the rest from below
CALM_TEXELS = 9.0  # colour changes along the lid no faster than this
DETAIL_PX, DETAIL_LIMIT = 2.5, 14.0
FOLD_RISES = 0.55  # the painted skin begins above the crease by this much of the lid's own strip
FADES_BY = 0.45  # and is all there at this share of its height
# The lid is drawn in while it comes down this far, as shares of the open eye's height.
DRAWN_FROM, DRAWN_BY = 0.03, 0.40
LASH_WIDTH_IOD, LASH_STRENGTH = 0.012, 0.90


@dataclass(frozen=True)
class LidSkin:
    """One upper lid's skin."""

    eye: Eye
    colour: F32  # [HIGH, WIDE, 3] 0..255, fold at the top, lashes at the bottom
    height: F32  # [SAMPLES] iod from fold to lashes, of the closed lid
    lash: F64  # [3]


def fold(points: F64, eye: Eye) -> F64:
    """Where the lid's painted skin begins, [N, 2]: over the crease, corner to corner."""
    upper = points[list(eye.upper), :2]
    crease = points[list(eye.crease), :2]
    out = upper.copy()
    out[1:-1] = crease + FOLD_RISES * (crease - upper[1:-1])
    return out


def _band(picture: F32, start: F64, end: F64, shares: F64) -> F32:
    """`picture` [S, S, 3] between two lines [WIDE, 2], [len(shares), WIDE, 3]."""
    at = (start[None] + shares[:, None, None] * (end - start)[None]).astype(np.float32)
    flags = cv2.INTER_LINEAR
    taken = cv2.remap(picture, at[..., 0], at[..., 1], flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.float32)


def _blurred(picture: F32, sigma_px: float, around: F64) -> F32:
    """`picture` [S, S, 3] blurred where a lid's skin comes from: `around` [N, 2] px and below."""
    reach = int(np.ptp(around[:, 0])) // 2 + 16
    x0, y0 = np.maximum(around.min(0).astype(int) - reach, 0)
    x1, y1 = around.max(0).astype(int) + reach
    out = picture.copy()
    out[y0:y1, x0:x1] = cv2.GaussianBlur(picture[y0:y1, x0:x1], (0, 0), sigma_px)
    return out


def _calm(band: F32, level: float) -> F32:
    """One colour a column of a band [R, WIDE, 3]: that of the pixels of brightness `level`
    (0..1 within the column), smooth along the lid, [WIDE, 3]."""
    order = band.sum(-1).argsort(0)
    middle = int(level * (len(band) - 1))
    rows = order[max(middle - 2, 0) : middle + 3]
    line = np.take_along_axis(band, rows[..., None], 0).mean(0)
    wide = np.stack([np.asarray(cv2.medianBlur(np.ascontiguousarray(line[:, k : k + 1]), 5))[:, 0]
                     for k in range(3)], 1)  # fmt: skip
    soft = cv2.GaussianBlur(wide[None], (0, 0), CALM_TEXELS, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft[0], np.float32)


def shading(rows: int = HIGH) -> F32:
    """How light each row of a closed lid is, fold to lashes, [rows]: a ball that looks down."""
    t = (np.arange(rows) + 0.5) / rows
    rim = 0.10 * smoothstep(t, 0.35, 1.0) + 0.05 * (1.0 - t) ** 3
    return np.asarray(1.03 - rim, np.float32)


def build_lid(portrait: F32, rig: Rig, eye: Eye, lash: F64) -> LidSkin:
    """Paint one lid from `portrait` [S, S, 3] (0..255); `lash` [3] is its lashes' colour."""
    points = rig.landmarks[:, :2]
    brow_places = topology.RIGHT_BROW if eye.side == "Right" else topology.LEFT_BROW
    brow = points[list(brow_places)]
    crease, pouch = points[list(eye.crease)], points[list(eye.pouch)]
    share = np.linspace(0.0, 1.0, WIDE)

    def along(line: F64) -> F64:
        at = np.linspace(0.0, 1.0, len(line))
        return np.stack([np.interp(share, at, line[:, k]) for k in (0, 1)], 1)

    upper, lower = points[list(eye.upper)], points[list(eye.lower)]
    chord = upper[-1] - upper[0]
    down = np.array([-chord[1], chord[0]]) / np.hypot(*chord) * rig.scale
    around = points[[*brow_places, *eye.crease, *eye.pouch, *eye.upper, *eye.lower]]
    soft = _blurred(portrait, 1.2, around)
    shares = np.linspace(0.0, 1.0, 14)
    start, end = along(crease), along(brow)
    way = end - start
    above = _band(soft, start + ABOVE_FROM * way, start + ABOVE_TO * way, shares)
    cheek = along(pouch)
    below = _band(soft, cheek + BELOW_FROM_IOD * down, cheek + BELOW_TO_IOD * down, shares)
    top, bottom = _calm(above, 0.65), _calm(below, 0.5)
    t = ((np.arange(HIGH) + 0.5) / HIGH)[:, None, None]
    from_above = ABOVE_SHARE + 0.25 * (0.5 - t)
    colour = (from_above * top + (1.0 - from_above) * bottom) * shading()[:, None, None]

    fine = portrait - _blurred(portrait, DETAIL_PX, around)
    closed = opening(fold(points, eye), lower, portrait.shape[0])
    height = (closed.bottom - closed.top) / rig.scale
    deep = down * float(height.max())
    detail = _band(fine, cheek, cheek + deep, np.linspace(0.0, 1.0, HIGH))
    colour = colour + np.clip(detail, -DETAIL_LIMIT, DETAIL_LIMIT)
    return LidSkin(eye, np.ascontiguousarray(colour, np.float32), height.astype(np.float32), lash)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _draw(
    out: U8, colour: F32, height: F32, bounds: tuple[int, int, int, int], corner: F64,
    along: F64, length: float, top: F32, bottom: F32, iod_px: float, amount: float,
    lash: F64, lash_px: float, lash_strength: float,
) -> None:  # fmt: skip # pragma: no cover - compiled
    rows, columns, steps = colour.shape[0], colour.shape[1], height.shape[0]
    wide = width_of(out.shape[0])
    x0, x1 = pixels_of(bounds[0], bounds[2], wide)
    y0, y1 = pixels_of(bounds[1], bounds[3], wide)
    total = np.empty(4)
    for y in range(y0, y1):
        for x in range(x0, x1):
            total[:] = 0.0
            (first_y, rows_in), (first_x, columns_in) = span_of(y, wide), span_of(x, wide)
            for sample in np.ndindex(rows_in, columns_in):
                at_y, at_x = first_y + sample[0], first_x + sample[1]
                s, v, high, low = place(at_x, at_y, corner, along, length, top, bottom)
                share = s / length
                if share <= 0.0 or share >= 1.0 or low - high < 0.5:
                    continue
                edge = min(max(low - v + 0.5, 0.0), 1.0)  # lids are one pixel soft
                t = (v - high) / (low - high)
                if edge <= 0.0 or t <= 0.0:
                    continue
                ends = min(min(share, 1.0 - share) * 12.0, 1.0)
                cover = min(t / FADES_BY, 1.0)
                cover = amount * edge * cover * cover * (3.0 - 2.0 * cover) * ends
                if cover <= 0.0:
                    continue
                cover *= part_of(at_y, y, wide) * part_of(at_x, x, wide)
                at = share * (steps - 1)
                i = min(int(at), steps - 2)
                whole = height[i] + (at - i) * (height[i + 1] - height[i])
                u = min(max(share * columns - 0.5, 0.0), columns - 1.001)
                r = 1.0 - max(low - v, 0.0) / max(whole * iod_px, 1.0)
                r = min(max(r * rows - 0.5, 0.0), rows - 1.001)
                m, n = int(r), int(u)
                p, q = r - m, u - n
                away = max(low - v, 0.0) / lash_px
                line = 0.0 if away > 6.0 else lash_strength * np.exp(-0.5 * away * away)
                total[3] += cover
                for k in range(3):
                    value = (
                        (1 - p) * ((1 - q) * colour[m, n, k] + q * colour[m, n + 1, k])
                        + p * ((1 - q) * colour[m + 1, n, k] + q * colour[m + 1, n + 1, k])
                    )  # fmt: skip
                    total[k] += cover * (value + line * (lash[k] - value))
            if total[3] > 0.0:
                lay(out, y, x, total[3], total[0], total[1], total[2])


def lid_of(posed: Posed, eye: Eye, size: int) -> Opening:
    """The upper lid of a posed eye, from fold to lashes."""
    return opening(fold(posed.points, eye), posed.points[list(eye.upper), :2], size)


def draw_lid(out: U8, skin: LidSkin, posed: Posed, opened: float) -> None:
    """Draw a lid into `out` [n, n, 4]; `opened` is its slit's height, 1 as in the portrait."""
    amount = ease(1.0 - opened, DRAWN_FROM, DRAWN_BY)
    if amount <= 0.0:
        return
    lid = lid_of(posed, skin.eye, int(PORTRAIT_PX))
    _draw(
        out, skin.colour, skin.height, lid.bounds, lid.origin, lid.along, lid.length, lid.top,
        lid.bottom, posed.iod_px, amount, skin.lash, LASH_WIDTH_IOD * posed.iod_px, LASH_STRENGTH,
    )  # fmt: skip
