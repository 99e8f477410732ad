"""The writing side of a ring: what the daemon's shared-memory back end stands on.

Knows how a slot is opened, drawn into and published without ever waiting for a reader. Refuses to
know where frames come from. One thread.
"""

from __future__ import annotations

import os

import numpy as np

from mien.protocol import shm
from mien.protocol.errors import RingError
from mien.protocol.ring_layout import (
    CLOSED_OFFSET,
    HEADER_BYTES,
    LATEST_FRAME_OFFSET,
    LATEST_SLOT_OFFSET,
    SEQUENCE_OFFSET,
    SLOT_ENTRY_BYTES,
    Geometry,
    Header,
    SlotEntry,
    pack_entry,
    pack_header,
)
from mien.protocol.ring_memory import (
    WORD_BYTES,
    Memory,
    Pixels,
    fence,
    monotonic_us,
    require_little_endian,
)
from mien.protocol.wire import FrameFlag


class RingWriter:
    """Makes a ring and writes frames into it: `begin` a slot, draw into it, `commit`."""

    def __init__(self, name: str, geometry: Geometry, epoch: int, generation: int = 1) -> None:
        """Creates the segment. Raises SharedMemoryFullError or RingError; leaves nothing then."""
        require_little_endian()
        self.geometry = geometry
        self.header = Header.of(geometry, epoch, generation, os.getpid())
        segment = shm.create(name, geometry.size_bytes)
        segment.view[:HEADER_BYTES] = pack_header(self.header)
        self._memory = Memory(segment, self.header)
        self._next_slot = 0
        self._open_slot: int | None = None
        self._frame_id = 0

    @property
    def name(self) -> str:
        """Of the segment; what a reader opens."""
        return self._memory.segment.name

    @property
    def size_bytes(self) -> int:
        """Of the segment."""
        return self.geometry.size_bytes

    def begin(self) -> Pixels:
        """Opens the oldest slot and returns its pixels [H, W, 4] to draw into, in place."""
        slot = self._next_slot
        if self._open_slot is None:
            self._set_sequence(slot, self._memory.sequence(slot) + 1)
            fence()
            self._open_slot = slot
        return self._memory.slots[slot]

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """Publishes the slot that `begin` opened. Returns (frame_id, slot)."""
        slot = self._taken_slot()
        self._frame_id += 1
        self._publish(slot, self._frame_id, line_id, pts_us, flags)
        self._memory.set_word(LATEST_SLOT_OFFSET, slot)
        fence()
        self._memory.set_word(LATEST_FRAME_OFFSET, self._frame_id)
        self._next_slot = (slot + 1) % self.geometry.slots
        return self._frame_id, slot

    def abort(self) -> None:
        """Gives up the slot that `begin` opened: it holds no frame then."""
        self._publish(self._taken_slot(), 0, 0, 0, FrameFlag(0))

    def write(
        self, pixels: Pixels, *, line_id: int, pts_us: int, flags: FrameFlag
    ) -> tuple[int, int]:
        """Copies a frame [H, W, 4] into the ring. Returns (frame_id, slot)."""
        np.copyto(self.begin(), pixels)
        return self.commit(line_id=line_id, pts_us=pts_us, flags=flags)

    def close(self) -> None:
        """Tells readers that no frame will follow, unmaps and unlinks. Harmless when repeated."""
        if not self._memory.segment.size_bytes:
            return
        self._memory.set_word(CLOSED_OFFSET, 1)
        self._memory.segment.unlink()
        self._memory.close()

    def _taken_slot(self) -> int:
        if self._open_slot is None:
            raise RingError("no slot is open: call begin() first")
        slot, self._open_slot = self._open_slot, None
        return slot

    def _publish(
        self, slot: int, frame_id: int, line_id: int, pts_us: int, flags: FrameFlag
    ) -> None:
        sequence = self._memory.sequence(slot)
        entry = SlotEntry(sequence, frame_id, line_id, pts_us, int(flags), monotonic_us())
        at = self._memory.entry_offset(slot)
        # The sequence itself is stored last, by a single store.
        row = pack_entry(entry)[WORD_BYTES:]
        self._memory.segment.view[at + WORD_BYTES : at + SLOT_ENTRY_BYTES] = row
        fence()
        self._set_sequence(slot, sequence + 1)
        fence()

    def _set_sequence(self, slot: int, sequence: int) -> None:
        self._memory.set_word(self._memory.entry_offset(slot) + SEQUENCE_OFFSET, sequence)
