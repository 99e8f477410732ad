"""How an actor is asked for, and how the ring that it is given is opened.

Knows which kinds of rings a wish stands for, best first, and which reader is for which kind.
Refuses to know requests and replies beyond that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail
from mien.protocol.errors import InvalidArgumentError, RingError

if TYPE_CHECKING:
    from mien.protocol.ring import RingReader

_HOST_RINGS = (pb.RING_KIND_POSIX, pb.RING_KIND_NAMED_MAPPING)
_RING_WISHES: dict[str, tuple[pb.RingKind, ...]] = {
    "auto": _HOST_RINGS,
    "gpu": (pb.RING_KIND_CUDA_IPC, *_HOST_RINGS),
    "posix": (pb.RING_KIND_POSIX,),
    "cuda_ipc": (pb.RING_KIND_CUDA_IPC,),
}


@dataclass(frozen=True)
class SpawnOptions:
    """How an actor was asked for, so that it can be asked for again."""

    slots: int = 0
    size_px: int = 0
    seed: int = 0
    curves: bool = False
    frames: bool = True
    ring: str = "auto"
    detail: Detail = field(default_factory=Detail)

    @property
    def ring_kinds(self) -> list[pb.RingKind]:
        """What to ask the daemon for, best first. Raises InvalidArgumentError."""
        if self.ring not in _RING_WISHES:
            known = ", ".join(_RING_WISHES)
            raise InvalidArgumentError(f"ring is one of {known}; not {self.ring!r}")
        return list(_RING_WISHES[self.ring])


def open_ring(ring: pb.RingInfo) -> RingReader:
    """Attaches to a ring of any kind.

    Raises RingError (GpuMismatchError, GpuLostError among them), GpuMemoryFullError.
    """
    from mien.protocol.ring import RingReader

    if ring.kind == pb.RING_KIND_CUDA_IPC:
        from mien.protocol import cuda_ring

        return cuda_ring.open_ring(ring)
    if ring.kind not in _HOST_RINGS:
        raise RingError(f"this client cannot read rings of kind {ring.kind}")
    return RingReader.open(ring.name, ring.size_bytes, ring.epoch)
