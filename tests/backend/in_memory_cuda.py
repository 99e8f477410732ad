"""A CUDA driver without a GPU that keeps CUDA's written rules, for tests of what is built on one.

Rules are those of the driver API's documentation: a handle is of a base pointer, is opened in
another process, once per context and then counted; events are shared only with both flags; work on
a stream happens later, in order, behind the events it waits for. What CUDA calls undefined is noted
in `Machine.undefined`, and a fixture asserts that nothing ever is.
"""

import itertools
from collections import deque

import numpy as np

from mien.protocol.cuda_driver import CudaError, Way
from mien.protocol.errors import GpuLostError, GpuMismatchError

GARBAGE = 0xCD
FIRST_GPU = "GPU-00000000-0000-0000-0000-000000000001"


class Allocation:
    def __init__(self, owner, gpu, base, size):
        self.owner, self.gpu, self.base = owner, gpu, base
        self.data = np.full(size, GARBAGE, np.uint8)  # not cleared, as written
        self.freed = False


class Event:
    def __init__(self, owner, shared):
        self.owner, self.shared = owner, shared
        self.mark = None  # what was last recorded: [done]
        self.destroyed = False


class Stream:
    def __init__(self):
        self.work = deque()
        self.held = False


class Machine:
    """GPUs and the processes that use them."""

    def __init__(self, gpus=(FIRST_GPU,), capacity_bytes=256 << 20):
        self.gpus = list(gpus)
        self.capacity_bytes = capacity_bytes
        self.undefined = []
        self.failing = {}  # call: name of the error that it gives
        self.lost = set()
        self.exports = {}  # handle: Allocation or Event
        self.processes = []
        self.counter = itertools.count(1)

    def process(self, sees=None):
        made = Process(self, self.gpus if sees is None else sees)
        self.processes.append(made)
        return made

    def used_bytes(self, gpu):
        drivers = [d for p in self.processes for d in p.drivers.values() if p.alive]
        mine = [a for d in drivers for a in d.allocations.values() if a.gpu == gpu]
        return sum(a.data.nbytes for a in mine)

    def run(self):
        """The GPU does what it can: streams that are not held, as far as events allow."""
        drivers = [driver for process in self.processes for driver in process.drivers.values()]
        streams = [stream for driver in drivers for stream in driver.streams.values()]
        while any(self._advance(stream) for stream in streams):
            pass

    @staticmethod
    def _advance(stream):
        moved = False
        while stream.work and not stream.held:
            if not stream.work[0]():
                break
            stream.work.popleft()
            moved = True
        return moved


class Process:
    """One process: the devices it sees. `open_device` and `why_not` are those of cuda_bindings."""

    def __init__(self, machine, sees):
        self.machine, self.sees = machine, list(sees)
        self.drivers = {}
        self.alive = True

    def open_device(self, uuid=""):
        if not self.sees:
            raise GpuLostError("no device")
        wanted = uuid or self.sees[0]
        if wanted not in self.sees:
            raise GpuMismatchError(f"the ring is on {wanted}, but here is {', '.join(self.sees)}")
        if wanted not in self.drivers:
            self.drivers[wanted] = Driver(self, wanted)
        return self.drivers[wanted]

    def why_not(self):
        return None if self.sees else "no device"

    def kill(self):
        """The system takes back what a process had."""
        self.alive = False
        for driver in self.drivers.values():
            for allocation in driver.allocations.values():
                allocation.freed = True
            driver.imports.clear()
            driver.streams.clear()

    def left(self):
        """What it has not given back, by kind."""
        total = {}
        for driver in self.drivers.values():
            for kind in ("allocations", "imports", "events", "streams", "host"):
                total[kind] = total.get(kind, 0) + len(getattr(driver, kind))
        return {kind: count for kind, count in total.items() if count}


class Driver:
    """See `mien.protocol.cuda_driver.CudaDriver`."""

    def __init__(self, process, uuid):
        self.process, self.machine = process, process.machine
        self.uuid = uuid
        self.ordinal = process.sees.index(uuid)
        self.allocations, self.imports = {}, {}  # by base; imports: [Allocation, opened]
        self.events, self.streams, self.host = {}, {}, {}

    def _call(self, name):
        assert self.process.alive, f"{name} in a process that is dead"
        if self.uuid in self.machine.lost:
            raise CudaError(name, "CUDA_ERROR_DEVICE_UNAVAILABLE")
        if name in self.machine.failing:
            raise CudaError(name, self.machine.failing[name])

    def _new(self):
        return next(self.machine.counter)

    # --- memory -------------------------------------------------------------------------------

    def allocate(self, size_bytes):
        self._call("cuMemAlloc")
        if size_bytes <= 0:
            raise CudaError("cuMemAlloc", "CUDA_ERROR_INVALID_VALUE")
        if self.machine.used_bytes(self.uuid) + size_bytes > self.machine.capacity_bytes:
            raise CudaError("cuMemAlloc", "CUDA_ERROR_OUT_OF_MEMORY")
        base = self._new() << 40
        self.allocations[base] = Allocation(self.process, self.uuid, base, size_bytes)
        return base

    def free(self, base):
        self._call("cuMemFree")
        if base not in self.allocations:
            raise CudaError("cuMemFree", "CUDA_ERROR_INVALID_VALUE")
        self.machine.run()
        allocation = self.allocations.pop(base)
        for other in self.machine.processes:
            for driver in other.drivers.values():
                if any(opened is allocation for opened, _ in driver.imports.values()):
                    self.machine.undefined.append("memory freed that another process has open")
        allocation.freed = True

    def allocate_host(self, size_bytes):
        self._call("cuMemHostAlloc")
        data = np.full(size_bytes, GARBAGE, np.uint8)
        self.host[data.ctypes.data] = data
        return data.ctypes.data

    def free_host(self, address):
        self._call("cuMemFreeHost")
        if self.host.pop(address, None) is None:
            raise CudaError("cuMemFreeHost", "CUDA_ERROR_INVALID_VALUE")

    def size_of(self, pointer):
        allocation, offset = self._find(pointer)
        return allocation.data.nbytes - offset

    def export_memory(self, base):
        self._call("cuIpcGetMemHandle")
        if base not in self.allocations:
            raise CudaError("cuIpcGetMemHandle", "CUDA_ERROR_INVALID_VALUE")
        return self._export(b"memory", self.allocations[base])

    def open_memory(self, handle):
        self._call("cuIpcOpenMemHandle")
        allocation = self._exported("cuIpcOpenMemHandle", handle, Allocation)
        if allocation.freed:
            raise CudaError("cuIpcOpenMemHandle", "CUDA_ERROR_INVALID_HANDLE")
        if allocation.gpu != self.uuid:
            raise CudaError("cuIpcOpenMemHandle", "CUDA_ERROR_MAP_FAILED")
        for base, opened in self.imports.items():
            if opened[0] is allocation:
                opened[1] += 1
                return base
        base = self._new() << 40
        self.imports[base] = [allocation, 1]
        return base

    def close_memory(self, base):
        self._call("cuIpcCloseMemHandle")
        if base not in self.imports:
            raise CudaError("cuIpcCloseMemHandle", "CUDA_ERROR_INVALID_VALUE")
        if any(stream.work for stream in self.streams.values()):
            self.machine.undefined.append("memory closed while work on it was under way")
        self.imports[base][1] -= 1
        if not self.imports[base][1]:
            del self.imports[base]

    # --- events and streams ---------------------------------------------------------------------

    def create_event(self, *, shared):
        self._call("cuEventCreate")
        number = self._new()
        self.events[number] = Event(self.process, shared)
        return number

    def export_event(self, event):
        self._call("cuIpcGetEventHandle")
        found = self._event("cuIpcGetEventHandle", event)
        if not found.shared or found.owner is not self.process:
            raise CudaError("cuIpcGetEventHandle", "CUDA_ERROR_INVALID_HANDLE")
        return self._export(b"event", found)

    def open_event(self, handle):
        self._call("cuIpcOpenEventHandle")
        event = self._exported("cuIpcOpenEventHandle", handle, Event)
        if event.destroyed:
            raise CudaError("cuIpcOpenEventHandle", "CUDA_ERROR_INVALID_HANDLE")
        number = self._new()
        self.events[number] = event
        return number

    def destroy_event(self, event):
        self._call("cuEventDestroy")
        found = self.events.pop(event, None)
        if found is None:
            raise CudaError("cuEventDestroy", "CUDA_ERROR_INVALID_HANDLE")
        if found.owner is self.process:
            found.destroyed = True

    def record(self, event, stream):
        self._call("cuEventRecord")
        mark = [False]
        self._event("cuEventRecord", event).mark = mark

        def reach():
            mark[0] = True
            return True

        self._put("cuEventRecord", stream, reach)

    def is_done(self, event):
        self._call("cuEventQuery")
        mark = self._event("cuEventQuery", event).mark
        self.machine.run()
        return mark is None or mark[0]

    def synchronize(self, event):
        self._call("cuEventSynchronize")
        assert self.is_done(event), "this would have waited for ever"

    def create_stream(self):
        self._call("cuStreamCreate")
        number = self._new()
        self.streams[number] = Stream()
        return number

    def destroy_stream(self, stream):
        self._call("cuStreamDestroy")
        if self.streams.pop(stream, None) is None:
            raise CudaError("cuStreamDestroy", "CUDA_ERROR_INVALID_HANDLE")

    def wait(self, stream, event):
        self._call("cuStreamWaitEvent")
        mark = self._event("cuStreamWaitEvent", event).mark
        self._put("cuStreamWaitEvent", stream, lambda: mark is None or mark[0])

    def copy(self, copy, stream):
        self._call("cuMemcpy2DAsync")
        if copy.row_bytes > min(copy.target_pitch, copy.source_pitch):
            raise CudaError("cuMemcpy2DAsync", "CUDA_ERROR_INVALID_VALUE")
        from_host, to_host = copy.way is Way.UPLOAD, copy.way is Way.DOWNLOAD
        source = self._rows(copy.source, copy.source_pitch, copy, from_host)
        target = self._rows(copy.target, copy.target_pitch, copy, to_host)
        self._put("cuMemcpy2DAsync", stream, lambda: self._do(source, target))

    # --- parts ----------------------------------------------------------------------------------

    def _do(self, source, target):
        for allocation, _ in (source, target):
            if allocation is not None and allocation.freed and allocation.owner.alive:
                self.machine.undefined.append("a copy used memory that was freed")
        target[1][...] = source[1]
        return True

    def _rows(self, pointer, pitch, copy, on_host):
        if on_host:
            allocation, data, offset = None, *self._find_host(pointer)
        else:
            allocation, offset = self._find(pointer)
            data = allocation.data
        end = offset + pitch * (copy.rows - 1) + copy.row_bytes
        if end > data.nbytes:
            raise CudaError("cuMemcpy2DAsync", "CUDA_ERROR_INVALID_VALUE")
        strides = (pitch, 1)
        shape = (copy.rows, copy.row_bytes)
        return allocation, np.lib.stride_tricks.as_strided(data[offset:], shape, strides)

    def _find(self, pointer):
        for base, allocation in self.allocations.items():
            if base <= pointer < base + allocation.data.nbytes:
                return allocation, pointer - base
        for base, (allocation, _) in self.imports.items():
            if base <= pointer < base + allocation.data.nbytes:
                return allocation, pointer - base
        raise CudaError("pointer", "CUDA_ERROR_INVALID_VALUE")

    def _find_host(self, pointer):
        for address, data in self.host.items():
            if address <= pointer < address + data.nbytes:
                return data, pointer - address
        raise CudaError("pointer", "CUDA_ERROR_INVALID_VALUE")

    def _event(self, call, event):
        if event not in self.events:
            raise CudaError(call, "CUDA_ERROR_INVALID_HANDLE")
        found = self.events[event]
        if found.destroyed and found.owner is not self.process:
            self.machine.undefined.append(f"{call} on an event that its maker destroyed")
        return found

    def _put(self, call, stream, work):
        if stream not in self.streams:
            raise CudaError(call, "CUDA_ERROR_INVALID_HANDLE")
        self.streams[stream].work.append(work)
        self.machine.run()

    def _export(self, kind, thing):
        for handle, exported in self.machine.exports.items():
            if exported is thing:
                return handle
        handle = b"%s %d" % (kind, self._new())
        self.machine.exports[handle.ljust(64, b"\0")] = thing
        return handle.ljust(64, b"\0")

    def _exported(self, call, handle, kind):
        thing = self.machine.exports.get(handle)
        if len(handle) != 64 or not isinstance(thing, kind):
            raise CudaError(call, "CUDA_ERROR_INVALID_HANDLE")
        if thing.owner is self.process:
            raise CudaError(call, "CUDA_ERROR_INVALID_CONTEXT")
        return thing

    # --- what tests put into and take out of device memory ---------------------------------------

    def peek(self, pixels):
        """What a DevicePixels shows, to look at and to write into."""
        allocation, offset = self._find(pixels.pointer)
        shape = (pixels.height_px, pixels.width_px, 4)
        strides = (pixels.stride_bytes, 4, 1)
        return np.lib.stride_tricks.as_strided(allocation.data[offset:], shape, strides)


class Buffer:
    """An array [H, W, 4] of a process's own on its GPU, as a game would have one."""

    def __init__(self, driver, width, height):
        self.driver = driver
        self.pointer = driver.allocate(width * height * 4)
        self.width_px, self.height_px, self.stride_bytes = width, height, width * 4

    @property
    def __cuda_array_interface__(self):
        shape = (self.height_px, self.width_px, 4)
        return {"version": 3, "shape": shape, "typestr": "|u1", "data": (self.pointer, False)}

    @property
    def pixels(self):
        return self.driver.peek(self)
