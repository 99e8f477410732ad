"""Many actors spoken to at once: what becomes of the one who matters most, and of the least.

Knows the scene: the most important actor speaks live alone; then all others are spoken to at the
same moment. Refuses to know how loads are made.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import numpy as np

from mien.backend.bench.load.account import (
    ActorAccount,
    accounts,
    first_sound_us,
)
from mien.backend.bench.load.plan import ActorWish
from mien.backend.bench.load.process import GeneratorProcess
from mien.backend.bench.stage_bench import SETTLE_S, quantiles
from mien.backend.bench.stage_report import Quantiles, words_of
from mien.backend.bench.theatre import Theatre
from mien.backend.bench.watch import Watch, rungs_of
from mien.backend.bench.wish import StageWish
from mien.protocol.limits import MAX_PRIORITY

STARVED_FPS = 5.0
UNCHANGED = 0.2  # the first one's p95 may be so much longer in the crowd
_GATHER_S = 90.0  # at most, for all others to take the stage
_TURN_S = 0.2


class First(msgspec.Struct, frozen=True):
    """The most important actor, alone or in the crowd."""

    latency_ms: Quantiles
    missed_ratio: float
    fps: float
    cpu_fraction: float  # of the machine, by the daemon meanwhile


class Others(msgspec.Struct, frozen=True):
    """Everyone else."""

    actors: int
    refused_spawns: int
    fps_min: float
    fps_median: float
    starved: int  # shown less often than `STARVED_FPS`
    latency_ms: Quantiles


class CrowdReport(msgspec.Struct, frozen=True):
    """One scene."""

    profile: str
    size: int
    fps: float
    alone: First
    in_the_crowd: First
    p95_change: float | None  # 0.1: a tenth longer
    crowd: Others
    rungs: dict[str, float]
    degradations: int


def measure(theatre: Theatre, wish: StageWish, step: Callable[[float], None]) -> CrowdReport:
    """`wish.actors` in all; `wish.seconds` alone and as long in the crowd. Raises LoadError."""
    star = ActorWish(wish.size_px, wish.fps, MAX_PRIORITY)
    others = [wish.actor] * (wish.actors - 1)
    longest = theatre.plan([star], 2 * wish.seconds + _GATHER_S, wish, "first")
    crowded = theatre.plan(others, wish.seconds, wish, "crowd", first_seed=1)
    with Watch(theatre, every_s=min(1.0, wish.seconds / 8)) as watch:
        profile = wish.profile or watch.client.engine_profile
        with GeneratorProcess(longest) as first:
            first.wait_ready()
            first.go()
            _pass(wish.seconds, watch, first, step)
            with GeneratorProcess(crowded) as rest:
                refused = rest.wait_ready().refused
                rest.go()
                _pass(wish.seconds, watch, first, step)
                seen = rest.wait_done()[1]
            first.stop()
            spoken = first.wait_done()[1]
        alone = _stretch(first_sound_us(spoken), wish.seconds)
        together = _stretch(first_sound_us(seen), wish.seconds)
        looks = watch.within(*together)
        spent = watch.cpu_fraction(*alone), watch.cpu_fraction(*together)
    one, same = (
        _first(accounts(spoken, *when, live=wish.live)[0], cpu)
        for when, cpu in zip((alone, together), spent, strict=True)
    )
    found = _others(accounts(seen, *together, live=wish.live), len(refused))
    return CrowdReport(
        profile, wish.size_px, wish.fps, one, same, _change(one, same), found, rungs_of(looks),
        looks[-1].stats.stage.degradations,
    )  # fmt: skip


def lines_of(report: CrowdReport) -> list[tuple[str, str]]:
    """For a person."""
    change = "–" if report.p95_change is None else f"{report.p95_change:+.1%}"
    alone, together, others = report.alone, report.in_the_crowd, report.crowd
    return [
        ("the first, alone: sound to frame", words_of(alone.latency_ms)),
        ("the first, in the crowd", words_of(together.latency_ms)),
        ("its p95 changes by", change),
        ("its frames a second", f"{alone.fps:.1f} alone, {together.fps:.1f} in the crowd"),
        ("the others", f"{others.actors}, {others.refused_spawns} refused"),
        ("their frames a second", f"{others.fps_min:.1f} least, {others.fps_median:.1f} median"),
        (f"below {STARVED_FPS:g} a second", str(others.starved)),
        ("rungs", ", ".join(f"{name} {share:.0%}" for name, share in report.rungs.items())),
        ("daemon", f"{together.cpu_fraction:.1%} of the machine"),
    ]


def _pass(
    seconds: float, watch: Watch, generator: GeneratorProcess, step: Callable[[float], None]
) -> None:
    """Waits, unless something breaks meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not generator.over:
        time.sleep(_TURN_S)
        step(_TURN_S)
        watch.check()
    if generator.over:
        generator.wait_done()  # raises why it ended so early


def _stretch(first_us: int, seconds: float) -> tuple[int, int]:
    settle_s = min(SETTLE_S, seconds / 4)
    return first_us + round(settle_s * 1e6), first_us + round(seconds * 1e6)


def _first(account: ActorAccount, cpu_fraction: float) -> First:
    return First(
        quantiles(account.latency_ms),
        round(account.missed_ratio, 5),
        round(account.fps, 2),
        round(cpu_fraction, 4),
    )


def _others(found: list[ActorAccount], refused: int) -> Others:
    fps = np.array([one.fps for one in found])
    return Others(
        len(found),
        refused,
        round(float(fps.min()), 2),
        round(float(np.median(fps)), 2),
        int((fps < STARVED_FPS).sum()),
        quantiles(np.concatenate([one.latency_ms for one in found])),
    )


def _change(alone: First, together: First) -> float | None:
    if not alone.latency_ms.p95 or together.latency_ms.p95 is None:
        return None
    return round(together.latency_ms.p95 / alone.latency_ms.p95 - 1.0, 4)
