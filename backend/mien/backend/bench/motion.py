"""What it costs to move faces, by each source, on one core.

Knows how to time blocks for one actor and for many together, scaled to 0.2 s of motion so that
sources with blocks of different length compare. Refuses to judge how it looks.
"""

from __future__ import annotations

import time

import numpy as np

from mien.backend.bench.figures import Figure, Findings
from mien.backend.lanes import Feed, LaneBuckets
from mien.backend.motion import SOURCES, MotionChoice, steps_of
from mien.models.motion.types import FRAME_RATE_HZ, HOP_SAMPLES, Controls, MotionGenerator

SPAN_S = 0.2
RUNS_S = 8.0  # of motion that is timed
# Who is moved together, and what 0.2 s may take: real time, but for one actor alone.
COMPANIES = (("one actor", 1, 40.0), ("eight", 8, 200.0), ("32", 32, 200.0))


def measure(findings: Findings) -> None:
    """Rows for every source; a source that cannot be had is left out, and named."""
    for source in SOURCES:
        choice = MotionChoice(source)
        try:
            generator = choice.make()
        except ValueError as problem:  # MotionSourceError among them
            findings.machine[f"motion by {source}"] = f"not measured: {problem}"
            continue
        what = words_of(choice, generator)
        _speed(findings, what, generator)
        steps = steps_of(generator)
        if steps is not None:
            for fewer in _fewer(steps):
                less = generator.with_steps(fewer)  # type: ignore[attr-defined]
                _speed(findings, words_of(choice, less), less)
        lanes = LaneBuckets(generator)
        lanes.take(0)
        findings.add(Figure.of(f"{what}: state of an actor", "KB", [lanes.lane_bytes / 1e3]))


def words_of(choice: MotionChoice, generator: MotionGenerator) -> str:
    """A row's beginning: source, steps, runtime with its precision."""
    precision = getattr(getattr(generator, "runtime", None), "precision", None)
    return f"motion by {choice.words(generator)}" + (f" {precision}" if precision else "")


def _fewer(steps: int) -> list[int]:
    return sorted({max(steps // 2, 1), 1} - {steps}, reverse=True)


def _speed(findings: Findings, what: str, generator: MotionGenerator) -> None:
    scale = SPAN_S * FRAME_RATE_HZ / generator.block_frames
    for actors, lanes, most in COMPANIES:
        spans = [scale * ms for ms in block_ms(generator, lanes)]
        findings.add(Figure.of(f"{what}: 0.2 s for {actors}", "ms", spans, most))


def block_ms(generator: MotionGenerator, lanes: int) -> list[float]:
    """How long each block takes for so many actors in one batch, after a few unmeasured ones."""
    buckets = LaneBuckets(generator)
    places = [buckets.take(seed) for seed in range(lanes)]
    block = generator.block_frames
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(3 + round(RUNS_S * FRAME_RATE_HZ / block)):
        sound = rng.normal(0, 0.1, (lanes, block * HOP_SAMPLES)).astype(np.float32)
        feeds = {place: Feed(sound[i], Controls.neutral(block)) for i, place in enumerate(places)}
        started = time.perf_counter()
        made = buckets.step(feeds)
        taken.append((time.perf_counter() - started) * 1e3)
        problems = [result for result in made.values() if isinstance(result, Exception)]
        if problems:
            raise problems[0]
    return taken[3:]
