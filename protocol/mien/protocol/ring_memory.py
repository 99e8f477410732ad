"""A ring's memory and how it is touched: words as single loads and stores, in order.

Knows the mapping of a writer, the copies of a reader, the machine's clock and which processors need
a fence. Everything a reader takes is a copy, so that nothing changes between a check and a use.
Refuses to know what the fields mean.
"""

from __future__ import annotations

import platform
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.protocol import shm
from mien.protocol.errors import RingError
from mien.protocol.ring_layout import (
    BYTES_PER_PIXEL,
    SEQUENCE_OFFSET,
    SLOT_ENTRY_BYTES,
    TABLE_OFFSET,
    Header,
)

Pixels = NDArray[np.uint8]

WORD_BYTES = 8
_WORD = struct.Struct("<Q")
_U64 = 2**64 - 1


def monotonic_us() -> int:
    """The machine's monotonic clock, the same for every process."""
    return time.monotonic_ns() // 1000


def require_little_endian() -> None:
    """Raises RingError on a big-endian processor: words are stored as they are."""
    if sys.byteorder != "little":
        raise RingError("rings are little endian; this processor is not")


def _make_fence() -> Callable[[], None]:
    """Keeps memory accesses before it from moving behind it, as the processor may do.

    x86 keeps stores in order and loads in order by itself. Elsewhere a release followed by an
    acquire is a full barrier, and two uncontended locks are Python's way to say so (not run here).
    """
    if platform.machine().lower() in {"x86_64", "amd64", "i386", "i686"}:
        return lambda: None
    locks = (threading.Lock(), threading.Lock())

    def barrier() -> None:
        for lock in locks:
            with lock:
                pass

    return barrier


fence = _make_fence()


def entry_offset(slot: int) -> int:
    """Where the slot's row of the table begins, in bytes."""
    return TABLE_OFFSET + slot * SLOT_ENTRY_BYTES


class WriterMemory:
    """A writer's ring: 64-bit words, one load or store each, and the bytes."""

    def __init__(self, segment: shm.Segment) -> None:
        self.segment = segment
        self.words = segment.view.cast("Q")

    def slot(self, header: Header, index: int) -> Pixels:
        """The pixels of a slot, to be drawn into."""
        shape = (header.height_px, header.width_px, BYTES_PER_PIXEL)
        return np.ndarray(
            shape,
            np.uint8,
            buffer=self.segment.view,
            offset=header.pixels_offset + index * header.slot_bytes,
            strides=(header.stride_bytes, BYTES_PER_PIXEL, 1),
        )

    def set_word(self, offset: int, value: int) -> None:
        """Stores a 64-bit word at a byte offset, as one store."""
        self.words[offset // WORD_BYTES] = value & _U64

    def sequence(self, slot: int) -> int:
        """The slot's sequence: odd while it is being written."""
        return self.words[(entry_offset(slot) + SEQUENCE_OFFSET) // WORD_BYTES]

    def set_sequence(self, slot: int, sequence: int) -> None:
        """Opens or publishes the slot, by a single store."""
        self.set_word(entry_offset(slot) + SEQUENCE_OFFSET, sequence)

    def close(self) -> None:
        """Lets go of the mapping."""
        self.words.release()
        self.segment.close()


class ReaderMemory:
    """A reader's ring: copies of words, of rows of the table, of all that does not hold pixels."""

    def __init__(self, view: shm.SharedView, header: Header) -> None:
        self.view = view
        self._table_bytes = SLOT_ENTRY_BYTES * header.slot_count

    def word(self, offset: int) -> int:
        """The 64-bit word at a byte offset.

        Should the kernel copy it in pieces while it changes, then only a sequence whose low byte
        overflows can be misread, and the second look at it after the copy differs.
        """
        value: int = _WORD.unpack(self.view.read(offset, WORD_BYTES))[0]
        return value

    def sequence(self, slot: int) -> int:
        """The slot's sequence: odd while it is being written."""
        return self.word(entry_offset(slot) + SEQUENCE_OFFSET)

    def row(self, slot: int) -> bytes:
        """The slot's row."""
        return self.view.read(entry_offset(slot), SLOT_ENTRY_BYTES)

    def table(self) -> bytes:
        """All rows."""
        return self.view.read(TABLE_OFFSET, self._table_bytes)

    def close(self) -> None:
        """Lets go of the memory."""
        self.view.close()


class SlotPixels(Protocol):
    """Where a ring's pixels lie: behind its table, or on a GPU."""

    def copy(self, slot: int, width_px: int, height_px: int) -> Pixels | None:
        """A copy of the slot's upper left [H, W, 4]; None when it could not be had in time."""

    def release(self) -> None:
        """No frame will follow: lets go of what is not this ring's segment. Harmless again."""


class MappedPixels:
    """`SlotPixels` in the segment itself."""

    def __init__(self, view: shm.SharedView, header: Header) -> None:
        self._view = view
        self._header = header

    def copy(self, slot: int, width_px: int, height_px: int) -> Pixels:
        """Whole rows are read, then what lies beside a smaller frame is left out."""
        header = self._header
        rows = np.empty(height_px * header.stride_bytes, np.uint8)
        self._view.read_into(header.pixels_offset + slot * header.slot_bytes, rows.data)
        if width_px * BYTES_PER_PIXEL == header.stride_bytes:
            return rows.reshape(height_px, width_px, BYTES_PER_PIXEL)
        strided = rows.reshape(height_px, header.stride_bytes)[:, : width_px * BYTES_PER_PIXEL]
        return np.ascontiguousarray(strided).reshape(height_px, width_px, BYTES_PER_PIXEL)

    def release(self) -> None:
        """The segment is closed with the ring."""
