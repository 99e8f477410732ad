"""The performance thread: all actors, frame by frame, on time.

Knows the loop: sleep until the next actor is due or a command comes, plan, step all due actors'
motion as one batch, hand the shots to the drawing threads, tell what happened. It owns the
generator, the lanes and the actors, and nobody else touches them; other threads ask through the
methods marked so, which only leave a note. Refuses to know sockets and sessions.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mien.backend.actor import Actor
from mien.backend.clock import now_us
from mien.backend.config import FRAME_US, DaemonConfig
from mien.backend.drawing import Canvas, DrawingThreads
from mien.backend.lanes import Lane, LaneBuckets
from mien.backend.line import Line
from mien.backend.modelset import ModelSet
from mien.backend.motion import steps_of
from mien.backend.news import News, held_message
from mien.backend.steps import StepBudget, StepFigures
from mien.models.motion.limits import PoseLimits
from mien.models.motion.types import MotionGenerator
from mien.protocol import wire
from mien.protocol.errors import MienError, NotFoundError, ResourceExhaustedError
from mien.protocol.limits import DEFAULT_FADE_MS

_LOG = logging.getLogger(__name__)
_MAX_NOTES = 65_536


@dataclass
class Performer:
    """An actor with its lane, its canvas and whom to tell."""

    actor: Actor
    canvas: Canvas
    lane: Lane
    news: News
    reported_nan: int = 0


@dataclass(frozen=True)
class ActorLook:
    """What Stats says of an actor beyond its meter."""

    line_id: int
    buffered_audio_us: int
    state_bytes: int


class Performance:
    """Runs in a thread of its own from `start` to `stop`."""

    def __init__(self, models: ModelSet, config: DaemonConfig) -> None:
        self._models = models
        self._config = config
        self._notes: deque[Callable[[], None]] = deque()
        self._bell = threading.Condition()
        self._stopping = False
        self._performers: dict[int, Performer] = {}
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="mien-performance", daemon=True)

    # --- for other threads ------------------------------------------------------------------

    def start(self) -> None:
        """Begins; models are imported in the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and frees every ring."""
        with self._bell:
            self._stopping = True
            self._bell.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout=10.0)

    def wait_ready(self, timeout_s: float) -> None:
        """Returns once the models are there; raises what kept them away."""
        if not self._ready.wait(timeout_s):
            raise ResourceExhaustedError("the models are still being loaded: try again")
        if self._failure is not None:
            raise MienError(f"the models cannot be loaded: {self._failure}") from self._failure

    def post(self, note: Callable[[], None], *, must: bool = False) -> None:
        """Has `note` run on the performance thread, soon; `must` even if very many wait."""
        with self._bell:
            if len(self._notes) >= _MAX_NOTES and not must:
                raise ResourceExhaustedError("the daemon is overloaded: try again")
            self._notes.append(note)
            self._bell.notify()

    def heard(self, actor_id: int) -> None:
        """New audio came for a line that waits for it."""
        self.post(lambda: self._heard(actor_id))

    # --- notes: these run on the performance thread -------------------------------------------

    def add(self, canvas: Canvas, news: News, seed: int, limits: PoseLimits) -> None:
        """A new actor begins to idle."""
        actor = Actor(canvas.actor_id, self._generator, self._config.pacing, seed, now_us(), limits)
        lane = self._lanes.take(seed)
        self._performers[canvas.actor_id] = Performer(actor, canvas, lane, news)

    def remove(self, actor_id: int) -> None:
        """The actor is gone; its ring with it."""
        performer = self._performers.pop(actor_id, None)
        if performer is not None:
            self._lanes.give_back(performer.lane)
            performer.canvas.retire()

    def actor(self, actor_id: int) -> Actor:
        """Raises NotFoundError."""
        performer = self._performers.get(actor_id)
        if performer is None:
            raise NotFoundError(f"no actor {actor_id}")
        return performer.actor

    def say(self, actor_id: int, line: Line, replace: bool) -> None:
        """Another line for an actor."""
        performer = self._performers.get(actor_id)
        if performer is None:
            return
        if replace:
            performer.actor.interrupt(DEFAULT_FADE_MS * 1000)
        performer.actor.say(line)
        performer.actor.heard(now_us())

    def interrupt(self, actor_id: int, fade_us: int) -> tuple[int, int]:
        """Ends what an actor says. Returns (line, pts), 0 if nothing was said."""
        return self.actor(actor_id).interrupt(fade_us)

    def look_at_motion(self) -> StepFigures | None:
        """Figures of what moves all actors; None before there is anything. From any thread."""
        return self._budget.figures() if self._ready.is_set() and self._failure is None else None

    def look(self, actor_id: int) -> ActorLook:
        """Figures of one actor."""
        performer = self._performers.get(actor_id)
        if performer is None:
            return ActorLook(0, 0, 0)
        lines = performer.actor.lines
        decoder_bytes = getattr(performer.canvas.decoder, "state_bytes", 0)
        return ActorLook(
            performer.actor.line.line_id if performer.actor.line else 0,
            sum(line.buffered_us for line in lines),
            self._lanes.lane_bytes
            + performer.canvas.ring.size_bytes
            + sum(line.buffered_bytes for line in lines)
            + int(decoder_bytes),
        )

    def _heard(self, actor_id: int) -> None:
        performer = self._performers.get(actor_id)
        if performer is not None:
            performer.actor.heard(now_us())

    # --- the loop -----------------------------------------------------------------------------

    def _run(self) -> None:
        # How long a thread that computes in Python may keep the interpreter from one that has a
        # frame to make. The usual 5 ms, met several times a frame, is too much of its 40.
        sys.setswitchinterval(0.001)
        try:
            self._models.warm()
            self._generator: MotionGenerator = self._models.generator(self._config.motion)
            self._lanes = LaneBuckets(self._generator)
            self._lanes.warm()
            self._budget = StepBudget(steps_of(self._generator), self._config.steps)
            self._drawing = DrawingThreads(self._config.decode_threads)
        except Exception as error:  # told to everyone who wants an actor
            _LOG.exception("the models cannot be loaded")
            self._failure = error
            self._ready.set()
            return
        # What was imported stays: the collector need not look through it in the middle of a frame.
        gc.collect()
        gc.freeze()
        self._ready.set()
        words = self._config.motion.words(self._generator)
        _LOG.info("models ready: %s, motion by %s", self._models.profile, words)
        try:
            while self._wait():
                self._run_notes()
                self._tick(now_us())
        finally:
            self._drawing.close()
            for actor_id in list(self._performers):
                self.remove(actor_id)

    def _wait(self) -> bool:
        """Sleeps until something is due; False when it is time to stop."""
        with self._bell:
            if not self._notes and not self._stopping:
                due_us = min((p.actor.due_us for p in self._performers.values()), default=None)
                timeout_s = None if due_us is None else max(due_us - now_us(), 0) / 1e6
                if timeout_s != 0:
                    self._bell.wait(timeout_s)
            return not self._stopping

    def _run_notes(self) -> None:
        with self._bell:
            notes = list(self._notes)
            self._notes.clear()
        for note in notes:
            try:
                note()
            except Exception:  # notes answer for their own errors; this one did not
                _LOG.exception("a command failed")

    def _tick(self, at_us: int) -> None:
        due = [p for p in self._performers.values() if p.actor.due_us <= at_us]
        for performer in due:
            self._guard(performer, at_us, lambda p: p.actor.plan(at_us))
        while due:
            hungry = [p for p in due if self._guard(p, at_us, _wants_block)]
            # Who has its frame gets it drawn at once: nobody waits for one that catches up.
            for performer in sorted((p for p in due if p not in hungry), key=_due_us):
                self._guard(performer, at_us, self._mind_line)
                self._guard(performer, at_us, self._dispatch)
            if hungry:
                self._step(hungry, at_us)
            due = hungry

    @staticmethod
    def _guard(
        performer: Performer, at_us: int, step: Callable[[Performer], bool | None]
    ) -> bool | None:
        """A fault of ours on one actor costs that actor a frame, and nobody else anything."""
        try:
            return step(performer)
        except Exception:
            _LOG.exception("actor %d: a fault", performer.actor.actor_id)
            performer.actor.put_off(at_us + FRAME_US)
            return None

    def _step(self, hungry: list[Performer], at_us: int) -> None:
        for performer in hungry:
            seed, performer.actor.reset_seed = performer.actor.reset_seed, None
            if seed is not None:
                self._lanes.reset(performer.lane, seed)
        feeds = {p.lane: p.actor.script.feed(p.actor.clock_frame) for p in hungry}
        began_us = now_us()
        made = self._lanes.step(feeds)
        self._count(hungry, began_us)
        for performer in hungry:
            block = made[performer.lane]
            if isinstance(block, Exception):
                self._fail(performer, block, at_us)
            else:
                performer.actor.script.give(block)

    def _count(self, hungry: list[Performer], began_us: int) -> None:
        """Has the cost of a batch weighed, and other steps taken if need be."""
        at_us = now_us()
        limit_us = at_us - self._config.steps.late_us
        late = sum(p.actor.shown_due_us < limit_us for p in hungry)
        before = self._budget.steps
        steps = self._budget.spent(at_us, at_us - began_us, len(hungry), late)
        if steps is not None:
            _LOG.info("motion takes %d denoising steps instead of %s", steps, before)
            self._lanes.take_steps(steps)

    def _fail(self, performer: Performer, error: Exception, at_us: int) -> None:
        actor = performer.actor
        if actor.fail(at_us + self._config.pacing.hold_retry_us):
            _LOG.error("actor %d has no motion; held", actor.actor_id, exc_info=error)
            performer.news.error(0, wire.DataErrorCode.INTERNAL, held_message(error))

    def _dispatch(self, performer: Performer) -> None:
        actor = performer.actor
        shot = actor.take_shot()
        if shot is not None and not self._drawing.submit(performer.canvas, shot):
            actor.lost(shot)
            self._tell(performer)
        performer.canvas.meter.dropped = actor.dropped

    def _tell(self, performer: Performer) -> None:
        happenings, performer.actor.happenings = performer.actor.happenings, []
        performer.news.happened(happenings)

    def _mind_line(self, performer: Performer) -> None:
        line = performer.actor.line
        if line is None:
            return
        if line.not_finite and performer.reported_nan != line.line_id:
            performer.reported_nan = line.line_id
            # Line 0: a notice, not the end of the line.
            text = f"line {line.line_id}: samples that are not numbers are taken as silence"
            performer.news.error(0, wire.DataErrorCode.INVALID, text)
        if line.credit_due:
            performer.news.credit(line)


def _wants_block(performer: Performer) -> bool:
    return performer.actor.wants_block()


def _due_us(performer: Performer) -> int:
    return performer.actor.due_us
