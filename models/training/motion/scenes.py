"""Scenes: half a minute of speech and pauses with the teacher's performance of it.

Knows how utterances become scenes, where scenes lie on disk, and what a scene holds. Resumable:
scenes that exist are kept. Refuses to know networks.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mien.models.motion.diffusion.mel import BANDS, whole_log_mel
from mien.models.motion.diffusion.tokens import to_tokens
from mien.models.motion.diffusion.wishes import wish_vector
from mien.models.motion.types import HOP_SAMPLES, SAMPLE_RATE_HZ, Controls
from training.paths import cache
from training.speech.corpus import Utterance, load_shard
from training.speech.phones import Segment
from training.teacher import random_controls, teach

F32 = NDArray[np.float32]
SCENE_S = 24.0
FRAMES = round(SCENE_S * SAMPLE_RATE_HZ / HOP_SAMPLES)
IDLE_SHARE = 0.08  # scenes in which nobody speaks


@dataclass(frozen=True)
class Scene:
    """What a network learns from; T frames."""

    mel: NDArray[np.float16]  # [2T, 2, BANDS] natural-log power
    tokens: F32  # [T, TOKEN]
    wishes: F32  # [T, CONDITIONS]
    close: F32  # [T] 0..1, lips are to meet
    labiodental: F32  # [T]
    speech: F32  # [T]


def compose(utterances: Sequence[Utterance], rng: np.random.Generator) -> tuple[F32, list[Segment]]:
    """Return SCENE_S of sound and its segments: utterances with pauses of every length."""
    sound = np.zeros(FRAMES * HOP_SAMPLES, np.float32)
    segments: list[Segment] = []
    at_s = float(rng.uniform(0.2, 2.0))
    for pick in rng.permutation(len(utterances)):
        utterance = utterances[int(pick)]
        start = round(at_s * SAMPLE_RATE_HZ)
        end = start + len(utterance.audio)
        if end > len(sound):
            break
        sound[start:end] = utterance.audio
        offset = start / SAMPLE_RATE_HZ
        segments += [s.moved(offset) for s in utterance.segments]
        long = rng.random() < 0.12
        at_s = end / SAMPLE_RATE_HZ + float(
            rng.uniform(2.0, 6.0) if long else rng.uniform(0.15, 1.3)
        )
    return sound, segments


def perform(sound: F32, segments: list[Segment], seed: int) -> Scene:
    """Return the scene that the teacher makes of it, in a style and with controls of `seed`."""
    rng = np.random.default_rng(seed)
    controls: Controls = random_controls(rng, FRAMES)
    # The way to a distance is a law (`diffusion.nearness`): the teacher's head stays in place.
    still = replace(controls, distance=np.ones_like(controls.distance))
    played = teach(sound, segments, seed=seed, style=None, controls=still)
    mel = whole_log_mel(sound).astype(np.float16).reshape(-1, 2, BANDS)
    return Scene(
        mel=mel,
        tokens=to_tokens(played.dynamics, played.pose, played.gaze_rad),
        wishes=wish_vector(controls),
        close=played.close, labiodental=played.labiodental, speech=played.speech,
    )  # fmt: skip


def save(path: Path, scenes: Sequence[Scene]) -> None:
    """Write scenes stacked, atomically."""
    new = path.with_suffix(".new.npz")
    np.savez(
        new,
        mel=np.stack([s.mel for s in scenes]),
        tokens=np.stack([s.tokens for s in scenes]).astype(np.float32),
        wishes=np.stack([s.wishes for s in scenes]).astype(np.float16),
        close=np.stack([s.close for s in scenes]).astype(np.float16),
        labiodental=np.stack([s.labiodental for s in scenes]).astype(np.float16),
        speech=np.stack([s.speech for s in scenes]).astype(np.float16),
    )
    new.replace(path)


def load(path: Path) -> list[Scene]:
    """Read scenes back."""
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    f32 = {k: v.astype(np.float32) for k, v in arrays.items() if k != "mel"}
    return [
        Scene(mel=arrays["mel"][i], **{k: v[i] for k, v in f32.items()})
        for i in range(len(arrays["mel"]))
    ]


def shard_scenes(shard: Path, out: Path, takes: int) -> int:
    """Perform the scenes of one shard of the corpus, `takes` times; return how many there are."""
    path = out / f"{shard.stem}.npz"
    if path.exists():
        return 0
    seed = int.from_bytes(shard.stem.encode()[-8:], "little") % 2**31
    rng = np.random.default_rng(seed)
    utterances = [u for u in load_shard(shard) if u.split == "train"]
    seconds = sum(len(u.audio) for u in utterances) / SAMPLE_RATE_HZ
    scenes = []
    for _ in range(takes * max(1, round(1.25 * seconds / SCENE_S)) if utterances else 0):
        idle = rng.random() < IDLE_SHARE
        sound, segments = compose([] if idle else utterances, rng)
        scenes.append(perform(sound, segments, int(rng.integers(2**31))))
    if scenes:
        save(path, scenes)
    return len(scenes)


def _task(job: tuple[Path, Path, int]) -> tuple[str, int, float]:
    began = time.monotonic()
    count = shard_scenes(*job)
    return job[0].name, count, time.monotonic() - began


def make(corpus: Path, out: Path, jobs: int, takes: int = 1, limit: int | None = None) -> None:
    """Perform every train shard of the corpus that has no scenes yet."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]
    shards = [corpus / "shards" / Path(x["file"]).name for x in lines if x["split"] == "train"]
    shards = [s for s in shards if s.exists() and not (out / f"{s.stem}.npz").exists()][:limit]
    work = [(shard, out, takes) for shard in shards]
    if jobs == 1:
        for job in track(work, description="Performing scenes"):
            _task(job)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for _ in track(pool.map(_task, work), total=len(work), description="Performing scenes"):
            pass


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Performs scenes of the corpus by the teacher.")
    parser.add_argument("--corpus", type=Path, default=cache() / "corpus")
    parser.add_argument("--out", type=Path, default=cache() / "scenes")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--takes", type=int, default=1)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    make(options.corpus, options.out, options.jobs, options.takes, options.limit)


if __name__ == "__main__":
    main()
