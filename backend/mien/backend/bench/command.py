"""The stage bench as a command: what was asked for becomes one of its modes, printed.

Knows the modes and how results are shown. Refuses to know how they are measured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from mien.backend.bench import crowd, scale, soak, stage_bench
from mien.backend.bench.measure import machine
from mien.backend.bench.profile import profile_flags
from mien.backend.bench.stage_view import Told, show_rows
from mien.backend.bench.theatre import enrolled, folder, theatre
from mien.backend.bench.watch import Watch
from mien.backend.bench.wish import StageWish
from mien.backend.cli.private_daemon import motion_flags
from mien.backend.cli.progress import quiet_by_default
from mien.backend.cli.report import print_json
from mien.backend.cli.wishes import motion_choice


def run_stage(wish: StageWish, motion: str | None, *, as_json: bool) -> None:
    """A load of actors alike. Raises BadInput, LoadError."""
    from mien.backend.bench.frame_parts import character_bytes
    from mien.backend.bench.frame_parts import measure as frame_parts
    from mien.backend.bench.stage_report import as_json as json_of
    from mien.backend.bench.stage_report import lines_of, report_of

    told, flags = _begin(wish, motion, as_json)
    with theatre(wish, flags, told.tell) as place:
        told.tell(f"{wish.actors} actors at {wish.size_px} px take the stage")
        with told.bar("they speak", wish.seconds) as step:
            measured = stage_bench.measure(place, wish, step)
        told.tell("timing the parts of a frame")
        parts = frame_parts(place.character, wish.size_px, wish.actors, motion_choice(motion))
        weight = character_bytes(place.character, wish.size_px)
    report = report_of(measured, machine(), parts, weight)
    if as_json:
        print_json(json_of(report))
    else:
        show_rows(f"A stage of {report.actors}, profile {report.profile}", lines_of(report))


def run_scale(
    wish: StageWish, sizes: Sequence[int], motion: str | None, plot: Path | None, *, as_json: bool
) -> None:
    """How many actors each size allows; `wish.actors` is the most that is tried."""
    told, flags = _begin(wish, motion, as_json)
    trials: list[scale.Trial] = []
    with folder() as place:
        character = wish.character or enrolled(wish.portrait, place / "bench.mien", told.tell)
        for size in sizes:

            def attempt(actors: int, size: int = size) -> scale.Trial:
                one = replace(wish, actors=actors, size_px=size, character=character)
                with (
                    theatre(one, flags, lambda what: None) as stage,
                    told.bar(f"{actors} at {size} px", wish.seconds) as step,
                ):
                    seen = scale.trial_of(actors, stage_bench.measure(stage, one, step))
                word = "held" if seen.sustained else "not held"
                told.tell(f"{actors} at {size} px: {word}, {seen.missed_ratio:.1%} missed")
                return seen

            trials += scale.most_sustained(attempt, wish.actors)
    if plot is not None:
        scale.picture(trials, wish.fps, plot)
    found = scale.as_json(trials, wish.fps, machine())
    if as_json:
        print_json(found)
    else:
        show_rows(f"Actors sustained at {wish.fps:g} a second", scale.lines_of(trials))


def run_crowd(wish: StageWish, motion: str | None, *, as_json: bool) -> None:
    """The most important actor alone, then in a crowd of `wish.actors`."""
    told, flags = _begin(wish, motion, as_json)
    what = f"one alone, then {wish.actors}"
    with (
        theatre(wish, flags, told.tell) as place,
        told.bar(what, 2 * wish.seconds) as step,
    ):
        report = crowd.measure(place, wish, step)
    if as_json:
        print_json({"machine": machine(), **msgspec.to_builtins(report)})
    else:
        show_rows(f"One among {wish.actors} spoken to at once", crowd.lines_of(report))


def run_soak(
    wish: StageWish, motion: str | None, trace: Path | None, plot: Path | None, *, as_json: bool
) -> bool:
    """A load for long; whether memory stayed flat for sure."""
    told, flags = _begin(wish, motion, as_json)
    every_s = min(soak.EVERY_S, wish.seconds / 40)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(theatre(wish, flags, told.tell))
        file = stack.enter_context((trace or place.folder / "soak.jsonl").open("w"))
        notes = soak.Trace(file)
        with told.bar("soaking", wish.seconds) as step:
            watched = stack.enter_context(Watch(place, every_s, notes.note))
            plans = stage_bench.plans_of(place, wish, soak.LINE_S)
            played = stage_bench.play(plans, watched, step, stage_bench.SETTLE_S)
    verdict = soak.judge(notes.samples, len(played.accounts))
    if plot is not None:
        soak.picture(notes.samples, verdict, plot)
    figures = soak.as_json(verdict, notes.samples, played.missed_ratio)
    if as_json:
        print_json({"machine": machine(), "actors": wish.actors, "size": wish.size_px, **figures})
    else:
        show_rows(f"{wish.seconds / 60:g} minutes", soak.lines_of(verdict, played.missed_ratio))
    return verdict.words == "flat"


def _begin(wish: StageWish, motion: str | None, as_json: bool) -> tuple[Told, tuple[str, ...]]:
    """Where progress goes, and the daemon's flags."""
    flags = (*motion_flags(motion, None, None), *profile_flags(wish.profile))
    return Told(quiet_by_default(as_json)), flags
