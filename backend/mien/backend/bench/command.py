"""The stage bench as a command: what was asked for becomes one of its modes, printed.

Knows the modes and how results are shown. Refuses to know how they are measured.
"""

from __future__ import annotations

import msgspec

from mien.backend.bench.wish import StageWish
from mien.backend.cli.progress import quiet_by_default


def run_stage(wish: StageWish, motion: str | None, *, as_json: bool) -> None:
    """A load of actors alike. Raises BadInput, LoadError."""
    from mien.backend.bench.frame_parts import character_bytes
    from mien.backend.bench.frame_parts import measure as frame_parts
    from mien.backend.bench.measure import machine
    from mien.backend.bench.stage_bench import measure
    from mien.backend.bench.stage_report import lines_of, report_of
    from mien.backend.bench.stage_view import Told, show_rows
    from mien.backend.bench.theatre import theatre
    from mien.backend.cli.private_daemon import motion_flags
    from mien.backend.cli.report import print_json
    from mien.backend.cli.wishes import motion_choice

    told = Told(quiet_by_default(as_json))
    flags = (*motion_flags(motion, None, None), *profile_flags(wish.profile))
    with theatre(wish, flags, told.tell) as place:
        told.tell(f"{wish.actors} actors at {wish.size_px} px take the stage")
        with told.bar("they speak", wish.seconds) as step:
            figures = measure(place, wish, step)
        # With a daemon of its own still there: it does nothing any more.
        told.tell("timing the parts of a frame")
        choice = motion_choice(motion, None, None)
        parts = frame_parts(place.character, wish.size_px, wish.actors, choice)
        figures["stage_ms"] = parts
        figures["bytes_per_character"] = character_bytes(place.character, wish.size_px)
    report = report_of({"machine": machine(), **figures})
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        show_rows(f"A stage of {report.actors}, profile {report.profile}", lines_of(report))


def profile_flags(profile: str | None) -> tuple[str, ...]:
    return ()
