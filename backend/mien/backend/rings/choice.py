"""Which ring an actor gets.

Knows every kind that mien has, in order of preference, asks each whether this machine offers it,
and says why it chose. A choice can be forced by name. Refuses to know how any of them works.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mien.backend.rings.base import Ring, RingBackend, RingRequest
from mien.backend.rings.posix import PosixRings
from mien.backend.rings.windows import NamedMappingRings
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import InvalidArgumentError

_LOG = logging.getLogger(__name__)
AUTOMATIC = "auto"


def all_backends() -> list[RingBackend]:
    """Every kind of ring there is, best first."""
    return [PosixRings(), NamedMappingRings()]


def kind_name(kind: pb.RingKind) -> str:
    """The short name of a kind: posix, named_mapping, ..."""
    return pb.RingKind.Name(kind).removeprefix("RING_KIND_").lower()


@dataclass(frozen=True)
class Choice:
    """A kind of ring, and why."""

    backend: RingBackend
    reason: str

    @property
    def kind(self) -> pb.RingKind:
        """As the wire names it."""
        return self.backend.kind

    def create(self, request: RingRequest) -> Ring:
        """A ring of this kind."""
        ring = self.backend.create(request)
        _LOG.info(
            "ring %s of actor %d: %s (%s)",
            ring.name,
            request.actor_id,
            kind_name(self.kind),
            self.reason,
        )
        return ring


class RingChooser:
    """Offers what this machine has; `forced` leaves one kind, or raises InvalidArgumentError."""

    def __init__(
        self, forced: str = AUTOMATIC, backends: Sequence[RingBackend] | None = None
    ) -> None:
        known = all_backends() if backends is None else list(backends)
        self.refused = {b.kind: why for b in known if (why := b.why_not()) is not None}
        self._offered = [b for b in known if b.kind not in self.refused]
        self._forced = forced != AUTOMATIC
        if self._forced:
            self._offered = [b for b in self._offered if kind_name(b.kind) == forced]
            if not self._offered:
                names = ", ".join(kind_name(b.kind) for b in known if b.kind not in self.refused)
                raise InvalidArgumentError(f"no ring {forced!r} on this machine; it has: {names}")

    @property
    def kinds(self) -> list[pb.RingKind]:
        """What can be had, best first."""
        return [backend.kind for backend in self._offered]

    def choose(self, wanted: Sequence[pb.RingKind] = ()) -> Choice:
        """The first wanted kind that can be had; without wishes the best one."""
        if self._forced:
            return Choice(self._offered[0], "set for this daemon")
        for kind in wanted:
            for backend in self._offered:
                if backend.kind == kind:
                    return Choice(backend, "the client's wish")
        if wanted:
            have = ", ".join(kind_name(kind) for kind in self.kinds)
            raise InvalidArgumentError(f"none of the rings asked for can be had here; have: {have}")
        return Choice(self._offered[0], "the best that this machine has")
