"""The CUDA driver, by NVIDIA's `cuda.bindings` (extra `gpu`), as rings use it.

Knows each call's form and turns every CUresult into a value or a CudaError. Refuses to be imported
for nothing: CUDA is loaded when a device is first asked for, and a process that never asks never
pays. Written after the documentation of cuda-bindings 13.5 and its own docstrings, with which it
imports here; **not run on a GPU by its authors**: tests marked `gpu` run it on the first one they
meet.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from mien.protocol.cuda_driver import HANDLE_BYTES, Copy, CudaError, Way, gpu_name
from mien.protocol.errors import GpuLostError, GpuMismatchError

_devices: dict[tuple[int, str], BoundDriver] = {}  # by process: CUDA does not survive a fork
_lock = threading.Lock()


def why_not() -> str | None:
    """Why rings on a GPU cannot be had in this process; None if they can."""
    if sys.platform != "linux":
        return f"CUDA shares memory between processes well on Linux only; this is {sys.platform}"
    try:
        found = _uuids()
    except GpuLostError as error:
        return error.message
    return None if found else "no GPU here lets processes share events (MIG, Tegra, or none)"


def open_device(uuid: str = "") -> BoundDriver:
    """The device with this UUID, or the first one. The same object for every caller.

    Raises GpuMismatchError when it is not among those that this process sees, GpuLostError when
    there is no driver, no device or no `cuda.bindings`.
    """
    found = _uuids()
    if not found:
        raise GpuLostError("this process sees no GPU that can share memory")
    wanted = uuid or next(iter(found))
    if wanted not in found:
        have = ", ".join(found)
        raise GpuMismatchError(
            f"the ring is on {wanted}, but this process sees only {have}: run both on one GPU "
            "(CUDA_VISIBLE_DEVICES), or use a posix ring"
        )
    key = (os.getpid(), wanted)
    with _lock:
        if key not in _devices:
            _devices[key] = BoundDriver(wanted, found[wanted])
        return _devices[key]


def _uuids() -> dict[str, int]:
    """Devices that can share memory and events, by UUID, with their numbers."""
    driver = _driver()
    try:
        return _sharing(driver)
    except CudaError as error:
        raise GpuLostError(f"the NVIDIA driver fails at {error.call}: {error.name}") from error


def _sharing(driver: Any) -> dict[str, int]:
    count = _ok("cuDeviceGetCount", driver.cuDeviceGetCount())
    shares = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED
    # Before CUDA 13 only the second version of the call tells one MIG instance from another.
    get_uuid = getattr(driver, "cuDeviceGetUuid_v2", driver.cuDeviceGetUuid)
    found = {}
    for ordinal in range(count):
        device = _ok("cuDeviceGet", driver.cuDeviceGet(ordinal))
        if _ok("cuDeviceGetAttribute", driver.cuDeviceGetAttribute(shares, device)):
            raw = _ok("cuDeviceGetUuid", get_uuid(device))
            found[gpu_name(bytes(raw.bytes))] = ordinal
    return found


def _driver() -> Any:
    """`cuda.bindings.driver`, initialised. Raises GpuLostError with the reason why not."""
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise GpuLostError(f"cuda-bindings cannot be imported ({error}): install mien[gpu]") from (
            error
        )
    try:
        _ok("cuInit", driver.cuInit(0))
    except CudaError as error:
        raise GpuLostError(f"the NVIDIA driver says {error.name}") from error
    except Exception as error:  # cuda.pathfinder's own, where there is no driver at all
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GpuLostError(f"there is no NVIDIA driver: {reason}") from error
    return driver


def _ok(call: str, answer: tuple[Any, ...]) -> Any:
    """The value behind a CUresult; raises CudaError unless it is CUDA_SUCCESS."""
    result, *values = answer
    if result.value:
        raise CudaError(call, result.name)
    return values[0] if len(values) == 1 else values


class BoundDriver:
    """See `CudaDriver`. Holds the device's primary context, which torch uses too."""

    def __init__(self, uuid: str, ordinal: int) -> None:
        self._cuda = _driver()
        self._uuid, self._ordinal = uuid, ordinal
        self._pid = os.getpid()
        device = _ok("cuDeviceGet", self._cuda.cuDeviceGet(ordinal))
        self._context = _ok("cuDevicePrimaryCtxRetain", self._cuda.cuDevicePrimaryCtxRetain(device))

    @property
    def uuid(self) -> str:
        """Of the device."""
        return self._uuid

    @property
    def ordinal(self) -> int:
        """Its number in this process."""
        return self._ordinal

    def allocate(self, size_bytes: int) -> int:
        """Device memory of its own."""
        return int(self._call("cuMemAlloc", size_bytes))

    def free(self, base: int) -> None:
        """Frees it."""
        self._call("cuMemFree", base)

    def allocate_host(self, size_bytes: int) -> int:
        """Pinned host memory."""
        return int(self._call("cuMemHostAlloc", size_bytes, 0))

    def free_host(self, address: int) -> None:
        """Frees it."""
        self._call("cuMemFreeHost", address)

    def size_of(self, pointer: int) -> int | None:
        """Of the allocation; the documentation does not promise it for imported memory."""
        try:
            base, size = self._call("cuMemGetAddressRange", pointer)
        except CudaError:
            return None
        return int(size) - (pointer - int(base))

    def export_memory(self, base: int) -> bytes:
        """The handle's bytes."""
        return _bytes_of(self._call("cuIpcGetMemHandle", base))

    def open_memory(self, handle: bytes) -> int:
        """Maps it here; the flag is the one that the documentation asks for."""
        lazy = self._cuda.CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS
        filled = _filled(self._cuda.CUipcMemHandle(), handle)
        return int(self._call("cuIpcOpenMemHandle", filled, int(lazy)))

    def close_memory(self, base: int) -> None:
        """Unmaps it here."""
        self._call("cuIpcCloseMemHandle", base)

    def create_event(self, *, shared: bool) -> int:
        """Without timing, as CUDA asks of events that are shared."""
        flags = self._cuda.CUevent_flags
        wanted = int(flags.CU_EVENT_DISABLE_TIMING)
        if shared:
            wanted |= int(flags.CU_EVENT_INTERPROCESS)
        return int(self._call("cuEventCreate", wanted))

    def export_event(self, event: int) -> bytes:
        """The handle's bytes."""
        return _bytes_of(self._call("cuIpcGetEventHandle", event))

    def open_event(self, handle: bytes) -> int:
        """Opens it here."""
        filled = _filled(self._cuda.CUipcEventHandle(), handle)
        return int(self._call("cuIpcOpenEventHandle", filled))

    def destroy_event(self, event: int) -> None:
        """Destroys it, or closes it where it was opened."""
        self._call("cuEventDestroy", event)

    def record(self, event: int, stream: int) -> None:
        """Records it."""
        self._call("cuEventRecord", event, stream)

    def is_done(self, event: int) -> bool:
        """Asks without waiting."""
        try:
            self._call("cuEventQuery", event)
        except CudaError as error:
            if error.name == "CUDA_ERROR_NOT_READY":
                return False
            raise
        return True

    def synchronize(self, event: int) -> None:
        """Waits."""
        self._call("cuEventSynchronize", event)

    def create_stream(self) -> int:
        """Without a bond to the default stream."""
        flag = self._cuda.CUstream_flags.CU_STREAM_NON_BLOCKING
        return int(self._call("cuStreamCreate", int(flag)))

    def destroy_stream(self, stream: int) -> None:
        """Destroys it."""
        self._call("cuStreamDestroy", stream)

    def wait(self, stream: int, event: int) -> None:
        """Has the stream wait."""
        self._call("cuStreamWaitEvent", stream, event, 0)

    def copy(self, copy: Copy, stream: int) -> None:
        """Puts the copy on the stream."""
        kinds = self._cuda.CUmemorytype
        plan = self._cuda.CUDA_MEMCPY2D()
        if copy.way is Way.UPLOAD:
            plan.srcMemoryType, plan.srcHost = kinds.CU_MEMORYTYPE_HOST, copy.source
        else:
            plan.srcMemoryType, plan.srcDevice = kinds.CU_MEMORYTYPE_DEVICE, copy.source
        if copy.way is Way.DOWNLOAD:
            plan.dstMemoryType, plan.dstHost = kinds.CU_MEMORYTYPE_HOST, copy.target
        else:
            plan.dstMemoryType, plan.dstDevice = kinds.CU_MEMORYTYPE_DEVICE, copy.target
        plan.srcPitch, plan.dstPitch = copy.source_pitch, copy.target_pitch
        plan.WidthInBytes, plan.Height = copy.row_bytes, copy.rows
        self._call("cuMemcpy2DAsync", plan, stream)

    def _call(self, name: str, *arguments: object) -> Any:
        with self._current():
            return _ok(name, getattr(self._cuda, name)(*arguments))

    @contextlib.contextmanager
    def _current(self) -> Iterator[None]:
        """The context is this thread's for one call; what was current before is so again."""
        if os.getpid() != self._pid:
            raise CudaError("fork", "CUDA_ERROR_NOT_INITIALIZED")
        _ok("cuCtxPushCurrent", self._cuda.cuCtxPushCurrent(self._context))
        try:
            yield
        finally:
            self._cuda.cuCtxPopCurrent()


def _bytes_of(handle: Any) -> bytes:
    return ctypes.string_at(handle.getPtr(), HANDLE_BYTES)


def _filled(handle: Any, data: bytes) -> Any:
    if len(data) != HANDLE_BYTES:
        raise CudaError("handle", "CUDA_ERROR_INVALID_HANDLE")
    ctypes.memmove(handle.getPtr(), data, HANDLE_BYTES)
    return handle
