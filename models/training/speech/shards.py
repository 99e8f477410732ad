"""The corpus on disk: shards, the manifest, and what a reader gets.

Knows the file format. Refuses to know how speech is made.

`shards/<voice>-<k>.npz`: `audio` int16 [N] (all utterances joined, 16 kHz), `audio_starts` int64
[U+1], `seg_start_s`, `seg_end_s` float32 [M] (from the utterance's start), `seg_viseme` uint8 [M]
(index into VISEMES), `seg_stress` float16 [M], `seg_starts` int64 [U+1], `about` (JSON of the
manifest's line). `manifest.jsonl`: one line a shard. Files appear whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.paths import cache
from training.speech.phones import INDEX, VISEMES, Segment
from training.speech.voice import SAMPLE_RATE_HZ, Spoken

SPLITS = ("train", "heldout_voice", "heldout_language")


@dataclass(frozen=True)
class ShardAbout:
    """One line of the manifest; `file` is relative to the corpus folder."""

    file: str
    engine: str
    voice: str
    language: str
    split: str
    seconds: float
    utterances: int


@dataclass(frozen=True)
class Utterance:
    """One utterance of the corpus."""

    audio: NDArray[np.float32]  # [N], 16 kHz mono
    segments: list[Segment]  # from 0 to the end of the audio
    voice: str
    language: str
    split: str


def default_folder() -> Path:
    """Where the corpus lies unless told otherwise."""
    return cache() / "corpus"


def file_name(voice: str, k: int) -> str:
    """A shard's file, relative to the corpus folder."""
    return f"shards/{voice.replace('+', '_').replace('/', '_')}-{k:03d}.npz"


def save_shard(folder: Path, about: ShardAbout, spoken: Sequence[Spoken]) -> None:
    """Write one shard; a reader never sees half of it."""
    segments = [segment for one in spoken for segment in one.segments]
    audio = np.concatenate([one.audio for one in spoken])
    path = folder / about.file
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with unfinished.open("wb") as out:
        np.savez(
            out,
            audio=np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16),
            audio_starts=_starts([len(one.audio) for one in spoken]),
            seg_start_s=np.array([s.start_s for s in segments], np.float32),
            seg_end_s=np.array([s.end_s for s in segments], np.float32),
            seg_viseme=np.array([INDEX[s.viseme] for s in segments], np.uint8),
            seg_stress=np.array([s.stress for s in segments], np.float16),
            seg_starts=_starts([len(one.segments) for one in spoken]),
            about=np.array(json.dumps(asdict(about))),
        )
    unfinished.replace(path)


def load_shard(path: Path) -> list[Utterance]:
    """All utterances of a shard."""
    with np.load(path) as data:
        about = json.loads(str(data["about"]))
        audio = data["audio"].astype(np.float32) / 32767
        sound, rows = data["audio_starts"], data["seg_starts"]
        starts, ends = data["seg_start_s"].tolist(), data["seg_end_s"].tolist()
        visemes, stresses = data["seg_viseme"].tolist(), data["seg_stress"].tolist()
    found: list[Utterance] = []
    for u in range(len(sound) - 1):
        segments = [
            Segment(starts[i], ends[i], VISEMES[visemes[i]], stresses[i])
            for i in range(rows[u], rows[u + 1])
        ]
        piece = audio[sound[u] : sound[u + 1]]
        found.append(Utterance(piece, segments, about["voice"], about["language"], about["split"]))
    return found


def read_manifest(folder: Path | None = None) -> list[ShardAbout]:
    """The manifest; shards that are gone are left out."""
    folder = folder or default_folder()
    path = folder / "manifest.jsonl"
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [ShardAbout(**line) for line in lines if (folder / line["file"]).exists()]


def rebuild_manifest(folder: Path) -> list[ShardAbout]:
    """Make the manifest agree with the shards that are there."""
    known = {about.file: about for about in read_manifest(folder)}
    found: list[ShardAbout] = []
    for path in sorted((folder / "shards").glob("*.npz")):
        name = f"shards/{path.name}"
        found.append(known.get(name) or _read_about(path))
    write_manifest(folder, found)
    return found


def write_manifest(folder: Path, shards: Iterable[ShardAbout]) -> None:
    """Replace the manifest in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".manifest.{os.getpid()}.tmp"
    unfinished.write_text("".join(json.dumps(asdict(s)) + "\n" for s in shards), "utf-8")
    unfinished.replace(folder / "manifest.jsonl")


def append_manifest(folder: Path, about: ShardAbout) -> None:
    """Add one line."""
    with (folder / "manifest.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(about)) + "\n")


def _read_about(path: Path) -> ShardAbout:
    with np.load(path) as data:
        return ShardAbout(**json.loads(str(data["about"])))


def _starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def seconds(spoken: Iterable[Spoken]) -> float:
    """How long it all is."""
    return sum(len(one.audio) for one in spoken) / SAMPLE_RATE_HZ
