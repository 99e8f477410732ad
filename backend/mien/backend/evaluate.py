"""`mien eval`: figures of the models, on material that training never heard.

Knows arguments and how what is missing is put to a person. Refuses to measure: that is
`training.evaluation`, which is part of the repository and not of the installed package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.backend.cli.problems import BadInput

if TYPE_CHECKING:
    from mien.models.motion.types import MotionGenerator

eval_app = typer.Typer(
    name="eval",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@eval_app.callback()
def about() -> None:
    """Judge the models on material that training never heard."""


@eval_app.command()
def motion(
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    speech: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings with phones: NAME.flac beside NAME.json."),
    ] = None,
    motion: Annotated[
        str, typer.Option(help="What is judged: diffusion, or signal.")
    ] = "diffusion",
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps, if not the usual number.", min=1, max=50)
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors of one's own, not the shipped model.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write curves.png and evaluation.json to.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Fewer lines and seeds: a few minutes.")] = False,
) -> None:
    """Lips against phones, head, eyes and feelings against what was asked, and what it costs."""
    run(
        motion, speech=speech, steps=steps, weights=weights, out=out, quick=quick, as_json=json
    )  # fmt: skip


@eval_app.command()
def codec(
    also: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    video: Annotated[
        list[Path] | None,
        typer.Option(
            help="A clip of one talking face to reenact; more may follow.", metavar="CLIP …"
        ),
    ] = None,
    facekit: Annotated[
        Path | None,
        typer.Option(help="The head model, ict_facekit.npz; wanted once (or MIEN_FACEKIT)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write contact sheets and codec.json to.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Six held-out people instead of 24.")] = False,
    profile: Annotated[
        str, typer.Option(help="Which networks draw: cpu, or gpu (wider, through torch).")
    ] = "cpu",
) -> None:
    """Drawn frames against what a camera would have seen, and the motion encoder."""
    if also and not video:
        raise BadInput(f"'{also[0]}': what is to be reenacted is named with --video")
    clips = [*(video or []), *(also or [])]
    run_codec(clips, facekit=facekit, out=out, quick=quick, as_json=json, profile=profile)


def run_codec(
    videos: list[Path], *, facekit: Path | None, out: Path | None, quick: bool, as_json: bool,
    profile: str = "cpu",
) -> None:  # fmt: skip
    """Measure and print; whatever was given is checked before anything is measured."""
    _check_folder(out)
    for option, given in (*(("--video", clip) for clip in videos), ("--facekit", facekit)):
        if given is not None and not given.is_file():
            raise BadInput(f"{option}: there is no file '{given}'")
    from mien.models.capture.video import video_seconds

    for clip in videos:
        video_seconds(clip)
    from mien.models.codec.profiles import ProfileError, learned_parts

    try:
        learned_parts(profile)
    except ProfileError as problem:
        raise BadInput(f"--profile: {problem}") from problem
    with _repository():
        from training.evaluation.codec.evaluating import QUICK, REPORT, Amount, Evaluation
        from training.evaluation.codec.report import show
        from training.evaluation.lines import MaterialError
    from rich.console import Console

    from mien.backend.cli.progress import quiet_by_default
    from mien.backend.cli.report import print_json

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, quiet=quiet_by_default(as_json))
    try:
        with _repository(), console.status("evaluating") as status:
            amount = QUICK if quick else Amount()
            evaluation = Evaluation(facekit, videos, amount, out, status.update, profile)
            # It takes minutes: what is known is written down part by part.
            results = evaluation.run(lambda known: _write(out, REPORT, known.as_json()))
    except MaterialError as problem:
        raise BadInput(str(problem)) from problem
    if as_json:
        print_json(results.as_json())
    else:
        show(results, Console())


def run(
    source: str,
    *,
    speech: Path | None,
    steps: int | None,
    weights: Path | None,
    out: Path | None,
    quick: bool,
    as_json: bool,
) -> None:
    """Measure and print; whatever was given is checked before anything is measured."""
    if speech is not None and not speech.is_dir():
        raise BadInput(f"--speech: there is no folder '{speech}'")
    _check_folder(out)
    with _repository():
        from training.evaluation.evaluating import PICTURE, QUICK, REPORT, Amount, Evaluation
        from training.evaluation.lines import MaterialError
        from training.evaluation.report import show
    from rich.console import Console

    from mien.backend.cli.progress import quiet_by_default
    from mien.backend.cli.report import print_json

    generator = _generator(source, steps, weights)
    console = Console(stderr=True, quiet=quiet_by_default(as_json))
    try:
        with console.status("evaluating") as status:
            amount = QUICK if quick else Amount()
            evaluation = Evaluation(generator, source, speech, amount, status.update)
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
            # It takes minutes: what is known is written down part by part.
            results = evaluation.run(lambda known: _write(out, REPORT, known.as_json()))
    except MaterialError as problem:
        raise BadInput(str(problem)) from problem
    if out is not None:
        evaluation.picture(out / PICTURE)
    if as_json:
        print_json(results.as_json())
    else:
        show(results, Console())


def _generator(source: str, steps: int | None, weights: Path | None) -> MotionGenerator:
    from mien.models.motion.source import make_generator

    if weights is not None and not weights.is_file():
        raise BadInput(f"--weights: there is no file '{weights}'")
    return make_generator(source, steps=steps, weights=weights)


def _check_folder(out: Path | None) -> None:
    if out is not None and out.exists() and not out.is_dir():
        raise BadInput(f"--out: '{out}' is a file; a folder is wanted")


@contextmanager
def _repository() -> Iterator[None]:
    """Turn a missing `training`, or what training needs, into a line for people."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.startswith("mien"):
            raise
        if problem.name.split(".")[0] == "training":
            raise BadInput(
                "`mien eval` needs the repository, not the installed package alone: clone it and "
                "install it from there (pip install -e '.[train]')"
            ) from problem
        raise BadInput(
            f"`mien eval` needs the Python package '{problem.name}': install the extra "
            "`train` (pip install -e '.[train]' in the repository)"
        ) from problem


def _write(folder: Path | None, name: str, figures: object) -> None:
    if folder is not None:
        (folder / name).write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
