"""A frame on its way to be drawn, and what is told once it is. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mien.backend.config import FRAME_US
from mien.models.motion.types import F32
from mien.protocol.wire import FrameFlag, LineEventKind


@dataclass(frozen=True)
class Happening:
    """Something to tell the client about a line."""

    line_id: int
    kind: LineEventKind
    pts_us: int


@dataclass(frozen=True, eq=False)
class Shot:
    """A moment of an actor's motion. Times but `pts_us` are the daemon's own clock."""

    dynamics: F32  # [52]
    pose: F32  # [6]
    line_id: int
    pts_us: int
    flags: FrameFlag
    due_us: int  # when it should be in the ring
    heard_us: int  # when the last sound that it needed came in; `due_us` if long before
    happenings: tuple[Happening, ...]
    release_us: int = 0  # it is not drawn before; earlier than `due_us` for a line known ahead
    patience_us: int = FRAME_US  # so much later than `due_us` it counts as missed
