"""Several strands side by side on one clock, into a video and a contact sheet.

Knows the recording's own clock and how far behind the present it looks. While the show runs it only
puts pictures aside, lightly packed, since a video encoder would take the time that frames are made
in. Refuses to know what is said, and when: a line's sound is laid where its first frame was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.backend.demo.strand import FRAME_US, Strand
from mien.backend.render import SheetTile, Sound, VideoWriter, contact_sheet, spread
from mien.backend.render.contact_sheet import time_label
from mien.protocol import Frame

DELAY_US = 400_000  # frames written in this time can still be put in order
LAG_US = 600_000  # this far behind, the last picture stands for those that were missed
SOUND_RATE_HZ = 44_100
MAX_SECONDS = 300
SHEET_TILES = 12
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 96, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)


def now_us() -> int:
    """The clock that frames are stamped with."""
    return time.monotonic_ns() // 1000


@dataclass(frozen=True)
class _Heard:
    """A line's sound and where to look for its beginning."""

    strand: Strand
    line_id: int
    sound: Sound


@dataclass
class _Tile:
    """What one place of the picture shows, packed once however long it shows."""

    frame: Frame | None = None
    packed: bytes = b""

    def show(self, frame: Frame | None) -> bytes:
        if frame is not None and frame is not self.frame:
            bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_RGBA2BGR)
            self.frame, self.packed = frame, cv2.imencode(".jpg", bgr, JPEG)[1].tobytes()
        return self.packed


@dataclass
class Recording:
    """What the strands showed; its owner may put others in their place while the show runs."""

    size_px: int
    strands: list[Strand]
    _origin_us: int = field(default_factory=now_us)
    _pictures: list[tuple[bytes, ...]] = field(default_factory=list)
    _heard: list[_Heard] = field(default_factory=list)
    _tiles: list[_Tile] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """How many pictures were put aside."""
        return len(self._pictures)

    @property
    def seconds(self) -> float:
        """How much has been recorded."""
        return self.frames * FRAME_US / 1e6

    def lay_sound(self, strand: Strand, line_id: int, sound: Sound) -> None:
        """Sound to be heard from the moment that the line's first frame is shown."""
        self._heard.append(_Heard(strand, line_id, sound))

    def advance(self) -> None:
        """Put every picture aside whose time has come; never falls behind for good."""
        until_us = now_us() - DELAY_US
        while (time_us := self._origin_us + self.frames * FRAME_US) <= until_us:
            if self.seconds >= MAX_SECONDS:
                return
            late = self._pictures and until_us - time_us > LAG_US
            self._pictures.append(self._pictures[-1] if late else self._look(time_us))

    def save(self, video: Path, sheet: Path, step: Callable[[], None]) -> None:
        """Encode what was put aside; `step` is called for every frame."""
        tiles = []
        chosen = set(spread(self.frames, SHEET_TILES))
        size = (self.size_px * len(self.strands), self.size_px)
        with VideoWriter(video, *size, sound=self._sound()) as writer:
            for i, packed in enumerate(self._pictures):
                picture = self._unpack(packed)
                writer.write(picture, i * FRAME_US)
                if i in chosen:
                    tiles.append(SheetTile(picture, time_label(i * FRAME_US)))
                step()
        columns, tile_width = (2, 640) if len(self.strands) > 1 else (4, 256)
        contact_sheet(tiles, columns=columns, tile_width=tile_width).save(sheet, optimize=True)

    def _look(self, time_us: int) -> tuple[bytes, ...]:
        while len(self._tiles) < len(self.strands):
            self._tiles.append(_Tile())
        return tuple(
            tile.show(strand.at(time_us, self._origin_us))
            for tile, strand in zip(self._tiles, self.strands, strict=True)
        )

    def _unpack(self, packed: tuple[bytes, ...]) -> NDArray[np.uint8]:
        size = self.size_px
        picture = np.full((size, size * len(packed), 4), (0, 0, 0, 255), np.uint8)
        for i, data in enumerate(packed):
            if data:
                bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                picture[:, i * size : (i + 1) * size, :3] = bgr[:size, :size, ::-1]
        return picture

    def _sound(self) -> Sound:
        parts = []
        for heard in self._heard:
            line = heard.strand.lines.get(heard.line_id)
            if line is not None:
                start_us = line.shown_from_us(self._origin_us) - self._origin_us
                parts.append((start_us, heard.sound))
        return Sound.laid_out(parts, self.seconds, SOUND_RATE_HZ)
