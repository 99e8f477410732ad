"""A mapped ring as memory: words, rows, pixel slots, and the order in which they become visible.

Knows single loads and stores of 64-bit words and the barrier between them, which a seqlock stands
on. Refuses to know who reads or writes.
"""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Callable

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


class Memory:
    """The parts of a mapped ring: 64-bit words (one load or store each), table, pixel slots."""

    def __init__(self, segment: shm.Segment, header: Header) -> None:
        self.segment = segment
        self.words = segment.view.cast("Q")
        self.slots = [self._slot(header, i) for i in range(header.slot_count)]

    def _slot(self, header: Header, index: int) -> Pixels:
        shape = (header.height_px, header.width_px, BYTES_PER_PIXEL)
        return np.ndarray(
            shape,
            np.uint8,
            buffer=self.segment.view,
            offset=header.pixels_offset + index * header.slot_bytes,
            strides=(header.stride_bytes, BYTES_PER_PIXEL, 1),
        )

    @staticmethod
    def entry_offset(slot: int) -> int:
        """Where the slot's row of the table begins, in bytes."""
        return TABLE_OFFSET + slot * SLOT_ENTRY_BYTES

    def word(self, offset: int) -> int:
        """The 64-bit word at a byte offset, as one load."""
        return self.words[offset // WORD_BYTES]

    def set_word(self, offset: int, value: int) -> None:
        """Stores a 64-bit word at a byte offset, as one store."""
        self.words[offset // WORD_BYTES] = value & _U64

    def sequence(self, slot: int) -> int:
        """The slot's sequence: odd while it is being written."""
        return self.word(self.entry_offset(slot) + SEQUENCE_OFFSET)

    def close(self) -> None:
        """Lets go of the mapping."""
        self.slots = []
        self.words.release()
        self.segment.close()
