"""What every ring can do, whatever memory it lies in.

Knows the interface that the performance writes through and that the conformance suite tests.
Refuses to know any system call. Another kind of ring (device memory, images of the engine) is one
more `RingBackend` in `choice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

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
    gpu_uuid: str = ""  # of the GPU that draws the frames; empty: the CPU does


@dataclass(frozen=True, eq=False)
class DevicePixels:
    """A slot's pixels on a GPU, [H, W, 4] u8 RGBA, to be written into on `stream`.

    torch, CuPy and Numba take it as it is (`torch.as_tensor(pixels, device="cuda")` is a view). The
    memory is the ring's; views must not be used after `commit`.
    """

    pointer: int
    width_px: int
    height_px: int
    stride_bytes: int
    stream: int  # a CUstream's handle: what was put on it before `commit` belongs to the frame
    ordinal: int  # the device's number in this process

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3 of the CUDA array interface."""
        return {
            "version": 3,
            "shape": (self.height_px, self.width_px, 4),
            "typestr": "|u1",
            "strides": (self.stride_bytes, 4, 1),
            "data": (self.pointer, False),
            "stream": self.stream or 1,  # 0 may not be said; 1 is the legacy default stream
        }


class Ring(Protocol):
    """One actor's frames, written by one thread at a time, which never waits for a reader."""

    kind: pb.RingKind
    reason: str  # why it is of this kind, for people

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

    def describe(self, info: pb.RingInfo) -> None:
        """Adds to what the client is told what only this kind of ring has."""

    def let_go(self) -> None:
        """The client says that it has closed the ring: `close` need not keep anything for it."""

    def close(self) -> None:
        """Tells readers that no frame will follow and frees the memory. Harmless when repeated.

        Memory that a reader must not lose while it has it open is freed a grace time later.
        """


@runtime_checkable
class DeviceRing(Ring, Protocol):
    """A ring whose slots are on a GPU. `begin` still works: `commit` uploads what was drawn."""

    def begin_device(self, size_px: int | None = None, stream: int | None = None) -> DevicePixels:
        """As `begin`, for who draws on the GPU, on the ring's stream or on one of its own.

        Raises GpuLostError when the GPU is gone.
        """


class RingBackend(Protocol):
    """One kind of ring."""

    kind: pb.RingKind

    def why_not(self) -> str | None:
        """Why this machine cannot offer it; None if it can."""

    def create(self, request: RingRequest) -> Ring:
        """A new ring; raises ResourceExhaustedError when there is no room, RingError otherwise."""

    def close(self) -> None:
        """The daemon stops: frees what was kept for readers, when its grace time is over."""
