"""Rings in memory that both processes map: the part that POSIX and Windows share.

Knows how frames go through `mien.protocol.ring_writer`, and how a frame is shown once more. Refuses
to know how the memory got its name.
"""

from __future__ import annotations

import numpy as np

from mien.backend.rings.base import Pixels, RingRequest
from mien.protocol import control_pb2 as pb
from mien.protocol.ring_layout import Geometry
from mien.protocol.ring_writer import RingWriter
from mien.protocol.wire import FrameFlag


class MappedRing:
    """See `Ring`."""

    def __init__(self, request: RingRequest, kind: pb.RingKind) -> None:
        self.kind = kind
        self.reason = ""
        self._writer = RingWriter(request.name, request.geometry, request.epoch)
        self._open: Pixels | None = None
        self._good: Pixels | None = None  # the slot that was shown last

    @property
    def name(self) -> str:
        """What a reader opens."""
        return self._writer.name

    @property
    def size_bytes(self) -> int:
        """Shared memory that it takes."""
        return self._writer.size_bytes

    @property
    def geometry(self) -> Geometry:
        """Slots and picture size."""
        return self._writer.geometry

    def begin(self, size_px: int | None = None) -> Pixels:
        """The next slot's pixels, to draw into in place."""
        self._open = self._writer.begin(size_px, size_px)
        return self._open

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """Shows the slot that `begin` gave to readers."""
        published = self._writer.commit(line_id=line_id, pts_us=pts_us, flags=flags)
        self._good, self._open = self._open, None
        return published

    def abort(self) -> None:
        """Gives the slot up."""
        self._writer.abort()
        self._open = None

    def hold(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int] | None:
        """Shows the last good pixels once more."""
        if self._good is None:
            return None
        height_px, width_px = self._good.shape[:2]
        self._open = self._writer.begin(width_px, height_px)
        np.copyto(self._open, self._good)
        return self.commit(line_id=line_id, pts_us=pts_us, flags=flags)

    def describe(self, info: pb.RingInfo) -> None:
        """The name says it all."""

    def let_go(self) -> None:
        """Nothing is kept: who has the memory mapped keeps it as long as he likes."""

    def close(self) -> None:
        """Frees the memory."""
        self._open = self._good = None  # views would keep it mapped
        self._writer.close()
