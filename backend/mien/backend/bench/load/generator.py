"""One generator process at work, from its plan to its recording.

Knows a client, its actors and their voices. Refuses to know who started it and what the figures
will be.
"""

from __future__ import annotations

import contextlib
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.backend.bench.load.client import LoadClient
from mien.backend.bench.load.plan import ActorWish, Done, LoadPlan, Ready
from mien.backend.bench.load.recording import ACTOR, FRAME, LINE, Recording
from mien.backend.bench.load.voices import Voices
from mien.protocol import (
    ActorHandle,
    AudioError,
    ConnectionLostError,
    Detail,
    LinkState,
    MienError,
    ResourceExhaustedError,
    StageFullError,
)
from mien.protocol.ring_memory import monotonic_us

_FIRST_FRAME_S = 5.0  # a full stage may give an actor no pictures
_LAST_FRAMES_S = 0.6  # after the last sound, for the frames that belong to it


class Orders(Protocol):
    """What the one who started it says and hears meanwhile."""

    def ready(self, ready: Ready) -> None:
        """The actors stand on the stage."""

    def wait_go(self) -> bool:
        """Returns when the speaking shall begin; False if not at all."""

    def enough(self) -> bool:
        """Whether the speaking shall end before its time."""


class _Enough(Exception):
    pass


def generate(plan: LoadPlan, orders: Orders) -> Done:
    """Does as planned. Raises MienError where the daemon cannot be used, or goes away."""
    pcm, rate_hz = read_speech(Path(plan.speech))
    with contextlib.closing(LoadClient.joined(Path(plan.run_dir))) as client:
        cast = _Cast(client, plan)
        cast.spawn()
        voices = Voices(cast.handles, plan, pcm, rate_hz)
        voices.open_first()
        orders.ready(Ready(len(cast.handles), cast.refused))
        if not cast.handles or not orders.wait_go():
            return Done(problem="nothing was to be said")
        with cast.looked_at(plan.pixels):
            cpu_s, wall_s = _timed(lambda: voices.run(lambda: _check(client, orders)))
            time.sleep(_LAST_FRAMES_S)
        _recording(client, cast, voices, rate_hz).save(Path(plan.rows))
    lag_ms = float(np.percentile(voices.lags_us, 99)) / 1e3 if voices.lags_us else 0.0
    underruns = sum(line.handle.underruns for line in voices.lines if line.handle is not None)
    return Done(cpu_s, wall_s, lag_ms, underruns)


def read_speech(path: Path) -> tuple[NDArray[np.int16], int]:
    """Samples and rate of a mono 16-bit WAV file. Raises AudioError."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2) or not file.getnframes():
            raise AudioError(f"{path} must hold sound, mono and of 16 bits")
        rate_hz, data = file.getframerate(), file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.int16), rate_hz


class _Cast:
    """The actors of the plan that got a place."""

    def __init__(self, client: LoadClient, plan: LoadPlan) -> None:
        self.handles: list[ActorHandle] = []
        self.refused: list[str] = []
        self.rows: list[tuple[object, ...]] = []
        self._client, self._plan = client, plan

    def spawn(self) -> None:
        character = self._client.load(self._plan.character)
        for index, wish in enumerate(self._plan.actors):
            detail = Detail(size_px=wish.size_px, fps=wish.fps, priority=wish.priority)
            asked_us = monotonic_us()
            try:
                seed = self._plan.first_seed + index
                actor = self._client.spawn(character, seed=seed, detail=detail)
            except (StageFullError, ResourceExhaustedError) as refusal:
                self.refused.append(refusal.message)
                continue
            self._note(actor, wish, asked_us)

    def _note(self, actor: ActorHandle, wish: ActorWish, asked_us: int) -> None:
        first_us = self._client.wait_first(actor.actor_id, _FIRST_FRAME_S)
        self.handles.append(actor)
        self.rows.append(
            (actor.actor_id, wish.size_px, wish.fps, wish.priority, asked_us, first_us)
        )

    @contextlib.contextmanager
    def looked_at(self, pixels: bool) -> Iterator[None]:
        """Meanwhile all pixels are copied out of the rings, if wanted."""
        self._client.reads_pixels = pixels
        threads = [threading.Thread(target=_look, args=(a,), daemon=True) for a in self.handles]
        for thread in threads if pixels else ():
            thread.start()
        yield
        self._client.reads_pixels = False


def _look(actor: ActorHandle) -> None:
    for _ in actor.frames():
        pass


def _check(client: LoadClient, orders: Orders) -> None:
    if orders.enough():
        raise _Enough
    if client.state is not LinkState.CONNECTED:
        raise ConnectionLostError("the daemon went away while it was measured")


def _timed(call: Callable[[], None]) -> tuple[float, float]:
    cpu_s, wall_s = time.process_time(), time.monotonic()
    with contextlib.suppress(_Enough):
        call()
    return time.process_time() - cpu_s, time.monotonic() - wall_s


def _recording(client: LoadClient, cast: _Cast, voices: Voices, rate_hz: int) -> Recording:
    frames = np.frombuffer(client.seen.tobytes(), FRAME)
    actors = np.array(cast.rows, ACTOR)
    lines, sent_us = [], list[int]()
    for line in voices.lines:
        if line.handle is not None:
            actor_id = int(actors["actor"][line.actor])
            lines.append(
                (actor_id, line.handle.line_id, line.samples, rate_hz, len(sent_us),
                 len(line.sent_us))
            )  # fmt: skip
            sent_us += line.sent_us
    return Recording(actors, np.array(lines, LINE), np.array(sent_us, np.int64), frames)


def run_plan(plan: LoadPlan, orders: Orders) -> Done:
    """As `generate`, with what went wrong as words."""
    try:
        return generate(plan, orders)
    except MienError as problem:
        return Done(problem=problem.message)
