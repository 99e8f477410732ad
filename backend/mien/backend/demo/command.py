"""`python dev.py demo` and its arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mien.backend.cli.problems import message_for
from mien.backend.cli.progress import quiet_by_default
from mien.backend.cli.report import print_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 shown and nothing left behind, 1 something was left, 2 bad input."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Portraits speak.")
    parser.add_argument("--portrait", type=Path, help="a picture of one face")
    parser.add_argument("--audio", type=Path, help="what it says; needs --portrait")
    parser.add_argument("--motion", help="what moves the faces: diffusion (default) or signal")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder (default: out)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    if (options.portrait is None) != (options.audio is None):
        parser.error("--portrait and --audio go together")
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130
    except Exception as problem:
        message = message_for(problem)
        if message is None:
            raise
        print(f"demo: {message}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    from mien.backend.cli.private_daemon import motion_flags
    from mien.backend.demo.parts import own_part, shipped_parts
    from mien.backend.demo.show import show

    motion = motion_flags(options.motion, None, None)
    own = options.portrait is not None
    parts = [own_part(options.portrait, options.audio)] if own else shipped_parts()
    talk = sys.stderr if options.json else sys.stdout

    def tell(text: str) -> None:
        print(f"demo: {text}", file=talk, flush=True)

    figures = show(parts, options.out, tell, motion, quiet=quiet_by_default(options.json))
    if options.json:
        print_json(figures)
    else:
        for line in figures.lines:
            print(
                f"demo: {line.character}: {line.fps:.1f} fps, {line.frames_dropped} of "
                f"{line.frames_expected} frames dropped, first frame after "
                f"{line.first_frame_ms:.0f} ms, sound to frame {line.latency_p50_ms:.0f} ms "
                f"(p95 {line.latency_p95_ms:.0f})"
            )
        print(f"demo: all together: {figures.summary()}")
        print(f"demo: {figures.motion}")
        print(f"demo: {figures.video} ({figures.video_seconds:.1f} s), {figures.sheet}")
    left = figures.left_behind
    gone = "daemon has ended; no process, shared memory or directory of its is left"
    print(f"demo: LEFT BEHIND: {', '.join(left)}" if left else f"demo: {gone}", file=talk)
    return 1 if left else 0
