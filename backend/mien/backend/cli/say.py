"""`mien say`: a line through the daemon in real time, recorded as it comes out of the ring."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mien.backend.cli.private_daemon import PrivateDaemon, load_patiently
from mien.backend.cli.problems import BadInput
from mien.backend.cli.progress import bar, quiet_by_default
from mien.backend.cli.report import print_json, print_lines
from mien.backend.cli.wishes import Wishes, to_wire
from mien.backend.render import Sound, open_output, read_sound
from mien.backend.render.offline import FRAME_US
from mien.backend.render.outputs import check_output
from mien.protocol import (
    ActorHandle,
    Client,
    Cue,
    DaemonNotRunningError,
    Frame,
    FrameFlag,
    LineHandle,
)

NO_FRAME_S = 20.0


@dataclass(frozen=True)
class Said:
    """How a line went."""

    output: str | None
    character: str
    private_daemon: bool
    frames: int
    frames_expected: int
    frames_missing: int
    line_seconds: float
    first_frame_ms: float  # from asking to the first speaking frame in the ring
    fps: float  # by the times at which frames were written
    underruns: int


def run(
    character: Path,
    line: Path,
    output: Path | None,
    *,
    seed: int,
    wishes: Wishes,
    motion: Sequence[str],
    run_dir: Path | None,
    as_json: bool,
) -> None:
    """Say, wait, report. `motion` are flags for a daemon that has to be started."""
    if output is not None:
        check_output(str(output))
    cues = [to_wire(cue) for cue in wishes.track().cues]
    _, sound = read_sound(line)
    with (
        daemon_at(run_dir, motion) as (place, private),
        Client.connect(place, name="mien say") as client,
    ):
        loaded = load_patiently(client, character)
        with client.spawn(loaded) as actor:
            said = perform(actor, sound, cues, seed, output, private, quiet_by_default(as_json))
    (print_json if as_json else print_lines)(said)


@contextmanager
def daemon_at(
    run_dir: Path | None, motion: Sequence[str] = ()
) -> Iterator[tuple[Path | None, bool]]:
    """Where a daemon runs: the usual one, else a private one, which is said.

    Raises BadInput where one runs and `motion` asks for something of one's own.
    """
    try:
        Client.connect(run_dir, name="mien", timeout_s=3.0).close()
    except DaemonNotRunningError:
        print("mien: no daemon runs; starting a private one for this line", file=sys.stderr)
        with PrivateDaemon(motion) as daemon:
            yield daemon.run_dir, True
    else:
        if motion:
            raise BadInput(
                f"a daemon runs already, and {motion[0].partition('=')[0]} is chosen when it "
                "starts: give it to `mien serve`"
            )
        yield run_dir, False


def perform(
    actor: ActorHandle,
    sound: Sound,
    cues: list[Cue],
    seed: int,
    output: Path | None,
    private: bool,
    quiet: bool,
) -> Said:
    """Say `sound` and watch the frames of the line come."""
    expected = -(-int(sound.seconds * 1e6) // FRAME_US)
    frames = actor.frames(timeout_s=NO_FRAME_S)
    first = next(frames)
    size = (first.pixels.shape[1], first.pixels.shape[0])
    sink = open_output(str(output), size, expected, sound) if output is not None else None
    said_us = time.monotonic_ns() // 1000
    line = actor.say(sound.samples, sample_rate=sound.sample_rate_hz, cues=cues, seed=seed)
    written_us: list[int] = []
    with bar(f"{actor.character.name} speaks", expected, quiet=quiet) as step:
        for frame in frames_of(line, frames):
            written_us.append(frame.written_us)
            if sink is not None:
                sink.write(frame.pixels, frame.pts_us)
            step()
    if sink is not None:
        sink.close()
    line.wait(NO_FRAME_S)
    span_s = (written_us[-1] - written_us[0]) / 1e6 if len(written_us) > 1 else 0.0
    return Said(
        output=str(output) if output is not None else None,
        character=actor.character.name,
        private_daemon=private,
        frames=len(written_us),
        frames_expected=expected,
        frames_missing=max(expected - len(written_us), 0),
        line_seconds=round(sound.seconds, 3),
        first_frame_ms=round((written_us[0] - said_us) / 1e3, 1) if written_us else 0.0,
        fps=round((len(written_us) - 1) / span_s, 2) if span_s else 0.0,
        underruns=line.underruns,
    )


def frames_of(line: LineHandle, frames: Iterator[Frame]) -> Iterator[Frame]:
    """The line's frames with rising times, until it is over."""
    last_us = -1
    for frame in frames:
        mine = frame.line_id == line.line_id
        if mine and frame.pts_us > last_us:
            last_us = frame.pts_us
            yield frame
        if mine and frame.flags & FrameFlag.LINE_END:
            return
        if not mine and line.over:
            return
