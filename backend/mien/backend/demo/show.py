"""The demo itself: a daemon, characters on its stage, lines in turn, a recording, nothing left.

Knows the order of things and times them. This process is the client; the daemon is another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mien.backend.cli.private_daemon import PrivateDaemon
from mien.backend.cli.progress import bar
from mien.backend.cli.wishes import to_wire
from mien.backend.demo.company import Company
from mien.backend.demo.parts import Part
from mien.backend.demo.recording import Recording
from mien.backend.demo.report import DemoFigures, LineFigures
from mien.backend.demo.speaker import Speaker
from mien.backend.render import Sound, read_sound
from mien.protocol import Client

Tell = Callable[[str], None]
PAUSE_S, OPENING_S, CLOSING_S = 0.5, 0.8, 1.0
LINE_RATE_HZ = 24_000
LATE_S = 20.0


def show(
    parts: list[Part], out: Path, tell: Tell, flags: Sequence[str] = (), *, quiet: bool = False
) -> DemoFigures:
    """Perform the parts, write `out`/demo.mp4 and demo.png. Raises what goes wrong.

    `flags` are the daemon's.
    """
    figures = DemoFigures()
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    sounds = [read_sound(part.sound)[1].mono().resampled(LINE_RATE_HZ) for part in parts]
    daemon = PrivateDaemon(flags)
    try:
        with daemon:
            figures.daemon_start_s = round(time.monotonic() - started, 2)
            tell(f"daemon is up: process {daemon.pid}, {figures.daemon_start_s:.1f} s")
            with Client.connect(daemon.run_dir, name="mien demo") as client:
                recording = _perform(Company(client, parts, figures, tell), sounds, tell)
        _save(recording, figures, out, tell, quiet)
    finally:
        figures.left_behind = daemon.leftovers()
        figures.seconds = round(time.monotonic() - started, 1)
    return figures


def _perform(company: Company, sounds: list[Sound], tell: Tell) -> Recording:
    """The lines in turn; returns the recording, still to be saved."""
    with company:
        company.enrol()
        company.take_stage()
        recording = Recording(company.size_px, company.strands)
        _roll(recording, OPENING_S)
        for i, sound in enumerate(sounds):
            tell(f"{company.parts[i].name} speaks for {sound.seconds:.1f} s")
            _speak(i, company, sound, recording)
        _roll(recording, CLOSING_S)
        company.look_back()
    return recording


def _speak(index: int, company: Company, sound: Sound, recording: Recording) -> None:
    """One line, its sound sent in real time, the others looking on."""
    actor, strand = company.enter(index)
    company.glance_at(index, sound.seconds)
    cues = [to_wire(cue) for cue in company.parts[index].cues.cues]
    speaker = Speaker(actor, sound, cues, seed=index)
    recording.lay_sound(strand, speaker.line.line_id, sound)
    deadline = time.monotonic() + sound.seconds + LATE_S
    while not speaker.over and time.monotonic() < deadline:
        _roll(recording, 0.01)
    _roll(recording, PAUSE_S)
    speaker.raise_problem()
    record = strand.lines.get(speaker.line.line_id)
    name = company.parts[index].name
    company.figures.lines.append(LineFigures.of(name, speaker, record))
    company.leave(index)


def _roll(recording: Recording, seconds: float) -> None:
    """Let the recording run."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        recording.advance()
        time.sleep(0.005)


def _save(recording: Recording, figures: DemoFigures, out: Path, tell: Tell, quiet: bool) -> None:
    video, sheet = out / "demo.mp4", out / "demo.png"
    tell(f"encoding {recording.seconds:.1f} s of video")
    with bar("encoding", recording.frames, quiet=quiet) as step:
        recording.save(video, sheet, step)
    figures.video, figures.video_seconds = str(video), round(recording.seconds, 2)
    figures.sheet = str(sheet)
