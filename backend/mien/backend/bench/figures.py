"""Measurements as figures with their spread, and how they are printed.

Knows medians, percentiles, targets and tables. Refuses to know how anything was measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One thing measured: the median of `count` runs, and where 5 % and 95 % of them lay."""

    name: str
    unit: str
    median: float
    p5: float
    p95: float
    count: int
    target: float | None = None  # at most this, where the design promises something

    @classmethod
    def of(
        cls, name: str, unit: str, values: Sequence[float], target: float | None = None
    ) -> Figure:
        """Summarise runs."""
        found = np.percentile(np.asarray(values, np.float64), (5, 50, 95))
        low, middle, high = (round(float(value), 4) for value in found)
        return cls(name, unit, middle, low, high, len(values), target)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the promise; None where nothing was promised."""
        return None if self.target is None else self.median <= self.target


@dataclass
class Findings:
    """Everything of one run of the bench."""

    machine: dict[str, str]
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Keep a figure."""
        self.figures.append(figure)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        rows = [{**asdict(figure), "met": figure.met} for figure in self.figures]
        return {"machine": self.machine, "figures": rows}

    def as_markdown(self) -> str:
        """For docs/benchmarks.md."""
        lines = [f"Machine: {'; '.join(f'{k} {v}' for k, v in self.machine.items())}.", ""]
        lines += ["| what | median | 5 %–95 % | runs | promised |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row(figure))} |" for figure in self.figures]
        return "\n".join(lines) + "\n"


def row(figure: Figure) -> tuple[str, str, str, str, str]:
    """The cells of a table row."""
    promised = "" if figure.target is None else f"≤ {number(figure.target)} {figure.unit}"
    if figure.met is not None:
        promised += ": kept" if figure.met else ": **missed**"
    return (
        figure.name,
        f"{number(figure.median)} {figure.unit}",
        f"{number(figure.p5)}–{number(figure.p95)}" if figure.count > 1 else "",
        str(figure.count),
        promised,
    )


def number(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def time_ms(call: Callable[[], object], runs: int, warm_up: int = 2) -> list[float]:
    """How long `call` takes, in milliseconds, `runs` times after `warm_up` unmeasured ones."""
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(runs):
        started = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - started) / 1e6)
    return taken
