"""Rings of frames in shared memory: the reader that clients use (and the writer, by name).

Knows the seqlock: the writer makes a slot's sequence odd, writes, makes it even; a reader copies
and looks whether the sequence moved. Refuses to trust: the header is copied once and checked with
the memory's real size, and so is every index read later. Where pixels lie (behind the table, or on
a GPU) is known by a `SlotPixels`. Layout and checks are in `ring_layout`, memory order in
`ring_memory`, the writer in `ring_writer`; SPEC.md, "Ring", describes them all.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias, TypeVar

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
    Geometry,
    Header,
    SlotEntry,
    unpack_entries,
    unpack_header,
)
from mien.protocol.ring_memory import (
    MappedPixels,
    Pixels,
    ReaderMemory,
    SlotPixels,
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

_LOG = logging.getLogger("mien.client")
_TRIES = 4
_QUIET_US = 200_000  # no frame for this long: ask whether the writer still lives
_KNOWN_FLAGS = sum(FrameFlag)
_Taken = TypeVar("_Taken")
Take: TypeAlias = Callable[[int, int, int], _Taken | None]  # of slot, width, height


class RingState(enum.Enum):
    """Whether new frames can be expected."""

    LIVE = "live"
    CLOSED = "closed"  # by the writer
    REPLACED = "replaced"  # epoch or generation changed under the reader
    WRITER_GONE = "writer gone"
    BROKEN = "broken"  # an index or a size out of range, memory cut off, a GPU lost


class RingReader:
    """Reads frames out of a ring and keeps the last good one. May be used from several threads."""

    def __init__(
        self,
        view: shm.SharedView,
        epoch: int | None = None,
        find_pixels: Callable[[Header], SlotPixels] | None = None,
    ) -> None:
        """Checks the header. Raises RingError (also when `epoch` is not the ring's).

        `find_pixels` opens the slots of a ring whose pixels are on a device.
        """
        require_little_endian()
        self.header = unpack_header(bytes(view.view[:HEADER_BYTES]), view.size_bytes)
        if epoch is not None and epoch != self.header.epoch:
            raise RingError(f"the ring is of epoch {self.header.epoch}, not {epoch}")
        if self.header.on_device != (find_pixels is not None):
            where = "on a GPU" if self.header.on_device else "in shared memory"
            raise RingError(f"the ring's pixels are {where}, which is not what was announced")
        self._memory = ReaderMemory(view, self.header)
        self._pixels: SlotPixels = (
            find_pixels(self.header) if find_pixels else MappedPixels(view, self.header)
        )
        self._lock = threading.Lock()
        self._last: Frame | None = None
        self._written_us = 0  # when the newest frame seen was complete
        self._ended: RingState | None = None

    @classmethod
    def open(cls, name: str, size_bytes: int, epoch: int | None = None) -> RingReader:
        """Attaches by name, as ActorSpawned gave it. Raises RingError."""
        view = shm.attach(name, size_bytes)
        try:
            return cls(view, epoch)
        except BaseException:
            view.close()
            raise

    @property
    def state(self) -> RingState:
        """Whether new frames can be expected, looked up now."""
        with self._lock, self._minding():
            self._look()
        return self._ended or RingState.LIVE

    @property
    def last(self) -> Frame | None:
        """The last good frame handed out, whatever happened since."""
        return self._last

    def latest(self) -> Frame | None:
        """The newest frame; the same object again while there is no newer one; None before any.

        When no more frames can come, the last good one with `stale=True`. Never blocks for long.
        """
        with self._lock, self._minding():
            if self._ended is None:
                shown = self._last.frame_id if self._last else 0
                found = self._newest(shown, self._pixels.copy)
                self._last = _frame(*found) if found else self._last
                self._look()
        return self._held()

    def at(self, pts_us: int, line_id: int | None = None) -> Frame | None:
        """The frame to show at `pts_us` of a line: the last one not later, else the line's first.

        `line_id` None is the line of the newest frame, 0 is idle. None when the ring holds no frame
        of that line. When no more frames can come, the last good one with `stale=True`.
        """
        with self._lock, self._minding():
            for _ in range(_TRIES):
                if self._look() is not RingState.LIVE:
                    break
                found = self._choose(pts_us, line_id)
                if found is None:
                    return None
                slot, entry = found
                if self._last and self._last.frame_id == entry.frame_id:
                    break
                copied = self._copied(slot, self._pixels.copy)
                if copied is not None and copied[0].frame_id == entry.frame_id:
                    self._last = _frame(*copied)
                    break
            self._look()
        return self._held()

    def read(self, slot: int, frame_id: int) -> Frame | None:
        """The frame that a doorbell announced; None when it was overwritten since."""
        with self._lock, self._minding():
            if self._ended is not None:
                return None
            if self._last and self._last.frame_id == frame_id:
                return self._last
            copied = self._copied(slot, self._pixels.copy)
            if copied is not None and copied[0].frame_id == frame_id:
                self._last = _frame(*copied)
                return self._last
        return None

    def end(self, state: RingState = RingState.WRITER_GONE) -> None:
        """Told from outside that the writer is gone: from now on the last good frame is held."""
        with self._lock:
            self._end(state)

    def close(self) -> None:
        """Lets go of all memory; the last good frame stays available through `latest`, as stale."""
        with self._lock:
            self._end(RingState.CLOSED)
            self._memory.close()

    # --- parts: all called with the lock held ---------------------------------------------------

    @contextlib.contextmanager
    def _minding(self) -> Iterator[None]:
        """What goes wrong with the memory ends the ring, and is told once, in the log."""
        try:
            if self._ended is None:
                self._memory.check()
        except RingError as error:
            self._give_up(error)
        try:
            yield
        except RingError as error:
            self._give_up(error)

    def _give_up(self, error: RingError) -> None:
        if self._ended is None:
            _LOG.warning("a ring is given up: %s", error.message)
        self._end(RingState.BROKEN)

    def _end(self, state: RingState) -> None:
        """A ring never comes back to life."""
        if self._ended is None:
            self._ended = state
            self._pixels.release()

    def _look(self) -> RingState:
        """Sees whether the ring ended, and remembers it."""
        if self._ended is None:
            epoch = self._memory.word(EPOCH_OFFSET)
            generation = self._memory.word(GENERATION_OFFSET)
            if (epoch, generation) != (self.header.epoch, self.header.generation):
                self._end(RingState.REPLACED)
            elif self._memory.word(CLOSED_OFFSET) & 0xFFFFFFFF:
                self._end(RingState.CLOSED)
            elif self._quiet() and not pid_alive(self.header.writer_pid):
                self._end(RingState.WRITER_GONE)
        return self._ended or RingState.LIVE

    def _quiet(self) -> bool:
        return monotonic_us() - self._written_us > _QUIET_US

    def _held(self) -> Frame | None:
        """The last frame, marked stale when the ring ended meanwhile."""
        with self._lock:
            if self._ended is not None and self._last and not self._last.stale:
                self._last = replace(self._last, stale=True)
            return self._last

    def _choose(self, pts_us: int, line_id: int | None) -> tuple[int, SlotEntry] | None:
        """Which slot `at` means, by the slot table as it is at this moment."""
        rows = unpack_entries(self._memory.table())
        whole = [(i, e) for i, e in enumerate(rows) if e.sequence % 2 == 0 and e.frame_id]
        if line_id is None and whole:
            line_id = max(whole, key=lambda row: row[1].frame_id)[1].line_id
        line = sorted(
            (row for row in whole if row[1].line_id == line_id),
            key=lambda row: (row[1].pts_us, row[1].frame_id),
        )
        earlier = [row for row in line if row[1].pts_us <= pts_us]
        return earlier[-1] if earlier else (line[0] if line else None)

    def _newest(self, shown: int, take: Take[_Taken]) -> tuple[SlotEntry, _Taken] | None:
        """The newest frame, unless that is `shown`; None also when it cannot be had right now."""
        for _ in range(_TRIES):
            frame_id = self._memory.word(LATEST_FRAME_OFFSET)
            if frame_id in (0, shown) or self._ended is not None:
                return None
            copied = self._copied(self._memory.word(LATEST_SLOT_OFFSET), take)
            if copied is not None:
                return copied
        return None

    def _copied(self, slot: int, take: Take[_Taken]) -> tuple[SlotEntry, _Taken] | None:
        """One seqlock read: None when the slot is being written, was, or holds nothing.

        `take` has copied when it returns, for what changes while it copies is thrown away after.
        """
        if not 0 <= slot < self.header.slot_count:
            raise RingError(f"slot {slot} of {self.header.slot_count}")
        before = self._memory.sequence(slot)
        if before % 2:
            return None
        fence()
        (entry,) = unpack_entries(self._memory.row(slot))
        size = entry.size_in(self.header)
        taken = take(slot, *size) if size and entry.frame_id else None
        fence()
        if self._memory.sequence(slot) != before:
            return None
        if size is None:
            raise RingError(f"a frame of {entry.width_px}x{entry.height_px} px")
        # A reader that drew the frame of the epoch before would show the wrong face.
        if taken is None or self._memory.word(EPOCH_OFFSET) != self.header.epoch:
            return None
        self._written_us = max(self._written_us, min(entry.written_us, monotonic_us()))
        return entry, taken


def _frame(entry: SlotEntry, pixels: Pixels) -> Frame:
    return Frame(
        pixels,
        entry.frame_id,
        entry.line_id,
        entry.pts_us,
        FrameFlag(entry.flags & _KNOWN_FLAGS),
        entry.written_us,
    )
