"""Speech as the encoder trains on it: mel slices with the viseme of every 20 ms.

Knows how shards of the corpus become long streams with pauses, and how windows are drawn from
them. Refuses to know networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.diffusion.mel import BANDS, MEL_HOP_SAMPLES, whole_log_mel
from mien.models.motion.types import SAMPLE_RATE_HZ
from training.speech.corpus import Utterance, load_shard
from training.speech.phones import INDEX, Segment

SLICE_SAMPLES = 2 * MEL_HOP_SAMPLES
SLICE_S = SLICE_SAMPLES / SAMPLE_RATE_HZ
UNKNOWN = -1
F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
# How often a voice is heard, for its length: recorded speech teaches more than formants do.
ENGINE_WEIGHT = {"flite": 3.0, "festival": 2.0, "espeak": 1.0, "sung": 0.7, "whisper": 0.7}


@dataclass(frozen=True)
class Stream:
    """One shard as one stream: utterances of a voice with pauses between them."""

    mel: F16  # [S, 2, BANDS] natural-log power
    viseme: NDArray[np.int8]  # [S] at the start of each slice, UNKNOWN where nobody can say
    weight: float

    def __len__(self) -> int:
        return len(self.mel)


def viseme_track(segments: Sequence[Segment], slices: int) -> NDArray[np.int8]:
    """Return the viseme index at the time of every slice's start, [slices]."""
    track = np.full(slices, INDEX["sil"], np.int8)
    for segment in segments:
        first = int(np.ceil(segment.start_s / SLICE_S - 1e-6))
        last = int(np.ceil(segment.end_s / SLICE_S - 1e-6))
        track[max(first, 0) : last] = INDEX[segment.viseme]
    return track


def stream_of(utterances: Sequence[Utterance], engine: str, rng: np.random.Generator) -> Stream:
    """Join utterances with pauses of 0.1 to 1.2 s of silence."""
    sounds: list[F32] = []
    tracks: list[NDArray[np.int8]] = []
    for utterance in utterances:
        pause = int(rng.uniform(0.1, 1.2) / SLICE_S)
        length = -(-len(utterance.audio) // SLICE_SAMPLES)
        sound = np.zeros((length + pause) * SLICE_SAMPLES, np.float32)
        sound[: len(utterance.audio)] = utterance.audio
        sounds.append(sound)
        tracks.append(viseme_track(utterance.segments, length + pause))
    mel = whole_log_mel(np.concatenate(sounds)).astype(np.float16).reshape(-1, 2, BANDS)
    return Stream(mel, np.concatenate(tracks), ENGINE_WEIGHT.get(engine, 1.0))


class Pool:
    """All streams of a corpus that is perhaps still growing."""

    def __init__(self, folder: Path, seed: int = 0, split: str = "train") -> None:
        self._folder = folder
        self._split = split
        self._rng = np.random.default_rng(seed)
        self._seen: set[str] = set()
        self.streams: list[Stream] = []

    @property
    def hours(self) -> float:
        """How much speech there is."""
        return sum(len(stream) for stream in self.streams) * SLICE_S / 3600

    def refresh(self, limit: int | None = None) -> int:
        """Load at most `limit` shards that have appeared since; return how many."""
        fresh = [
            p for p in sorted((self._folder / "shards").glob("*.npz")) if p.name not in self._seen
        ]
        if limit is not None and len(fresh) > limit:
            fresh = [fresh[i] for i in self._rng.permutation(len(fresh))[:limit]]
        for path in fresh:
            self._seen.add(path.name)
            utterances = [u for u in load_shard(path) if u.split == self._split]
            if utterances:
                engine = path.name.split("-", 1)[0].split("_", 1)[0]
                self.streams.append(stream_of(utterances, engine, self._rng))
        return len(fresh)

    def draw(self, batch: int, slices: int) -> tuple[F32, NDArray[np.int64]]:
        """Return windows: mel [B, slices, 2, BANDS] and visemes [B, slices]."""
        usable = [s for s in self.streams if len(s) > slices]
        chance = np.array([len(s) * s.weight for s in usable], np.float64)
        picks = self._rng.choice(len(usable), batch, p=chance / chance.sum())
        mels, tracks = [], []
        for pick in picks:
            stream = usable[pick]
            at = int(self._rng.integers(len(stream) - slices))
            mels.append(stream.mel[at : at + slices].astype(np.float32))
            tracks.append(stream.viseme[at : at + slices].astype(np.int64))
        return np.stack(mels), np.stack(tracks)
