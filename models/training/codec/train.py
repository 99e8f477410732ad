"""From nothing to the codec's weights: renders, appearance, sittings, motion encoder, skin, light.

    python dev.py train codec --facekit ict_facekit.npz [--hours 6] [--jobs 2] [--work FOLDER]

Knows the order of the stages and how a time budget is shared. Every stage goes on where it was
interrupted, and ends by writing what ships: sittings are enrolled with the appearance encoder that
was trained before them. Refuses to know what any stage does. Needs OpenGL through EGL (llvmpipe
will do), some 5 GB of disk and 6 GB of memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from mien.models.appearance.weights import SHIPPED as APPEARANCE
from mien.models.capture.weights import SHIPPED as ENCODER
from mien.models.codec.harmony import SHIPPED as LIGHT
from mien.models.codec.skin_shape import NARROW, WIDE
from mien.models.codec.skin_weights import SHIPPED as SKIN
from mien.models.codec.skin_weights import SHIPPED_WIDE as WIDE_SKIN
from mien.models.codec.skin_weights import load_model
from training.codec import appearance, encoding, faces, harmony, skin
from training.codec.export import export_appearance, export_encoder, export_harmony, export_skin
from training.paths import cache

STAGES = ("renders", "appearance", "sittings", "encoder", "skin", "wide", "light")
CLOSE_SEEDS = 20_000  # first of the people seen from near
# Shares of the time budget; renders and sittings take what they take (about 2.5 hours on 2 cores).
APPEARANCE_SHARE, FIRST_SHARE, ENCODER_SHARE, LIGHT_SHARE = 0.13, 0.13, 0.25, 0.02
SKIN_SHARE, WIDE_SHARE = 0.12, 0.12
WIDE_RATE = 1e-3  # it begins where the narrow network ended


@dataclass(frozen=True)
class Job:
    """What to make, where, and in how long."""

    facekit: Path
    work: Path
    hours: float
    identities: int
    people: int
    jobs: int

    def checkpoint(self, name: str) -> Path:
        """Where a network in training is kept."""
        folder = self.work / "train"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.pt"


def renders(job: Job) -> None:
    """Render what encoders learn from, in processes of their own: portraits, and close faces."""
    same = ("--facekit", str(job.facekit), "--frames", "16", "--samples", "1",
            "--jobs", str(job.jobs))  # fmt: skip
    _module("training.studio.shards", *same, "--out", str(job.work / "studio"),
            "--identities", str(job.identities))  # fmt: skip
    _module("training.studio.shards", *same, "--out", str(job.work / "closeups"),
            "--identities", str(job.identities // 3), "--seed", str(CLOSE_SEEDS),
            "--close", "--size", "320")  # fmt: skip


def read_portraits(job: Job) -> None:
    """Train the appearance encoder."""
    plan = appearance.AppearancePlan(minutes=60 * job.hours * APPEARANCE_SHARE)
    checkpoint = job.checkpoint("appearance")
    appearance.train(appearance.stream(job.work / "studio", plan), checkpoint, plan)
    export_appearance(checkpoint, APPEARANCE)


def sittings(job: Job) -> None:
    """Render and enrol the people that skin maps and the mouth's light learn from."""
    _module("training.codec.sittings", "--facekit", str(job.facekit), "--out",
            str(job.work / "sittings"), "--people", str(job.people))  # fmt: skip


def encoder(job: Job) -> None:
    """Train the motion encoder: first looks, then closer ones."""
    plan = encoding.EncodingPlan(minutes=60 * job.hours * FIRST_SHARE)
    shards, checkpoint = [job.work / "studio", job.work / "closeups"], job.checkpoint("face")
    say = encoding.equal_say(faces.spread(shards))
    first = job.checkpoint("first")
    encoding.train_first(faces.stream(shards), first, plan)
    plan = replace(plan, minutes=60 * job.hours * ENCODER_SHARE)
    encoding.train(faces.stream(shards), checkpoint, plan, say, first)
    export_encoder(checkpoint, ENCODER)


def skins(job: Job) -> None:
    """Train the skin maps of the profile `cpu`."""
    plan = skin.SkinPlan(minutes=60 * job.hours * SKIN_SHARE)
    skin.train(skin.stream(job.work / "sittings", plan), job.checkpoint("skin"), plan, NARROW)
    export_skin(job.checkpoint("skin"), SKIN)


def wide_skins(job: Job) -> None:
    """Train those of the profile `gpu`, grown from the shipped narrow ones, on the same people."""
    plan = skin.SkinPlan(minutes=60 * job.hours * WIDE_SHARE, rate=WIDE_RATE, seed=1)
    batches, checkpoint = skin.stream(job.work / "sittings", plan), job.checkpoint("skin-gpu")
    skin.train(batches, checkpoint, plan, WIDE, load_model(SKIN))
    export_skin(checkpoint, WIDE_SKIN)


def light(job: Job) -> None:
    """Train the mouth's light."""
    plan = harmony.HarmonyPlan(minutes=60 * job.hours * LIGHT_SHARE)
    harmony.train(harmony.gathered(job.work / "sittings"), job.checkpoint("harmony"), plan)
    export_harmony(job.checkpoint("harmony"), LIGHT)


def _module(name: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", name, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="dev.py train codec", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--work", type=Path, default=cache(), help="renders and checkpoints")
    parser.add_argument("--hours", type=float, default=6.0, help="for the whole")
    parser.add_argument(
        "--identities",
        type=int,
        default=1000,
        help="for the encoders, and a third as many seen from near",
    )
    parser.add_argument("--people", type=int, default=300, help="for skin maps")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stages", default=",".join(STAGES), help="some of " + ", ".join(STAGES))
    options = vars(parser.parse_args())
    console = Console()
    stages = tuple(str(options.pop("stages")).split(","))
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        console.print(f"unknown stage {unknown[0]!r}: there are {', '.join(STAGES)}")
        sys.exit(2)
    job = Job(**options)
    if not job.facekit.is_file():
        console.print(f"--facekit: there is no file '{job.facekit}'")
        sys.exit(2)
    torch.set_num_threads(job.jobs)
    in_order = (renders, read_portraits, sittings, encoder, skins, wide_skins, light)
    work = dict(zip(STAGES, in_order, strict=True))
    for stage in STAGES:
        if stage in stages:
            began = time.monotonic()
            console.rule(stage)
            work[stage](job)
            console.print(f"{stage}: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
