"""Lays frames out as labelled tiles on one picture.

Knows tiles, columns and text. Refuses to know how frames were made or where the sheet is saved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

INK = (236, 236, 240)
PAPER = (24, 24, 28)
GAP_PX = 6
LABEL_PX = 20


@dataclass(frozen=True)
class SheetTile:
    """One frame and what to write under it."""

    frame: NDArray[np.uint8]  # [H, W, 4] RGBA
    label: str


def spread(count: int, tiles: int) -> list[int]:
    """Indices of at most `tiles` frames, evenly over `count`, first and last included."""
    if count <= tiles:
        return list(range(count))
    return [round(i * (count - 1) / (tiles - 1)) for i in range(tiles)]


def time_label(pts_us: int) -> str:
    """A time as people read it: seconds with two decimals."""
    return f"{pts_us / 1e6:.2f} s"


def sheet_size(tiles: int, columns: int, tile_width: int, tile_height: int) -> tuple[int, int]:
    """Width and height of a sheet in pixels."""
    rows = math.ceil(tiles / columns)
    return (
        columns * (tile_width + GAP_PX) + GAP_PX,
        rows * (tile_height + LABEL_PX + GAP_PX) + GAP_PX,
    )


def contact_sheet(
    tiles: Sequence[SheetTile], *, columns: int = 4, tile_width: int = 256
) -> Image.Image:
    """An RGB picture of the tiles, row by row, each scaled to `tile_width`."""
    if not tiles:
        raise ValueError("a contact sheet needs at least one frame")
    columns = min(columns, len(tiles))
    height, width = tiles[0].frame.shape[:2]
    tile_height = round(tile_width * height / width)
    sheet = Image.new("RGB", sheet_size(len(tiles), columns, tile_width, tile_height), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for i, tile in enumerate(tiles):
        x = GAP_PX + (i % columns) * (tile_width + GAP_PX)
        y = GAP_PX + (i // columns) * (tile_height + LABEL_PX + GAP_PX)
        picture = Image.fromarray(tile.frame)
        picture = picture.resize((tile_width, tile_height), Image.Resampling.BOX)
        sheet.paste(picture, (x, y), picture.getchannel("A"))
        pen.text((x + 2, y + tile_height + 2), tile.label, INK, font=font)
    return sheet
