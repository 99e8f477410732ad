"""One actor as the performance thread holds it: what moves it, what shows it, what it was given.

Knows how motion becomes shots at the actor's rate and size, which of them wait for their time, and
how urgent the actor is. Refuses to know other actors, and threads.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from mien.backend.actor import Actor
from mien.backend.drawing import Canvas, Drawing
from mien.backend.lanes import Lane
from mien.backend.news import News
from mien.backend.scheduling.plan import Part
from mien.backend.scheduling.rungs import Rung
from mien.backend.scheduling.steward import Steward
from mien.backend.shot import Shot
from mien.backend.shutter import Shutter
from mien.protocol import wire
from mien.protocol.detail import Detail

_KEPT_FREE = 3  # slots of a ring: being written, being read, the newest
_MOST_WAITING = 16
# After its tick a picture counts as missed: 80 ms before, its last sound was heard, and live speech
# is promised within 170.
DEADLINE_US = 80_000


@dataclass(eq=False)
class Performer:
    """An actor with its lane, its canvas and whom to tell."""

    actor: Actor
    canvas: Canvas
    lane: Lane
    news: News
    part: Part
    detail: Detail  # as the plan heeds it
    wished: Detail | None = None  # newer
    yields_us: int = 0  # to the more important
    shutter: Shutter = field(default_factory=Shutter)
    reported_nan: int = 0
    _counted: tuple[int, int] = (0, 0)
    _waiting: deque[Shot] = field(default_factory=deque)

    @property
    def rung(self) -> Rung:
        """What it was given."""
        return self.part.rung

    @property
    def due_us(self) -> int | None:
        """When there is something to do for it; None while it is held."""
        waiting = self._waiting[0].release_us if self._waiting else None
        if not self.rung.moves:
            return waiting
        return self.actor.due_us if waiting is None else min(waiting, self.actor.due_us)

    def wants_motion(self, at_us: int) -> bool:
        """Whether its next frame of motion is due."""
        return self.rung.moves and self.actor.due_us <= at_us

    def could_join(self, until_us: int) -> bool:
        """Whether it needs a block of motion until then, and all that goes into it is there."""
        if not self.rung.moves or self.actor.due_us > until_us:
            return False
        return self.actor.script.needs_block and self.actor.could_go_on

    @property
    def urgency_us(self) -> int:
        """Who comes first, smallest first: by deadline, but the less important yield a little."""
        return self.actor.due_us + self.yields_us

    def wish(self, steward: Steward, at_us: int, *, at_once: bool = False) -> None:
        """Has the plan heed the newest wish: no more often than plans are made.

        `at_once`: whether the actor is seen changed, and somebody is looking.
        """
        if self.wished is None or (at_us < steward.next_us and not at_once):
            return
        self.detail, self.wished = self.wished, None
        steward.wish(self.part, self.detail, at_us)
        self.follow()

    def news_of_pictures(self) -> tuple[int, int]:
        """How many were shown, and came late or never, since this was asked before."""
        new = self.canvas.meter.frames, self.canvas.meter.deadline_misses + self.actor.dropped
        before, self._counted = self._counted, new
        return new[0] - before[0], new[1] - before[1]

    def follow(self) -> None:
        """Does as the rung says, after it changed."""
        if self.rung.draws:
            self.shutter.take_rate(self.rung.fps)
        else:
            for owed in (*self.shutter.close(), *self._waiting):
                self._tell(owed)
            self._waiting.clear()
        slots = self.canvas.ring.geometry.slots
        self.actor.most_lead_us = (slots - _KEPT_FREE) * self.shutter.interval_us

    def take_frame(self, lag_us: int) -> None:
        """The frame of motion that this tick made, if any, becomes pictures to come.

        `lag_us`: by how much all come later than their tick, so that they come evenly.
        """
        frame = self.actor.take_shot()
        if frame is None:
            return
        if not self.rung.draws:
            self.news.moved(frame)
            return
        for shot in self.shutter.expose(frame):
            due_us, release_us = shot.due_us + lag_us, shot.release_us + lag_us
            patience_us = DEADLINE_US - lag_us
            self._waiting.append(
                replace(shot, due_us=due_us, release_us=release_us, patience_us=patience_us)
            )
        while len(self._waiting) > _MOST_WAITING:
            self._lose(self._waiting.popleft())

    def dispatch(self, drawing: Drawing, at_us: int) -> None:
        """Hands on what may be drawn by now."""
        while self._waiting and self._waiting[0].release_us <= at_us:
            shot = self._waiting.popleft()
            turn_us = shot.due_us + self.yields_us
            if not drawing.submit(self.canvas, shot, self.rung.size_px, turn_us):
                self._lose(shot)
        self.canvas.meter.dropped = self.actor.dropped

    def mind_line(self) -> None:
        """Tells what the client must know of the line being spoken: its credit, its faults."""
        line = self.actor.line
        if line is None:
            return
        if line.not_finite and self.reported_nan != line.line_id:
            self.reported_nan = line.line_id
            # Line 0: a notice, not the end of the line.
            text = f"line {line.line_id}: samples that are not numbers are taken as silence"
            self.news.error(0, wire.DataErrorCode.INVALID, text)
        if line.credit_due:
            self.news.credit(line)

    def _lose(self, shot: Shot) -> None:
        self.actor.lost(shot)
        happenings, self.actor.happenings = self.actor.happenings, []
        self.news.happened(happenings)

    def _tell(self, shot: Shot) -> None:
        self.news.happened(shot.happenings)
