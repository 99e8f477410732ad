"""`mien bench` and its arguments.

Knows which arguments ask for the parts' bench and which for a stage of actors. Refuses to know how
anything is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.backend.cli.arguments import Json, Motion
from mien.backend.cli.problems import BadInput

PARTS_SECONDS = STAGE_SECONDS = 60.0


def bench(
    seconds: Annotated[
        float | None, typer.Option(help="How long actors speak (60), each trial of --scale (12).")
    ] = None,
    actors: Annotated[
        int | None, typer.Option(help="A stage of so many actors who speak; see docs/benchmarks.md")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Of their pictures, 128 to 512 px.")] = None,
    fps: Annotated[float | None, typer.Option(help="Of each, 12 to 120.")] = None,
    profile: Annotated[str | None, typer.Option(help="cpu or gpu; else what is there.")] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Whole lines are sent at once, not as a voice does.")
    ] = False,
    lead: Annotated[float, typer.Option(help="With --at-once: seconds performed ahead.")] = 0.0,
    spread: Annotated[
        bool, typer.Option("--spread", help="Actors' sound leaves one after the other.")
    ] = False,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="The load copies every frame, as an engine does.")
    ] = False,
    processes: Annotated[int, typer.Option(help="Of the load.")] = 1,
    budget: Annotated[
        float | None, typer.Option(help="Of all cores that the daemon may take, 0.01 to 1.")
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Measure the daemon that runs there, not a private one.")
    ] = None,
    character: Annotated[
        Path | None, typer.Option(help="Measure with this NAME.mien, not a shipped portrait.")
    ] = None,
    portrait: Annotated[
        Path | None, typer.Option(help="Measure with this portrait, not a shipped one.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Only these parts: offline, motion, ring or live.")
    ] = None,
    motion: Motion = None,
    markdown: Annotated[bool, typer.Option(help="Print for docs/benchmarks.md.")] = False,
    json: Json = False,
) -> None:
    """Measure this machine: its parts one by one, or a stage of actors (--actors, --size, --fps)."""
    if actors is None and size is None and fps is None:
        from mien.backend.bench import run as measure_parts

        measure_parts(
            seconds=PARTS_SECONDS if seconds is None else seconds, portrait=portrait, only=only,
            motion=motion, as_json=json, as_markdown=markdown,
        )  # fmt: skip
        return
    if only is not None or markdown:
        raise BadInput("--only and --markdown go with the bench of parts, not with --actors")
    from mien.backend.bench.command import run_stage
    from mien.backend.bench.wish import StageWish

    wish = StageWish(
        actors=1 if actors is None else actors,
        size_px=512 if size is None else size,
        fps=25.0 if fps is None else fps,
        seconds=STAGE_SECONDS if seconds is None else seconds,
        profile=profile,
        live=not at_once,
        lead_s=lead,
        spread=spread,
        pixels=pixels,
        processes=processes,
        cpu_fraction=budget,
        run_dir=run_dir,
        character=character,
        portrait=portrait,
    )
    run_stage(wish, motion, as_json=json)
