"""Do the labels fit the sound? Statistics of a corpus, voice by voice.

Knows where a vowel must be louder than a closure and where energy must rise and fall. Refuses to
know how a label was made.

    python -m training.speech.audit [--out FOLDER] [--shards 1]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from training.speech.phones import VOWELS, Segment
from training.speech.shards import Utterance, default_folder, load_shard, read_manifest
from training.speech.voice import SAMPLE_RATE_HZ, f32

HOP = 40  # 2.5 ms
WINDOW = 160  # 10 ms
STOPS = ("p", "td", "k")
REACH_S = 0.07  # how far from its label an edge is looked for
FLOOR_DB = -70.0


@dataclass(frozen=True)
class Fit:
    """How a voice's labels fit. Levels in dB; edges in seconds, positive: the sound is late."""

    voice: str
    vowel_db: float
    stop_db: float
    silence_db: float
    shift_s: float  # best single shift of all labels
    closing_s: float  # vowel → p/b/t/d: the median lateness of the fall
    opening_s: float  # p/b/t/d → vowel: of the rise
    correlation: float  # of vowel-ness and energy, at the best shift


def envelope(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energy in dB every 2.5 ms, pre-emphasis so that voice bars of closures weigh little.

    [N] → [F]; frame f is centred on f·HOP + WINDOW/2 samples.
    """
    sharp = np.append(audio[:1], audio[1:] - 0.9 * audio[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW)[::HOP]
    power = (frames**2).mean(1)
    level = 10 * np.log10(power / max(float(np.percentile(power, 95)), 1e-9) + 1e-9)
    return f32(np.maximum(level, FLOOR_DB))


def fit(voice: str, utterances: Iterable[Utterance]) -> Fit:
    """Measure a voice over its utterances."""
    levels: dict[str, list[float]] = defaultdict(list)
    closing: list[float] = []
    opening: list[float] = []
    lags = np.arange(-24, 25)
    sums = np.zeros((len(lags), 5))
    for one in utterances:
        if len(one.audio) < 4 * WINDOW:
            continue
        energy = envelope(one.audio)
        for kind, level in _levels(energy, one.segments):
            levels[kind].append(level)
        falls, rises = _edges(energy, one.segments)
        closing += falls
        opening += rises
        sums += _correlate(energy, one.segments, lags)
    n, x, y, xy, yy = sums.T
    spread = np.sqrt(np.maximum((x / n) * (1 - x / n) * (yy / n - (y / n) ** 2), 1e-12))
    r = (xy / n - x * y / n**2) / spread
    best = int(np.argmax(r))
    mean = {kind: float(np.mean(values)) if values else np.nan for kind, values in levels.items()}
    nan = float("nan")
    return Fit(
        voice, mean.get("vowel", nan), mean.get("stop", nan), mean.get("sil", nan),
        float(lags[best]) * HOP / SAMPLE_RATE_HZ,
        float(np.median(closing)) if closing else nan,
        float(np.median(opening)) if opening else nan,
        float(r[best]),
    )  # fmt: skip


def _frame(at_s: float) -> int:
    return round((at_s * SAMPLE_RATE_HZ - WINDOW / 2) / HOP)


def _levels(
    energy: NDArray[np.float32], segments: Sequence[Segment]
) -> Iterable[tuple[str, float]]:
    for s in segments:
        # The first 60 % of a stop: its burst is loud and belongs to it.
        end_s = s.start_s + 0.6 * (s.end_s - s.start_s) if s.viseme in STOPS else s.end_s
        part = energy[max(0, _frame(s.start_s)) : max(0, _frame(end_s))]
        kind = "vowel" if s.viseme in VOWELS else "stop" if s.viseme in STOPS else s.viseme
        if len(part) and kind in ("vowel", "stop", "sil"):
            yield kind, float(part.mean())


def _edges(
    energy: NDArray[np.float32], segments: Sequence[Segment]
) -> tuple[list[float], list[float]]:
    """Lateness in seconds of the steepest fall and rise near each edge of vowel and stop."""
    slope = np.convolve(energy, np.repeat([1.0, -1.0], 6), "same") / 6
    reach = round(REACH_S * SAMPLE_RATE_HZ / HOP)
    falls: list[float] = []
    rises: list[float] = []
    for before, after in pairwise(segments):
        at = _frame(after.start_s)
        if at < reach or at + reach >= len(slope):
            continue
        near = slope[at - reach : at + reach + 1]
        if before.viseme in VOWELS and after.viseme in STOPS:
            falls.append((int(np.argmin(near)) - reach) * HOP / SAMPLE_RATE_HZ)
        elif before.viseme in STOPS and after.viseme in VOWELS:
            rises.append((int(np.argmax(near)) - reach) * HOP / SAMPLE_RATE_HZ)
    return falls, rises


def _correlate(
    energy: NDArray[np.float32], segments: Sequence[Segment], lags: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sums for the correlation of 'is a vowel' with energy, for every lag: n, x, y, xy, yy."""
    vowel = np.zeros(len(energy))
    for s in segments:
        if s.viseme in VOWELS:
            vowel[max(0, _frame(s.start_s)) : max(0, _frame(s.end_s))] = 1
    rows: list[list[float]] = []
    for lag in lags:
        moved = np.roll(energy, -lag).astype(np.float64)
        products = float(vowel @ moved), float(moved @ moved)
        rows.append([len(vowel), float(vowel.sum()), float(moved.sum()), *products])
    return np.array(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--shards", type=int, default=1, help="of each voice")
    options = parser.parse_args()
    folder = options.out or default_folder()
    by_voice: dict[str, list[Path]] = defaultdict(list)
    for about in read_manifest(folder):
        by_voice[about.voice].append(folder / about.file)
    heads = ("voice", "vowel dB", "stop dB", "sil dB", "shift ms", "closing", "opening", "r")
    table = Table(*heads, title="labels against sound")
    for voice, files in sorted(by_voice.items()):
        f = fit(voice, (one for path in files[: options.shards] for one in load_shard(path)))
        figures = (f.vowel_db, f.stop_db, f.silence_db, *(
            1000 * t for t in (f.shift_s, f.closing_s, f.opening_s)))  # fmt: skip
        table.add_row(voice, *(f"{figure:.0f}" for figure in figures), f"{f.correlation:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
