"""The characters of the demo on the daemon's stage.

Knows who is live and who only stands there: on a machine that cannot hold all of them at full rate
the speaker alone lives, and the others wait as they were last seen. Refuses to know the recording.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from mien.backend.cli.top import motion_line
from mien.backend.demo.parts import Part
from mien.backend.demo.recording import now_us
from mien.backend.demo.report import DemoFigures
from mien.backend.demo.strand import Strand
from mien.protocol import ActorHandle, CharacterRef, Client, Cue, RequestTimeoutError

LATE_S = 20.0
TRIAL_S = 1.2
ENOUGH_FPS = 24.0
GLANCE_RAD = 0.30  # toward the neighbour who speaks


class Company:
    """`with Company(...) as company:` its actors are closed afterwards."""

    def __init__(
        self, client: Client, parts: list[Part], figures: DemoFigures, tell: Callable[[str], None]
    ) -> None:
        self.parts = parts
        self.figures = figures
        self.strands: list[Strand] = []
        self.size_px = 0
        self._client, self._tell = client, tell
        self._characters: list[CharacterRef] = []
        self._actors: list[ActorHandle | None] = []
        self._solo = False

    def __enter__(self) -> Company:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for i in range(len(self._actors)):
            self._close(i)

    def enrol(self) -> None:
        """Make characters of all portraits."""
        for part in self.parts:
            started = time.monotonic()
            character = self._client.enroll(part.portrait, name=part.name, consent=part.consent)
            taken_s = time.monotonic() - started
            self._characters.append(character)
            self.figures.enrolment_s[part.name] = round(taken_s, 2)
            self._tell(f"{part.name} is enrolled, {taken_s:.1f} s")

    def take_stage(self) -> None:
        """Spawn everyone, and see whether this machine holds all of them."""
        for i in range(len(self.parts)):
            actor, strand = self._spawn(i)
            self._actors.append(actor)
            self.strands.append(strand)
        if len(self.parts) > 1:
            self._try_out()

    def enter(self, index: int) -> tuple[ActorHandle, Strand]:
        """The live actor of a part and its frames."""
        actor = self._actors[index]
        if actor is None:
            actor, self.strands[index] = self._spawn(index)
            self._actors[index] = actor
        return actor, self.strands[index]

    def leave(self, index: int) -> None:
        """The part has spoken."""
        if self._solo and index + 1 < len(self.parts):
            self._close(index)

    def glance_at(self, index: int, seconds: float) -> None:
        """The others look at the one who speaks."""
        for i, actor in enumerate(self._actors):
            if actor is not None and i != index:
                toward = GLANCE_RAD if index > i else -GLANCE_RAD  # +: image right
                actor.cue(Cue.gaze(toward, duration_us=round(seconds * 1e6)))

    def look_back(self) -> None:
        """Ask the daemon how it was."""
        stats = self._client.stats()
        self.figures.frames_dropped_by_daemon = sum(actor.dropped_frames for actor in stats.actors)
        self.figures.daemon_memory_mib = stats.memory_bytes >> 20
        self.figures.motion = motion_line(stats.motion)

    def _try_out(self) -> None:
        time.sleep(0.3)
        start_us = now_us()
        time.sleep(TRIAL_S)
        fps = min(strand.frames_since(start_us) / TRIAL_S for strand in self.strands)
        self.figures.actors_live = len(self.parts)
        if fps < ENOUGH_FPS:
            self._solo, self.figures.actors_live = True, 1
            self._tell(
                f"this machine holds {len(self.parts)} actors at {fps:.0f} frames a second only: "
                "the speaker alone is live, the others wait"
            )
            for i, strand in enumerate(self.strands):
                self._close(i)
                strand.stand_still()

    def _spawn(self, index: int) -> tuple[ActorHandle, Strand]:
        started = time.monotonic()
        actor = self._client.spawn(self._characters[index], seed=index)
        while (frame := actor.latest()) is None:
            if time.monotonic() - started > LATE_S:
                raise RequestTimeoutError(f"{self.parts[index].name} shows no frame")
            time.sleep(0.002)
        name = self.parts[index].name
        taken_ms = round((time.monotonic() - started) * 1e3, 1)
        self.figures.attach_ms.setdefault(name, taken_ms)
        self.size_px = frame.pixels.shape[0]
        strand = Strand(actor.frames())
        while not strand.began:
            if time.monotonic() - started > LATE_S:
                raise RequestTimeoutError(f"{name} shows no second frame")
            time.sleep(0.002)
        return actor, strand

    def _close(self, index: int) -> None:
        actor, self._actors[index] = self._actors[index], None
        if actor is not None:
            actor.close()
            self.strands[index].join(LATE_S)
