"""`mien capture`: the motion of a talking video into a take that any character can perform.

Knows what is asked for and how it is told. Refuses to know faces and videos.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

from mien.backend.cli.problems import BadInput
from mien.backend.cli.progress import bar, quiet_by_default
from mien.backend.cli.report import print_json, print_lines
from mien.backend.cli.take import check_exports, write_take


def run(video: Path, outputs: list[Path], export_rate_hz: float | None, *, as_json: bool) -> None:
    """Read the video and write the take; outputs are checked before the first frame."""
    if not outputs:
        raise BadInput("nothing to write: give -o TAKE.json (or .csv for Live Link Face)")
    check_exports(outputs, export_rate_hz)
    from mien.models.capture.capture import capture
    from mien.models.capture.reader import shared_reader
    from mien.models.capture.video import video_frames, video_seconds
    from mien.models.motion.export import Take, TakeSource

    seconds = video_seconds(video)
    started = time.perf_counter()
    reader = shared_reader()
    whole = max(1, round(seconds or 1))
    with bar(f"reading {video.name}", whole, quiet=quiet_by_default(as_json)) as step:
        told = 0

        def tell(time_us: int) -> None:
            nonlocal told
            while told < whole and time_us >= 1e6 * (told + 1):
                step()
                told += 1

        captured = capture(video_frames(video), reader, tell)
    source = TakeSource(mien=version("mien"), line=video.name, motion="captured")
    for path in outputs:
        write_take(Take(captured.motion, source), path, export_rate_hz)
    figures = {
        "outputs": [str(path) for path in outputs],
        "video_frames": captured.frames,
        "frames_without_face": captured.lost,
        "frames": len(captured.motion),
        "seconds_taken": round(time.perf_counter() - started, 3),
    }
    (print_json if as_json else print_lines)(figures)
