"""A ring's memory and how it is touched: words as single loads and stores, in order.

Knows the mappings of writer and reader, the machine's clock and which processors need a fence. Rows
and pixels that a reader takes are copies, so that nothing changes between a check and a use.
Refuses to know what the fields mean.
"""

from __future__ import annotations

import platform
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


def slot_pixels(memory: memoryview, header: Header, index: int) -> Pixels:
    """The pixels of a slot behind the table, in place."""
    shape = (header.height_px, header.width_px, BYTES_PER_PIXEL)
    return np.ndarray(
        shape,
        np.uint8,
        buffer=memory,
        offset=header.pixels_offset + index * header.slot_bytes,
        strides=(header.stride_bytes, BYTES_PER_PIXEL, 1),
    )


class WriterMemory:
    """A writer's ring: 64-bit words, one load or store each, and the bytes."""

    def __init__(self, segment: shm.Segment) -> None:
        self.segment = segment
        self.words = segment.view.cast("Q")

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
    """A reader's ring: words as single loads, copies of rows; not the pixels."""

    def __init__(self, view: shm.SharedView, header: Header) -> None:
        self._shared = view
        self._words = view.view.cast("Q")
        self._table_end = TABLE_OFFSET + SLOT_ENTRY_BYTES * header.slot_count

    def check(self) -> None:
        """Raises RingError when the memory was cut off; to be asked before the rest is used."""
        self._shared.check()

    def word(self, offset: int) -> int:
        """The 64-bit word at a byte offset, as one load."""
        return self._words[offset // WORD_BYTES]

    def sequence(self, slot: int) -> int:
        """The slot's sequence: odd while it is being written."""
        return self.word(entry_offset(slot) + SEQUENCE_OFFSET)

    def row(self, slot: int) -> bytes:
        """A copy of the slot's row."""
        at = entry_offset(slot)
        return bytes(self._shared.view[at : at + SLOT_ENTRY_BYTES])

    def table(self) -> bytes:
        """A copy of all rows."""
        return bytes(self._shared.view[TABLE_OFFSET : self._table_end])

    def close(self) -> None:
        """Lets go of the memory."""
        self._words.release()
        self._shared.close()


class SlotPixels(Protocol):
    """Where a ring's pixels lie: behind its table, or on a GPU."""

    def copy(self, slot: int, width_px: int, height_px: int) -> Pixels | None:
        """A copy of the slot's upper left [H, W, 4]; None when it could not be had in time."""

    def release(self) -> None:
        """No frame will follow: lets go of what is not this ring's segment. Harmless again."""


class MappedPixels:
    """`SlotPixels` in the segment itself."""

    def __init__(self, view: shm.SharedView, header: Header) -> None:
        self._shared = view
        self._slots = [slot_pixels(view.view, header, i) for i in range(header.slot_count)]

    def copy(self, slot: int, width_px: int, height_px: int) -> Pixels:
        """Rows of the ring's stride come out without what lies beside them."""
        self._shared.check()
        return self._slots[slot][:height_px, :width_px].copy()

    def release(self) -> None:
        """Views would keep the segment mapped."""
        self._slots = []
