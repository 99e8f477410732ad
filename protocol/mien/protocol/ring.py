"""Rings of frames in shared memory: the reader that clients use (and the writer, by name).

Knows the seqlock: the writer makes a slot's sequence odd, writes, makes it even; a reader copies
and looks whether the sequence moved. Refuses to trust: the header is copied once and checked with
the memory's real size, and so is every index read later. Layout and checks are in `ring_layout`,
memory order in `ring_memory`, the writer in `ring_writer`; SPEC.md, "Ring", describes them all.
"""

from __future__ import annotations

import enum
import threading
from dataclasses import replace

from mien.protocol import shm
from mien.protocol.errors import RingError
from mien.protocol.frames import Frame
from mien.protocol.limits import DEFAULT_FRAME_PX, DEFAULT_SLOTS
from mien.protocol.processes import pid_alive
from mien.protocol.ring_layout import (
    CLOSED_OFFSET,
    EPOCH_OFFSET,
    GENERATION_OFFSET,
    HEADER_BYTES,
    LATEST_FRAME_OFFSET,
    LATEST_SLOT_OFFSET,
    MAGIC,
    SLOT_ENTRY_BYTES,
    TABLE_OFFSET,
    Geometry,
    Header,
    SlotEntry,
    unpack_entries,
    unpack_header,
)
from mien.protocol.ring_memory import (
    Memory,
    Pixels,
    fence,
    monotonic_us,
    require_little_endian,
)
from mien.protocol.ring_writer import RingWriter
from mien.protocol.wire import FrameFlag

__all__ = [
    "DEFAULT_FRAME_PX",
    "DEFAULT_SLOTS",
    "HEADER_BYTES",
    "MAGIC",
    "Geometry",
    "Header",
    "Pixels",
    "RingReader",
    "RingState",
    "RingWriter",
    "SlotEntry",
]

_TRIES = 4
_QUIET_US = 200_000  # no frame for this long: ask whether the writer still lives
_KNOWN_FLAGS = sum(FrameFlag)


class RingState(enum.Enum):
    """Whether new frames can be expected."""

    LIVE = "live"
    CLOSED = "closed"  # by the writer
    REPLACED = "replaced"  # epoch or generation changed under the reader
    WRITER_GONE = "writer gone"
    BROKEN = "broken"  # an index or a size out of range


class RingReader:
    """Reads frames out of a ring and keeps the last good one. May be used from several threads."""

    def __init__(self, segment: shm.Segment, epoch: int | None = None) -> None:
        """Checks the header. Raises RingError (also when `epoch` is not the ring's)."""
        require_little_endian()
        self.header = unpack_header(bytes(segment.view[:HEADER_BYTES]), segment.size_bytes)
        if epoch is not None and epoch != self.header.epoch:
            raise RingError(f"the ring is of epoch {self.header.epoch}, not {epoch}")
        self._memory = Memory(segment, self.header)
        self._lock = threading.Lock()
        self._last: Frame | None = None
        self._ended: RingState | None = None

    @classmethod
    def open(cls, name: str, size_bytes: int, epoch: int | None = None) -> RingReader:
        """Attaches by name, as ActorSpawned gave it. Raises RingError."""
        segment = shm.attach(name, size_bytes)
        try:
            return cls(segment, epoch)
        except BaseException:
            segment.close()
            raise

    @property
    def state(self) -> RingState:
        """Whether new frames can be expected, looked up now."""
        with self._lock:
            return self._look()

    @property
    def last(self) -> Frame | None:
        """The last good frame handed out, whatever happened since."""
        return self._last

    def latest(self) -> Frame | None:
        """The newest frame; the same object again while there is no newer one; None before any.

        When no more frames can come, the last good one with `stale=True`. Never blocks for long.
        """
        with self._lock:
            if self._ended is not None:
                return self._held()
            for _ in range(_TRIES):
                frame_id = self._memory.word(LATEST_FRAME_OFFSET)
                if frame_id == 0 or (self._last and self._last.frame_id == frame_id):
                    break
                frame = self._copy(self._memory.word(LATEST_SLOT_OFFSET))
                if frame is not None:
                    self._last = frame
                    break
            return self._held()

    def at(self, pts_us: int, line_id: int | None = None) -> Frame | None:
        """The frame to show at `pts_us` of a line: the last one not later, else the line's first.

        `line_id` None is the line of the newest frame, 0 is idle. None when the ring holds no frame
        of that line. When no more frames can come, the last good one with `stale=True`.
        """
        with self._lock:
            for _ in range(_TRIES):
                if self._ended is not None or self._look() is not RingState.LIVE:
                    return self._held()
                found = self._choose(pts_us, line_id)
                if found is None:
                    return None
                slot, entry = found
                if self._last and self._last.frame_id == entry.frame_id:
                    break
                frame = self._copy(slot)
                if frame is not None and frame.frame_id == entry.frame_id:
                    self._last = frame
                    break
            return self._held()

    def read(self, slot: int, frame_id: int) -> Frame | None:
        """The frame that a doorbell announced; None when it was overwritten since."""
        with self._lock:
            if self._ended is not None:
                return None
            if self._last and self._last.frame_id == frame_id:
                return self._last
            frame = self._copy(slot)
            if frame is None or frame.frame_id != frame_id:
                return None
            self._last = frame
            return frame

    def end(self, state: RingState = RingState.WRITER_GONE) -> None:
        """Told from outside that the writer is gone: from now on the last good frame is held."""
        with self._lock:
            if self._ended is None:
                self._ended = state

    def close(self) -> None:
        """Unmaps; the last good frame stays available through `latest`, as stale."""
        with self._lock:
            if self._ended is None:
                self._ended = RingState.CLOSED
            self._memory.close()

    def _look(self) -> RingState:
        """Sees whether the ring ended, and remembers it: a ring never comes back to life."""
        if self._ended is None:
            epoch = self._memory.word(EPOCH_OFFSET)
            generation = self._memory.word(GENERATION_OFFSET)
            if (epoch, generation) != (self.header.epoch, self.header.generation):
                self._ended = RingState.REPLACED
            elif self._memory.word(CLOSED_OFFSET) & 0xFFFFFFFF:
                self._ended = RingState.CLOSED
            elif self._quiet() and not pid_alive(self.header.writer_pid):
                self._ended = RingState.WRITER_GONE
        return self._ended or RingState.LIVE

    def _quiet(self) -> bool:
        return self._last is None or monotonic_us() - self._last.written_us > _QUIET_US

    def _held(self) -> Frame | None:
        """The last frame, marked stale when the ring ended meanwhile."""
        if self._look() is not RingState.LIVE and self._last and not self._last.stale:
            self._last = replace(self._last, stale=True)
        return self._last

    def _choose(self, pts_us: int, line_id: int | None) -> tuple[int, SlotEntry] | None:
        """Which slot `at` means, by the slot table as it is at this moment."""
        end = TABLE_OFFSET + SLOT_ENTRY_BYTES * self.header.slot_count
        rows = unpack_entries(bytes(self._memory.segment.view[TABLE_OFFSET:end]))
        whole = [(i, e) for i, e in enumerate(rows) if e.sequence % 2 == 0 and e.frame_id]
        if line_id is None and whole:
            line_id = max(whole, key=lambda row: row[1].frame_id)[1].line_id
        line = sorted(
            (row for row in whole if row[1].line_id == line_id),
            key=lambda row: (row[1].pts_us, row[1].frame_id),
        )
        earlier = [row for row in line if row[1].pts_us <= pts_us]
        return earlier[-1] if earlier else (line[0] if line else None)

    def _copy(self, slot: int) -> Frame | None:
        """One seqlock read: None when the slot is being written, was, or holds nothing."""
        if not 0 <= slot < self.header.slot_count:
            self._ended = RingState.BROKEN
            return None
        before = self._memory.sequence(slot)
        if before % 2:
            return None
        fence()
        at = self._memory.entry_offset(slot)
        entry = unpack_entries(bytes(self._memory.segment.view[at : at + SLOT_ENTRY_BYTES]))[0]
        size = entry.size_in(self.header)
        width, height = size or (0, 0)
        pixels = self._memory.slots[slot][:height, :width].copy()
        fence()
        if self._memory.sequence(slot) != before:
            return None
        if size is None:
            self._ended = RingState.BROKEN
            return None
        # A reader that drew the frame of the epoch before would show the wrong face.
        if self._memory.word(EPOCH_OFFSET) != self.header.epoch:
            return None
        return _frame(entry, pixels)


def _frame(entry: SlotEntry, pixels: Pixels) -> Frame | None:
    if entry.frame_id == 0:
        return None
    return Frame(
        pixels,
        entry.frame_id,
        entry.line_id,
        entry.pts_us,
        FrameFlag(entry.flags & _KNOWN_FLAGS),
        entry.written_us,
    )
