"""A daemon under load for long: does it grow?

Knows what is noted of every look (one line of JSON each) and the verdict: memory is flat when the
confidence interval of its slope lies below `FLAT_BYTES_PER_MIN`, and neither file descriptors nor
threads became more. Refuses to know how the load is made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from mien.backend.bench.plot import Curve, Panel, draw
from mien.backend.bench.slope import LEAST_SAMPLES, Slope, slope
from mien.backend.bench.watch import Look, daemon_missed_ratio

FLAT_BYTES_PER_MIN = 65_536.0  # 94 MB a day
WARM_UP = 0.2  # of the time, in which caches fill, is not judged
EVERY_S = 5.0
LINE_S = 20.0  # lines begin and end all the while


@dataclass(frozen=True)
class Sample:
    """One look."""

    t_s: float
    rss_bytes: int
    shm_bytes: int
    fds: int
    threads: int
    cpu_s: float
    frames: int  # in the rings so far, of the actors there are
    missed_ratio: float  # since the look before, as the daemon counts
    characters: int
    actors: int


@dataclass(frozen=True)
class Verdict:
    """What a soak says."""

    memory: Slope  # bytes a minute
    shared: Slope
    fds: tuple[int, int]  # most in the first half of what is judged, and in the second
    threads: tuple[int, int]

    @property
    def words(self) -> str:
        """flat, grows or undecided."""
        kept = self.fds[1] <= self.fds[0] and self.threads[1] <= self.threads[0]
        found = [one.verdict(FLAT_BYTES_PER_MIN) for one in (self.memory, self.shared)]
        if "grows" in found or not kept:
            return "grows"
        return "undecided" if "undecided" in found else "flat"


class Trace:
    """Writes a line of JSON for every look."""

    def __init__(self, file: TextIO) -> None:
        self.samples: list[Sample] = []
        self._file = file
        self._before: Look | None = None

    def note(self, look: Look) -> None:
        """One more."""
        before = self._before or look
        sample = Sample(
            round((look.at_us - (self._began_us(look))) / 1e6, 3),
            look.rss_bytes,
            look.shm_bytes,
            look.fds,
            look.threads,
            round(look.cpu_s, 3),
            sum(actor.frames for actor in look.stats.actors),
            daemon_missed_ratio([before, look]),
            look.stats.characters,
            len(look.stats.actors),
        )
        self._before = look
        self.samples.append(sample)
        self._file.write(json.dumps(vars(sample)) + "\n")
        self._file.flush()

    def _began_us(self, look: Look) -> int:
        if self._before is None:
            self._first_us = look.at_us
        return self._first_us


def judge(samples: Sequence[Sample], actors: int) -> Verdict:
    """Of the samples with the whole load on, after a warm-up. Raises ValueError for too few."""
    loaded = [sample for sample in samples if sample.actors >= actors]
    kept = loaded[round(WARM_UP * len(loaded)) :]
    if len(kept) < LEAST_SAMPLES:
        raise ValueError(
            f"only {len(kept)} looks at the daemon under load: soak for longer than that"
        )
    minutes = [sample.t_s / 60.0 for sample in kept]
    half = len(kept) // 2

    def most(values: Sequence[int]) -> tuple[int, int]:
        return max(values[:half]), max(values[half:])

    return Verdict(
        slope(minutes, [sample.rss_bytes for sample in kept]),
        slope(minutes, [sample.shm_bytes for sample in kept]),
        most([sample.fds for sample in kept]),
        most([sample.threads for sample in kept]),
    )


def as_json(verdict: Verdict, samples: Sequence[Sample], missed: float) -> dict[str, object]:
    """Everything of a soak but its samples; slopes in bytes a minute."""
    return {
        "minutes": round((samples[-1].t_s - samples[0].t_s) / 60.0, 3),
        "looks": len(samples),
        "verdict": verdict.words,
        "memory_slope": asdict(verdict.memory),
        "shared_memory_slope": asdict(verdict.shared),
        "flat_below": FLAT_BYTES_PER_MIN,
        "fds": list(verdict.fds),
        "threads": list(verdict.threads),
        "rss_bytes": samples[-1].rss_bytes,
        "missed_ratio": missed,
    }


def lines_of(verdict: Verdict, missed: float) -> list[tuple[str, str]]:
    """For a person."""
    return [
        ("verdict", verdict.words),
        ("memory", _slope_words(verdict.memory)),
        ("shared memory", _slope_words(verdict.shared)),
        ("file descriptors", f"{verdict.fds[0]}, then {verdict.fds[1]}"),
        ("threads", f"{verdict.threads[0]}, then {verdict.threads[1]}"),
        ("missed", f"{missed:.2%} of the frames that were due"),
    ]


def _slope_words(found: Slope) -> str:
    low, high = found.low / 1e3, found.high / 1e3
    return f"{found.per_x / 1e3:+.1f} kB a minute (95 %: {low:+.1f} to {high:+.1f})"


def picture(samples: Sequence[Sample], verdict: Verdict, to: Path) -> None:
    """Memory with its line, and what was missed, as PNG."""
    minutes = [sample.t_s / 60.0 for sample in samples]

    def dots(name: str, values: Sequence[float]) -> Curve:
        return Curve(name, list(zip(minutes, values, strict=True)), dots=True)

    words = _slope_words(verdict.memory)
    panels = [
        Panel("memory, MB", "minutes", [dots("resident", [s.rss_bytes / 1e6 for s in samples])],
              least_y=None, notes=(words, verdict.words)),
        Panel("shared memory, MB", "minutes",
              [dots("rings", [s.shm_bytes / 1e6 for s in samples])]),
        Panel("descriptors and threads", "minutes",
              [dots("descriptors", [s.fds for s in samples]),
               dots("threads", [s.threads for s in samples])]),
        Panel("missed, %, as the daemon counts", "minutes",
              [dots("missed", [100 * s.missed_ratio for s in samples])], limit=1.0),
    ]  # fmt: skip
    draw(panels, to)
