"""How many actors a machine sustains: the load is doubled, then halved in on.

Knows what sustained means: less than 1 % of the frames that were due missed, everybody on the
stage, and nobody shown smaller or less often than wished (fewer denoising steps are allowed, and
told). Refuses to know how one load is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mien.backend.bench.plot import Curve, Panel, draw
from mien.backend.bench.stage_report import Measured

MOST_MISSED = 0.01
LESS = ("lower_rate", "smaller", "motion_only", "held")  # rungs on which something shows


@dataclass(frozen=True)
class Trial:
    """One load."""

    size: int
    actors: int  # wished for
    missed_ratio: float
    given_less: float  # share of actors, over time, that were shown smaller or less often
    refused: int
    latency_p95_ms: float | None
    cpu_fraction: float
    fps_min: float
    fewer_steps: float  # share of actors, over time, with fewer steps of denoising

    @property
    def sustained(self) -> bool:
        """Whether the machine holds so many."""
        return (
            self.missed_ratio < MOST_MISSED and self.given_less < MOST_MISSED and not self.refused
        )


def trial_of(actors: int, seen: Measured) -> Trial:
    """From a stage bench with so many actors."""
    return Trial(
        seen.size,
        actors,
        seen.missed_ratio,
        round(sum(seen.rungs.get(rung, 0.0) for rung in LESS), 4),
        seen.refused_spawns,
        seen.latency_ms.p95,
        seen.cpu_fraction,
        seen.actor_fps.min,
        seen.rungs.get("fewer_steps", 0.0),
    )


def most_sustained(attempt: Callable[[int], Trial], most: int) -> list[Trial]:
    """All trials made, in order; `attempt` is asked for so many actors, up to `most`."""
    trials = [attempt(1)]
    low, high = (1, most + 1) if trials[0].sustained else (0, 1)
    while low * 2 < high and trials[-1].sustained:
        trials.append(attempt(low * 2))
        if trials[-1].sustained:
            low *= 2
        else:
            high = low * 2
    while high - low > 1:
        middle = (low + high) // 2
        trials.append(attempt(middle))
        low, high = (middle, high) if trials[-1].sustained else (low, middle)
    return trials


def best(trials: Sequence[Trial]) -> int:
    """The most actors that were sustained; 0 if none were."""
    return max((trial.actors for trial in trials if trial.sustained), default=0)


def lines_of(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """For a person."""
    rows = []
    for size in sorted({trial.size for trial in trials}):
        mine = sorted((t for t in trials if t.size == size), key=lambda t: t.actors)
        rows.append((f"{size} px", f"{best(mine)} actors"))
        rows += [
            (f"  {t.actors}", f"{t.missed_ratio:.2%} missed, {t.cpu_fraction:.0%} of the machine")
            for t in mine
        ]
    return rows


def as_json(trials: Sequence[Trial], fps: float, machine: dict[str, str]) -> dict[str, object]:
    """Everything, by size."""
    sizes = sorted({trial.size for trial in trials})
    by_size = {size: [trial for trial in trials if trial.size == size] for size in sizes}
    return {
        "machine": machine,
        "fps": fps,
        "sustained": {str(size): best(found) for size, found in by_size.items()},
        "trials": [{**asdict(trial), "sustained": trial.sustained} for trial in trials],
    }


def picture(trials: Sequence[Trial], fps: float, to: Path) -> None:
    """Scaling curves as PNG."""
    sizes = sorted({trial.size for trial in trials})

    def curves(value: Callable[[Trial], float | None]) -> list[Curve]:
        found = []
        for size in sizes:
            mine = sorted((t for t in trials if t.size == size), key=lambda t: t.actors)
            points = [(t.actors, y) for t in mine if (y := value(t)) is not None]
            found.append(Curve(f"{size} px", points))
        return found

    panels = [
        Panel("missed, % of the frames due", "actors", curves(lambda t: 100 * t.missed_ratio),
              limit=100 * MOST_MISSED, log_x=True),
        Panel("sound to frame, p95, ms", "actors", curves(lambda t: t.latency_p95_ms), log_x=True),
        Panel("daemon, % of the machine", "actors", curves(lambda t: 100 * t.cpu_fraction),
              log_x=True),
        Panel("slowest actor, frames a second", "actors", curves(lambda t: t.fps_min),
              limit=fps, log_x=True),
    ]  # fmt: skip
    draw(panels, to)
