"""`mien render`: a line into a file at full speed, without a daemon."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from mien.backend.cli.progress import bar, quiet_by_default
from mien.backend.cli.report import print_json, print_lines


def run(
    character_file: Path,
    line: Path,
    output: str,
    *,
    seed: int,
    cues: Path | None,
    emotion: str | None,
    as_json: bool,
) -> None:
    """Perform and write; everything given is checked before the first frame is made."""
    from mien.backend.render.outputs import check_output

    check_output(output)
    from mien.backend.cli.wishes import read_wishes
    from mien.backend.render import open_output, read_sound
    from mien.backend.render.offline import decode_motion, perform_sound
    from mien.models.character import load
    from mien.models.motion import FRAME_RATE_HZ

    track = read_wishes(cues, emotion)
    character = load(character_file)

    heard, sound = read_sound(line)
    started = time.perf_counter()
    motion = perform_sound(character, heard, track, seed)
    sink = open_output(output, (512, 512), len(motion), sound)
    quiet = quiet_by_default(as_json)
    with closing(sink), bar(f"rendering {output}", len(motion), quiet=quiet) as step:
        for pts_us, frame in decode_motion(character, motion):
            sink.write(frame, pts_us)
            step()
    taken_s = time.perf_counter() - started
    figures = {
        "output": output,
        "character": character.name,
        "frames": len(motion),
        "frame_rate_hz": FRAME_RATE_HZ,
        "line_seconds": round(sound.seconds, 3),
        "seconds_taken": round(taken_s, 3),
        "frames_per_second": round(len(motion) / taken_s, 1),
    }
    (print_json if as_json else print_lines)(figures)
