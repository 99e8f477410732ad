"""One actor's frames as they come out of its ring, kept long enough to be put in order.

Knows which frame belongs to a moment: by presentation time while a line is spoken, by order of
writing otherwise. Refuses to know the other actors, and what is done with the frame.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from mien.protocol.frames import Frame

FRAME_US = 40_000
KEPT_FRAMES = 40
NEAR_US = 60_000  # the next frame in order is taken when written this close to its moment


@dataclass
class LineRecord:
    """What was seen of one line."""

    line_id: int
    first_written_us: int
    pts_us: set[int] = field(default_factory=set)
    written_us: dict[int, int] = field(default_factory=dict)  # by pts

    def starts_us(self, origin_us: int) -> int:
        """The grid moment after `origin_us` at which the line's first frame is shown."""
        return -(-(self.first_written_us - origin_us) // FRAME_US) * FRAME_US


class Strand:
    """Collects frames on a thread of its own; asked from another."""

    def __init__(self, frames: Iterable[Frame], origin_us: int) -> None:
        """`frames` blocks between frames and ends when its actor is closed."""
        self.received = 0
        self.first_written_us = 0
        self.last_written_us = 0
        self.lines: dict[int, LineRecord] = {}
        self._origin_us = origin_us
        self._kept: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        self._shown: Frame | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._collect, args=(frames,), daemon=True)
        self._thread.start()

    def at(self, moment_us: int) -> Frame | None:
        """The frame to show at a moment of the recording; None before the first."""
        with self._lock:
            kept = list(self._kept)
            lines = dict(self.lines)
        frame = self._of_line(moment_us, kept, lines) or self._in_order(moment_us, kept)
        self._shown = frame or self._shown
        return self._shown

    def join(self, timeout_s: float) -> None:
        """Wait until the frames have ended."""
        self._thread.join(timeout_s)

    def _of_line(
        self, moment_us: int, kept: list[Frame], lines: dict[int, LineRecord]
    ) -> Frame | None:
        for line in lines.values():
            pts_us = moment_us - line.starts_us(self._origin_us)
            if 0 <= pts_us <= max(line.pts_us):
                fitting = [f for f in kept if f.line_id == line.line_id and f.pts_us <= pts_us]
                return max(fitting, key=lambda f: (f.pts_us, f.frame_id), default=None)
        return None

    def _in_order(self, moment_us: int, kept: list[Frame]) -> Frame | None:
        """Without a line: the next frame while that keeps step, else the newest that is due."""
        now_us = self._origin_us + moment_us
        if self._shown is not None:
            following = [f for f in kept if f.frame_id == self._shown.frame_id + 1]
            if following and abs(following[0].written_us - now_us) < NEAR_US:
                return following[0]
        due = [f for f in kept if f.written_us <= now_us]
        return due[-1] if due else None

    def _collect(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if frame.stale:
                break
            with self._lock:
                self._note(frame)

    def _note(self, frame: Frame) -> None:
        self.received += 1
        self.first_written_us = self.first_written_us or frame.written_us
        self.last_written_us = frame.written_us
        self._kept.append(frame)
        if frame.line_id:
            line = self.lines.setdefault(
                frame.line_id, LineRecord(frame.line_id, frame.written_us - frame.pts_us)
            )
            line.pts_us.add(frame.pts_us)
            line.written_us.setdefault(frame.pts_us, frame.written_us)
