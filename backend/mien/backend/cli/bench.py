"""`mien bench` and its arguments.

Knows which arguments ask for the parts' bench and which for a stage of actors, in one of its modes.
Refuses to know how anything is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.backend.cli.arguments import Json, Motion
from mien.backend.cli.problems import BadInput

SECONDS, TRIAL_SECONDS, CROWD_SECONDS = 60.0, 12.0, 20.0
SOAK_ACTORS, SCALE_ACTORS = 2, 64
SCALE_SIZES = (128, 256, 512)


def bench(
    seconds: Annotated[
        float | None,
        typer.Option(help="How long actors speak: 60; a trial of --scale 12, of --crowd 20."),
    ] = None,
    actors: Annotated[
        int | None, typer.Option(help="A stage of so many who speak; the most that --scale tries.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Of their pictures, 128 to 512 px.")] = None,
    fps: Annotated[float | None, typer.Option(help="Of each, 12 to 120.")] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="How many actors are sustained, at 128, 256, 512 px.")
    ] = False,
    soak: Annotated[
        float | None, typer.Option(help="So many minutes of speech: does the daemon grow?")
    ] = None,
    crowd: Annotated[
        int | None, typer.Option(help="One actor alone, then so many spoken to at once.")
    ] = None,
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
    plot: Annotated[Path | None, typer.Option(help="PNG of what --scale or --soak found.")] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Every look of --soak at the daemon, a line of JSON each.")
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
) -> int:
    """Measure this machine part by part; with --actors, --scale, --soak or --crowd a whole stage.

    docs/benchmarks.md says what the figures mean.
    """
    modes = {"--scale": scale, "--soak": soak is not None, "--crowd": crowd is not None}
    chosen = [name for name, wanted in modes.items() if wanted]
    if len(chosen) > 1:
        raise BadInput(f"{' and '.join(chosen)} measure different things: ask for one of them")
    _refuse_files(chosen, plot, trace)
    if not chosen and actors is None and size is None and fps is None:
        from mien.backend.bench import run as measure_parts

        measure_parts(
            seconds=SECONDS if seconds is None else seconds, portrait=portrait, only=only,
            motion=motion, as_json=json, as_markdown=markdown,
        )  # fmt: skip
        return 0
    if only is not None or markdown:
        raise BadInput("--only and --markdown go with the bench of parts, not with a stage")
    if soak is not None and seconds is not None:
        raise BadInput("--soak says how long, in minutes: leave --seconds out")
    if crowd is not None and actors is not None:
        raise BadInput("--crowd says how many: leave --actors out")
    from mien.backend.bench import command
    from mien.backend.bench.wish import StageWish, crowd_size, soak_seconds

    usual = {"--scale": (SCALE_ACTORS, TRIAL_SECONDS), "--crowd": (1, CROWD_SECONDS),
             "--soak": (SOAK_ACTORS, SECONDS)}  # fmt: skip
    count, length = usual.get(chosen[0] if chosen else "", (1, SECONDS))
    wish = StageWish(
        actors=crowd_size(crowd) if crowd is not None else count if actors is None else actors,
        size_px=512 if size is None else size,
        fps=25.0 if fps is None else fps,
        seconds=soak_seconds(soak) if soak is not None else length if seconds is None else seconds,
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
    if scale:
        sizes = SCALE_SIZES if size is None else (size,)
        command.run_scale(wish, sizes, motion, plot, as_json=json)
    elif soak is not None:
        return 0 if command.run_soak(wish, motion, trace, plot, as_json=json) else 1
    elif crowd is not None:
        command.run_crowd(wish, motion, as_json=json)
    else:
        command.run_stage(wish, motion, as_json=json)
    return 0


def _refuse_files(chosen: list[str], plot: Path | None, trace: Path | None) -> None:
    if trace is not None and "--soak" not in chosen:
        raise BadInput("--trace goes with --soak")
    if plot is not None and not {"--scale", "--soak"} & set(chosen):
        raise BadInput("--plot goes with --scale and --soak")
    for file in (plot, trace):
        if file is not None and not file.absolute().parent.is_dir():
            raise BadInput(f"there is no folder '{file.absolute().parent}' to write into")
