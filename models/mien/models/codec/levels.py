"""A character's layers at the size that a frame is drawn at: a pyramid, built level by level.

Every level is taken from the portrait's own by averaging areas, so that a small frame is read from
pixels of its own size and does not shimmer, and is then made to add up: at rest its stack is the
portrait, averaged to that size. Refuses to know motion; what is drawn over the skin at rest (eyes,
the mouth's inside) it is told as a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec.compose import over, premultiplied_difference
from mien.models.codec.layers import Layers
from mien.models.codec.scratch import FACE_CELLS, SHEET_CELLS
from mien.models.codec.warping import texture

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

THIN = 0.04  # share of skin in a pixel from which on its colour can be told
Openings = Callable[[U8], None]  # draws what lies in the face's openings at rest over [n, n, 4]


@dataclass(frozen=True)
class Level:
    """Layers of one size n, as `warping` reads them."""

    plate: U32  # [n, n] opaque
    sheet: U32  # `texture`, n px wide
    face: U32  # `texture` of the pixels in `face_box`
    face_box: tuple[int, int, int, int]  # x0, y0, x1, y1 px; an empty border included
    below: U32  # [n, n] opaque: sheet over plate at rest
    occupied: dict[int, Bools]  # by cells of a flow: see `occupied`

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        pixels = (self.plate, self.sheet, self.face, self.below)
        return int(sum(a.nbytes for a in (*pixels, *self.occupied.values())))


def occupied(layer: U8, cells: int) -> Bools:
    """Which of `cells` × `cells` parts of a layer [S, S, 4] hold anything, or lie next to it."""
    side = layer.shape[0] // cells
    filled = layer[..., 3].reshape(cells, side, cells, side).max((1, 3)) > 0
    near = cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(near > 0)


def filled_box(alpha: U8) -> tuple[int, int, int, int]:
    """Where `alpha` [S, S] holds anything, and one pixel around it: x0, y0, x1, y1.

    That pixel may lie beyond the picture.
    """
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not rows.size:
        return 0, 0, 2, 2
    return int(columns[0]) - 1, int(rows[0]) - 1, int(columns[-1]) + 2, int(rows[-1]) + 2


def level_of(layers: Layers) -> Level:
    """Layers of any size made ready to be read."""
    size = len(layers.plate)
    opaque = np.full((size, size, 1), 255, np.uint8)
    plate = np.concatenate([layers.plate, opaque], -1)
    box = filled_box(layers.face[..., 3])
    beyond = cv2.copyMakeBorder(layers.face, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    face = beyond[box[1] + 1 : box[3] + 1, box[0] + 1 : box[2] + 1]
    cells = {SHEET_CELLS, FACE_CELLS[size]}
    return Level(
        plate.view(np.uint32)[..., 0], texture(layers.sheet), texture(face), box,
        layers.below.view(np.uint32)[..., 0].copy(),
        {n: occupied(layers.sheet, n) for n in cells},
    )  # fmt: skip


def unpacked(level: Level) -> Layers:
    """The layers that a level was made of."""
    size = len(level.plate)
    plate, below = (a.view(np.uint8).reshape(size, size, 4) for a in (level.plate, level.below))
    sheet = level.sheet[: size * size].view(np.uint8).reshape(size, size, 4)
    x0, y0, x1, y1 = level.face_box
    part = level.face[: (x1 - x0) * (y1 - y0)].view(np.uint8).reshape(y1 - y0, x1 - x0, 4)
    beyond = np.zeros((size + 2, size + 2, 4), np.uint8)
    beyond[y0 + 1 : y1 + 1, x0 + 1 : x1 + 1] = part
    face = np.ascontiguousarray(beyond[1:-1, 1:-1])
    return Layers(np.ascontiguousarray(plate[..., :3]), sheet, face, below)


def averaged(picture: U8, size: int) -> U8:
    """`picture` [S, S, C] averaged by area to `size` px."""
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def reduced(layers: Layers, portrait: U8, size: int, openings: Openings) -> Layers:
    """`layers` of `portrait` [S, S, 3] averaged to `size` px, so that they add up at rest.

    Where an opening takes part of a pixel, the layers hold the colour of the pixel's skin alone:
    what `openings` draws over it gives the rest.
    """
    plate, below = averaged(layers.plate, size), averaged(layers.below, size)
    sheet = premultiplied_difference(
        below[..., :3], plate, averaged(np.ascontiguousarray(layers.sheet[..., 3]), size)
    )
    over(sheet, plate, below)
    whole = np.empty_like(layers.below)
    over(layers.face, layers.below, whole)
    skin = averaged(np.ascontiguousarray(whole[..., :3]), size)
    skin = _beside_openings(skin, averaged(portrait, size), openings)
    alpha = averaged(np.ascontiguousarray(layers.face[..., 3]), size)
    face = premultiplied_difference(skin, below[..., :3], alpha)
    face[alpha == 0] = 0
    return Layers(plate, sheet, face, below)


def _beside_openings(skin: U8, portrait: U8, openings: Openings) -> U8:
    """`skin` [n, n, 3] such that the face's `openings` drawn over it make the `portrait`."""
    size = len(skin)
    dark, light = np.zeros((size, size, 4), np.uint8), np.full((size, size, 4), 255, np.uint8)
    openings(dark)
    openings(light)
    own = dark[..., :3].astype(np.float32)
    share = (light[..., :3] - own).mean(-1, keepdims=True) / 255.0
    missing = portrait - own - share * skin
    # Least squares that a thin share cannot drive wild: what it shows is rounded, too.
    told = np.clip(skin + missing * share / (share * share + THIN * THIN), 0.0, 255.0) + 0.5
    return np.where(share < 1.0, told, skin).astype(np.uint8)
