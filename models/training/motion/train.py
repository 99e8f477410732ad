"""From nothing to the weights of DiffusionMotion: corpus, hearing, scenes, moving, export.

    python dev.py train motion [--hours 3.5] [--jobs 2] [--work FOLDER] [--out FILE]

Knows the order of the stages and how a time budget is shared. Every stage goes on where it was
interrupted; the checkpoints say how much of their share is spent. Refuses to know what any stage
does. Needs flite, festival and espeak-ng; about 4 GB of disk and 6 GB of memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from mien.models.motion.diffusion.shapes import EncoderShape, TransformerShape
from mien.models.motion.diffusion.weights import SHIPPED
from training.motion import hearing, moving, scenes
from training.motion.export import export
from training.motion.plots import plot_losses
from training.motion.windows import statistics, stream
from training.paths import cache
from training.speech.corpus import build

STAGES = ("corpus", "hearing", "scenes", "moving", "export")
# Shares of the time budget; corpus and scenes take what they take (about half an hour on 2 cores).
HEARING_SHARE, MOVING_SHARE = 0.42, 0.42


@dataclass(frozen=True)
class Job:
    """What to make, where, and in how long."""

    work: Path
    out: Path
    hours: float
    speech_hours: float
    jobs: int
    lookahead: int
    objective: str
    seed: int

    @property
    def corpus(self) -> Path:
        return self.work / "corpus"

    @property
    def scenes(self) -> Path:
        return self.work / "scenes"

    @property
    def encoder(self) -> Path:
        return self.work / "train" / "encoder.pt"

    @property
    def transformer(self) -> Path:
        return self.work / "train" / f"transformer-{self.lookahead}-{self.objective}.pt"


def hear(job: Job) -> None:
    """Train the encoder."""
    plan = hearing.HearingPlan(minutes=60 * job.hours * HEARING_SHARE, seed=job.seed)
    hearing.train(job.corpus, job.encoder, plan, EncoderShape())


def move(job: Job) -> None:
    """Train the transformer on what the encoder hears."""
    shape = TransformerShape()
    plan = moving.MovingPlan(
        minutes=60 * job.hours * MOVING_SHARE, objective=job.objective, seed=job.seed
    )
    scaling = statistics(job.scenes)
    encoder = hearing.load(job.encoder).encoder
    batches = stream(
        job.scenes, lambda: encoder, scaling, shape,
        batch=plan.batch, blocks=plan.blocks, lookahead=job.lookahead, seed=job.seed,
    )  # fmt: skip
    about: dict[str, object] = {"lookahead_frames": job.lookahead}
    moving.train(batches, scaling, job.transformer, plan, shape, about)


def run(job: Job, stages: tuple[str, ...], console: Console) -> None:
    """Run the chosen stages in their order."""
    torch.set_num_threads(job.jobs)
    work = {
        "corpus": lambda: _corpus(job, console),
        "hearing": lambda: hear(job),
        "scenes": lambda: scenes.make(job.corpus, job.scenes, job.jobs),
        "moving": lambda: move(job),
        "export": lambda: _export(job, console),
    }
    for stage in STAGES:
        if stage in stages:
            began = time.monotonic()
            console.rule(stage)
            work[stage]()
            console.print(f"{stage}: {(time.monotonic() - began) / 60:.1f} minutes")


def _corpus(job: Job, console: Console) -> None:
    short = build(job.speech_hours, job.jobs, job.corpus, console)
    if short:
        console.print(f"{short} shards could not be made; training goes on without them")


def _export(job: Job, console: Console) -> None:
    export(job.encoder, job.transformer, job.out)
    console.print(f"weights: {job.out} ({job.out.stat().st_size / 1e6:.1f} MB)")
    for checkpoint in (job.encoder, job.transformer):
        console.print(f"plot: {plot_losses(checkpoint)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py train motion", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument(
        "--work", type=Path, default=cache(), help="where corpus, scenes and checkpoints lie"
    )
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the weights file to write")
    parser.add_argument("--hours", type=float, default=3.5, help="for the whole, corpus apart")
    parser.add_argument("--speech-hours", type=float, default=16.0, help="of synthetic speech")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes and threads"
    )
    parser.add_argument(
        "--lookahead", type=int, choices=(1, 2), default=1, help="frames; 1 is 80 ms"
    )
    parser.add_argument("--objective", choices=("x0", "flow"), default="x0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", default=",".join(STAGES), help="some of " + ", ".join(STAGES))
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = vars(_arguments())
    console = Console()
    stages = tuple(str(options.pop("stages")).split(","))
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        console.print(f"unknown stage {unknown[0]!r}: there are {', '.join(STAGES)}")
        sys.exit(2)
    run(Job(**options), stages, console)


if __name__ == "__main__":
    main()
