"""Frames to files: video with sound, numbered pictures, contact sheets; no daemon."""

from mien.backend.render.contact_sheet import SheetTile, contact_sheet, spread
from mien.backend.render.outputs import FrameSink, OutputError, open_output
from mien.backend.render.sound import Sound, read_sound
from mien.backend.render.video import VideoWriter

__all__ = [
    "FrameSink",
    "OutputError",
    "SheetTile",
    "Sound",
    "VideoWriter",
    "contact_sheet",
    "open_output",
    "read_sound",
    "spread",
]
