"""The demo itself: a daemon, characters on its stage, lines in turn, a recording, nothing left.

Knows the order of things and times them. This process is the client; the daemon is another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from mien.backend.cli.private_daemon import PrivateDaemon
from mien.backend.cli.wishes import to_wire
from mien.backend.demo.parts import Part
from mien.backend.demo.recording import Recording, now_us
from mien.backend.demo.report import DemoFigures, LineFigures
from mien.backend.demo.speaker import Speaker
from mien.backend.demo.strand import Strand
from mien.backend.render import Sound, read_sound
from mien.protocol import ActorHandle, Client, Cue, RequestTimeoutError

Tell = Callable[[str], None]
PAUSE_S, OPENING_S, CLOSING_S = 0.5, 0.8, 1.0
LINE_RATE_HZ = 24_000
LATE_S = 20.0
GLANCE_RAD = 0.30  # toward the neighbour who speaks


def show(parts: list[Part], out: Path, tell: Tell) -> DemoFigures:
    """Perform the parts, write `out`/demo.mp4 and demo.png. Raises what goes wrong."""
    figures = DemoFigures()
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    sounds = [read_sound(part.sound)[1].mono().resampled(LINE_RATE_HZ) for part in parts]
    daemon = PrivateDaemon()
    try:
        with daemon:
            figures.daemon_start_s = round(time.monotonic() - started, 2)
            tell(f"daemon is up: process {daemon.pid}, {figures.daemon_start_s:.1f} s")
            with Client.connect(daemon.run_dir, name="mien demo") as client:
                _Show(client, figures, tell).perform(parts, sounds, out)
    finally:
        figures.left_behind = daemon.leftovers()
        figures.seconds = round(time.monotonic() - started, 1)
    return figures


class _Show:
    """One performance over an open connection."""

    def __init__(self, client: Client, figures: DemoFigures, tell: Tell) -> None:
        self._client, self._figures, self._tell = client, figures, tell

    def perform(self, parts: list[Part], sounds: list[Sound], out: Path) -> None:
        with ExitStack() as stage:
            actors = [self._cast(part, stage) for part in parts]
            origin_us = now_us()
            strands = [Strand(actor.frames(), origin_us) for actor in actors]
            size_px = self._await_frames(actors)
            video = out / "demo.mp4"
            recording = Recording(video, size_px, strands, origin_us)
            try:
                _roll(recording, OPENING_S)
                for i, part in enumerate(parts):
                    self._speak(i, part, sounds[i], actors, strands, recording)
                _roll(recording, CLOSING_S)
            finally:
                recording.close()
            self._keep(recording, video, out / "demo.png")
        for strand in strands:
            strand.join(LATE_S)

    def _cast(self, part: Part, stage: ExitStack) -> ActorHandle:
        started = time.monotonic()
        character = self._client.enroll(part.portrait, name=part.name, consent=part.consent)
        enrolled = time.monotonic()
        actor = stage.enter_context(self._client.spawn(character, seed=len(part.name)))
        while actor.latest() is None:
            if time.monotonic() - enrolled > LATE_S:
                raise RequestTimeoutError(f"{part.name} shows no frame")
            time.sleep(0.002)
        self._figures.enrolment_s[part.name] = round(enrolled - started, 2)
        self._figures.attach_ms[part.name] = round((time.monotonic() - enrolled) * 1e3, 1)
        self._tell(
            f"{part.name} enrolled in {enrolled - started:.1f} s, "
            f"on stage after {self._figures.attach_ms[part.name]:.0f} ms"
        )
        return actor

    def _await_frames(self, actors: list[ActorHandle]) -> int:
        frames = [actor.latest() for actor in actors]
        return min(frame.pixels.shape[0] for frame in frames if frame is not None)

    def _speak(
        self,
        index: int,
        part: Part,
        sound: Sound,
        actors: list[ActorHandle],
        strands: list[Strand],
        recording: Recording,
    ) -> None:
        self._tell(f"{part.name} speaks for {sound.seconds:.1f} s")
        for i, other in enumerate(actors):
            if i != index:
                glance = Cue.gaze(
                    GLANCE_RAD if index > i else -GLANCE_RAD,
                    duration_us=round(sound.seconds * 1e6),
                )
                other.cue(glance)
        cues = [to_wire(cue) for cue in part.cues.cues]
        speaker = Speaker(actors[index], sound, cues, seed=index)
        recording.lay_sound(strands[index], speaker.line.line_id, sound)
        _roll(recording, sound.seconds + PAUSE_S)
        speaker.line.wait(LATE_S)
        if speaker.problem is not None:
            raise speaker.problem
        record = strands[index].lines[speaker.line.line_id]
        self._figures.lines.append(LineFigures.of(part.name, speaker, record))

    def _keep(self, recording: Recording, video: Path, sheet: Path) -> None:
        recording.sheet().save(sheet)
        stats = self._client.stats()
        figures = self._figures
        figures.video, figures.video_seconds = str(video), round(recording.seconds, 2)
        figures.sheet = str(sheet)
        figures.frames_made = sum(actor.frames for actor in stats.actors)
        figures.frames_dropped_by_daemon = sum(actor.dropped_frames for actor in stats.actors)
        figures.daemon_memory_mib = stats.memory_bytes >> 20


def _roll(recording: Recording, seconds: float) -> None:
    """Let the recording run."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        recording.advance()
        time.sleep(0.01)
