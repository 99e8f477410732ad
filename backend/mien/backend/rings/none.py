"""No ring: for actors whose client draws a rig of its own and wants the motion alone.

Knows how to count frames. Takes no memory and shows nothing.
"""

from __future__ import annotations

import numpy as np

from mien.backend.rings.base import Pixels
from mien.models.motion.types import F32
from mien.protocol import control_pb2 as pb
from mien.protocol.ring_layout import Geometry
from mien.protocol.wire import FrameFlag


class NoRing:
    """A `Ring` without pixels."""

    kind: pb.RingKind = pb.RING_KIND_UNSPECIFIED
    reason = "motion alone was asked for"
    name = ""
    size_bytes = 0
    geometry = Geometry()

    def __init__(self) -> None:
        self._frames = 0
        self._pixels: Pixels = np.zeros((0, 0, 4), np.uint8)

    def begin(self, size_px: int | None = None) -> Pixels:
        """Nothing to draw into."""
        return self._pixels

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """One frame more. Returns (frame id, 0)."""
        self._frames += 1
        return self._frames, 0

    def abort(self) -> None:
        """Nothing was begun."""

    def hold(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int] | None:
        """The motion shown before stands; None if there was none."""
        return self.commit(line_id=line_id, pts_us=pts_us, flags=flags) if self._frames else None

    def describe(self, info: pb.RingInfo) -> None:
        """Nobody is told of a ring that is none."""

    def let_go(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to free."""


class NoDecoder:
    """A `Decoder` that draws nothing."""

    def decode(self, dynamics: F32, pose: F32, out: Pixels | None = None) -> Pixels:
        """Gives `out` back."""
        return np.zeros((0, 0, 4), np.uint8) if out is None else out
