"""Renders a training set: python -m training.studio.shards --facekit FILE --out FOLDER ...

Knows seeds, processes and files. Refuses to know pictures. A run that was stopped goes on where it
was: finished shards are kept, and no shard is ever half written. Held-out identities have seeds of
their own (`training.studio.studio.HELD_OUT_SEEDS`) and files of their own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.numpy import save_file

from training.studio.head import HeadFileError, HeadModel
from training.studio.labels import LABEL_SHAPES
from training.studio.read import DEPTH_STEP, FLOW_BIAS_PX, FLOW_STEP_PX

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
IDENTITIES_PER_SHARD = 16
QUALITY = 94


@dataclass(frozen=True)
class Task:
    """One shard to make."""

    facekit: str
    file: str
    seeds: tuple[int, ...]
    frames: int
    size: int
    samples: int
    close: bool = False


@dataclass(frozen=True)
class ShardAbout:
    """One line of the manifest; `file` is relative to the folder."""

    file: str
    split: str
    seeds: tuple[int, ...]
    frames: int
    size: int
    seconds: float


def encode(rgb: U8, parts: U8, source: F32, depth: F32) -> tuple[bytes, bytes, bytes]:
    """A frame's picture (JPEG), mask (PNG), and flow with depth (16-bit PNG, half the size)."""
    image = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    mask = cv2.imencode(".png", parts, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1]
    coded = _coded_flow(source, depth)
    flow = cv2.imencode(".png", coded, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
    return image.tobytes(), mask.tobytes(), flow.tobytes()


def _coded_flow(source: F32, depth: F32) -> NDArray[np.uint16]:
    """[S/2, S/2, 4] as blue y... in OpenCV's order: depth there, y, x, depth here.

    Of each 2 x 2 pixels the nearest that agree are averaged, so that edges stay edges.
    """
    half = len(depth) // 2
    blocks = np.dstack([source, depth]).reshape(half, 2, half, 2, 4).swapaxes(1, 2)
    blocks = blocks.reshape(half, half, 4, 4)
    here = np.where(blocks[..., 3] > 0, blocks[..., 3], np.inf)
    front = here.min(-1, keepdims=True)
    same = (here < front + 0.6) & np.isfinite(here)
    weight = same / np.maximum(same.sum(-1, keepdims=True), 1)
    mean = (blocks * weight[..., None]).sum(2)
    there = same.any(-1)
    x, y = ((mean[..., k] + FLOW_BIAS_PX) / FLOW_STEP_PX for k in (0, 1))
    out = np.stack([mean[..., 2] / DEPTH_STEP, y, x, mean[..., 3] / DEPTH_STEP], -1)
    return np.asarray(np.clip(np.round(out), 0, 65535) * there[..., None], np.uint16)


def make_shard(task: Task, folder: Path) -> ShardAbout:
    """Render one shard and write it whole. The same task gives the same shard."""
    from training.studio.studio import HELD_OUT_SEEDS

    started = time.monotonic()
    studio = _studio(task)
    rows: list[dict[str, Any]] = []
    for seed in task.seeds:
        for number, frame in enumerate(studio.session(seed, task.frames, task.close)):
            picture = frame.picture
            files = encode(picture.rgb, picture.parts, picture.source, picture.depth)
            rows.append({"files": files, "labels": frame.labels, "kind": int(frame.kind),
                         "seed": seed, "number": number})  # fmt: skip
    held = task.seeds[0] in HELD_OUT_SEEDS
    about = ShardAbout(task.file, "heldout" if held else "train", task.seeds, len(rows), task.size,
                       round(time.monotonic() - started, 1))  # fmt: skip
    _save(folder, about, rows)
    return about


def _save(folder: Path, about: ShardAbout, rows: Sequence[dict[str, Any]]) -> None:
    tensors: dict[str, NDArray[Any]] = {
        name: np.stack([getattr(row["labels"], name) for row in rows]) for name in LABEL_SHAPES
    }
    for k, name in enumerate(("images", "masks", "flows")):
        files = [row["files"][k] for row in rows]
        tensors[name] = np.frombuffer(b"".join(files), np.uint8)
        tensors[f"{name}_starts"] = np.cumsum([0, *map(len, files)]).astype(np.int64)
    tensors["kind"] = np.array([row["kind"] for row in rows], np.uint8)
    tensors["seed"] = np.array([row["seed"] for row in rows], np.int32)
    tensors["number"] = np.array([row["number"] for row in rows], np.int16)
    path = folder / about.file
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    save_file(tensors, unfinished, metadata={"about": json.dumps(asdict(about))})
    unfinished.replace(path)


_STUDIOS: dict[tuple[str, int, int], Any] = {}


def _studio(task: Task) -> Any:
    """This process's studio, made at its first task."""
    from training.studio.studio import Studio

    key = task.facekit, task.size, task.samples
    if key not in _STUDIOS:
        _STUDIOS[key] = Studio(HeadModel(Path(task.facekit)), task.size, task.samples)
    return _STUDIOS[key]


def tasks(
    facekit: Path, *, identities: int, heldout: int, frames: int, size: int, samples: int,
    seed: int, close: bool = False,
) -> list[Task]:  # fmt: skip
    """All shards of a set. `seed` is the first training identity; held-out ones have their own."""
    from training.studio.studio import HELD_OUT_SEEDS

    if seed + identities > HELD_OUT_SEEDS.start:
        raise ValueError(f"training seeds must stay below {HELD_OUT_SEEDS.start}")
    found = []
    for split, first, count in (
        ("heldout", HELD_OUT_SEEDS.start, heldout),
        ("train", seed, identities),
    ):
        for start in range(first, first + count, IDENTITIES_PER_SHARD):
            seeds = tuple(range(start, min(start + IDENTITIES_PER_SHARD, first + count)))
            file = f"{split}-{start:06d}.safetensors"
            found.append(Task(str(facekit), file, seeds, frames, size, samples, close))
    return found


def _prepare() -> None:
    """One core a process: llvmpipe, OpenCV and BLAS must not fight over them."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["LP_NUM_THREADS"] = "0"  # llvmpipe counts those beside the caller's own
    cv2.setNumThreads(1)


def _run(job: tuple[Task, str]) -> dict[str, Any]:
    task, folder = job
    return asdict(make_shard(task, Path(folder)))


def render_all(wanted: Sequence[Task], folder: Path, jobs: int) -> Iterator[dict[str, Any]]:
    """Make the shards that are not there yet; a manifest line for each as it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(task, str(folder)) for task in wanted if not (folder / task.file).exists()]
    _prepare()
    if jobs == 1:
        yield from map(_run, missing)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_prepare) as pool:
        yield from pool.imap_unordered(_run, missing)


def write_manifest(folder: Path) -> int:
    """List all finished shards of a folder; returns the number of frames."""
    from training.studio.read import Shard

    lines = [Shard(path).about for path in sorted(folder.glob("*.safetensors"))]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(text)
    return sum(int(line["frames"]) for line in lines)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.studio.shards", description="Render a training set."
    )
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--identities", type=int, default=3000)
    parser.add_argument("--heldout", type=int, default=64, help="held-out identities")
    parser.add_argument("--frames", type=int, default=24, help="of each identity")
    parser.add_argument("--size", type=int, default=256, help="side of pictures, 128..512")
    parser.add_argument("--samples", type=int, default=2, choices=(1, 2), help="supersampling")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="first identity's seed")
    parser.add_argument("--close", action="store_true", help="faces fill the pictures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the head model or graphics cannot be had."""
    options = parse(arguments)
    console = Console(stderr=True)
    try:
        HeadModel(options.facekit)
    except HeadFileError as error:
        console.print(f"[red]{error}[/red]", soft_wrap=True)
        return 2
    wanted = tasks(options.facekit.resolve(), identities=options.identities,
                   heldout=options.heldout,
                   frames=options.frames, size=options.size, samples=options.samples,
                   seed=options.seed, close=options.close)  # fmt: skip
    columns = (TextColumn("shards"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(wanted))
        progress.advance(bar, sum((options.out / task.file).exists() for task in wanted))
        for _ in render_all(wanted, options.out, options.jobs):
            progress.advance(bar)
    frames = write_manifest(options.out)
    console.print(f"{frames} frames in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
