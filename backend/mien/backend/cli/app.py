"""The commands and their arguments.

Knows what each command is called and takes, and turns problems into one line and an exit status.
Refuses to know how anything is done: every command hands over to a module of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mien.backend.cli.arguments import Json, Motion, RunDir
from mien.backend.cli.bench import bench
from mien.backend.cli.problems import message_for

app = typer.Typer(
    name="mien",
    help="Talking faces for game characters: a portrait and sound in, a live texture out.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

MAX_SEED = 2**63 - 1  # what every part of the way takes
Seed = Annotated[
    int, typer.Option(help="Same line, seed and version: same motion.", min=0, max=MAX_SEED)
]
Cues = Annotated[Path | None, typer.Option(help="JSON file of cues; docs/cues.md says how.")]
Emotion = Annotated[
    str | None, typer.Option(help="Hold an emotion: happy, sad:0.6, or happy:0.5,surprised:0.3.")
]
Gaze = Annotated[
    str | None,
    typer.Option(
        help="Look YAW,PITCH degrees to the character's left and up.", metavar="YAW,PITCH"
    ),
]
Distance = Annotated[
    float | None, typer.Option(help="Head distance; 1 as in the portrait, less is nearer.")
]
Steps = Annotated[int | None, typer.Option(help="Denoising steps of the diffusion source.")]
Guidance = Annotated[
    str | None,
    typer.Option(help="Exaggerate conditions: audio=0.5,gaze=1,emotion=0.", metavar="NAME=X,…"),
]
Weights = Annotated[
    Path | None, typer.Option(help="Weights of the diffusion source that you trained yourself.")
]


@app.command()
def enroll(
    portrait: Annotated[Path, typer.Argument(help="A picture of one face.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.mien to write.")],
    face: Annotated[int | None, typer.Option(help="Which face, when there are several.")] = None,
    name: Annotated[str | None, typer.Option(help="The character's name.")] = None,
    consent: Annotated[str, typer.Option(help="Who agreed to what; kept in the file.")] = "",
    json: Json = False,
) -> None:
    """Make a character from a portrait."""
    from mien.backend.cli.enroll import run as enroll_portrait

    enroll_portrait(portrait, output, face=face, name=name, consent=consent, as_json=json)


@app.command()
def render(
    character: Annotated[Path, typer.Argument(help="NAME.mien")],
    line: Annotated[
        Path | None, typer.Argument(help="The sound to speak, or TAKE.json from --export.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="OUT.mp4, OUT_DIR/, OUT_%05d.png, or OUT.png (sheet)."),
    ] = None,
    take: Annotated[
        Path | None,
        typer.Option(help="TAKE.json to perform, captured or exported; a LINE is then only heard."),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(help="TAKE.csv (as Live Link Face writes it) or TAKE.json; may be repeated."),
    ] = None,
    export_fps: Annotated[
        float | None, typer.Option(help="Frames a second of exports, interpolated; 25 by default.")
    ] = None,
    seed: Seed = 0,
    cues: Cues = None,
    emotion: Emotion = None,
    gaze: Gaze = None,
    distance: Distance = None,
    motion: Motion = None,
    steps: Steps = None,
    guidance: Guidance = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Perform a line into files, without a daemon."""
    from mien.backend.cli.render import Wanted
    from mien.backend.cli.render import run as render_line
    from mien.backend.cli.wishes import Wishes, motion_choice

    render_line(
        character,
        line,
        take,
        Wanted(output, list(export or []), export_fps),
        seed=seed,
        wishes=Wishes(cues, emotion, gaze, distance),
        motion=motion_choice(motion, steps, guidance, weights),
        as_json=json,
    )


@app.command()
def capture(
    video: Annotated[Path, typer.Argument(help="A video of one talking face.")],
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="TAKE.json or TAKE.csv; may be repeated."),
    ] = None,
    export_fps: Annotated[
        float | None, typer.Option(help="Frames a second of the take, interpolated; 25 by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Read the motion of a talking video; any character can then perform it."""
    from mien.backend.cli.capture import run as capture_video

    capture_video(video, list(output or []), export_fps, as_json=json)


@app.command()
def say(
    character: Annotated[Path, typer.Argument(help="NAME.mien")],
    line: Annotated[Path, typer.Argument(help="The sound to speak.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="OUT.mp4 of what came out of the ring.")
    ] = None,
    seed: Seed = 0,
    cues: Cues = None,
    emotion: Emotion = None,
    gaze: Gaze = None,
    distance: Distance = None,
    motion: Motion = None,
    steps: Steps = None,
    guidance: Guidance = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Perform a line live, through the daemon (a private one if none runs)."""
    from mien.backend.cli.private_daemon import motion_flags
    from mien.backend.cli.say import run as say_line
    from mien.backend.cli.wishes import Wishes

    say_line(
        character,
        line,
        output,
        seed=seed,
        wishes=Wishes(cues, emotion, gaze, distance),
        motion=motion_flags(motion, steps, guidance),
        run_dir=run_dir,
        as_json=json,
    )


@app.command()
def serve(
    run_dir: RunDir = None,
    tcp: Annotated[
        str | None, typer.Option(help="Listen on [HOST:]PORT with CURVE, not in the run directory.")
    ] = None,
    max_actors: Annotated[int, typer.Option(help="Refuse more actors than this.", min=1)] = 64,
    cpu_fraction: Annotated[
        float | None,
        typer.Option(help="Take at most this share of all cores; a client may ask for less."),
    ] = None,
    ring: Annotated[
        str, typer.Option(help="auto, or nothing but: posix, named_mapping, cuda_ipc.")
    ] = "auto",
    profile: Annotated[
        str, typer.Option(help="What draws: cpu, or gpu (experimental; needs mien[gpu]).")
    ] = "cpu",
    gpu_fallback: Annotated[
        bool, typer.Option(help="Draw on the CPU where there is no GPU, or none any more.")
    ] = False,
    motion: Motion = None,
    steps: Steps = None,
    guidance: Guidance = None,
    weights: Weights = None,
    until_stdin_closes: Annotated[
        bool, typer.Option(help="End when standard input does: no daemon outlives its starter.")
    ] = False,
) -> None:
    """Run the daemon in the foreground."""
    from mien.backend.cli.serve import checked_share
    from mien.backend.cli.serve import run as serve_stage
    from mien.backend.cli.wishes import motion_choice
    from mien.backend.config import DaemonConfig

    choice = motion_choice(motion, steps, guidance, weights)
    config = DaemonConfig(
        run_dir=run_dir,
        tcp=tcp,
        ring=ring,
        max_actors=max_actors,
        cpu_fraction=checked_share(cpu_fraction),
        profile=profile,
        gpu_fallback=gpu_fallback,
        motion=choice,
    )
    serve_stage(config, until_stdin_closes=until_stdin_closes)


@app.command()
def doctor(json: Json = False) -> None:
    """Print what this machine offers and what mien will use."""
    from mien.backend.cli.doctor import examine
    from mien.backend.cli.report import print_json

    report = examine()
    if json:
        print_json(report)
    else:
        from rich.console import Console

        from mien.backend.cli.doctor_view import show

        show(report, Console())


@app.command()
def top(
    once: Annotated[bool, typer.Option(help="Print once and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=0.1)] = 1.0,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Show the actors of the running daemon."""
    from mien.backend.cli.top import run as watch

    watch(run_dir, once=once or json, every_s=every, as_json=json)


app.command()(bench)


@app.command(
    "eval",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def evaluate(context: typer.Context) -> None:
    """Judge the models: `mien eval motion`, `mien eval codec`; `mien eval --help` says more."""
    from mien.backend.evaluate import eval_app

    eval_app(args=context.args or ["--help"], prog_name="mien eval", standalone_mode=False)


def run(arguments: Sequence[str] | None) -> int:
    """Run one command; 0 done, 1 not done, 2 bad input, 130 interrupted."""
    try:
        words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
        result = app(args=words, prog_name="mien", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: not a problem of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:
        message = message_for(problem)
        if message is None:
            raise
        _tell(message)
        return 2


def _tell(message: str) -> None:
    print(f"mien: {message}", file=sys.stderr)
