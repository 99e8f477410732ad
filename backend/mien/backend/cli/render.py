"""`mien render`: a line into files at full speed, without a daemon.

Knows what is asked for: pictures, motion as numbers, or both; from sound, or from a take that was
exported before. Refuses to know how any of them is written.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mien.backend.cli.problems import BadInput
from mien.backend.cli.progress import bar, quiet_by_default
from mien.backend.cli.report import print_json, print_lines
from mien.backend.cli.take import check_exports, read_take_file, write_take
from mien.backend.motion import MotionChoice, steps_of

if TYPE_CHECKING:
    from mien.backend.cli.wishes import Wishes
    from mien.backend.render import Sound
    from mien.models.character import Character
    from mien.models.motion import CueTrack, Motion
    from mien.models.motion.export import Take, TakeSource

TAKE = ".json"


@dataclass(frozen=True)
class Wanted:
    """Where a performance goes."""

    output: str | None = None  # pictures
    exports: list[Path] = field(default_factory=list)  # motion as numbers
    export_rate_hz: float | None = None

    def check(self) -> None:
        """Raises BadInput or OutputError before any work is done."""
        if self.output is None and not self.exports:
            raise BadInput("nothing to write: give -o OUT, --export TAKE.csv, or both")
        check_exports(self.exports, self.export_rate_hz)
        if self.output is not None:
            from mien.backend.render.outputs import check_output

            check_output(self.output)


def run(
    character_file: Path,
    line: Path | None,
    take_file: Path | None,
    wanted: Wanted,
    *,
    seed: int,
    wishes: Wishes,
    motion: MotionChoice,
    as_json: bool,
) -> None:
    """Perform and write; everything given is checked before the first frame is made."""
    wanted.check()
    track = wishes.track()
    from mien.models.character import load

    character = load(character_file)
    line, take_file = _told_apart(line, take_file)
    if take_file is not None and len(track):
        raise BadInput("a take is rendered as it was performed: cues cannot change it any more")
    started = time.perf_counter()
    take: Take
    sound: Sound | None
    if take_file is not None:
        take, sound = _again(character, take_file, line)
    else:
        assert line is not None
        take, sound = _perform(character, line, track, seed, motion)
    performed_s = time.perf_counter() - started
    for path in wanted.exports:
        write_take(take, path, wanted.export_rate_hz)
    if wanted.output is not None:
        _draw(character, take.motion, sound, wanted.output, quiet_by_default(as_json))
    taken_s = time.perf_counter() - started
    frames = len(take.motion)
    figures = {
        "output": wanted.output,
        "exports": [str(path) for path in wanted.exports],
        "character": character.name,
        "motion": take.source.motion,
        "steps": take.source.steps,
        "seed": take.source.seed,
        "frames": frames,
        "frame_rate_hz": take.frame_rate_hz,
        "line_seconds": round(sound.seconds if sound else frames / take.frame_rate_hz, 3),
        "motion_seconds_taken": round(performed_s, 3),
        "seconds_taken": round(taken_s, 3),
        "frames_per_second": round(frames / taken_s, 1),
    }
    (print_json if as_json else print_lines)(figures)


def _told_apart(line: Path | None, take: Path | None) -> tuple[Path | None, Path | None]:
    """The sound and the take, whichever way they were given. Raises BadInput."""
    if line is not None and line.suffix.lower() == TAKE:
        if take is not None:
            raise BadInput(f"two takes are given: '{line}' and '{take}'")
        return None, line
    if line is None and take is None:
        raise BadInput("nothing to perform: give a LINE to speak, or --take TAKE.json")
    return line, take


def _again(character: Character, take_file: Path, line: Path | None) -> tuple[Take, Sound | None]:
    """A take as this character can bear it, beside the sound of `line`."""
    from mien.backend.render import read_sound
    from mien.backend.render.offline import within_limits

    take = read_take_file(take_file)
    if take.source.character != character.name:  # limits are the character's own
        take = replace(take, motion=within_limits(character, take.motion))
    return take, None if line is None else read_sound(line)[1]


def _perform(
    character: Character, line: Path, track: CueTrack, seed: int, choice: MotionChoice
) -> tuple[Take, Sound]:
    from mien.backend.render import read_sound
    from mien.backend.render.offline import perform_sound
    from mien.models.motion.export import Take

    heard, sound = read_sound(line)
    generator = choice.make()
    motion = perform_sound(generator, character, heard, track, seed)
    source = _source(character.name, line, track, seed, choice, steps_of(generator))
    return Take(motion, source), sound


def _source(
    character: str, line: Path, track: CueTrack, seed: int, choice: MotionChoice, steps: int | None
) -> TakeSource:
    from mien.models.motion.export import TakeSource

    return TakeSource(
        mien=version("mien"),
        character=character,
        line=line.name,
        seed=seed,
        motion=choice.source,
        runtime="" if steps is None else choice.runtime,
        steps=steps,
        guidance=dict(choice.guidance or ()),
        cues=tuple({"kind": type(cue).__name__, **asdict(cue)} for cue in track.cues),
    )


def _draw(
    character: Character, motion: Motion, sound: Sound | None, output: str, quiet: bool
) -> None:
    from mien.backend.render import open_output
    from mien.backend.render.offline import decode_motion

    sink = open_output(output, (512, 512), len(motion), sound)
    with closing(sink), bar(f"rendering {output}", len(motion), quiet=quiet) as step:
        for pts_us, frame in decode_motion(character, motion):
            sink.write(frame, pts_us)
            step()
