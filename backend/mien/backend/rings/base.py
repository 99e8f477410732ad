"""What every ring can do, whatever memory it lies in.

Knows the interface that the performance writes through and that the conformance suite tests.
Refuses to know any system call. Another kind of ring (device memory, images of the engine) is one
more `RingBackend` in `choice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.protocol import control_pb2 as pb
from mien.protocol.ring_layout import Geometry
from mien.protocol.wire import FrameFlag

Pixels = NDArray[np.uint8]  # [H, W, 4] RGBA, straight alpha, sRGB


@dataclass(frozen=True)
class RingRequest:
    """What is needed to make a ring."""

    name: str  # of the segment: noted before it is made, so that none is ever forgotten
    actor_id: int
    epoch: int
    geometry: Geometry


class Ring(Protocol):
    """One actor's frames, written by one thread at a time, which never waits for a reader."""

    @property
    def name(self) -> str:
        """What a reader opens."""

    @property
    def size_bytes(self) -> int:
        """Shared memory that it takes."""

    @property
    def geometry(self) -> Geometry:
        """Slots and picture size."""

    def begin(self, size_px: int | None = None) -> Pixels:
        """The next slot's pixels, to draw into in place; readers do not see them yet.

        [size, size, 4], or the ring's own size without `size_px`. A smaller frame's rows lie the
        ring's stride apart: not contiguous. Only for clients that announced `frame_sizes`.
        Raises InvalidArgumentError for a size that the ring cannot hold.
        """

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """Shows the slot that `begin` gave to readers. Returns (frame id, slot)."""

    def abort(self) -> None:
        """Gives the slot up; the frames before it stay."""

    def hold(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int] | None:
        """Shows the last good pixels once more under new times; None if there were none."""

    def close(self) -> None:
        """Tells readers that no frame will follow and frees the memory. Harmless when repeated."""


class RingBackend(Protocol):
    """One kind of ring."""

    kind: pb.RingKind

    def why_not(self) -> str | None:
        """Why this machine cannot offer it; None if it can."""

    def create(self, request: RingRequest) -> Ring:
        """A new ring; raises ResourceExhaustedError when there is no room, RingError otherwise."""
