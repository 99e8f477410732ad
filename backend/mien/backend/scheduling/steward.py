"""The steward: keeps the stage within its means.

Knows when the plan is made anew, what capacity there is, who may still enter, and the figures that
Stats tells. Refuses to know how anything is moved or drawn. The performance thread's own, but for
`costs`, `spending` and `budgets`, which any thread may use.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mien.backend.config import PlanConfig
from mien.backend.scheduling.budget import Budget, Budgets, GpuSpending, Spending, ThreadRoom, Trust
from mien.backend.scheduling.costs import Cost, CostTable
from mien.backend.scheduling.plan import Part, Plan
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail
from mien.protocol.errors import StageFullError
from mien.protocol.limits import DEFAULT_GAME_FPS

_LOG = logging.getLogger(__name__)
_GPU_GUESS_US = 1_500.0  # of a picture, before the first was drawn
_SECOND_US = 1e6


@dataclass(frozen=True)
class StageFigures:
    """What Stats says of the stage."""

    cpu_budget: float  # of all cores
    cpu_spent: float
    planned: float  # of the budget
    degradations: int
    recoveries: int
    refused: int
    costs: tuple[Cost, ...]
    cores: int
    gpu_spent_ms: float  # of a frame of the game


class Steward:
    """Makes the plan, now and then."""

    def __init__(self, config: PlanConfig, own: Budget) -> None:
        self.costs = CostTable()
        self.spending = Spending()
        self.budgets = Budgets(own)
        self._config = config
        self._trust = Trust(config)
        self.room = ThreadRoom(config)
        self._plan: Plan | None = None
        self._next_us = 0
        self._spent_us = self._unplanned_us = 0.0
        self._shown = self._missed = 0
        self.refused = 0
        self._gpu: GpuSpending | None = None

    def begin(self, full_steps: int | None, block_frames: int) -> None:
        """The generator is known now."""
        self.spending.begin()
        self._plan = Plan(self.costs, full_steps, block_frames, self._config)

    def draw_on_gpu(self) -> None:
        """Pictures cost a GPU's time from here on, until `lose_gpu`."""
        self.costs.forget_decode(_GPU_GUESS_US)
        self._gpu = GpuSpending()

    def lose_gpu(self) -> None:
        """The processor draws from here on. Any thread."""
        self._gpu = None
        self.costs.forget_decode()

    @property
    def plan(self) -> Plan:
        """The plan. Raises RuntimeError before `begin`."""
        if self._plan is None:
            raise RuntimeError("the steward has no plan yet")
        return self._plan

    @property
    def next_us(self) -> int:
        """When the plan is made again."""
        return self._next_us

    def hurry(self, at_us: int) -> None:
        """Somebody came, left, or wishes otherwise: the plan is made soon."""
        self._next_us = min(self._next_us, at_us + self._config.every_us // 10)

    def drew(self, size_px: int, us: float) -> None:
        """A picture of so many px took `us` of a core. Any thread."""
        self.costs.note_decode(size_px, us)
        self.spending.noted(us)

    def painted(self, size_px: int, pictures: int, us: float) -> None:
        """A batch of pictures took `us` of the GPU. Any thread."""
        gpu = self._gpu
        if gpu is not None:
            self.costs.note_decode(size_px, us / pictures)
            gpu.noted(us)

    def wish(self, part: Part, detail: Detail, at_us: int) -> None:
        """Another wish for an actor; the plan is made again soon if it comes in sight or goes."""
        visible = part.wish.visible
        self.plan.change(part, detail)
        if part.wish.visible != visible:
            self.hurry(at_us)

    def admit(self, actor_id: int, detail: Detail, most_px: int, shrinks: bool) -> None:
        """A place in the plan. Raises StageFullError if it could not even be drawn modestly."""
        part = self.plan.enter(actor_id, detail, most_px, shrinks)
        if not self.plan.fits_at_least(self._capacity_us(), self._gpu_capacity_us()):
            self.plan.leave(part.actor_id)
            self.refused += 1
            share = f"{self._budget_fraction():.0%} of this machine's processor"
            able = share if self._gpu is None else f"{share} and the budget of its GPU"
            raise StageFullError(
                f"stage full: {len(self.plan)} actors at their least already take what "
                f"{able} can do; despawn one, or raise the budget"
            )

    def saw(self, shown: int, missed: int) -> None:
        """Pictures of an actor that were shown, and that came late or never."""
        self._shown += max(shown, 0)
        self._missed += max(missed, 0)

    def mind(self, at_us: int) -> list[tuple[Part, bool]]:
        """Makes the plan if it is time. Returns whose rung changed, and if to fewer steps."""
        if at_us < self._next_us:
            return []
        self._next_us = at_us + self._config.every_us
        used = max(self.plan.planned_us / max(self._whole_us(), 1.0), self._gpu_planned())
        self._trust.told(at_us, self._shown, self._missed, used)
        self._shown = self._missed = 0
        self._spent_us, self._unplanned_us = self.spending.look()
        gpu = self._gpu
        if gpu is not None:
            gpu.look(at_us)
        self.plan.motion_us = self.room.look(at_us, self.plan.moved_us)
        before = {part.actor_id: part.rung for part in self.plan}
        self.plan.make(at_us, self._capacity_us(), self._trust.share, self._gpu_capacity_us())
        changed = [part for part in self.plan if before[part.actor_id] != part.rung]
        if changed:
            _LOG.info("plan: %s", ", ".join(_words(part) for part in changed[:8]))
        return [(part, part.rung.steps < before[part.actor_id].steps) for part in changed]

    def figures(self) -> StageFigures:
        """For Stats. Any thread."""
        plan, cores = self.plan, self.spending.cores
        whole_us = max(self._whole_us(), 1.0)
        return StageFigures(
            self._budget_fraction(),
            self._spent_us / (cores * 1e6),
            max((plan.planned_us + self._unplanned_us) / whole_us, self._gpu_planned()),
            plan.degradations,
            plan.recoveries,
            self.refused,
            tuple(self.costs.rows()),
            cores,
            self._gpu_spent_ms(),
        )

    def _gpu_whole_us(self) -> float:
        """Of a second, that the GPU may spend."""
        wished_us = self.budgets.in_force.gpu_us
        return _SECOND_US if wished_us is None else min(wished_us, _SECOND_US)

    def _gpu_capacity_us(self) -> float | None:
        if self._gpu is None:
            return None
        return self._gpu_whole_us() * self._config.margin

    def _gpu_planned(self) -> float:
        """Of the GPU's budget."""
        return self.plan.planned_gpu_us / max(self._gpu_whole_us(), 1.0)

    def _gpu_spent_ms(self) -> float:
        gpu = self._gpu
        if gpu is None:
            return 0.0
        return gpu.spent_us / 1000.0 / (self.budgets.in_force.game_fps or DEFAULT_GAME_FPS)

    def _budget_fraction(self) -> float:
        return self.budgets.in_force.cpu_fraction or 1.0

    def _whole_us(self) -> float:
        return self._budget_fraction() * self.spending.cores * 1e6

    def _capacity_us(self) -> float:
        """What the plan may give away: the budget without what it does not see."""
        whole_us = self._whole_us() * self._config.margin - self._unplanned_us
        return max(whole_us, 0.0)


def _words(part: Part) -> str:
    rung = part.rung
    kind = pb.Rung.Name(rung.kind).removeprefix("RUNG_").lower()
    return (
        f"actor {part.actor_id} {kind} ({rung.steps} steps, {rung.fps:.4g} fps, {rung.size_px} px)"
    )
