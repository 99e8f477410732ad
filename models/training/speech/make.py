"""Makes one shard: chooses the words and the manner, has them spoken, checks, and levels.

Knows how the engines are called. Refuses to know which shards are wanted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.speech import espeak, festival, flite, sung
from training.speech.phones import Segment, tidy
from training.speech.plan import Source, Task
from training.speech.sentences import Sentences
from training.speech.shards import ShardAbout, file_name, save_shard
from training.speech.voice import SAMPLE_RATE_HZ, Manner, SpeechFailed, Spoken

BATCH = 24  # utterances in one festival process
SHORTEST_S, LONGEST_S = 0.6, 30.0
LEVEL = 0.07  # RMS of what sounds, relative to full scale
QUIETER_DB = {"whispered": 11.0, "shouted": -4.0}
STYLED = {"sung": sung.sing, "whispered": sung.whisper, "shouted": sung.shout}


def make_shard(task: Task, folder: Path) -> ShardAbout:
    """Speak one shard and write it. The same task gives the same shard.

    Raises EngineMissing, or SpeechFailed when the voice gives nothing usable.
    """
    source = task.source
    spoken: list[Spoken] = []
    total_s = 0.0
    for one in speech(source, seed=task.k):
        spoken.append(one)
        total_s += len(one.audio) / SAMPLE_RATE_HZ
        if total_s >= task.seconds:
            break
    about = ShardAbout(
        file_name(source.voice, task.k), source.engine, source.voice, source.language, source.split,
        round(total_s, 3), len(spoken),
    )  # fmt: skip
    save_shard(folder, about, spoken)
    return about


def speech(source: Source, seed: int) -> Iterator[Spoken]:
    """Endless utterances of one voice. Raises SpeechFailed when too few of them are good."""
    rng = random.Random(f"{source.voice} {seed}")
    sentences = Sentences(source.language, rng.getrandbits(48))
    said = failed = 0
    while True:
        texts = [sentences.next() for _ in range(BATCH if source.engine == "festival" else 1)]
        manners = [some_manner(rng) for _ in texts]
        for one in _speak(source, texts, manners, rng):
            good = check(one)
            said += good is not None
            failed += good is None
            if good is not None:
                yield finish(good, rng, QUIETER_DB.get(source.engine, 0.0))
        if failed > 40 and failed > 4 * said:
            raise SpeechFailed(f"{source.voice}: {failed} of {failed + said} utterances unusable")


def some_manner(rng: random.Random) -> Manner:
    """How people vary: mostly near 1, sometimes far."""
    return Manner(
        stretch=float(np.clip(np.exp(rng.gauss(0.03, 0.16)), 0.75, 1.4)),
        pitch=float(np.clip(np.exp(rng.gauss(0.0, 0.13)), 0.72, 1.4)),
        liveliness=float(np.clip(np.exp(rng.gauss(0.15, 0.35)), 0.4, 2.4)),
    )


def _speak(
    source: Source, texts: list[str], manners: list[Manner], rng: random.Random
) -> list[Spoken | None]:
    if source.engine == "festival":
        return festival.speak(source.engine_voice, texts, manners)
    engine = flite if source.engine_voice in flite.VOICES else espeak
    found: list[Spoken | None] = []
    for text, manner in zip(texts, manners, strict=True):
        try:
            one = engine.speak(source.engine_voice, text, manner)
        except SpeechFailed:
            found.append(None)
            continue
        style = STYLED.get(source.engine)
        found.append(style(one, rng.getrandbits(32)) if style else one)
    return found


def check(one: Spoken | None) -> Spoken | None:
    """The utterance, its segments cut to its sound; None unless it is of use."""
    if one is None or not SHORTEST_S <= len(one.audio) / SAMPLE_RATE_HZ <= LONGEST_S:
        return None
    if not np.isfinite(one.audio).all() or float(np.abs(one.audio).max()) < 1e-3:
        return None
    length_s = len(one.audio) / SAMPLE_RATE_HZ
    segments = [replace(s, end_s=min(s.end_s, length_s)) for s in one.segments]
    segments = tidy(s for s in segments if s.end_s > s.start_s)
    if sum(s.viseme != "sil" for s in segments) < 3:
        return None
    if segments[-1].end_s < length_s:
        segments = tidy([*segments, Segment(segments[-1].end_s, length_s, "sil")])
    return Spoken(one.audio, segments)


def finish(one: Spoken, rng: random.Random, quieter_db: float = 0.0) -> Spoken:
    """Quiet before and after, and a level that varies a little."""
    before_s = _missing_quiet_s(one.segments[0], rng.uniform(0.08, 0.35))
    after_s = _missing_quiet_s(one.segments[-1], rng.uniform(0.08, 0.35))
    margins = round(before_s * SAMPLE_RATE_HZ), round(after_s * SAMPLE_RATE_HZ)
    audio = np.pad(one.audio, margins)
    before_s = margins[0] / SAMPLE_RATE_HZ
    moved = [
        replace(s, start_s=s.start_s + before_s, end_s=s.end_s + before_s) for s in one.segments
    ]
    length_s = len(audio) / SAMPLE_RATE_HZ
    segments = tidy(
        [Segment(0.0, before_s, "sil"), *moved, Segment(moved[-1].end_s, length_s, "sil")]
    )
    loud = audio[np.abs(audio) > 0.05 * np.abs(audio).max()]
    gain = LEVEL * 10 ** ((rng.gauss(0, 2.5) - quieter_db) / 20) / float(np.sqrt(np.mean(loud**2)))
    gain = min(gain, 0.97 / float(np.abs(audio).max()))
    return Spoken((audio * gain).astype(np.float32), segments)


def _missing_quiet_s(segment: Segment, wanted_s: float) -> float:
    there_s = segment.end_s - segment.start_s if segment.viseme == "sil" else 0.0
    return max(0.0, wanted_s - there_s)
