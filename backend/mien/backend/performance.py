"""The performance thread: all actors, frame by frame, on time.

Knows the loop: sleep until the next actor is due or a command comes, step the motion of the most
urgent actors in batches that keep nobody waiting long, hand the shots to the drawing threads, have
the steward make its plan. It owns the generator, the lanes and the actors, and nobody else touches
them; other threads ask through the methods marked so, which only leave a note. Refuses to know
sockets and sessions.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mien.backend.actor import Actor
from mien.backend.batch_drawing import BatchDrawing
from mien.backend.clock import now_us
from mien.backend.config import FRAME_US, DaemonConfig
from mien.backend.drawing import Canvas, Drawing, DrawingThreads
from mien.backend.line import Line
from mien.backend.modelset import ModelSet
from mien.backend.motion_batches import MotionBatches, MotionFigures
from mien.backend.news import News, held_message
from mien.backend.performer import Performer
from mien.backend.scheduling.budget import Budget
from mien.backend.scheduling.rungs import Rung, Wish
from mien.backend.scheduling.steward import Steward
from mien.models.motion.limits import PoseLimits
from mien.protocol import wire
from mien.protocol.detail import Detail
from mien.protocol.errors import MienError, NotFoundError, ResourceExhaustedError
from mien.protocol.limits import DEFAULT_FADE_MS

_LOG = logging.getLogger(__name__)
_MAX_NOTES = 65_536
_ANSWER_S = 10.0


@dataclass(frozen=True)
class ActorLook:
    """What Stats says of an actor beyond its meter."""

    line_id: int = 0
    buffered_audio_us: int = 0
    state_bytes: int = 0
    lead_us: int = 0
    rung: Rung | None = None
    wish: Wish | None = None
    detail: Detail | None = None
    degradations: int = 0
    recoveries: int = 0


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
        self.steward = Steward(config.plan, Budget(config.cpu_fraction))
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

    def ask(self, note: Callable[[], None]) -> None:
        """Has `note` run on the performance thread and waits; raises what it raises.

        For threads that may wait. Raises ResourceExhaustedError when there is no answer.
        """
        done, raised = threading.Event(), list[Exception]()

        def run() -> None:
            try:
                note()
            except Exception as error:  # handed to who asked
                raised.append(error)
            done.set()

        self.post(run)
        if not done.wait(_ANSWER_S):
            raise ResourceExhaustedError("the daemon is overloaded: try again")
        if raised:
            raise raised[0]

    def heard(self, actor_id: int) -> None:
        """New audio came for a line that waits for it."""
        self.post(lambda: self._heard(actor_id))

    # --- notes: these run on the performance thread -------------------------------------------

    def add(self, canvas: Canvas, news: News, seed: int, limits: PoseLimits) -> None:
        """An actor that was admitted begins to idle."""
        at_us, actor_id = now_us(), canvas.actor_id
        part = self.steward.plan.part(actor_id)
        if part is None:  # despawned before it began
            canvas.retire()
            return
        pacing, generator = self._config.pacing, self._motion.generator
        actor = Actor(actor_id, generator, pacing, seed, at_us, limits)
        lane = self._motion.lanes.take(seed)
        performer = Performer(actor, canvas, lane, news, part, part.detail)
        performer.follow()
        self._performers[actor_id] = performer
        self.steward.hurry(at_us)

    def admit(self, actor_id: int, detail: Detail, most_px: int, shrinks: bool) -> None:
        """A place in the plan. Raises StageFullError.

        `most_px`: of its ring; `shrinks`: its client can show smaller pictures too.
        """
        self.steward.admit(actor_id, detail, most_px, shrinks)

    def remove(self, actor_id: int) -> None:
        """The actor is gone; its place, its lane and its ring with it."""
        if self.ready:
            self.steward.plan.leave(actor_id)
        performer = self._performers.pop(actor_id, None)
        if performer is not None:
            self._motion.lanes.give_back(performer.lane)
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

    def detail(self, actor_id: int, detail: Detail) -> None:
        """How much of an actor is seen from now on."""
        performer = self._performers.get(actor_id)
        if performer is not None:
            performer.wished = detail
            if detail.visible != performer.detail.visible:
                performer.wish(self.steward, now_us(), at_once=True)

    @property
    def ready(self) -> bool:
        """Whether the models are there. From any thread."""
        return self._ready.is_set() and self._failure is None

    def look_at_motion(self) -> MotionFigures | None:
        """Figures of what moves all actors; None before there is anything. From any thread."""
        return self._motion.figures() if self.ready else None

    def look(self, actor_id: int) -> ActorLook:
        """Figures of one actor."""
        performer = self._performers.get(actor_id)
        if performer is None:
            return ActorLook()
        actor, part = performer.actor, performer.part
        decoder_bytes = getattr(performer.canvas.decoder, "state_bytes", 0)
        waiting = sum(line.buffered_bytes for line in actor.lines)
        return ActorLook(
            actor.line.line_id if actor.line else 0,
            sum(line.buffered_us for line in actor.lines),
            self._motion.lanes.lane_bytes + waiting + int(decoder_bytes),
            actor.lead_us,
            part.rung,
            part.wish,
            performer.detail,
            part.degradations,
            part.recoveries,
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
            generator = self._models.generator(self._config.motion)
            self._motion = MotionBatches(generator, self.steward)
            self.steward.begin(self._motion.full_steps, generator.block_frames)
            self._motion.warm(self._config.plan.lanes_together)
            self._drawing = self._new_drawing()
        except Exception as error:  # told to everyone who wants an actor
            _LOG.exception("the models cannot be loaded")
            self._failure = error
            self._ready.set()
            return
        self.steward.spending.begin()
        # What was imported stays: the collector need not look through it in the middle of a frame.
        gc.collect()
        gc.freeze()
        self._ready.set()
        words = self._config.motion.words(generator)
        _LOG.info("models ready: %s, motion by %s", self._models.profile, words)
        try:
            while self._wait():
                self._run_notes()
                self._tick()
        finally:
            self._drawing.close()
            for actor_id in list(self._performers):
                self.remove(actor_id)

    def _new_drawing(self) -> Drawing:
        painter, threads = self._models.painter, self._config.decode_threads
        if painter is None:
            return DrawingThreads(threads)

        def take_over() -> DrawingThreads:
            self.steward.lose_gpu()
            return DrawingThreads(threads)

        self.steward.draw_on_gpu()
        fallback = take_over if self._config.gpu_fallback else None
        return BatchDrawing(painter, self.steward.painted, fallback)

    def _wait(self) -> bool:
        """Sleeps until something is due; False when it is time to stop."""
        with self._bell:
            if not self._notes and not self._stopping:
                due = [us for p in self._performers.values() if (us := p.due_us) is not None]
                if self._performers:
                    due.append(self.steward.next_us)
                timeout_s = max(min(due) - now_us(), 0) / 1e6 if due else None
                if timeout_s != 0:
                    began_us = now_us()
                    self._bell.wait(timeout_s)
                    self.steward.room.waited(now_us() - began_us)
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

    def _tick(self) -> None:
        """Everything that is due, the most urgent first."""
        hungry: list[Performer] = []
        while not self._stopping:
            at_us = now_us()
            self._dispatch(at_us)
            ready = [p for p in self._performers.values() if p.wants_motion(at_us)]
            for performer in ready:
                if performer not in hungry:
                    self._guard(performer, at_us, partial(_plan, at_us))
            # Who has its frame gets it drawn at once: nobody waits for one that catches up.
            candidates = dict.fromkeys((*hungry, *ready))
            hungry = [p for p in candidates if self._alive(p) and self._feed(p, at_us)]
            self._mind_plan(at_us)
            if not hungry:
                return
            self._step(self._most_urgent(hungry, at_us), at_us)
            self._run_notes()

    def _alive(self, performer: Performer) -> bool:
        return self._performers.get(performer.actor.actor_id) is performer

    def _feed(self, performer: Performer, at_us: int) -> bool:
        """Takes the frames that there are for this tick; whether it needs another block."""
        if self._guard(performer, at_us, _wants_block):
            return True
        self._guard(performer, at_us, Performer.mind_line)
        self._guard(performer, at_us, lambda p: p.take_frame(self._motion.lag_us))
        self._guard(performer, at_us, lambda p: p.dispatch(self._drawing, at_us))
        return False

    def _dispatch(self, at_us: int) -> None:
        """Hands on the pictures whose time has come."""
        for performer in self._performers.values():
            self._guard(performer, at_us, lambda p: p.dispatch(self._drawing, at_us))

    def _most_urgent(self, hungry: list[Performer], at_us: int) -> list[Performer]:
        """As many as one batch may hold without keeping the others waiting long.

        Where there is room, those join who will be hungry in a moment and whose sound is there: a
        batch of eight costs little more than one of two.
        """
        together = self._config.plan.lanes_together
        group = sorted(hungry, key=lambda p: p.urgency_us)[:together]
        if len(group) < together:
            until_us = at_us + self._config.plan.gather_us
            soon = [
                p for p in self._performers.values() if p not in group and p.could_join(until_us)
            ]
            group += sorted(soon, key=lambda p: p.urgency_us)[: together - len(group)]
        return group

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

    def _step(self, group: list[Performer], at_us: int) -> None:
        """A block of motion for each of a group."""
        made = self._motion.step(group)
        for performer in group:
            block = made[performer.lane]
            if isinstance(block, Exception):
                self._fail(performer, block, at_us)
            else:
                performer.actor.script.give(block)

    def _mind_plan(self, at_us: int) -> None:
        if not self._performers or at_us < self.steward.next_us:
            return
        top = max(p.detail.priority for p in self._performers.values())
        for performer in self._performers.values():
            self.steward.saw(*performer.news_of_pictures())
            performer.wish(self.steward, at_us)
            less = performer.detail.priority < top
            performer.yields_us = self._config.plan.yields_us if less else 0
        for part, fewer_steps in self.steward.mind(at_us):
            self._motion.step_drops += fewer_steps
            if part.actor_id in self._performers:  # else it is still being made
                self._performers[part.actor_id].follow()

    def _fail(self, performer: Performer, error: Exception, at_us: int) -> None:
        actor = performer.actor
        if actor.fail(at_us + self._config.pacing.hold_retry_us):
            _LOG.error("actor %d has no motion; held", actor.actor_id, exc_info=error)
            performer.news.error(0, wire.DataErrorCode.INTERNAL, held_message(error))


def _plan(at_us: int, performer: Performer) -> None:
    performer.actor.plan(at_us)


def _wants_block(performer: Performer) -> bool:
    return performer.actor.wants_block()
