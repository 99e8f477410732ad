"""The few calls of the CUDA driver that a ring on a GPU needs, as an interface.

Knows their names, what they promise and how they fail. Refuses to import CUDA: `cuda_bindings` has
the real ones, and everything above (rings, readers, grace periods) is plain Python over this, so
that it runs where there is no GPU. Pointers, streams and events are the driver's handles as whole
numbers; 0 as a stream is the legacy default stream.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from typing import Protocol

from mien.protocol.errors import GpuLostError, GpuMemoryFullError, MienError

HANDLE_BYTES = 64  # CU_IPC_HANDLE_SIZE: of a memory or event handle
OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"


class CudaError(Exception):
    """A driver call failed. `name` is CUDA's own: CUDA_ERROR_OUT_OF_MEMORY, ..."""

    def __init__(self, call: str, name: str) -> None:
        super().__init__(f"{call}: {name}")
        self.call = call
        self.name = name


def typed(error: CudaError, doing: str) -> MienError:
    """What a failed call means for an actor: no memory, or a GPU that is no longer to be used.

    After most errors of the driver its context is of no more use (sticky errors), so everything but
    a lack of memory counts as a GPU lost.
    """
    if error.name == OUT_OF_MEMORY:
        return GpuMemoryFullError(
            f"the GPU has no room for {doing} ({error}): stop other actors, or use posix rings"
        )
    return GpuLostError(f"the GPU failed while {doing} ({error})")


def gpu_name(uuid_bytes: bytes) -> str:
    """A device's UUID as nvidia-smi writes it, of its 16 bytes."""
    return f"GPU-{uuid.UUID(bytes=uuid_bytes)}"


class Way(enum.Enum):
    """From where to where a copy goes."""

    UPLOAD = "host to device"
    DOWNLOAD = "device to host"
    WITHIN = "device to device"


@dataclass(frozen=True)
class Copy:
    """Rows of bytes from one place to another; each side has its own distance between rows."""

    way: Way
    target: int
    target_pitch: int
    source: int
    source_pitch: int
    row_bytes: int
    rows: int


class CudaDriver(Protocol):
    """One device in this process, by its primary context. Callable from any thread.

    Every method raises CudaError. Nothing waits for the GPU but what is named `synchronize`.
    """

    @property
    def uuid(self) -> str:
        """Of the device: GPU-01234567-..."""

    @property
    def ordinal(self) -> int:
        """Its number in this process."""

    def allocate(self, size_bytes: int) -> int:
        """Device memory of its own (cuMemAlloc). Returns its base."""

    def free(self, base: int) -> None:
        """Undefined while another process has it open (cuMemFree)."""

    def allocate_host(self, size_bytes: int) -> int:
        """Pinned host memory (cuMemHostAlloc). Returns its address."""

    def free_host(self, address: int) -> None:
        """Of `allocate_host` (cuMemFreeHost)."""

    def size_of(self, pointer: int) -> int | None:
        """Bytes of the allocation that `pointer` is in (cuMemGetAddressRange); None: not told."""

    def export_memory(self, base: int) -> bytes:
        """The 64 bytes by which another process opens an allocation (cuIpcGetMemHandle)."""

    def open_memory(self, handle: bytes) -> int:
        """Maps another process's allocation (cuIpcOpenMemHandle). Never in the one that made it."""

    def close_memory(self, base: int) -> None:
        """Of `open_memory` (cuIpcCloseMemHandle)."""

    def create_event(self, *, shared: bool) -> int:
        """An event without timing; `shared`: other processes may open it (cuEventCreate)."""

    def export_event(self, event: int) -> bytes:
        """The 64 bytes by which another process opens a shared event (cuIpcGetEventHandle)."""

    def open_event(self, handle: bytes) -> int:
        """Another process's event (cuIpcOpenEventHandle)."""

    def destroy_event(self, event: int) -> None:
        """Made or opened (cuEventDestroy)."""

    def record(self, event: int, stream: int) -> None:
        """The event is what is on the stream so far (cuEventRecord)."""

    def is_done(self, event: int) -> bool:
        """Whether what was last recorded is finished (cuEventQuery)."""

    def synchronize(self, event: int) -> None:
        """Blocks until what was last recorded is finished (cuEventSynchronize)."""

    def create_stream(self) -> int:
        """A stream that does not wait for the default one (cuStreamCreate)."""

    def destroy_stream(self, stream: int) -> None:
        """Of `create_stream`; what is on it still runs (cuStreamDestroy)."""

    def wait(self, stream: int, event: int) -> None:
        """What is put on the stream from now on waits for the event (cuStreamWaitEvent)."""

    def copy(self, copy: Copy, stream: int) -> None:
        """Puts a copy on the stream (cuMemcpy2DAsync)."""
