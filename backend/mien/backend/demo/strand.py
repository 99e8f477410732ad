"""One actor's frames as they come out of its ring, kept long enough to be put in order.

Knows which frame belongs to a moment: by presentation time while a line is spoken, by order of
writing otherwise. Refuses to know the other actors, and what is done with the frame.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from mien.protocol import Frame

FRAME_US = 40_000
KEPT_FRAMES = 40
NEAR_US = 60_000  # the next frame in order is taken when written this close to its moment


@dataclass
class LineRecord:
    """What was seen of one line."""

    line_id: int
    began_us: int  # when its first moment was in the ring
    written_us: dict[int, int] = field(default_factory=dict)  # by presentation time

    def shown_from_us(self, origin_us: int) -> int:
        """When it begins on a recording from `origin_us` on: the next full frame there."""
        return origin_us - (origin_us - self.began_us) // FRAME_US * FRAME_US

    @property
    def last_pts_us(self) -> int:
        """The latest presentation time seen."""
        return max(self.written_us)


class Strand:
    """Collects frames on a thread of its own; asked from another. Times are monotonic."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        """`frames` blocks between frames and ends when its actor is closed."""
        self.lines: dict[int, LineRecord] = {}
        self._kept: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        self._shown: Frame | None = None
        self._first: Frame | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._collect, args=(frames,), daemon=True)
        self._thread.start()

    @property
    def began(self) -> bool:
        """Whether a frame has come."""
        return bool(self._kept)

    def frames_since(self, start_us: int) -> int:
        """How many of the frames that are kept were written after `start_us`."""
        with self._lock:
            return sum(frame.written_us > start_us for frame in self._kept)

    def at(self, time_us: int, origin_us: int) -> Frame | None:
        """The frame to show at a time on a recording from `origin_us` on; None before any."""
        with self._lock:
            kept = list(self._kept)
            lines = list(self.lines.values())
        early = {line.line_id for line in lines if time_us < line.shown_from_us(origin_us)}
        rest = [frame for frame in kept if frame.line_id not in early]
        frame = self._of_line(time_us, origin_us, kept, lines) or self._in_order(time_us, rest)
        self._shown = frame or self._shown
        return self._shown

    def join(self, timeout_s: float) -> None:
        """Wait until the frames have ended."""
        self._thread.join(timeout_s)

    def stand_still(self) -> None:
        """Show the first frame from now on: of one who waits, the face as it came on stage."""
        with self._lock:
            self._kept.clear()
            self._shown = self._first

    def _of_line(
        self, time_us: int, origin_us: int, kept: list[Frame], lines: list[LineRecord]
    ) -> Frame | None:
        for line in lines:
            pts_us = time_us - line.shown_from_us(origin_us)
            if 0 <= pts_us <= line.last_pts_us:
                fitting = [f for f in kept if f.line_id == line.line_id and f.pts_us <= pts_us]
                return max(fitting, key=lambda f: (f.pts_us, f.frame_id), default=None)
        return None

    def _in_order(self, time_us: int, kept: list[Frame]) -> Frame | None:
        """Without a line: the next frame while that keeps step, else the newest that is due."""
        if self._shown is not None:
            following = [f for f in kept if f.frame_id == self._shown.frame_id + 1]
            if following and abs(following[0].written_us - time_us) < NEAR_US:
                return following[0]
        due = [f for f in kept if f.written_us <= time_us]
        return due[-1] if due else None

    def _collect(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            with self._lock:
                self._note(frame)

    def _note(self, frame: Frame) -> None:
        self._kept.append(frame)
        self._first = self._first or frame
        if frame.line_id:
            began_us = frame.written_us - frame.pts_us
            line = self.lines.setdefault(frame.line_id, LineRecord(frame.line_id, began_us))
            line.written_us.setdefault(frame.pts_us, frame.written_us)
