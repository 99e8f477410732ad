"""What goes into the motion generator for one actor, and what its frames mean when they come out.

Knows the delay line: every hop pushed carries a mark that comes out with its frame, `lookahead`
hops later. A line starts by resetting the generator and pushing the look-ahead at once, exactly as
the offline pass does, so that a line's motion depends on nothing but its audio, cues and seed.
Refuses to know time, pacing, decoding and queues of lines.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from mien.backend.lanes import Block, Feed
from mien.backend.line import Line
from mien.models.motion.types import F32, HOP_SAMPLES, Controls, MotionGenerator

IdleControls = Callable[[int], Controls]  # frame of the actor's clock → controls [1]
LineControls = Callable[[int, int], Controls]  # frame of the line, of the clock → controls [1]


class Meaning(enum.Enum):
    """What a frame is."""

    PREROLL = enum.auto()  # lies before the line or the actor's first frame: never shown
    IDLE = enum.auto()
    SPEAKING = enum.auto()
    UNDERRUN = enum.auto()  # the line's audio was late


@dataclass(frozen=True)
class Mark:
    """What a hop, and later its frame, stands for. `frame` counts within the line."""

    meaning: Meaning
    frame: int
    line: Line | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """A frame of motion with its meaning."""

    dynamics: F32  # [52]
    pose: F32  # [6]
    mark: Mark


class Script:
    """One actor's stream through the generator."""

    def __init__(self, generator: MotionGenerator, idle_controls: IdleControls) -> None:
        self.lookahead = generator.lookahead_frames
        self._block = generator.block_frames
        self._idle_controls = idle_controls
        self._marks: deque[Mark] = deque()  # of hops whose frames did not come out yet
        self._coming: list[Mark] = []  # of the block that the generator works on
        self._made: deque[Made] = deque()
        self._line: Line | None = None
        self._line_controls: LineControls
        self._next_hop = 0
        self._preroll(None)

    @property
    def line(self) -> Line | None:
        """The line whose audio is being pushed."""
        return self._line

    @property
    def hops_to_begin(self) -> int:
        """How many hops a line needs before it can begin, and go on while sound comes in time.

        The first frame of a block waits for the sound of the whole block and the look-ahead. A
        line that began as soon as its own first frame could be made might wait for the second.
        """
        return self.lookahead + self._block

    def last_hop(self, frame: int) -> int:
        """The newest hop of a line that its frame `frame` was made from."""
        return ((frame + self.lookahead) // self._block + 1) * self._block - 1

    def begin(self, line: Line, controls: LineControls) -> None:
        """The next hop is the line's first; the caller resets the generator's lane."""
        self._line, self._line_controls, self._next_hop = line, controls, 0
        self._preroll(line)

    def restart(self) -> None:
        """Back to idling from a generator that was just reset."""
        self._line = None
        self._preroll(None)

    def leave(self) -> None:
        """The line is over; what is still in flight of it is idle motion."""
        self._line = None

    def pop(self) -> Made | None:
        """The next frame, if it was made already."""
        return self._made.popleft() if self._made else None

    @property
    def needs_block(self) -> bool:
        """Whether no frame is there."""
        return not self._made

    @property
    def starved(self) -> bool:
        """Whether the next block would lack audio that is still to come."""
        line = self._line
        if line is None or self._made:
            return False
        return line.hops_ready(self._block) < self._block

    def feed(self, clock_frame: int) -> Feed:
        """Sound and controls of the next block, whose first frame is the actor's `clock_frame`."""
        hops = []
        for _ in range(self._block):
            hop, mark = self._take()
            hops.append(hop)
            self._marks.append(mark)
        self._coming = [self._marks.popleft() for _ in range(self._block)]
        return Feed(np.concatenate(hops), self._controls(clock_frame))

    def give(self, block: Block) -> None:
        """What the generator made of the last feed."""
        for i, mark in enumerate(self._coming):
            if mark.meaning is not Meaning.PREROLL:
                self._made.append(Made(block.dynamics[i], block.pose[i], mark))
        self._coming = []

    def _preroll(self, line: Line | None) -> None:
        self._made.clear()
        before = range(-self.lookahead, 0)
        self._marks = deque(Mark(Meaning.PREROLL, frame, line) for frame in before)

    def _take(self) -> tuple[F32, Mark]:
        line = self._line
        if line is not None:
            ready = line.hops_ready(1)
            if not line.all_taken:
                if ready:
                    self._next_hop += 1
                    mark = Mark(Meaning.SPEAKING, self._next_hop - 1, line)
                    return line.take_hop(), mark
                return _silence(), Mark(Meaning.UNDERRUN, self._next_hop, line)
        return _silence(), Mark(Meaning.IDLE, 0)

    def _controls(self, clock_frame: int) -> Controls:
        parts = [self._wishes(mark, clock_frame + i) for i, mark in enumerate(self._coming)]
        if len(parts) == 1:
            return parts[0]
        return Controls(
            *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Controls))
        )

    def _wishes(self, mark: Mark, clock_frame: int) -> Controls:
        if mark.line is not None and mark.line is self._line:
            return self._line_controls(mark.frame, clock_frame)
        return self._idle_controls(clock_frame)


def _silence() -> F32:
    return np.zeros(HOP_SAMPLES, np.float32)
