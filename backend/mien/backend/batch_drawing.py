"""Motion to pixels for many actors in one batch, on a device that draws best that way.

Knows how jobs of one size become a batch, most urgent first, and where the pixels go: straight into
slots on the device, or through the host into slots in shared memory. When the device has no memory
left a batch is halved until it fits, and an actor that does not fit alone is held, nobody else.
When the device is gone everybody is told once, and where that was asked for each actor's own CPU
decoder takes over. Refuses to know lines, clients and how a device computes (`Painter` does).

One thread of its own owns the painter. NOT RUN on a GPU by its authors, who had none; the same road
is tested with painters on the CPU.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeGuard

import numpy as np

from mien.backend.clock import now_us
from mien.backend.drawing import Canvas, Decoder, DrawingThreads, Full, Job
from mien.backend.rings.base import DeviceRing, Pixels, Ring
from mien.backend.shot import Shot
from mien.models.motion.types import F32
from mien.protocol.errors import GpuLostError, GpuMemoryFullError

_LOG = logging.getLogger(__name__)
MOST_TOGETHER = 64
_MORE_AGAIN_US = 10_000_000  # after the device had no room for a batch, larger ones are tried again


@dataclass(frozen=True)
class Painted:
    """A batch that a device has finished."""

    size_px: int
    pictures: int
    us: float  # of the device, for all of them


class Painter(Protocol):
    """Draws frames of several actors at once. `paint` and `finished` are one thread's."""

    stream: int  # a device stream's handle, 0 where there is none

    def paint(self, handles: Sequence[int], dynamics: F32, pose: F32, outs: Sequence[Any]) -> None:
        """Draws `dynamics` [B, 52], `pose` [B, 6] of the actors' characters into `outs`.

        Each of `outs` is a slot on the device (`DevicePixels`) or an array [n, n, 4] of the host,
        all of one size. Slots are complete when `stream` has come so far, arrays on return. Raises
        MemoryError when the device has no room, GpuLostError when it is gone.
        """

    def check(self) -> None:
        """Raises GpuLostError when the device is gone."""

    def finished(self) -> list[Painted]:
        """What was finished since this was asked last; the newest batches may still be missing."""


class CastDecoder:
    """An actor's place among what a painter draws: its character's handle there."""

    def __init__(self, handle: int, character: object, instead: Decoder | None) -> None:
        """`character` is kept alive; `instead` draws when the device is gone."""
        self.handle = handle
        self._character = character
        self._instead = instead

    @property
    def state_bytes(self) -> int:
        """Of this process's memory, for this actor."""
        return int(getattr(self._instead, "state_bytes", 0))

    def decode(self, dynamics: F32, pose: F32, out: Pixels | None = None) -> Pixels:
        """See `Decoder`. Raises GpuLostError where nothing was prepared to draw instead."""
        if self._instead is None:
            raise GpuLostError("the GPU is gone: start the daemon anew, or with --gpu-fallback")
        return self._instead.decode(dynamics, pose, out)


class BatchDrawing:
    """See `Drawing`."""

    def __init__(
        self,
        painter: Painter,
        painted: Callable[[int, int, float], None],
        fallback: Callable[[], DrawingThreads] | None,
    ) -> None:
        """`painted` is told size px, pictures and the device's µs of a batch.

        `fallback` makes what draws when the device is gone; None: then everybody is held.
        """
        self._painter = painter
        self._painted = painted
        self._make_fallback = fallback
        self._fallback: DrawingThreads | None = None
        self._lost: GpuLostError | None = None
        self._told: weakref.WeakSet[Canvas] = weakref.WeakSet()  # that the device is lost
        self._jobs: list[_Waiting] = []
        self._count = itertools.count()
        self._most = MOST_TOGETHER
        self._more_at_us = 0
        self._bell = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="mien-draw", daemon=True)
        self._thread.start()

    def submit(
        self, canvas: Canvas, shot: Shot, size_px: int | None = None, turn_us: int | None = None
    ) -> bool:
        """See `Drawing`."""
        threads = self._instead_for(canvas)
        if threads is not None:
            return threads.submit(canvas, shot, size_px, turn_us)
        try:
            begins = canvas.accept(Job(shot, size_px, shot.due_us if turn_us is None else turn_us))
        except Full:
            return False
        if begins is not None:
            self._put(canvas, begins)
        return True

    def close(self) -> None:
        """See `Drawing`; a device that hangs is left behind."""
        with self._bell:
            self._stopping = True
            self._bell.notify()
        self._thread.join(timeout=5.0)
        if self._fallback is not None:
            self._fallback.close()

    def _instead_for(self, canvas: Canvas) -> DrawingThreads | None:
        """What draws for this actor since the device is gone, once it was told so."""
        if self._fallback is None or _on_device(canvas.ring):
            return None
        return self._fallback if canvas in self._told or _handle(canvas) is None else None

    def _put(self, canvas: Canvas, job: Job) -> None:
        threads = self._instead_for(canvas)
        if threads is not None:
            threads.put(canvas, job)
            return
        with self._bell:
            heapq.heappush(self._jobs, (job.turn_us, next(self._count), canvas, job))
            self._bell.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._draw(batch)
            except Exception:  # nothing that may happen to a batch is a reason to draw no more
                _LOG.exception("a batch failed")
            for canvas, _ in batch:
                following = canvas.done()
                if following is not None:
                    self._put(canvas, following)
        for *_, canvas, _job in self._jobs:  # nobody waits for these any more
            while canvas.done() is not None:
                pass

    def _next_batch(self) -> list[tuple[Canvas, Job]]:
        """The most urgent job and the next ones of its size; waits for one. Empty: the end."""
        with self._bell:
            while not self._jobs and not self._stopping:
                self._bell.wait()
            if self._stopping:
                return []
            if now_us() > self._more_at_us:
                self._most = MOST_TOGETHER
            waiting = [heapq.heappop(self._jobs) for _ in range(len(self._jobs))]
            size_px = _size_px(waiting[0])
            batch = [one for one in waiting if _size_px(one) == size_px][: self._most]
            taken = {number for _, number, _, _ in batch}
            self._jobs = [one for one in waiting if one[1] not in taken]  # in order: a heap
        return [(canvas, job) for *_, canvas, job in batch]

    def _draw(self, batch: list[tuple[Canvas, Job]]) -> None:
        drawn = []
        for canvas, job in batch:
            if _handle(canvas) is None:  # it shows nothing, or was never on the device
                self._guard(canvas, partial(canvas.draw, job))
            elif self._lost is not None:
                self._guard(canvas, partial(self._after_loss, canvas, job))
            elif canvas.must_hold(job):
                self._guard(canvas, partial(canvas.hold, job))
            else:
                drawn.append((canvas, job))
        if drawn:
            self._paint(drawn)
        for done in self._painter.finished() if self._lost is None else ():
            self._painted(done.size_px, done.pictures, done.us)

    def _paint(self, batch: list[tuple[Canvas, Job]]) -> None:
        begun: list[tuple[Canvas, Job, Any]] = []
        # In the order of their characters: the same actors are then the same batch every time.
        for canvas, job in sorted(batch, key=lambda one: _handle(one[0]) or 0):
            try:
                begun.append((canvas, job, self._slot(canvas, job)))
            except Exception as error:  # one actor's ring is one actor's trouble
                self._ring_trouble(canvas, job, error)
        if not begun:
            return
        handles = [_handle(canvas) or 0 for canvas, _, _ in begun]
        dynamics = np.stack([job.shot.dynamics for _, job, _ in begun]).astype(np.float32)
        pose = np.stack([job.shot.pose for _, job, _ in begun]).astype(np.float32)
        pairs = [(canvas, job) for canvas, job, _ in begun]
        try:
            if self._lost is not None:  # a ring found it out just now
                raise self._lost
            self._painter.paint(handles, dynamics, pose, [out for *_, out in begun])
        except Exception as error:  # whatever a device throws must not stop the stage
            self._trouble(pairs, error)
            return
        for canvas, job in pairs:
            try:
                canvas.show(job)
            except Exception as error:
                self._ring_trouble(canvas, job, error)

    def _slot(self, canvas: Canvas, job: Job) -> Any:
        if _on_device(canvas.ring):
            return canvas.ring.begin_device(job.size_px, self._painter.stream)
        return canvas.ring.begin(job.size_px)

    def _ring_trouble(self, canvas: Canvas, job: Job, error: Exception) -> None:
        """A ring failed: it alone, or because the device did."""
        if isinstance(error, GpuLostError) and self._lost is None:
            try:
                self._painter.check()
            except GpuLostError as lost:
                self._lose(lost)
        if self._lost is not None:
            self._guard(canvas, partial(self._after_loss, canvas, job))
        else:
            self._guard(canvas, partial(canvas.fail, job, error, now_us()))

    def _trouble(self, batch: list[tuple[Canvas, Job]], error: Exception) -> None:
        """What was begun for a batch cannot be drawn."""
        if isinstance(error, GpuLostError):
            if self._lost is None:
                self._lose(error)
            for canvas, job in batch:
                if not _on_device(canvas.ring):
                    canvas.ring.abort()
                self._guard(canvas, partial(self._after_loss, canvas, job))
            return
        for canvas, _ in batch:
            self._guard(canvas, canvas.ring.abort)
        half = len(batch) // 2
        if half:
            # No room for all at once, or one of them is at fault: smaller batches tell which.
            if isinstance(error, MemoryError):
                self._most, self._more_at_us = half, now_us() + _MORE_AGAIN_US
            self._paint(batch[:half])
            self._paint(batch[half:])
            return
        ((canvas, job),) = batch
        if isinstance(error, MemoryError):
            error = GpuMemoryFullError(f"the GPU has no memory left for this actor: {error}")
        self._guard(canvas, partial(canvas.fail, job, error, now_us()))

    def _lose(self, error: GpuLostError) -> None:
        self._lost = error
        if self._make_fallback is None:
            _LOG.error("the GPU is gone; all actors are held: %s", error.message)
        else:
            _LOG.error("the GPU is gone; the CPU draws from here on: %s", error.message)
            self._fallback = self._make_fallback()

    def _after_loss(self, canvas: Canvas, job: Job) -> None:
        """One picture of an actor that was drawn on a device which is gone.

        Its ring, if that lay on the device, is never touched again: it would throw every time.
        """
        assert self._lost is not None
        if canvas in self._told:
            canvas.hold(job)
            return
        self._told.add(canvas)
        why = self._lost.message
        if _on_device(canvas.ring):
            canvas.lose(job, GpuLostError(f"the GPU is gone: spawn the actor anew ({why})"))
        else:
            canvas.fail(job, self._lost, now_us())
            if self._fallback is not None:
                canvas.forgive()

    @staticmethod
    def _guard(canvas: Canvas, step: Callable[[], None]) -> None:
        """A ring that fails is its actor's trouble; nothing is left to hold, the log must tell."""
        try:
            step()
        except Exception:
            _LOG.exception("actor %d: its ring failed", canvas.actor_id)


def _handle(canvas: Canvas) -> int | None:
    """Of the actor's character at the painter; None: the painter does not draw it."""
    return canvas.decoder.handle if isinstance(canvas.decoder, CastDecoder) else None


def _size_px(waiting: _Waiting) -> int:
    *_, canvas, job = waiting
    return job.size_px or canvas.ring.geometry.width_px


def _on_device(ring: Ring) -> TypeGuard[DeviceRing]:
    return hasattr(ring, "begin_device")  # isinstance asks for every member, for every frame


_Waiting = tuple[int, int, Canvas, Job]  # until when, in which order, who, what
