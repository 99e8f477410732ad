"""What a ring on a GPU owns there: slots, events, a stream, a buffer to upload from.

Knows how it is made and freed as a whole, and the handles by which another process opens it. The
slots are one allocation of the driver's own, never a framework's: what a caching allocator hands
out is part of a larger one, all of which another process would get to see. Refuses to know frames.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

import numpy as np

from mien.backend.rings.base import Pixels
from mien.protocol import control_pb2 as pb
from mien.protocol.cuda_driver import CudaDriver, CudaError, typed
from mien.protocol.ring_layout import Geometry

# The driver may cut smaller allocations out of one block, and a handle opens the whole block.
# CUDA's programming guide asks for multiples of 2 MiB where memory is shared between processes.
_SHARED_ALIGNMENT_BYTES = 2 << 20


class CudaBlock:
    """One ring's."""

    def __init__(self, driver: CudaDriver, geometry: Geometry) -> None:
        """Raises GpuMemoryFullError or GpuLostError; leaves nothing then."""
        self.driver = driver
        self.geometry = geometry
        wanted = geometry.slots * geometry.slot_bytes
        self.size_bytes = -(-wanted // _SHARED_ALIGNMENT_BYTES) * _SHARED_ALIGNMENT_BYTES
        self.base = self.stream = self.uploaded = self._host = 0
        self.events: list[int] = []
        try:
            self.base = driver.allocate(self.size_bytes)
            self.stream = driver.create_stream()
            self.events = [driver.create_event(shared=True) for _ in range(geometry.slots)]
            self.memory_handle = driver.export_memory(self.base)
            self.event_handles = [driver.export_event(event) for event in self.events]
        except CudaError as error:
            self.free()
            raise typed(error, f"a ring of {self.size_bytes} bytes") from error

    def slot(self, index: int) -> int:
        """Where the slot's pixels begin."""
        return self.base + index * self.geometry.slot_bytes

    def staging(self) -> Pixels:
        """Pinned host memory [H, W, 4] of one frame, made when it is first asked for."""
        geometry = self.geometry
        size = geometry.stride_bytes * geometry.height_px
        if not self._host:
            self._host = self.driver.allocate_host(size)
            self.uploaded = self.driver.create_event(shared=False)
        data = (ctypes.c_uint8 * size).from_address(self._host)
        rows = np.frombuffer(memoryview(data), np.uint8)
        return rows.reshape(geometry.height_px, geometry.width_px, 4)

    def describe(self, info: pb.CudaRing) -> None:
        """Fills in what another process opens it by."""
        info.memory_handle = self.memory_handle
        info.event_handles.extend(self.event_handles)
        info.gpu_uuid = self.driver.uuid
        info.slot_bytes = self.geometry.slot_bytes

    def free(self) -> None:
        """Frees it all. Harmless when repeated; undefined while another process has it open."""
        driver = self.driver
        steps: list[tuple[Callable[[int], None], list[int]]] = [
            (driver.free, [self.base]),  # waits for what still runs in it
            (driver.destroy_event, [*self.events, self.uploaded]),
            (driver.free_host, [self._host]),
            (driver.destroy_stream, [self.stream]),
        ]
        self.base = self.stream = self.uploaded = self._host = 0
        self.events = []
        for let_go, handles in steps:
            for handle in filter(None, handles):
                with contextlib.suppress(CudaError):  # a GPU that is gone took all along
                    let_go(handle)
