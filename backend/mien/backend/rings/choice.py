"""Which ring an actor gets.

Knows every kind that mien has, in order of preference, asks each whether this machine offers it,
and says why it chose: in the log, and on the ring, from where Stats and the client have it. Frames
go where they are made: a ring on the GPU is taken by itself only for frames that are drawn there. A
choice can be forced by name. Refuses to know how any of them works.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mien.backend.rings.base import Ring, RingBackend, RingRequest
from mien.backend.rings.cuda import DEFAULT_GRACE_S, CudaRings
from mien.backend.rings.posix import PosixRings
from mien.backend.rings.windows import NamedMappingRings
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import GpuLostError, InvalidArgumentError, ResourceExhaustedError

_LOG = logging.getLogger(__name__)
AUTOMATIC = "auto"


def all_backends(grace_s: float = DEFAULT_GRACE_S) -> list[RingBackend]:
    """Every kind of ring there is, best first for frames that the CPU draws."""
    return [PosixRings(), NamedMappingRings(), CudaRings(grace_s)]


def kind_name(kind: pb.RingKind) -> str:
    """The short name of a kind: posix, named_mapping, ..."""
    return pb.RingKind.Name(kind).removeprefix("RING_KIND_").lower()


@dataclass(frozen=True)
class Choice:
    """A kind of ring, and why. `instead` is taken when there is no making it."""

    backend: RingBackend
    reason: str
    instead: RingBackend | None = None

    @property
    def kind(self) -> pb.RingKind:
        """As the wire names it."""
        return self.backend.kind

    def create(self, request: RingRequest) -> Ring:
        """A ring of this kind, or of the other one, which is then said loudly."""
        backend, reason = self.backend, self.reason
        try:
            ring = backend.create(request)
        except (ResourceExhaustedError, GpuLostError) as error:
            if self.instead is None:
                raise
            backend = self.instead
            reason = f"{kind_name(self.kind)} failed: {error.message}"
            _LOG.warning(
                "actor %d gets a %s ring: %s", request.actor_id, kind_name(backend.kind), reason
            )
            ring = backend.create(request)
        ring.reason = reason
        _LOG.info(
            "ring %s of actor %d: %s (%s)",
            ring.name,
            request.actor_id,
            kind_name(ring.kind),
            reason,
        )
        return ring


class RingChooser:
    """Offers what this machine has; `forced` leaves one kind, or raises InvalidArgumentError."""

    def __init__(
        self,
        forced: str = AUTOMATIC,
        backends: Sequence[RingBackend] | None = None,
        grace_s: float = DEFAULT_GRACE_S,
    ) -> None:
        known = all_backends(grace_s) if backends is None else list(backends)
        self._known = known
        self.refused = {b.kind: why for b in known if (why := b.why_not()) is not None}
        self._offered = [b for b in known if b.kind not in self.refused]
        self._forced = forced != AUTOMATIC
        if self._forced:
            names = self._have()
            wanted = forced.replace("-", "_")
            self._offered = [b for b in self._offered if kind_name(b.kind) == wanted]
            if not self._offered:
                whys = [self.refused[kind] for kind in self.refused if kind_name(kind) == wanted]
                reason = f" ({whys[0]})" if whys else ""
                raise InvalidArgumentError(
                    f"no ring {forced!r} on this machine{reason}; it has: {names}"
                )

    @property
    def kinds(self) -> list[pb.RingKind]:
        """What can be had, best first."""
        return [backend.kind for backend in self._offered]

    def choose(self, wanted: Sequence[pb.RingKind] = (), gpu_uuid: str = "") -> Choice:
        """The first wanted kind that can be had and suits; without wishes the best host ring.

        `gpu_uuid` is of the GPU that draws; empty: the CPU draws. Then a ring on a GPU is made only
        for who takes nothing else. Raises InvalidArgumentError when none of the wishes can be had.
        """
        if self._forced:
            return Choice(self._offered[0], "set for this daemon")
        offered = {backend.kind: backend for backend in self._offered}
        wishes = [offered[kind] for kind in wanted if kind in offered]
        hosts = [b for b in (wishes or self._offered) if b.kind != pb.RING_KIND_CUDA_IPC]
        if wanted and not wishes:
            whys = "".join(
                f"; {kind_name(kind)}: {self.refused[kind]}"
                for kind in wanted
                if kind in self.refused
            )
            raise InvalidArgumentError(
                f"none of the rings asked for can be had here; have: {self._have()}{whys}"
            )
        if not wanted:
            return Choice(hosts[0], "the best for a client without a wish")
        first = wishes[0]
        if first.kind != pb.RING_KIND_CUDA_IPC:
            return Choice(first, f"the client's wish{self._missed(wanted, first.kind)}")
        if gpu_uuid:
            return Choice(
                first,
                f"frames are drawn on {gpu_uuid}, and the client wants them there",
                hosts[0] if hosts else None,
            )
        if hosts:
            return Choice(
                hosts[0], "the client would take cuda_ipc, but frames are drawn on the CPU"
            )
        return Choice(first, "the client takes nothing else; the CPU's frames are uploaded")

    def close(self) -> None:
        """The daemon stops."""
        for backend in self._known:
            backend.close()

    def _have(self) -> str:
        return ", ".join(kind_name(kind) for kind in self.kinds) or "none"

    def _missed(self, wanted: Sequence[pb.RingKind], got: pb.RingKind) -> str:
        """Why a better wish was not granted."""
        for kind in wanted:
            if kind == got:
                break
            if kind in self.refused and kind == pb.RING_KIND_CUDA_IPC:
                return f"; no {kind_name(kind)} here: {self.refused[kind]}"
        return ""
