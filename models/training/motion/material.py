"""Speech as the encoder trains on it: mel slices, with viseme and mouth of every 20 ms.

Knows how shards of the corpus become long streams with pauses, and how windows are drawn from
them. The mouth is the plain teacher's: what an average speaker's lips do there. Refuses to know
networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.diffusion.mel import BANDS, MEL_HOP_SAMPLES, whole_log_mel
from mien.models.motion.diffusion.tokens import FACE_COLUMNS, MOUTH
from mien.models.motion.types import SAMPLE_RATE_HZ
from training.speech.corpus import Utterance, load_shard
from training.speech.phones import INDEX, Segment
from training.teacher import PLAIN, teach

SLICE_SAMPLES = 2 * MEL_HOP_SAMPLES
SLICE_S = SLICE_SAMPLES / SAMPLE_RATE_HZ
F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
MOUTH_COLUMNS = FACE_COLUMNS[MOUTH]
# How often a voice is heard, for its length: recorded speech teaches more than formants do.
ENGINE_WEIGHT = {"flite": 3.0, "festival": 2.0, "espeak": 1.0, "sung": 0.7, "whisper": 0.7}


@dataclass(frozen=True)
class Stream:
    """One shard as one stream: utterances of a voice with pauses between them."""

    mel: F16  # [S, 2, BANDS] natural-log power
    viseme: NDArray[np.int8]  # [S] at the start of each slice
    mouth: F16  # [S, M] the plain teacher's MOUTH_COLUMNS there
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


def mouth_track(sound: F32, segments: Sequence[Segment], slices: int) -> F16:
    """Return the plain teacher's mouth at the time of every slice's start, [slices, M]."""
    played = teach(sound, segments, seed=0, style=PLAIN).dynamics[:, MOUTH_COLUMNS]
    later = np.concatenate([played[1:], played[-1:]])
    between = np.stack([played, 0.5 * (played + later)], axis=1)
    return between.reshape(-1, played.shape[1])[:slices].astype(np.float16)


def stream_of(utterances: Sequence[Utterance], engine: str, rng: np.random.Generator) -> Stream:
    """Join utterances with pauses of 0.1 to 1.2 s of silence."""
    sounds: list[F32] = []
    segments: list[Segment] = []
    begun = 0  # slices
    for utterance in utterances:
        pause = int(rng.uniform(0.1, 1.2) / SLICE_S)
        length = -(-len(utterance.audio) // SLICE_SAMPLES)
        sound = np.zeros((length + pause) * SLICE_SAMPLES, np.float32)
        sound[: len(utterance.audio)] = utterance.audio
        sounds.append(sound)
        segments += [s.moved(begun * SLICE_S) for s in utterance.segments]
        begun += length + pause
    sound = np.concatenate(sounds)
    mel = whole_log_mel(sound).astype(np.float16).reshape(-1, 2, BANDS)
    viseme, mouth = viseme_track(segments, len(mel)), mouth_track(sound, segments, len(mel))
    return Stream(mel, viseme, mouth, ENGINE_WEIGHT.get(engine, 1.0))


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

    def draw(self, batch: int, slices: int) -> tuple[F32, NDArray[np.int64], F32]:
        """Return windows: mel [B, S, 2, BANDS], visemes [B, S] and mouths [B, S, M]."""
        usable = [s for s in self.streams if len(s) > slices]
        chance = np.array([len(s) * s.weight for s in usable], np.float64)
        picks = self._rng.choice(len(usable), batch, p=chance / chance.sum())
        parts = []
        for pick in picks:
            at = int(self._rng.integers(len(usable[pick]) - slices))
            parts.append((usable[pick], slice(at, at + slices)))
        return (
            np.stack([s.mel[w].astype(np.float32) for s, w in parts]),
            np.stack([s.viseme[w].astype(np.int64) for s, w in parts]),
            np.stack([s.mouth[w].astype(np.float32) for s, w in parts]),
        )

    def mouth_spread(self) -> F32:
        """How much each mouth coefficient moves, [M]."""
        some = self.streams[:: max(1, len(self.streams) // 40)]
        return np.concatenate([s.mouth for s in some]).astype(np.float32).std(0)
