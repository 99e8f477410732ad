"""The plan: which rung every actor stands on, so that all together fit the budget.

Knows each actor's wish and importance, the cost table, and a capacity in microseconds of work a
second: of the processor's, and of the GPU's where that draws. The least important give way first,
evenly among equals, and in the order of the ladder: nobody loses pictures while anyone has quality
left to give. Down at once, up only after a while with room to spare, and the less eagerly the more
often that was hasty. Refuses to know clocks, threads and how anything is drawn: it is told what
time it is.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from mien.backend.config import PlanConfig
from mien.backend.scheduling.costs import CostTable
from mien.backend.scheduling.rungs import BLOCK_FPS, Rung, Wish, ladder_of
from mien.backend.scheduling.wishes import wish_of
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail


@dataclass(eq=False)
class Part:
    """One actor in the plan."""

    actor_id: int
    detail: Detail
    most_px: int  # of its pictures
    shrinks: bool  # whether its client can show smaller ones
    wish: Wish
    at: int = 0  # the rung, counted from the best
    degradations: int = 0
    recoveries: int = 0
    _ladder: tuple[Rung, ...] = field(default=(), repr=False)
    better_since_us: int | None = None  # since when a better rung would have fitted
    patience_us: int = 0
    climbed_us: int | None = None

    @property
    def rung(self) -> Rung:
        """Where it stands."""
        return self._ladder[min(self.at, len(self._ladder) - 1)]

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """All its rungs, best first."""
        return self._ladder

    def aim(self, detail: Detail, full_steps: int | None) -> None:
        """Another wish: the actor stays on the rung of the same kind, as far as there is one."""
        self.detail = detail
        wish = wish_of(detail, self.most_px, self.shrinks, self.wish.size_px)
        if wish == self.wish and self._ladder:
            return
        kind = self.rung.kind if self._ladder else pb.RUNG_FULL
        self.wish, self._ladder = wish, ladder_of(wish, full_steps)
        same = [i for i, rung in enumerate(self._ladder) if rung.kind <= kind]
        self.at = max(same) if kind != pb.RUNG_FULL else 0
        self.better_since_us = None


class _Load:
    """What a choice of rungs costs, kept up to date as one of them changes."""

    def __init__(self, costs: CostTable, block_frames: int, together: int) -> None:
        self._costs = costs
        self._blocks = BLOCK_FPS / block_frames
        self._together = together
        self._motion: dict[tuple[int, int], float] = {}
        self._sizes: dict[int, float] = {}
        self._lanes: Counter[int] = Counter()
        self._drawn_us = 0.0

    def change(self, rung: Rung, count: int) -> None:
        """`count` actors more (or fewer) on a rung."""
        if rung.moves:
            self._lanes[rung.steps] += count
        if rung.draws:
            if rung.size_px not in self._sizes:
                self._sizes[rung.size_px] = self._costs.decode_us(rung.size_px)
            self._drawn_us += count * rung.fps * self._sizes[rung.size_px]

    @property
    def drawn_us(self) -> float:
        """What of a second's work is pictures."""
        return self._drawn_us

    @property
    def moved_us(self) -> float:
        """What of it is motion."""
        return sum(self._moved_us(lanes, steps) for steps, lanes in self._lanes.items() if lanes)

    def _moved_us(self, lanes: int, steps: int) -> float:
        key = (lanes, steps)
        if key not in self._motion:
            whole, rest = divmod(lanes, self._together)
            us = whole * self._costs.motion_us(self._together, steps) if whole else 0.0
            us += self._costs.motion_us(rest, steps) if rest else 0.0
            self._motion[key] = us * self._blocks
        return self._motion[key]


class Plan:
    """The stage's plan. All methods are the performance thread's."""

    def __init__(
        self, costs: CostTable, full_steps: int | None, block_frames: int, config: PlanConfig
    ) -> None:
        self._costs = costs
        self._full_steps = full_steps
        self._block_frames = block_frames
        self._config = config
        self._parts: dict[int, Part] = {}
        self.planned_us = self.planned_gpu_us = self.moved_us = 0.0
        self.motion_us = config.motion_us  # that the thread which moves everybody may take
        self._lost = [0, 0]  # degradations and recoveries of those that left

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(list(self._parts.values()))

    def part(self, actor_id: int) -> Part | None:
        """An actor's part."""
        return self._parts.get(actor_id)

    @property
    def degradations(self) -> int:
        """Rungs taken down, of all actors ever."""
        return self._lost[0] + sum(part.degradations for part in self._parts.values())

    @property
    def recoveries(self) -> int:
        """Rungs taken up again."""
        return self._lost[1] + sum(part.recoveries for part in self._parts.values())

    def enter(self, actor_id: int, detail: Detail, most_px: int, shrinks: bool) -> Part:
        """Another actor, at its best until the plan is made again."""
        wish = wish_of(detail, most_px, shrinks)
        patience_us = self._config.patience_us
        part = Part(actor_id, detail, most_px, shrinks, wish, patience_us=patience_us)
        part.aim(detail, self._full_steps)
        self._parts[actor_id] = part
        return part

    def leave(self, actor_id: int) -> None:
        """The actor is gone."""
        part = self._parts.pop(actor_id, None)
        if part is not None:
            self._lost[0] += part.degradations
            self._lost[1] += part.recoveries

    def change(self, part: Part, detail: Detail) -> None:
        """Another wish for an actor."""
        part.aim(detail, self._full_steps)

    def fits_at_least(self, capacity_us: float, gpu_us: float | None = None) -> bool:
        """Whether all could be drawn, were all as modest as drawing allows. See `make`."""
        load = self._new_load()
        for part in self._parts.values():
            load.change(_least(part.ladder), 1)
        # All motion is made by one thread, whatever the number of cores.
        return load.moved_us <= self.motion_us and self._fits(load, capacity_us, gpu_us)

    def make(
        self, at_us: int, capacity_us: float, trusted: float = 1.0, gpu_us: float | None = None
    ) -> None:
        """Puts every actor on its rung, for a `capacity_us` of work a second.

        `trusted`: what of it there seems to be, by how late pictures come. That takes quality, but
        no picture: not to draw at all is for those who said how much may be spent. `gpu_us`: what a
        GPU may spend of a second on pictures; None: the processor draws them.
        """
        needed = self._rungs_for(capacity_us, trusted, gpu_us)
        spare = self._rungs_for(capacity_us, trusted, gpu_us, self._config.room_share)
        for part in self._parts.values():
            if needed[part.actor_id] > part.at:
                self._down(part, needed[part.actor_id], at_us)
            elif spare[part.actor_id] < part.at:
                self._climb(part, at_us)
            else:
                part.better_since_us = None
        load = self._new_load()
        for part in self._parts.values():
            load.change(part.rung, 1)
        on_gpu = gpu_us is not None
        self.planned_gpu_us = load.drawn_us if on_gpu else 0.0
        self.moved_us = load.moved_us
        self.planned_us = load.moved_us + (0.0 if on_gpu else load.drawn_us)

    def _move_less(self, load: _Load, at: dict[int, int], most_us: float) -> None:
        """Fits motion onto its thread, changing rungs in `at`: fewer steps, then holding still.

        What lies between on the ladder spares pictures, and would not help. Those who matter least
        are held, so that the others go on in time.
        """
        moving = [(*_movers_turn(part, 0), part) for part in self._parts.values()]
        heapq.heapify(moving)
        while moving and load.moved_us > most_us:
            part = heapq.heappop(moving)[-1]
            now, ladder = at[part.actor_id], part.ladder
            following = now + 1 if ladder[now].steps > 1 else len(ladder) - 1
            load.change(ladder[now], -1)
            load.change(ladder[following], 1)
            at[part.actor_id] = following
            if ladder[following].moves:
                heapq.heappush(moving, (*_movers_turn(part, following), part))

    def _fits(self, load: _Load, capacity_us: float, gpu_us: float | None) -> bool:
        moved_us, drawn_us = load.moved_us, load.drawn_us
        if gpu_us is None:
            return moved_us + drawn_us <= capacity_us
        return moved_us <= capacity_us and drawn_us <= gpu_us

    def _new_load(self) -> _Load:
        return _Load(self._costs, self._block_frames, self._config.lanes_together)

    def _rungs_for(
        self, capacity_us: float, trusted: float, gpu_us: float | None, room: float = 1.0
    ) -> dict[int, int]:
        """The best rungs that fit into a share `room` of what there is, by actor."""
        capacity_us *= room
        gpu_us = None if gpu_us is None else gpu_us * room
        load = self._new_load()
        at = dict.fromkeys(self._parts, 0)
        for part in self._parts.values():
            load.change(part.ladder[0], 1)
        self._move_less(load, at, self.motion_us * room)
        giving: list[tuple[int, int, int, float, int]] = []
        for part in self._parts.values():
            if at[part.actor_id] + 1 < len(part.ladder):
                heapq.heappush(giving, _turn(part, at[part.actor_id]))
        while giving:
            drawn = giving[0][0] == 0  # whether whoever gives way next is drawn after it
            share = trusted if drawn else 1.0
            if self._fits(load, capacity_us * share, None if gpu_us is None else gpu_us * share):
                break
            *_, actor_id = heapq.heappop(giving)
            part = self._parts[actor_id]
            load.change(part.ladder[at[actor_id]], -1)
            at[actor_id] += 1
            load.change(part.ladder[at[actor_id]], 1)
            if at[actor_id] + 1 < len(part.ladder):
                heapq.heappush(giving, _turn(part, at[actor_id]))
        return at

    def _down(self, part: Part, to: int, at_us: int) -> None:
        config = self._config
        hasty = part.climbed_us is not None and at_us - part.climbed_us < config.hasty_us
        part.patience_us = (
            min(2 * part.patience_us, config.most_patience_us) if hasty else config.patience_us
        )
        part.degradations += to - part.at
        part.at, part.better_since_us = to, None

    def _climb(self, part: Part, at_us: int) -> None:
        if part.better_since_us is None:
            part.better_since_us = at_us
        if at_us - part.better_since_us >= part.patience_us:
            part.at -= 1
            part.recoveries += 1
            part.climbed_us = at_us
            # The next rung comes sooner: there was room all the while.
            part.better_since_us = at_us - part.patience_us + self._config.next_rung_us


def _turn(part: Part, at: int) -> tuple[int, int, int, float, int]:
    """Who gives way before whom; smallest first. Nobody stops being drawn while others give."""
    following = part.ladder[at + 1].kind
    phase = {pb.RUNG_MOTION_ONLY: 1, pb.RUNG_HELD: 2}.get(following, 0)
    detail = part.detail
    return phase, detail.priority, at, -detail.distance_m, part.actor_id


def _movers_turn(part: Part, at: int) -> tuple[bool, int, int, float, int]:
    """Who gives motion before whom: all give steps before anybody is held."""
    detail = part.detail
    held = part.ladder[at].steps <= 1
    return held, detail.priority, at, -detail.distance_m, part.actor_id


def _least(ladder: tuple[Rung, ...]) -> Rung:
    """The last rung with pictures, or the first where nothing is drawn at all."""
    return next((rung for rung in reversed(ladder) if rung.draws), ladder[0])
