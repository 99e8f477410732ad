"""Several strands side by side on one clock, into a video and a contact sheet.

Knows the recording's own clock and how far behind the present it writes. Refuses to know what is
said, and when: a line's sound is laid where its first frame was seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.backend.demo.strand import FRAME_US, Strand
from mien.backend.render import SheetTile, Sound, VideoWriter, contact_sheet, spread
from mien.backend.render.contact_sheet import time_label

DELAY_US = 400_000  # frames written in this time can still be put in order
SOUND_RATE_HZ = 44_100
MAX_SECONDS = 120
SHEET_EVERY = 5
SHEET_TILES = 12


def now_us() -> int:
    """The clock that frames are stamped with."""
    return time.monotonic_ns() // 1000


class Recording:
    """Writes what the strands show, at a fixed distance behind the present."""

    def __init__(self, path: Path, size_px: int, strands: Sequence[Strand], origin_us: int) -> None:
        self._strands = strands
        self._origin_us = origin_us
        self._size_px = size_px
        self._next = 0
        self._tiles: list[SheetTile] = []
        self._sound = Sound(np.zeros((MAX_SECONDS * SOUND_RATE_HZ, 1), np.float32), SOUND_RATE_HZ)
        self._waiting: list[tuple[Strand, int, Sound]] = []
        self._video = VideoWriter(
            path, size_px * len(strands), size_px, sound=self._sound, preset="ultrafast", crf=20
        )

    @property
    def seconds(self) -> float:
        """How much has been written."""
        return self._next * FRAME_US / 1e6

    def lay_sound(self, strand: Strand, line_id: int, sound: Sound) -> None:
        """Sound to be heard from the moment that the line's first frame is shown."""
        self._waiting.append((strand, line_id, sound.mono().resampled(SOUND_RATE_HZ)))

    def advance(self) -> None:
        """Write every frame whose time has come."""
        self._lay_what_started()
        while self._origin_us + self._next * FRAME_US + DELAY_US <= now_us():
            if self.seconds < MAX_SECONDS:
                self._write(self._next * FRAME_US)
            self._next += 1

    def close(self) -> None:
        """Finish the video."""
        self._video.close()

    def sheet(self) -> Image.Image:
        """Moments spread over the whole recording, with their times."""
        chosen = [self._tiles[i] for i in spread(len(self._tiles), SHEET_TILES)]
        wide = len(self._strands) > 1
        return contact_sheet(chosen, columns=2 if wide else 4, tile_width=640 if wide else 256)

    def _lay_what_started(self) -> None:
        for entry in list(self._waiting):
            strand, line_id, sound = entry
            line = strand.lines.get(line_id)
            if line is None:
                continue
            first = line.starts_us(self._origin_us) * SOUND_RATE_HZ // 1_000_000
            room = self._sound.samples[first : first + len(sound)]
            room += sound.samples[: len(room)]
            self._waiting.remove(entry)

    def _write(self, moment_us: int) -> None:
        picture = self._compose(moment_us)
        self._video.write(picture, moment_us)
        if (moment_us // FRAME_US) % SHEET_EVERY == 0:
            self._tiles.append(SheetTile(picture[::2, ::2].copy(), time_label(moment_us)))

    def _compose(self, moment_us: int) -> NDArray[np.uint8]:
        size = self._size_px
        picture = np.zeros((size, size * len(self._strands), 4), np.uint8)
        for i, strand in enumerate(self._strands):
            frame = strand.at(moment_us)
            if frame is not None:
                picture[:, i * size : (i + 1) * size] = frame.pixels[:size, :size]
        return picture
