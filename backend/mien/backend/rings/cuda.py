"""The `cuda_ipc` ring: slots on a GPU, which another process opens there.

Knows how a frame gets into a slot (drawn there, or uploaded), that its event is recorded before it
is published, and that memory outlives the ring by a grace time. The header and the slot table are
those of every ring, in shared memory (`RingTable`). Refuses to know CUDA's calls, and to wait for
any reader. Not run on a GPU by its authors: tests run it over a driver that keeps CUDA's written
rules, and, marked `gpu`, over the real one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from mien.backend.rings.base import DevicePixels, Pixels, Ring, RingRequest
from mien.backend.rings.cuda_block import CudaBlock
from mien.backend.rings.grace import Grace
from mien.protocol import control_pb2 as pb
from mien.protocol import cuda_bindings
from mien.protocol.cuda_driver import Copy, CudaDriver, CudaError, Way, typed
from mien.protocol.errors import GpuLostError, RingError
from mien.protocol.ring_layout import BYTES_PER_PIXEL, Geometry
from mien.protocol.ring_writer import RingTable
from mien.protocol.wire import FrameFlag

_LOG = logging.getLogger(__name__)
DEFAULT_GRACE_S = 2.0


class CudaRing:
    """See `DeviceRing`."""

    kind: pb.RingKind = pb.RING_KIND_CUDA_IPC

    def __init__(self, table: RingTable, block: CudaBlock, grace: Grace) -> None:
        self.reason = ""
        self._table = table
        self._block = block
        self._grace = grace
        self._size = (0, 0)  # of the frame in work, (width, height) in px
        self._slot = -1
        self._stream = 0  # on which the frame in work is made
        self._staged = False
        self._good: tuple[int, int, int] | None = None  # slot, width, height shown last
        self._let_go = False
        self._lost = False

    @property
    def name(self) -> str:
        """Of the segment with header and slot table."""
        return self._table.name

    @property
    def size_bytes(self) -> int:
        """Shared memory that it takes; the GPU's is `device_bytes`."""
        return self._table.size_bytes

    @property
    def device_bytes(self) -> int:
        """Memory of the GPU that it takes."""
        return self._block.size_bytes

    @property
    def geometry(self) -> Geometry:
        """Slots and picture size."""
        return self._table.geometry

    def begin(self, size_px: int | None = None) -> Pixels:
        """Pinned memory of the host, to draw into; `commit` uploads it."""
        self._open(size_px, size_px, self._block.stream)
        with self._minding("staging a frame"):
            staging = self._block.staging()
            # The upload of the frame before; of this process alone, and long done.
            self._block.driver.synchronize(self._block.uploaded)
        self._staged = True
        width, height = self._size
        return staging[:height, :width]

    def begin_device(self, size_px: int | None = None, stream: int | None = None) -> DevicePixels:
        """The slot itself."""
        self._open(size_px, size_px, self._block.stream if stream is None else stream)
        self._staged = False
        width, height = self._size
        return DevicePixels(
            self._block.slot(self._slot),
            width,
            height,
            self.geometry.stride_bytes,
            self._stream,
            self._block.driver.ordinal,
        )

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """Uploads what was staged, records the slot's event, shows the slot."""
        if self._slot < 0:
            raise RingError("no slot is open: call begin() first")
        with self._minding("publishing a frame"):
            if self._staged:
                self._upload()
            self._block.driver.record(self._block.events[self._slot], self._stream)
        published = self._table.commit(line_id=line_id, pts_us=pts_us, flags=flags)
        self._good, self._slot = (self._slot, *self._size), -1
        return published

    def abort(self) -> None:
        """Gives the slot up; who draws into it next does so behind what is still under way."""
        slot, self._slot = self._slot, -1
        if slot >= 0 and not self._lost:
            with self._minding("giving up a frame"):
                self._block.driver.record(self._block.events[slot], self._stream)
        self._table.abort()

    def hold(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int] | None:
        """Copies the slot that was shown last, on the GPU; None when there is none, or no GPU."""
        if self._good is None or self._lost:
            return None
        good, width, height = self._good
        self._open(width, height, self._block.stream)
        self._staged = False
        pitch = self.geometry.stride_bytes
        source, target = self._block.slot(good), self._block.slot(self._slot)
        copy = Copy(Way.WITHIN, target, pitch, source, pitch, width * BYTES_PER_PIXEL, height)
        with self._minding("holding a frame"):
            self._block.driver.wait(self._stream, self._block.events[good])
            self._block.driver.copy(copy, self._stream)
        return self.commit(line_id=line_id, pts_us=pts_us, flags=flags)

    def describe(self, info: pb.RingInfo) -> None:
        """Adds the handles."""
        self._block.describe(info.cuda)
        info.cuda.generation = self._table.header.generation
        info.cuda.grace_ms = round(self._grace.grace_s * 1000)

    def let_go(self) -> None:
        """The client has closed what it opened."""
        self._let_go = True

    def close(self) -> None:
        """Marks the ring closed at once; frees the GPU's memory when that can harm nobody."""
        if self._table.closed:
            return
        self._table.close()
        self._good, self._slot = None, -1
        if self._let_go:
            self._block.free()
        else:
            self._grace.keep(self._block.free)

    def _open(self, width_px: int | None, height_px: int | None, stream: int) -> None:
        if self._lost:
            raise GpuLostError("the GPU of this ring was lost: despawn the actor, spawn it anew")
        self._slot = self._table.open(width_px, height_px)
        own = self.geometry
        self._size = (width_px or own.width_px, height_px or own.height_px)
        self._stream = stream
        with self._minding("opening a slot"):
            # What was drawn into this slot before, perhaps on another stream, comes first.
            self._block.driver.wait(stream, self._block.events[self._slot])

    def _upload(self) -> None:
        width, height = self._size
        pitch = self.geometry.stride_bytes
        source = self._block.staging().ctypes.data
        target = self._block.slot(self._slot)
        row_bytes = width * BYTES_PER_PIXEL
        upload = Copy(Way.UPLOAD, target, pitch, source, pitch, row_bytes, height)
        self._block.driver.copy(upload, self._stream)
        self._block.driver.record(self._block.uploaded, self._stream)

    @contextlib.contextmanager
    def _minding(self, doing: str) -> Iterator[None]:
        """A driver's error becomes a typed one; unless it is for want of memory, all is lost."""
        try:
            yield
        except CudaError as error:
            problem = typed(error, doing)
            if isinstance(problem, GpuLostError):
                self._lost = True
                self._slot = -1
                self._table.end()  # readers hold what they have
            raise problem from error


class CudaRings:
    """See `RingBackend`."""

    kind: pb.RingKind = pb.RING_KIND_CUDA_IPC

    def __init__(
        self,
        grace_s: float = DEFAULT_GRACE_S,
        open_device: Callable[[str], CudaDriver] = cuda_bindings.open_device,
        why_not: Callable[[], str | None] = cuda_bindings.why_not,
    ) -> None:
        self.grace = Grace(grace_s)
        self._open_device = open_device
        self._why_not = functools.cache(why_not)

    def why_not(self) -> str | None:
        """No driver, no device, no cuda-bindings, not Linux."""
        return self._why_not()

    def create(self, request: RingRequest) -> Ring:
        """Slots on the GPU that draws, or on the first one; the table in shared memory."""
        self.grace.check_room()
        try:
            driver = self._open_device(request.gpu_uuid)
        except CudaError as error:
            raise typed(error, "opening the device") from error
        geometry = replace(request.geometry, on_device=True)
        block = CudaBlock(driver, geometry)
        try:
            table = RingTable(request.name, geometry, request.epoch)
        except BaseException:
            block.free()  # nobody has its handles yet
            raise
        return CudaRing(table, block, self.grace)

    def close(self) -> None:
        """Waits out the grace time of what is kept."""
        if len(self.grace):
            _LOG.info("waiting for readers to let go of %d rings", len(self.grace))
        self.grace.close()
