"""Room to draw in: one set a thread and size, used by whatever decoder draws there.

A frame is drawn here, where the processor's caches hold it, and copied out when it is done: nobody
who looks at a ring sees half a frame, and nothing is read back from memory that others may write.
What is kept lives as long as its thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.dressing import POSED_CHANNELS
from mien.models.codec.lanes import LANES
from mien.models.codec.warping import FACE_CHANNELS, SHEET_CHANNELS

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

# Cells across the face's flow, and across the sheet's where it folds, by the frame's size in px.
FACE_CELLS = {128: 128, 192: 192, 256: 128, 384: 192, 512: 256}
# The sheet is smooth while the head looks about ahead; turned further it folds over, and a fold
# has an edge that shows.
SHEET_CELLS = 64


@dataclass(frozen=True)
class Grid:
    """A flow while it is made."""

    values: F32  # [cells, K, cells]
    depth: F32  # [cells, cells]


def _grid(channels: int, cells: int) -> Grid:
    return Grid(
        np.zeros((cells, channels, cells), np.float32), np.zeros((cells, cells), np.float32)
    )


class Scratch:
    """What drawing a frame of one size needs."""

    def __init__(self, size_px: int) -> None:
        self.face_cells = FACE_CELLS[size_px]
        self.frame: U32 = np.zeros((size_px, size_px), np.uint32)
        self.pixels: U8 = self.frame.view(np.uint8).reshape(size_px, size_px, 4)
        self.rows: F32 = np.zeros((2 * FACE_CHANNELS, size_px + LANES), np.float32)
        self.face = _grid(POSED_CHANNELS, self.face_cells)
        self.dressed: F32 = np.zeros((self.face_cells, FACE_CHANNELS, self.face_cells), np.float32)
        self.extents: I32 = np.zeros((self.face_cells, 2), np.int32)
        self.sheet = _grid(SHEET_CHANNELS, SHEET_CELLS)

    @cached_property
    def folded(self) -> Grid:
        """The sheet's flow where it folds."""
        return _grid(SHEET_CHANNELS, self.face_cells)


class _Room(threading.local):
    def __init__(self) -> None:
        self.of_size: dict[int, Scratch] = {}


_ROOM = _Room()


def scratch_of(size_px: int) -> Scratch:
    """This thread's room for frames of `size_px`."""
    found = _ROOM.of_size.get(size_px)
    if found is None:
        found = _ROOM.of_size[size_px] = Scratch(size_px)
    return found
