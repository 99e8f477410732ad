"""A stage full of actors who speak, measured from outside: what `mien bench --actors N` does.

Knows how a load and the looks on the daemon become a `StageReport`. Refuses to know how the load is
made and how long a frame's parts take: `load` and `frame_parts` know.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.backend.bench.load.account import (
    F64,
    ActorAccount,
    accounts,
    first_sound_us,
    missed_ratio,
)
from mien.backend.bench.load.plan import ActorWish, Done, LoadPlan
from mien.backend.bench.load.process import GeneratorProcess
from mien.backend.bench.load.recording import Recording, joined
from mien.backend.bench.stage_report import (
    ActorFps,
    Frames,
    Generator,
    Measured,
    Quantiles,
)
from mien.backend.bench.theatre import Theatre
from mien.backend.bench.watch import Watch, daemon_missed_ratio, rungs_of
from mien.backend.bench.wish import StageWish
from mien.protocol.limits import DEFAULT_GAME_FPS

SETTLE_S = 2.0  # from the first sound on, that is not measured: the plan finds its feet
ON_GPU = ("gpu", "torch", "tensorrt")  # engine profiles that have one
_TURN_S = 0.2


@dataclass(frozen=True)
class Played:
    """A load that was played, and what was seen of it."""

    accounts: list[ActorAccount]
    recording: Recording
    done: list[Done]
    refused: list[str]
    start_us: int  # of what is measured
    end_us: int

    @property
    def missed_ratio(self) -> float:
        """Of all frames that were due."""
        return round(missed_ratio(self.accounts), 5)


def play(
    plans: Sequence[LoadPlan], watch: Watch, step: Callable[[float], None], settle_s: float
) -> Played:
    """Has the plans played together; `step` is told of seconds that passed. Raises LoadError."""
    with contextlib.ExitStack() as stack:
        generators = [stack.enter_context(GeneratorProcess(plan)) for plan in plans]
        refused = [why for one in generators for why in one.wait_ready().refused]
        for generator in generators:
            generator.go()
        while not all(generator.over for generator in generators):
            time.sleep(_TURN_S)
            step(_TURN_S)
            watch.check()
        results = [generator.wait_done() for generator in generators]
    recording = joined([seen for _, seen in results])
    first_us = first_sound_us(recording)
    start_us = first_us + round(settle_s * 1e6)
    end_us = first_us + round(plans[0].seconds * 1e6)
    found = accounts(recording, start_us, end_us, live=plans[0].live)
    return Played(found, recording, [done for done, _ in results], refused, start_us, end_us)


def plans_of(theatre: Theatre, wish: StageWish, line_s: float = 0.0) -> list[LoadPlan]:
    """The wish, dealt to as many processes as it says; in lines of `line_s`, or one."""
    dealt = [wish.actors // wish.processes] * wish.processes
    for i in range(wish.actors % wish.processes):
        dealt[i] += 1
    actors: list[list[ActorWish]] = [[wish.actor] * count for count in dealt]
    return [
        theatre.plan(some, wish.seconds, wish, f"rows-{i}", line_s=line_s, first_seed=1000 * i)
        for i, some in enumerate(actors)
    ]


def measure(theatre: Theatre, wish: StageWish, step: Callable[[float], None]) -> Measured:
    """Everything that needs a daemon; `step` is told of seconds that passed. Raises LoadError."""
    settle_s = min(SETTLE_S, wish.seconds / 4)
    with Watch(theatre, every_s=min(1.0, wish.seconds / 8)) as watch:
        if wish.cpu_fraction is not None:
            watch.client.set_budget(cpu_fraction=wish.cpu_fraction)
        profile = wish.profile or watch.client.engine_profile
        played = play(plans_of(theatre, wish), watch, step, settle_s)
        looks = watch.within(played.start_us, played.end_us)
        cpu_fraction = watch.cpu_fraction(played.start_us, played.end_us)
        game_fps = watch.client.set_budget().game_fps or DEFAULT_GAME_FPS  # asks only
    stage, found = looks[-1].stats.stage, played.accounts
    mine = {one.actor_id for one in found}
    actors = [actor for actor in looks[-1].stats.actors if actor.actor_id in mine]
    attached = [one.attach_ms for one in found if one.attach_ms is not None]
    fps = [one.fps for one in found]
    gpu_fraction = round(stage.gpu_spent_ms * game_fps / 1000.0, 4)
    return Measured(
        profile=profile,
        actors=len(found),
        size=wish.size_px,
        fps=wish.fps,
        missed_ratio=played.missed_ratio,
        latency_ms=quantiles(np.concatenate([one.latency_ms for one in found])),
        attach_ms=round(float(np.median(attached)), 2) if attached else None,
        cpu_fraction=round(cpu_fraction, 4),
        gpu_fraction=gpu_fraction if profile in ON_GPU else None,
        bytes_per_actor=int(np.median([actor.state_bytes for actor in actors])),
        seconds=wish.seconds,
        live=wish.live,
        jitter_ms=quantiles(np.concatenate([one.jitter_ms for one in found])),
        actor_fps=ActorFps(round(min(fps), 2), round(float(np.median(fps)), 2)),
        frames=Frames(
            sum(one.due for one in found),
            sum(one.on_time for one in found),
            sum(one.frames for one in found),
        ),
        daemon_missed_ratio=daemon_missed_ratio(looks),
        rungs=rungs_of(looks),
        degradations=stage.degradations,
        refused_spawns=len(played.refused),
        underruns=sum(done.underruns for done in played.done),
        ring_bytes=int(np.median([actor.ring_bytes for actor in actors])),
        rss_bytes=looks[-1].rss_bytes,
        cpu_budget=stage.cpu_budget,
        generator=Generator(
            round(sum(done.cpu_s / done.wall_s for done in played.done), 4),
            round(max(done.lag_p99_ms for done in played.done), 2),
        ),
    )


def quantiles(values: F64) -> Quantiles:
    """Of nothing: None."""
    if not len(values):
        return Quantiles(None, None, None)
    return Quantiles(*(round(float(v), 2) for v in np.percentile(values, (50, 95, 99))))
