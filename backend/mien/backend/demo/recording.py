"""Several strands side by side on one clock, into a video and a contact sheet.

Knows the recording's own clock and how far behind the present it looks. While the show runs it only
puts pictures aside, since an encoder would take the time that frames are made in. Refuses to know
what is said, and when: a line's sound is laid where its first frame was seen.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.backend.demo.strand import FRAME_US, Strand
from mien.backend.render import SheetTile, Sound, VideoWriter, contact_sheet, spread
from mien.backend.render.contact_sheet import time_label

DELAY_US = 400_000  # frames written in this time can still be put in order
SOUND_RATE_HZ = 44_100
MAX_SECONDS = 120
SHEET_TILES = 12


def now_us() -> int:
    """The clock that frames are stamped with."""
    return time.monotonic_ns() // 1000


@dataclass(frozen=True)
class _Heard:
    """A line's sound and where to look for its beginning."""

    strand: Strand
    line_id: int
    sound: Sound


class Recording:
    """What the strands showed, at a fixed distance behind the present.

    `strands` may be changed by its owner while the show runs. Pictures wait in a file without a
    name in `folder`, 0.8 MB an actor.
    """

    def __init__(self, folder: Path, size_px: int, strands: list[Strand]) -> None:
        self.strands = strands
        self._origin_us = now_us()
        self._size_px = size_px
        self._count = 0
        self._heard: list[_Heard] = []
        self._store = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    @property
    def seconds(self) -> float:
        """How much has been recorded."""
        return self._count * FRAME_US / 1e6

    def lay_sound(self, strand: Strand, line_id: int, sound: Sound) -> None:
        """Sound to be heard from the moment that the line's first frame is shown."""
        self._heard.append(_Heard(strand, line_id, sound))

    def advance(self) -> None:
        """Put every picture aside whose time has come."""
        while self._origin_us + self._count * FRAME_US + DELAY_US <= now_us():
            if self.seconds >= MAX_SECONDS:
                return
            picture = self._compose(self._origin_us + self._count * FRAME_US)
            self._store.write(picture[..., :3].tobytes())
            self._count += 1

    def save(self, video: Path, sheet: Path, step: Callable[[], None]) -> None:
        """Encode what was put aside; `step` is called for every frame."""
        tiles = []
        chosen = set(spread(self._count, SHEET_TILES))
        sound = self._sound()
        self._store.seek(0)
        with VideoWriter(video, *self._size, sound=sound) as writer:
            for i in range(self._count):
                picture = self._read()
                writer.write(picture, i * FRAME_US)
                if i in chosen:
                    tiles.append(SheetTile(picture, time_label(i * FRAME_US)))
                step()
        wide = len(self.strands) > 1
        columns, tile_width = (2, 640) if wide else (4, 256)
        contact_sheet(tiles, columns=columns, tile_width=tile_width).save(sheet, optimize=True)

    def close(self) -> None:
        """Throw away what was put aside."""
        self._store.close()

    @property
    def frames(self) -> int:
        """How many pictures were put aside."""
        return self._count

    @property
    def _size(self) -> tuple[int, int]:
        return self._size_px * len(self.strands), self._size_px

    def _compose(self, time_us: int) -> NDArray[np.uint8]:
        width, size = self._size
        picture = np.zeros((size, width, 4), np.uint8)
        for i, strand in enumerate(self.strands):
            frame = strand.at(time_us, self._origin_us)
            if frame is not None:
                picture[:, i * size : (i + 1) * size] = frame.pixels[:size, :size]
        return picture

    def _read(self) -> NDArray[np.uint8]:
        width, size = self._size
        data = np.frombuffer(self._store.read(width * size * 3), np.uint8)
        picture = np.full((size, width, 4), 255, np.uint8)
        picture[..., :3] = data.reshape(size, width, 3)
        return picture

    def _sound(self) -> Sound:
        parts = []
        for heard in self._heard:
            line = heard.strand.lines.get(heard.line_id)
            if line is not None:
                start_us = line.shown_from_us(self._origin_us) - self._origin_us
                parts.append((start_us, heard.sound))
        return Sound.laid_out(parts, self.seconds, SOUND_RATE_HZ)
