"""The writing side of a ring: what the daemon's rings stand on.

Knows how a slot is opened and published without ever waiting for a reader (`RingTable`), and how
pixels are drawn into slots in shared memory (`RingWriter`). Refuses to know where frames come from.
One thread.
"""

from __future__ import annotations

import contextlib
import os

import numpy as np

from mien.protocol import shm
from mien.protocol.errors import InvalidArgumentError, RingError
from mien.protocol.limits import MIN_FRAME_PX
from mien.protocol.ring_layout import (
    CLOSED_OFFSET,
    HEADER_BYTES,
    LATEST_FRAME_OFFSET,
    LATEST_SLOT_OFFSET,
    SLOT_ENTRY_BYTES,
    Geometry,
    Header,
    SlotEntry,
    pack_entry,
    pack_header,
)
from mien.protocol.ring_memory import (
    WORD_BYTES,
    Pixels,
    WriterMemory,
    entry_offset,
    fence,
    monotonic_us,
    require_little_endian,
    slot_pixels,
)
from mien.protocol.wire import FrameFlag


class RingTable:
    """A ring's segment: header and slot table. `open` a slot, have it filled, `commit`."""

    def __init__(self, name: str, geometry: Geometry, epoch: int, generation: int = 1) -> None:
        """Creates the segment. Raises SharedMemoryFullError or RingError; leaves nothing then."""
        require_little_endian()
        self.geometry = geometry
        self.header = Header.of(geometry, epoch, generation, os.getpid())
        segment = shm.create(name, geometry.size_bytes)
        segment.view[:HEADER_BYTES] = pack_header(self.header)
        self._memory = WriterMemory(segment)
        self._next_slot = 0
        self._open_slot: int | None = None
        self._open_size = (0, 0)  # of the frame in work; 0: the ring's own
        self._frame_id = 0

    @property
    def name(self) -> str:
        """Of the segment; what a reader opens."""
        return self._memory.segment.name

    @property
    def size_bytes(self) -> int:
        """Of the segment."""
        return self.geometry.size_bytes

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return not self._memory.segment.size_bytes

    def open(self, width_px: int | None = None, height_px: int | None = None) -> int:
        """Opens the oldest slot for a frame of this size (default: the ring's) and returns it.

        Raises InvalidArgumentError for a size that the ring cannot hold, RingError when closed.
        """
        if self.closed:
            raise RingError(f"{self.name} is closed")
        self._memory.segment.check()
        width, height = self._frame_size(width_px, height_px)
        slot = self._next_slot
        if self._open_slot is None:
            self._memory.set_sequence(slot, self._memory.sequence(slot) + 1)
            fence()
            self._open_slot = slot
        own = (width, height) == (self.geometry.width_px, self.geometry.height_px)
        self._open_size = (0, 0) if own else (width, height)
        return slot

    def commit(self, *, line_id: int, pts_us: int, flags: FrameFlag) -> tuple[int, int]:
        """Publishes the slot that was opened. Returns (frame_id, slot)."""
        slot = self._taken_slot()
        self._frame_id += 1
        self._publish(slot, self._frame_id, line_id, pts_us, flags)
        self._memory.set_word(LATEST_SLOT_OFFSET, slot)
        fence()
        self._memory.set_word(LATEST_FRAME_OFFSET, self._frame_id)
        self._next_slot = (slot + 1) % self.geometry.slots
        return self._frame_id, slot

    def abort(self) -> None:
        """Gives up the slot that was opened: it holds no frame then."""
        self._open_size = (0, 0)
        self._publish(self._taken_slot(), 0, 0, 0, FrameFlag(0))

    def end(self) -> None:
        """Tells readers that no frame will follow; the ring stays until `close`."""
        if not self.closed and self._memory.segment.mine:
            with contextlib.suppress(RingError):  # cut off: readers notice that by themselves
                self._memory.segment.check()
                self._memory.set_word(CLOSED_OFFSET, 1)

    def close(self) -> None:
        """Tells readers that no frame will follow, unmaps and unlinks. Harmless when repeated.

        In a fork of the process that made the ring it only unmaps: the ring is not the fork's.
        """
        if self.closed:
            return
        if self._memory.segment.mine:
            self.end()
            self._memory.segment.unlink()
        self._memory.close()

    def _frame_size(self, width_px: int | None, height_px: int | None) -> tuple[int, int]:
        ring = self.geometry
        width = ring.width_px if width_px is None else width_px
        height = ring.height_px if height_px is None else height_px
        for side, most in ((width, ring.width_px), (height, ring.height_px)):
            if not MIN_FRAME_PX <= side <= most:
                raise InvalidArgumentError(
                    f"a frame of {width}x{height} px does not go into a ring of "
                    f"{ring.width_px}x{ring.height_px} px: a side has {MIN_FRAME_PX}..{most}"
                )
        return width, height

    def _taken_slot(self) -> int:
        if self._open_slot is None:
            raise RingError("no slot is open: call begin() first")
        slot, self._open_slot = self._open_slot, None
        if self.closed:
            raise RingError(f"{self.name} is closed")
        self._memory.segment.check()
        return slot

    def _publish(
        self, slot: int, frame_id: int, line_id: int, pts_us: int, flags: FrameFlag
    ) -> None:
        sequence = self._memory.sequence(slot)
        entry = SlotEntry(
            sequence, frame_id, line_id, pts_us, int(flags), monotonic_us(), *self._open_size
        )
        at = entry_offset(slot)
        # The sequence itself is stored last, by a single store.
        row = pack_entry(entry)[WORD_BYTES:]
        self._memory.segment.view[at + WORD_BYTES : at + SLOT_ENTRY_BYTES] = row
        fence()
        self._memory.set_sequence(slot, sequence + 1)
        fence()


class RingWriter(RingTable):
    """A ring with its pixels in shared memory: `begin` a slot, draw into it, `commit`."""

    def begin(self, width_px: int | None = None, height_px: int | None = None) -> Pixels:
        """Opens the oldest slot and returns its pixels [height, width, 4] to draw into, in place.

        A frame smaller than the ring's own size lies in the slot's upper left: its rows are then
        the ring's stride apart, so the array is not contiguous. Raises InvalidArgumentError for a
        size that the ring cannot hold.
        """
        slot = self.open(width_px, height_px)
        width, height = self._frame_size(width_px, height_px)
        return slot_pixels(self._memory.segment.view, self.header, slot)[:height, :width]

    def write(
        self, pixels: Pixels, *, line_id: int, pts_us: int, flags: FrameFlag
    ) -> tuple[int, int]:
        """Copies a frame [H, W, 4] of the ring's size or less into it. Returns (frame_id, slot)."""
        height_px, width_px = pixels.shape[:2]
        np.copyto(self.begin(width_px, height_px), pixels)
        return self.commit(line_id=line_id, pts_us=pts_us, flags=flags)
