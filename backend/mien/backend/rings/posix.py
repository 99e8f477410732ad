"""The `posix` ring: slots in POSIX shared memory. Default without a GPU, reference for all others.

Knows when this machine has it. The allocation (`O_EXCL`, 0600, `posix_fallocate`, prefaulted) is
`mien.protocol.shm`'s, since client and daemon must agree on names.
"""

from __future__ import annotations

import sys

from mien.backend.rings.base import Ring, RingRequest
from mien.backend.rings.mapped import MappedRing
from mien.protocol import control_pb2 as pb


class PosixRings:
    """See `RingBackend`."""

    kind = pb.RING_KIND_POSIX

    def why_not(self) -> str | None:
        """Windows has no POSIX shared memory."""
        return "this is Windows" if sys.platform == "win32" else None

    def create(self, request: RingRequest) -> Ring:
        """A new segment; SharedMemoryFullError when there is no room."""
        return MappedRing(request, self.kind)

    def close(self) -> None:
        """Nothing is kept."""
