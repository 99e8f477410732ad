"""Eyes: a sclera that stays, an iris that looks, seen through the slit between the lids.

Both come from the portrait. The iris disc is lifted off, what lids hid of it is completed ring by
ring from what is seen, and the white beneath is continued from the white around. Signed residuals
keep the eye at rest equal to the portrait.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.layers import fill_from_known, smoothstep
from mien.models.codec.lidskin import LidSkin, build_lid, draw_lid
from mien.models.codec.lips import ease
from mien.models.codec.openings import (
    PORTRAIT_PX,
    Opening,
    coverage,
    covered,
    dark_edge,
    draw_seam,
    lay,
    opening,
    part_of,
    pixels_of,
    place,
    span_of,
    width_of,
)
from mien.models.codec.pose import F64
from mien.models.codec.rig import EYES, Eye, Posed, Rig

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

PAD_PX = 14
IRIS_SEARCH = np.linspace(0.8, 1.6, 33)  # of the landmarker's iris radius
IRIS_EDGE_PX = 2.0  # the limbus is soft
LIMBUS_BLEND_PX = 3.0  # its shadow on the white travels with it
LASH_FROM, LASH_STRENGTH, LASH_WIDTH_IOD = 0.75, 0.85, 0.0085
LID_SHADE = 0.35  # a lowered lid's shadow on the eyeball
LASHES_HANG_IOD = 0.034  # below the upper lid: what the portrait shows there may be lash
# A look this far off, iod, shows the eye without the portrait's lashes on it.
CLEAN_FROM_IOD, CLEAN_BY_IOD = 0.003, 0.028
WIDE_FROM, WIDE_BY = 0.01, 0.10  # and so does a slit this much wider than the portrait's
CORNER_SHADE, CORNER_SHARE = 0.30, 0.22  # whites are darker near the corners
FRINGE_STEPS, FRINGE_COLUMNS = 12, 64  # the lashes' own shadow, down from the lid and along it
LASH_DEPTH = 0.75  # lashes are thinner than pixels: the line that they draw is darker than it looks
CLEAN_SHADE = 0.16  # under the upper lid, beside its lashes
LEAST_ROOM = 30.0  # between eye and lashes, grey levels: less tells nothing of a share


@dataclass(frozen=True)
class EyeLayer:
    """One eye's pixels, in a box of the portrait."""

    eye: Eye
    origin: tuple[int, int]  # box corner x, y in the portrait
    white: F32  # [h, w, 3]
    iris: F32  # [h, w, 4] premultiplied, signed
    clean_white: F32  # [h, w, 3] without lashes
    clean_iris: F32  # [h, w, 4]
    fringe: F32  # [FRINGE_STEPS, FRINGE_COLUMNS] share of lashes below the lid's edge
    plane: F64  # [3] depth px = plane · (x, y, 1) over the eye
    rest_height: float  # px between the lids where they are furthest apart
    lash: F64  # [3] colour of the line where shut lids meet
    lid: LidSkin

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        pixels = (self.white, self.iris, self.clean_white, self.clean_iris, self.lid.colour)
        return sum(array.nbytes for array in pixels)

    @property
    def middle(self) -> tuple[float, float]:
        """Middle of the box, px of the portrait."""
        height, width = self.white.shape[:2]
        return self.origin[0] + width / 2, self.origin[1] + height / 2


def iris_disc(grey: F32, inside: F32, centre: F64, radius: float) -> float:
    """The iris radius px as drawn: where, seen from `centre`, the picture brightens most.

    `grey` [h, w] and `inside` [h, w] (1 within the lids) around the eye, `centre` in that box,
    `radius` as landmarked. Looks left and right only, where lids hide little.
    """
    angles = np.radians(np.concatenate([np.arange(-35, 36, 5), np.arange(145, 216, 5)]))
    radii = radius * IRIS_SEARCH
    x = (centre[0] + radii[:, None] * np.cos(angles)).astype(np.float32)
    y = (centre[1] + radii[:, None] * np.sin(angles)).astype(np.float32)
    rings = cv2.remap(cv2.GaussianBlur(grey, (0, 0), 1.0), x, y, cv2.INTER_LINEAR)
    valid = cv2.remap(inside, x, y, cv2.INTER_LINEAR) > 0.9
    rise = np.diff(rings, axis=0)
    both = valid[1:] & valid[:-1]
    seen = both.sum(1)
    score = np.where(seen >= 4, (rise * both).sum(1) / np.maximum(seen, 1), 0.0)
    best = int(score.argmax())
    return float(radii[best] + radii[best + 1]) / 2 if score[best] > 1.0 else radius * 1.06


def sclera_weight(grey: F32, candidates: F32) -> F32:
    """How much each candidate pixel [h, w] speaks for the white: lash shadow and veins do not."""
    values = grey[candidates > 0]
    if values.size < 8:
        return candidates
    low, high = np.percentile(values, [35, 75])
    bright = np.clip((grey - low) / max(float(high - low), 1.0), 0.02, 1.0)
    return np.asarray(candidates * bright * bright, np.float32)


def complete_iris(colour: F32, seen: F32, centre: F64, reach: float) -> F32:
    """What lids hide of an iris: the median of what is seen at the same distance from its middle.

    `colour` [h, w, 3], `seen` [h, w] 1 where the portrait shows iris, `centre` in the box.
    """
    height, width = seen.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])
    disc = seen * (distance < reach)
    base = fill_from_known(colour, disc.astype(np.float32)) if disc.sum() > 4 else colour
    rings = np.arange(0.0, reach + 1.0)
    profile = np.zeros((len(rings), 3))
    told = np.zeros(len(rings), bool)
    for i, ring in enumerate(rings):
        near = (np.abs(distance - ring) < 1.0) & (seen > 0.5)
        told[i] = near.sum() >= 3
        if told[i]:
            profile[i] = np.median(colour[near], axis=0)
    if told.sum() >= 3:
        for k in range(3):
            line = np.interp(rings, rings[told], profile[told, k])
            base[..., k] = np.interp(distance, rings, line)
    soft = cv2.GaussianBlur(seen, (0, 0), 0.7)[..., None]
    return np.asarray(base + np.minimum(soft, seen[..., None]) * (colour - base), np.float32)


def lash_fringe(box: F32, clean: F32, slit: Opening, origin: F64, hang: float, lash: F64) -> F32:
    """How far the portrait's `box` is from the `clean` eye to the colour `lash` in the `hang` px
    below the upper lid, 0..1 [FRINGE_STEPS, FRINGE_COLUMNS]: what goes with the lid."""
    share = (np.arange(FRINGE_COLUMNS) + 0.5) / FRINGE_COLUMNS
    top = np.interp(share, np.linspace(0.0, 1.0, len(slit.top)), slit.top)
    down = np.linspace(0.0, 1.0, FRINGE_STEPS) * hang
    along, across = slit.along, np.array([-slit.along[1], slit.along[0]])
    at = slit.origin - origin + (share * slit.length)[None, :, None] * along
    at = at + (top[None] + down[:, None])[..., None] * across
    x, y = at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)
    light = [
        cv2.remap(part.mean(-1), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in (box, clean)
    ]
    room = np.maximum(light[1] - float(lash.mean()), LEAST_ROOM)
    alpha = np.clip((light[1] - light[0]) / room, 0.0, 1.0)
    fade = smoothstep(down / hang, 0.5, 1.0)[:, None]  # below it the eye is its own witness
    return np.asarray(alpha * (1.0 - fade), np.float32)


def drawn_radius(portrait: F32, rig: Rig, eye: Eye) -> float:
    """An iris radius as drawn, in landmarked radii."""
    size = portrait.shape[0]
    points = rig.landmarks[list(eye.iris), :2]
    radius = float(np.linalg.norm(points[1:] - points[0], axis=1).mean())
    slit = opening(rig.landmarks[list(eye.upper), :2], rig.landmarks[list(eye.lower), :2], size)
    reach = int(2.0 * radius) + 4
    x0, y0 = np.clip(points[0].astype(int) - reach, 0, size - 2)
    x1, y1 = np.clip(points[0].astype(int) + reach, 2, size)
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float64)
    inside = coverage(slit, x.ravel(), y.ravel()).reshape(x.shape).astype(np.float32)
    grey = cv2.cvtColor(portrait[y0:y1, x0:x1].astype(np.uint8), cv2.COLOR_RGB2GRAY)
    found = iris_disc(grey.astype(np.float32), inside, points[0] - (x0, y0), radius)
    return found / radius


def build_eye(portrait: F32, rig: Rig, eye: Eye) -> EyeLayer:
    """Lift one eye out of `portrait` [S, S, 3] (0..255)."""
    size = portrait.shape[0]
    contour = rig.landmarks[[*eye.upper, *eye.lower[-2:0:-1]]]
    iris_points = rig.landmarks[list(eye.iris), :2]
    centre = iris_points[0]
    radius = float(np.linalg.norm(iris_points[1:] - centre, axis=1).mean())
    low = np.floor(np.minimum(contour[:, :2].min(0), centre - radius)).astype(int) - PAD_PX
    high = np.ceil(np.maximum(contour[:, :2].max(0), centre + radius)).astype(int) + PAD_PX
    (x0, y0), (x1, y1) = np.clip(low, 0, size - 2), np.clip(high, 2, size)
    box = portrait[y0:y1, x0:x1]
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float64)
    slit = opening(rig.landmarks[list(eye.upper), :2], rig.landmarks[list(eye.lower), :2], size)
    shape = box.shape[:2]
    inside = coverage(slit, x.ravel(), y.ravel()).reshape(shape).astype(np.float32)
    touched = cv2.dilate(inside, np.ones((5, 5), np.uint8)) > 0.02
    grey = cv2.cvtColor(box.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    radius *= max(drawn_radius(portrait, rig, one) for one in EYES)  # eyes are alike
    distance = np.hypot(x - centre[0], y - centre[1])
    disc = np.clip((radius - distance) / IRIS_EDGE_PX + 1.0, 0.0, 1.0).astype(np.float32)

    deep = cv2.erode(inside, np.ones((3, 3), np.uint8))
    known = ((deep > 0.95) & (distance > radius + IRIS_EDGE_PX + 1.0)).astype(np.float32)
    filled = fill_from_known(box, sclera_weight(grey, known)) if known.sum() > 6 else box.copy()
    beyond = np.clip((distance - radius - IRIS_EDGE_PX) / LIMBUS_BLEND_PX, 0.0, 1.0)
    keep = (touched * beyond).astype(np.float32)[..., None]
    white = filled + keep * (box - filled)

    seen = ((inside > 0.6) & (disc > 0.0)).astype(np.float32)
    hang = LASHES_HANG_IOD * rig.scale
    free = coverage(slit, x.ravel(), y.ravel() - hang).reshape(shape).astype(np.float32)
    free = np.minimum(free, inside)
    known = known * (free > 0.95)
    calm = fill_from_known(box, sclera_weight(grey, known)) if known.sum() > 6 else filled
    keep = keep * cv2.GaussianBlur(free, (0, 0), 1.2)[..., None]
    clean_white = calm + keep * (box - calm)
    in_sight = seen * (free > 0.9)
    bare = in_sight if in_sight.sum() > 0.2 * seen.sum() else seen
    whole = complete_iris(box, seen, centre - (x0, y0), radius + 1.0)
    alpha = disc[..., None]
    at_rest = box - (1.0 - alpha) * white
    completed = alpha * whole
    visible = touched.astype(np.float32)[..., None] * (beyond < 1.0)[..., None]
    iris = completed + visible * (at_rest - completed)

    plane, *_ = np.linalg.lstsq(
        np.c_[contour[:, :2], np.ones(len(contour))], contour[:, 2], rcond=None
    )
    height = float((slit.bottom - slit.top).max())
    layer = np.concatenate([iris, alpha], -1).astype(np.float32)
    clean = alpha * complete_iris(box, bare, centre - (x0, y0), radius + 1.0)
    clean_iris = np.concatenate([clean, alpha], -1).astype(np.float32)
    lash = LASH_DEPTH * dark_edge(portrait, rig.landmarks[list(eye.upper), :2])
    whole_eye = np.asarray(clean + (1.0 - alpha) * clean_white, np.float32)
    fringe = lash_fringe(box, whole_eye, slit, np.array([x0, y0]), hang, lash)
    return EyeLayer(
        eye, (int(x0), int(y0)), np.ascontiguousarray(white, np.float32), layer,
        np.ascontiguousarray(clean_white, np.float32), clean_iris, fringe, plane,
        max(height, 1.0), lash, build_lid(portrait, rig, eye, lash),
    )  # fmt: skip


@njit(inline="always")
def _mixed(
    one: F32, other: F32, clean: float, i: int, j: int, p: float, q: float, k: int
) -> float:  # pragma: no cover - compiled
    """A channel between four texels, of `one` picture or, so far it is `clean`, of the other."""
    value = (
        (1 - p) * ((1 - q) * one[i, j, k] + q * one[i, j + 1, k])
        + p * ((1 - q) * one[i + 1, j, k] + q * one[i + 1, j + 1, k])
    )  # fmt: skip
    if clean > 0.0:
        bare = (
            (1 - p) * ((1 - q) * other[i, j, k] + q * other[i, j + 1, k])
            + p * ((1 - q) * other[i + 1, j, k] + q * other[i + 1, j + 1, k])
        )  # fmt: skip
        value += clean * (bare - value)
    return float(value)


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _draw(
    out: U8, white: F32, iris: F32, clean_white: F32, clean_iris: F32, ox: int, oy: int, back: F64,
    look: F64, bounds: tuple[int, int, int, int], corner: F64, along: F64, length: float,
    top: F32, bottom: F32, shade: float, shade_px: float, fringe: F32, lash: F64, hang: float,
    clean: float,
) -> None:  # fmt: skip # pragma: no cover - compiled
    wide = width_of(out.shape[0])
    x0, x1 = pixels_of(bounds[0], bounds[2], wide)
    y0, y1 = pixels_of(bounds[1], bounds[3], wide)
    most_x, most_y = white.shape[1] - 1.001, white.shape[0] - 1.001
    steps, columns = fringe.shape
    total = np.empty(4)
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
                bx = back[0, 0] * at_x + back[0, 1] * at_y + back[0, 2] - ox
                by = back[1, 0] * at_x + back[1, 1] * at_y + back[1, 2] - oy
                wx, wy = min(max(bx, 0.0), most_x), min(max(by, 0.0), most_y)
                jx = min(max(bx - look[0], 0.0), most_x)
                jy = min(max(by - look[1], 0.0), most_y)
                wi, wj, ii, ij = int(wy), int(wx), int(jy), int(jx)
                p, q, r, t = wy - wi, wx - wj, jy - ii, jx - ij
                alpha = _mixed(iris, clean_iris, clean, ii, ij, r, t, 3)
                dim = 1.0
                if shade > 0.0:
                    dim -= shade * np.exp(-max(v - high, 0.0) / shade_px)
                lashes = 0.0
                if clean > 0.0:
                    share = min(max(s / length, 0.0), 1.0)
                    ends = min(min(share, 1.0 - share) / CORNER_SHARE, 1.0)
                    dim *= 1.0 - clean * CORNER_SHADE * (1.0 - ends) * (1.0 - ends)
                    d = max((v - high) / hang * (steps - 1), 0.0)
                    if d < steps - 1:
                        e = min(max(share * columns - 0.5, 0.0), columns - 1.001)
                        di, ei = int(d), int(e)
                        f, g = d - di, e - ei
                        lashes = clean * (
                            (1 - f) * ((1 - g) * fringe[di, ei] + g * fringe[di, ei + 1])
                            + f * ((1 - g) * fringe[di + 1, ei] + g * fringe[di + 1, ei + 1])
                        )  # fmt: skip
                total[3] += cover
                for k in range(3):
                    ball = _mixed(white, clean_white, clean, wi, wj, p, q, k)
                    disc = _mixed(iris, clean_iris, clean, ii, ij, r, t, k)
                    colour = (disc + (1 - alpha) * ball) * dim
                    total[k] += cover * (colour + lashes * (lash[k] - colour))
            if total[3] > 0.0:
                lay(out, y, x, total[3], total[0], total[1], total[2])


def slit_of(posed: Posed, eye: Eye, size: int) -> Opening:
    """The slit between the posed lids."""
    return opening(posed.points[list(eye.upper), :2], posed.points[list(eye.lower), :2], size)


def draw_eye(out: U8, layer: EyeLayer, posed: Posed) -> None:
    """Draw one eye into `out` [n, n, 4]."""
    slit = slit_of(posed, layer.eye, int(PORTRAIT_PX))
    back = posed.rigid.way_back(layer.plane, layer.middle)
    look = posed.gaze_px[EYES.index(layer.eye)]
    opened = float((slit.bottom - slit.top).max()) / layer.rest_height
    away = float(np.hypot(*look)) * posed.rigid.scale / posed.iod_px
    clean = max(ease(away, CLEAN_FROM_IOD, CLEAN_BY_IOD), ease(opened - 1.0, WIDE_FROM, WIDE_BY))
    shade = max(LID_SHADE * min(max(1.0 - opened, 0.0), 1.0), CLEAN_SHADE * clean)
    _draw(
        out, layer.white, layer.iris, layer.clean_white, layer.clean_iris, *layer.origin, back,
        look, slit.bounds, slit.origin, slit.along, slit.length, slit.top, slit.bottom, shade,
        0.3 * layer.rest_height, layer.fringe, layer.lash, LASHES_HANG_IOD * posed.iod_px, clean,
    )  # fmt: skip
    draw_lid(out, layer.lid, posed, opened)
    shut = ease(1.0 - opened, LASH_FROM, 1.0)
    draw_seam(out, slit, layer.lash, LASH_WIDTH_IOD * posed.iod_px, LASH_STRENGTH * shut)
