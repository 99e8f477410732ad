"""Motion to pixels in the ring, on a few threads of its own.

Knows one actor's decoder and ring (`Canvas`), what a picture costs, and how to share threads: by
deadline, where the less important yield a little. An actor whose decoder is slow or broken takes
time from nobody else: it has one frame in work and one waiting at most, skips what it cannot draw,
and all slow actors share one thread of their own. Refuses to know lines, clients and sockets.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mien.backend.clock import now_us
from mien.backend.config import FRAME_US
from mien.backend.meters import ActorMeter
from mien.backend.rings.base import Pixels, Ring
from mien.backend.shot import Shot
from mien.models.motion.types import F32
from mien.protocol.wire import FrameFlag

_LOG = logging.getLogger(__name__)
_SLOW_SHARE = 0.2  # how much the newest frame counts in the running mean
_TYPICAL_SHARE = 0.05  # … and in that of all actors
_SLOWER, _SLOW_ANYWAY_US = 3.0, 160_000.0  # than typical; whatever is typical


class Decoder(Protocol):
    """`mien.models.codec.Decoder`, as far as it is used here."""

    def decode(self, dynamics: F32, pose: F32, out: Pixels | None = None) -> Pixels:
        """Draws dynamics [52] and pose [6] into `out` [H, W, 4], at that size."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What became of a shot. `frame_id` is 0 when nothing could be shown."""

    shot: Shot
    frame_id: int
    slot: int
    flags: FrameFlag
    error: Exception | None = None  # to be told; only the first of a row


@dataclass(frozen=True, eq=False)
class Job:
    """A shot for a canvas, and how large it is wanted."""

    shot: Shot
    size_px: int | None  # None: the ring's own
    turn_us: int  # smaller goes first


Report = Callable[[Drawn], None]
Cost = Callable[[int, float], None]  # size px, microseconds of a core


class Full(Exception):
    """An actor has as many frames in work as it may."""


class Canvas:
    """One actor's decoder, ring and figures. One thread draws at a time."""

    def __init__(
        self,
        actor_id: int,
        decoder: Decoder,
        ring: Ring,
        report: Report,
        retry_us: int,
        cost: Cost = lambda size_px, us: None,
    ) -> None:
        self.actor_id = actor_id
        self.ring = ring
        self.decoder = decoder
        self.meter = ActorMeter()
        self.busy = False
        self._waiting: Job | None = None
        self._report = report
        self._cost = cost
        self._retry_us = retry_us
        self._mean_us = 0.0
        self.typical_us = 0.0  # what a picture of anybody takes
        self._in_trouble = False
        self._hold_until_us = 0
        self._retired = self._lost = False
        self._lock = threading.Lock()

    @property
    def slow(self) -> bool:
        """Whether drawing takes longer than a frame lasts, and not just because all do.

        On a busy machine every picture takes long; that is the plan's business, and no reason to
        send everybody to the one thread of the slow.
        """
        usual_us = min(_SLOWER * self.typical_us, _SLOW_ANYWAY_US)
        return self._mean_us > max(FRAME_US, usual_us)

    def retire(self) -> None:
        """Frees the ring, now or as soon as the frame in work is done."""
        with self._lock:
            self._retired = True
            if not self.busy:
                self.ring.close()

    def lose(self, job: Job, error: Exception) -> None:
        """The ring's memory is gone for good: it is closed, and from here on nothing is shown.

        What happens with lines is told as before.
        """
        self._lost = True
        _LOG.error("actor %d lost its ring: %s", self.actor_id, error)
        with self._lock:
            self.ring.close()
        self.hold(job, error)

    def draw(self, job: Job) -> None:
        """Draws and shows one frame, or shows the last good one if that fails."""
        if self.must_hold(job):
            self.hold(job)
            return
        started_us = now_us()
        try:
            self._decode(job)
        except Exception as raised:  # whatever a decoder throws must not stop the stage
            self.fail(job, raised, started_us)
        else:
            self.show(job)
        self._mean_us += _SLOW_SHARE * (now_us() - started_us - self._mean_us)

    def must_hold(self, job: Job) -> bool:
        """Whether nothing is to be drawn: no motion, or drawing failed a moment ago."""
        held = bool(job.shot.flags & FrameFlag.HELD) or self._lost
        return held or now_us() < self._hold_until_us

    def forgive(self) -> None:
        """What went wrong is mended: the next picture is drawn without delay."""
        self._hold_until_us = 0

    def show(self, job: Job) -> None:
        """Shows what was drawn into the slot that the ring began."""
        shot = job.shot
        self._in_trouble = False
        frame_id, slot = self.ring.commit(
            line_id=shot.line_id, pts_us=shot.pts_us, flags=shot.flags
        )
        self._tell(Drawn(shot, frame_id, slot, shot.flags))

    def hold(self, job: Job, error: Exception | None = None) -> None:
        """Shows the last good picture once more, and tells of an `error`."""
        shot = job.shot
        flags = shot.flags | FrameFlag.HELD
        shown = None
        if not self._lost:
            shown = self.ring.hold(line_id=shot.line_id, pts_us=shot.pts_us, flags=flags)
        self._tell(Drawn(shot, *(shown or (0, 0)), flags, error))

    def fail(self, job: Job, error: Exception, at_us: int) -> None:
        """The picture that was begun cannot be drawn; it is tried again after a while."""
        self._hold_until_us = at_us + self._retry_us
        news, self._in_trouble = not self._in_trouble, True
        if news:
            _LOG.error("actor %d cannot be drawn; held", self.actor_id, exc_info=error)
        self.hold(job, error if news else None)

    def accept(self, job: Job) -> Job | None:
        """Takes a job in: it may begin (it is returned), waits, or raises `Full`.

        A tick that makes motion for two frames takes longer than one that makes none; waiting
        evens that out. Slow actors let nothing wait: it would only be late.
        """
        with self._lock:
            if not self.busy:
                self.busy = True
                return job
            if self.slow or self._waiting is not None:
                raise Full
            self._waiting = job
            return None

    def done(self) -> Job | None:
        """The frame in work is finished; returns the one that waits, which is now in work."""
        with self._lock:
            job, self._waiting = self._waiting, None
            if job is not None and not self._retired:
                return job
            self.busy = False
            if self._retired:
                self.ring.close()
            return None

    def _decode(self, job: Job) -> None:
        shot = job.shot
        pixels = self.ring.begin(job.size_px)
        began_ns = time.thread_time_ns()
        try:
            drawn = self.decoder.decode(shot.dynamics, shot.pose, out=pixels)
            if drawn is not pixels:
                pixels[...] = drawn
        except BaseException:
            self.ring.abort()
            raise
        self._cost(len(pixels), (time.thread_time_ns() - began_ns) / 1000)

    def _tell(self, drawn: Drawn) -> None:
        shot, at_us = drawn.shot, now_us()
        if drawn.frame_id:
            missed = at_us > shot.due_us + shot.patience_us
            self.meter.wrote(at_us, at_us - min(shot.heard_us, shot.due_us), missed)
        self._report(drawn)


class Drawing(Protocol):
    """Who has shots drawn: `DrawingThreads`, or `BatchDrawing` where a device draws."""

    def submit(
        self, canvas: Canvas, shot: Shot, size_px: int | None = None, turn_us: int | None = None
    ) -> bool:
        """Has the shot drawn; False if the actor has too many in work already.

        Smaller `turn_us` go first; None: when the shot is due.
        """

    def close(self) -> None:
        """Finishes what is in work and ends the threads."""


class DrawingThreads:
    """A few threads that draw, and one more that all slow actors share, in turn."""

    def __init__(self, threads: int) -> None:
        self._quick: _Jobs = queue.PriorityQueue()
        self._slow: _Jobs = queue.PriorityQueue()
        self._count = itertools.count()
        self._typical_us = 0.0
        rows = [self._quick] * threads + [self._slow]
        self._threads = [
            threading.Thread(target=self._run, args=(row,), name=f"mien-draw-{i}", daemon=True)
            for i, row in enumerate(rows)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, canvas: Canvas, shot: Shot, size_px: int | None = None, turn_us: int | None = None
    ) -> bool:
        """See `Drawing`."""
        canvas.typical_us = self._typical_us
        try:
            begins = canvas.accept(Job(shot, size_px, shot.due_us if turn_us is None else turn_us))
        except Full:
            return False
        if begins is not None:
            self.put(canvas, begins)
        return True

    def put(self, canvas: Canvas, job: Job) -> None:
        """Has a job drawn that its canvas has accepted."""
        row = self._slow if canvas.slow else self._quick
        row.put((job.turn_us, next(self._count), (canvas, job)))

    def close(self) -> None:
        """See `Drawing`; a decoder that hangs is left behind."""
        for thread in self._threads:
            row = self._slow if thread is self._threads[-1] else self._quick
            row.put((_LAST_US, next(self._count), None))
        for thread in self._threads:
            thread.join(timeout=2.0)

    def _run(self, jobs: _Jobs) -> None:
        while (work := jobs.get()[2]) is not None:
            canvas, job = work
            began_us = now_us()
            try:
                canvas.draw(job)
                if jobs is self._quick:
                    took_us = now_us() - began_us
                    self._typical_us += _TYPICAL_SHARE * (took_us - self._typical_us)
            except Exception:  # a ring that fails: nothing left to hold, the log must tell
                _LOG.exception("actor %d: its ring failed", canvas.actor_id)
            finally:
                following = canvas.done()
                if following is not None:
                    self.put(canvas, following)


_LAST_US = 2**62
_Jobs = queue.PriorityQueue[tuple[int, int, tuple[Canvas, Job] | None]]
