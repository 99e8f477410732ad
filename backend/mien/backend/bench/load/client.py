"""A real client that notes every frame the moment its doorbell rings, and copies no pixels.

Knows the slot table: when the daemon finished a frame stands there. Refuses to know what the frames
belong to.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from pathlib import Path

from mien.protocol import Client, control, shm, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.ring_layout import (
    HEADER_BYTES,
    SLOT_ENTRY_BYTES,
    TABLE_OFFSET,
    SlotEntry,
    unpack_entries,
    unpack_header,
)
from mien.protocol.ring_memory import fence, monotonic_us


class SlotTable:
    """The slot table of a ring, mapped without its pixels."""

    def __init__(self, ring: pb.RingInfo) -> None:
        """Raises RingError."""
        head = shm.attach(ring.name, HEADER_BYTES)
        self._slots = unpack_header(bytes(head.view), ring.size_bytes).slot_count
        head.close()
        self._segment = shm.attach(ring.name, TABLE_OFFSET + SLOT_ENTRY_BYTES * self._slots)

    def row(self, slot: int, frame_id: int) -> SlotEntry | None:
        """The row of a frame; None if another one is there by now."""
        if not 0 <= slot < self._slots:
            return None
        at = TABLE_OFFSET + slot * SLOT_ENTRY_BYTES
        view = self._segment.view
        found = unpack_entries(bytes(view[at : at + SLOT_ENTRY_BYTES]))[0]
        fence()
        settled = view[at : at + 8] == found.sequence.to_bytes(8, "little")
        return found if settled and not found.sequence % 2 and found.frame_id == frame_id else None


class LoadClient(Client):
    """`Client`, but doorbells are noted in `seen` and go no further unless `reads_pixels`."""

    def __init__(self, endpoint: str | Path | None, name: str, respawn: bool) -> None:
        """Use `joined`."""
        self.seen = array("q")  # rows as of `recording.FRAME`
        self.reads_pixels = False
        self._first_us: dict[int, int] = {}  # by actor
        self._tables: dict[int, SlotTable] = {}
        super().__init__(endpoint, name, respawn)

    @classmethod
    def joined(cls, run_dir: Path) -> LoadClient:
        """One that is connected. Raises what keeps it from the daemon."""
        client = cls(run_dir, "mien bench", False)
        try:
            client.wait_connected()
        except BaseException:
            client.close()
            raise
        return client

    def request(
        self,
        body: control.RequestBody,
        timeout_s: float | None = None,
        on_reply: Callable[[control.ReplyBody], None] | None = None,
    ) -> control.ReplyBody:
        """As Client's; opens the slot table of every actor spawned, before its first doorbell."""

        def replied(reply: control.ReplyBody) -> None:
            if isinstance(reply, pb.ActorSpawned):
                self._tables[reply.actor_id] = SlotTable(reply.ring)
            if on_reply is not None:
                on_reply(reply)

        return super().request(body, timeout_s, replied)

    def on_data(self, message: wire.DaemonMessage, payload: wire.Payload) -> None:
        """Called by the link's worker."""
        if isinstance(message, wire.Doorbell):
            self._rang(message, monotonic_us())
            if not self.reads_pixels:
                return
        super().on_data(message, payload)

    def wait_first(self, actor_id: int, timeout_s: float) -> int:
        """When the actor's first frame was in its ring; 0 if it showed none in time."""
        until = time.monotonic() + timeout_s
        while actor_id not in self._first_us and time.monotonic() < until:
            time.sleep(0.001)
        return self._first_us.get(actor_id, 0)

    def _rang(self, bell: wire.Doorbell, at_us: int) -> None:
        table = self._tables.get(bell.actor)
        row = None if table is None else table.row(bell.slot, bell.frame_id)
        written_us, width_px = (0, 0) if row is None else (row.written_us, row.width_px)
        self.seen.extend(
            (bell.actor, bell.frame_id, bell.line, bell.pts_us, bell.flags, width_px, written_us,
             at_us)
        )  # fmt: skip
        self._first_us.setdefault(bell.actor, written_us or at_us)
