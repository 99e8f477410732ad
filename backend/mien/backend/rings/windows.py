"""The `named_mapping` ring: slots in a Windows named file mapping, of the same layout.

Knows when this machine has it. Written after the documentation; not run here: the conformance suite
runs over it on the first Windows machine that it meets.
"""

from __future__ import annotations

import sys

from mien.backend.rings.base import Ring, RingRequest
from mien.backend.rings.mapped import MappedRing
from mien.protocol import control_pb2 as pb


class NamedMappingRings:
    """See `RingBackend`."""

    kind = pb.RING_KIND_NAMED_MAPPING

    def why_not(self) -> str | None:
        """Named file mappings are Windows' own."""
        return None if sys.platform == "win32" else "this is not Windows"

    def create(self, request: RingRequest) -> Ring:
        """A new mapping, freed by Windows with its last handle."""
        return MappedRing(request, self.kind)

    def close(self) -> None:
        """Nothing is kept."""
