"""`mien render`: a line into files at full speed, without a daemon.

Knows what is asked for: pictures, motion as numbers, or both; from sound, or from a take that was
exported before. Refuses to know how any of them is written.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mien.backend.cli.problems import BadInput
from mien.backend.cli.progress import bar, quiet_by_default
from mien.backend.cli.report import print_json, print_lines
from mien.backend.motion import MotionChoice, steps_of

if TYPE_CHECKING:
    from mien.backend.cli.wishes import Wishes
    from mien.backend.render import Sound
    from mien.models.character import Character
    from mien.models.motion import CueTrack, Motion
    from mien.models.motion.export import Take, TakeSource

EXPORTS = (".csv", ".json")
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
        for path in self.exports:
            if path.suffix.lower() not in EXPORTS:
                raise BadInput(f"'{path}' is neither .csv (Live Link Face) nor .json")
            if not path.parent.is_dir():
                raise BadInput(f"there is no folder '{path.parent}'")
        if self.export_rate_hz is not None:
            from mien.models.motion.export import EXPORT_RATES_HZ

            low, high = EXPORT_RATES_HZ
            if not low <= self.export_rate_hz <= high:
                raise BadInput(f"--export-fps goes from {low:g} to {high:g}")
        if self.output is not None:
            from mien.backend.render.outputs import check_output

            check_output(self.output)


def run(
    character_file: Path,
    line: Path,
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
    again = line.suffix.lower() == TAKE
    if again and len(track):
        raise BadInput("a take is rendered as it was performed: cues cannot change it any more")
    started = time.perf_counter()
    take, sound = _read(line) if again else _perform(character, line, track, seed, motion)
    performed_s = time.perf_counter() - started
    for path in wanted.exports:
        _export(take, path, wanted.export_rate_hz)
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


def _read(line: Path) -> tuple[Take, None]:
    """A take from its file, to be shown at the rate of all motion."""
    from mien.models.motion import FRAME_RATE_HZ
    from mien.models.motion.export import read_take

    take = read_take(line.read_bytes())
    if take.frame_rate_hz != FRAME_RATE_HZ:
        raise BadInput(
            f"'{line}' has {take.frame_rate_hz:g} frames a second; only takes exported without "
            f"--export-fps ({FRAME_RATE_HZ}) can be rendered"
        )
    return take, None


def _export(take: Take, path: Path, rate_hz: float | None) -> None:
    from mien.models.motion import FRAME_RATE_HZ
    from mien.models.motion.export import Take, live_link_csv, resample, take_json

    rate = float(FRAME_RATE_HZ) if rate_hz is None else rate_hz
    if path.suffix.lower() == ".csv":
        text = live_link_csv(take.motion, rate)
    else:
        text = take_json(Take(resample(take.motion, rate), take.source, rate))
    path.write_text(text, encoding="utf-8", newline="\n")


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
