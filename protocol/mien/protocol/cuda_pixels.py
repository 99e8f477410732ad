"""A ring's slots on a GPU, as the process that reads them has them.

Knows how another process's memory and events are opened, how a slot is copied out behind its event,
and that all of it is let go of before the maker frees it. Refuses to know CUDA itself (a
`CudaDriver` does), to wait for long, and to believe sizes it was told. SPEC.md, "Rings on a GPU".
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable

import numpy as np

from mien.protocol import control_pb2 as pb
from mien.protocol.cuda_driver import HANDLE_BYTES, Copy, CudaDriver, CudaError, Way, typed
from mien.protocol.errors import RingError
from mien.protocol.ring_layout import BYTES_PER_PIXEL, Header
from mien.protocol.ring_memory import Pixels

_PATIENCE_S = 0.1  # for one copy, with the drawing of the frame before it
_SPINS = 20
_NAP_S = 50e-6


class CudaPixels:
    """`SlotPixels` on a GPU. One thread at a time: the reader's lock sees to it."""

    def __init__(self, driver: CudaDriver, header: Header, cuda: pb.CudaRing) -> None:
        """Opens memory and events. Raises RingError, GpuLostError, GpuMemoryFullError.

        Whatever was opened is let go of when something fails.
        """
        _check(header, cuda)
        self._driver = driver
        self._header = header
        self._base = self._host = self._scratch = self._stream = 0
        self._arrived = self._handed = 0  # events of this process
        self._events: list[int] = []
        self._in_flight = False  # a copy that took too long
        try:
            self._open(cuda)
        except CudaError as error:
            self.release()
            raise typed(error, "opening the ring") from error
        except BaseException:
            self.release()
            raise

    def copy(self, slot: int, width_px: int, height_px: int) -> Pixels | None:
        """The slot's picture on the host; None when the GPU takes too long over it."""
        row_bytes = width_px * BYTES_PER_PIXEL
        if not self._fetch(Way.DOWNLOAD, slot, self._host, row_bytes, row_bytes, height_px):
            return None
        data = (ctypes.c_uint8 * (row_bytes * height_px)).from_address(self._host)
        return (
            np.frombuffer(memoryview(data), np.uint8)
            .reshape(height_px, width_px, BYTES_PER_PIXEL)
            .copy()
        )

    def keep(self, slot: int, width_px: int, height_px: int) -> bool | None:
        """Copies the slot's picture into memory of this process, for `hand_out`; None as `copy`."""
        try:
            if not self._scratch:
                self._handed = self._driver.create_event(shared=False)
                self._scratch = self._driver.allocate(self._header.slot_bytes)
            self._driver.wait(self._stream, self._handed)  # it may still be copied from
        except CudaError as error:
            raise typed(error, "copying a frame") from error
        row_bytes = width_px * BYTES_PER_PIXEL
        fetched = self._fetch(Way.WITHIN, slot, self._scratch, row_bytes, row_bytes, height_px)
        return True if fetched else None

    def hand_out(self, target: int, pitch: int, width_px: int, height_px: int, stream: int) -> None:
        """Puts a copy of what was kept on the caller's stream."""
        row_bytes = width_px * BYTES_PER_PIXEL
        copy = Copy(Way.WITHIN, target, pitch, self._scratch, row_bytes, row_bytes, height_px)
        try:
            self._driver.copy(copy, stream)
            self._driver.record(self._handed, stream)
        except CudaError as error:
            raise typed(error, "handing out a frame") from error

    def release(self) -> None:
        """Closes what was opened and frees what was made. Harmless when repeated."""
        driver = self._driver
        mine = [self._arrived, self._handed]
        steps: list[tuple[Callable[[int], object], list[int]]] = [
            (self._settled, mine),
            (driver.close_memory, [self._base]),
            (driver.destroy_event, [*self._events, *mine]),
            (driver.free, [self._scratch]),
            (driver.free_host, [self._host]),
            (driver.destroy_stream, [self._stream]),
        ]
        self._base = self._host = self._scratch = self._stream = 0
        self._arrived = self._handed = 0
        self._events = []
        for let_go, handles in steps:
            for handle in filter(None, handles):
                # A GPU that is gone took its handles along.
                with contextlib.suppress(CudaError):
                    let_go(handle)

    def _open(self, cuda: pb.CudaRing) -> None:
        driver, header = self._driver, self._header
        self._base = driver.open_memory(cuda.memory_handle)
        size, needed = driver.size_of(self._base), header.slot_count * header.slot_bytes
        if size is not None and size < needed:
            raise RingError(f"the ring's device memory has {size} bytes, not {needed}")
        for handle in cuda.event_handles:
            self._events.append(driver.open_event(handle))
        self._stream = driver.create_stream()
        self._arrived = driver.create_event(shared=False)
        self._host = driver.allocate_host(header.width_px * BYTES_PER_PIXEL * header.height_px)

    def _fetch(
        self, way: Way, slot: int, target: int, pitch: int, row_bytes: int, rows: int
    ) -> bool:
        """Copies out of the slot, behind its event; False when it is not there in time."""
        driver, header = self._driver, self._header
        if not self._base:
            return False
        try:
            if self._in_flight and not driver.is_done(self._arrived):
                return False
            source = self._base + slot * header.slot_bytes
            driver.wait(self._stream, self._events[slot])
            plan = Copy(way, target, pitch, source, header.stride_bytes, row_bytes, rows)
            driver.copy(plan, self._stream)
            driver.record(self._arrived, self._stream)
            self._in_flight = not self._settled(self._arrived)
        except CudaError as error:
            raise typed(error, "copying a frame") from error
        return not self._in_flight

    def _settled(self, event: int) -> bool:
        """Waits for an event, but not for ever."""
        deadline = time.monotonic() + _PATIENCE_S
        spins = 0
        while not self._driver.is_done(event):
            if time.monotonic() > deadline:
                return False
            spins += 1
            if spins > _SPINS:
                time.sleep(_NAP_S)
        return True


def _check(header: Header, cuda: pb.CudaRing) -> None:
    handles = [cuda.memory_handle, *cuda.event_handles]
    if len(cuda.event_handles) != header.slot_count:
        raise RingError(
            f"the ring has {header.slot_count} slots, but {len(cuda.event_handles)} events"
        )
    if any(len(handle) != HANDLE_BYTES for handle in handles):
        raise RingError(f"a handle of the ring has not {HANDLE_BYTES} bytes")
    if cuda.generation != header.generation:
        raise RingError(f"the ring is of generation {header.generation}, not {cuda.generation}")
    if cuda.slot_bytes != header.slot_bytes:
        raise RingError(f"the ring's slots have {header.slot_bytes} bytes, not {cuda.slot_bytes}")
