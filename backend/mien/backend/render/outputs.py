"""Where frames go, told by the ending of a name: a video, numbered pictures, or one sheet.

Knows the three kinds and how each takes frames one by one. Refuses to know what is on them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.backend.render.contact_sheet import SheetTile, contact_sheet, spread, time_label
from mien.backend.render.sound import Sound
from mien.backend.render.video import VideoWriter

ENDINGS = "OUT.mp4 (video), OUT_DIR/ or OUT_%05d.png (pictures), OUT.png (contact sheet)"
SHEET_TILES = 24
_NUMBER = re.compile(r"%0?\d*d")


class OutputError(Exception):
    """The name of an output cannot be used; the message says why."""


class FrameSink(Protocol):
    """Takes frames in order of time."""

    def write(self, frame: NDArray[np.uint8], pts_us: int) -> None:
        """Take a frame [H, W, 4] RGBA."""

    def close(self) -> None:
        """Finish what was written."""


class PictureSequence:
    """Numbered PNG pictures with their alpha."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._count = 0

    def write(self, frame: NDArray[np.uint8], pts_us: int) -> None:
        """Save a frame under the next number."""
        Image.fromarray(frame).save(self._pattern % self._count, compress_level=1)
        self._count += 1

    def close(self) -> None:
        """Nothing is left to write."""


class SheetOutput:
    """A contact sheet of frames spread evenly over all that come, when `total` is right."""

    def __init__(self, path: Path, total: int) -> None:
        self._path = path
        self._wanted = set(spread(total, SHEET_TILES))
        self._tiles: list[SheetTile] = []
        self._count = 0

    def write(self, frame: NDArray[np.uint8], pts_us: int) -> None:
        """Keep the frame if the sheet shows it."""
        if self._count in self._wanted:
            self._tiles.append(SheetTile(frame.copy(), time_label(pts_us)))
        self._count += 1

    def close(self) -> None:
        """Draw and save the sheet."""
        if self._tiles:
            contact_sheet(self._tiles, columns=6).save(self._path)


def check_output(name: str) -> None:
    """Raise `OutputError` where `name` names no output, before any work is done."""
    ending = Path(name).suffix.lower()
    if not _is_folder(name) and ending not in (".mp4", ".png"):
        raise OutputError(f"cannot tell what to write from '{name}'; use {ENDINGS}")
    if "%" in Path(name).name and not _is_folder(name) and not _numbered(name):
        raise OutputError(f"'{name}' needs exactly one number such as %05d")
    folder = Path(name) if _is_folder(name) else Path(name).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot make the folder '{folder}': {problem.strerror}") from None


def open_output(name: str, size: tuple[int, int], frames: int, sound: Sound | None) -> FrameSink:
    """The sink that `name` asks for; `size` is (width, height), `frames` how many will come."""
    check_output(name)
    if _is_folder(name):
        return PictureSequence(_literal(name.rstrip("/\\")) + "/%05d.png")
    if Path(name).suffix.lower() == ".mp4":
        return VideoWriter(Path(name), *size, sound=sound)
    if _numbered(name):
        return PictureSequence(name)
    return SheetOutput(Path(name), frames)


def _is_folder(name: str) -> bool:
    return name.endswith(("/", "\\")) or Path(name).is_dir()


def _numbered(name: str) -> bool:
    return len(_NUMBER.findall(name)) == 1 and name.count("%") == 1


def _literal(name: str) -> str:
    return name.replace("%", "%%")
