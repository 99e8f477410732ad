"""How many denoising steps the stage can afford.

Knows a ladder (4, 2, 1 of four), what a batch costs on it, and when to go down or up: down when
making motion takes too much of the time there is, up when the rung above would fit again, and the
less eagerly the more often that went wrong. Fewer steps cost every actor some liveliness and no
actor a frame. Refuses to know generators and threads: it is told what happened and when.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from mien.backend.config import StepsConfig

_KEPT = 512  # batches that quantiles are taken of


@dataclass(frozen=True)
class StepFigures:
    """What Stats says of it."""

    steps: int  # now; 0 where there is nothing to denoise
    full_steps: int
    step_drops: int
    reduced_blocks: int
    late_blocks: int
    batch_us: tuple[int, ...]  # the newest batches, ascending


def ladder_of(full: int | None) -> tuple[int, ...]:
    """4 → (4, 2, 1): each half of the one before; () where there is nothing to denoise."""
    rungs: list[int] = []
    while full is not None and full >= 1:
        rungs.append(full)
        full = full // 2
    return tuple(rungs)


class StepBudget:
    """Watches what batches of motion cost. All methods are the performance thread's."""

    def __init__(self, full_steps: int | None, config: StepsConfig) -> None:
        self._ladder = ladder_of(full_steps)
        self._config = config
        self._rung = 0
        self._spent: deque[tuple[int, int, int]] = deque()  # (when, µs, blocks late) in the window
        self._busy_us = self._late = 0  # sums over it
        self._batches: deque[int] = deque(maxlen=_KEPT)
        self._since_us: int | None = None  # when the rung was taken
        self._patience_us = config.patience_us
        self._climbed_us: int | None = None
        self._drops = self._reduced = self._late_in_all = 0

    @property
    def steps(self) -> int | None:
        """Steps to take now; None where the generator has none to take."""
        return self._ladder[self._rung] if self._ladder else None

    def figures(self) -> StepFigures:
        """For Stats."""
        return StepFigures(
            self.steps or 0,
            self._ladder[0] if self._ladder else 0,
            self._drops,
            self._reduced,
            self._late_in_all,
            tuple(sorted(self._batches.copy())),  # by another thread
        )

    def spent(self, at_us: int, cost_us: int, blocks: int, late: int) -> int | None:
        """A batch of `blocks` was made in `cost_us` until `at_us`, `late` of them too late.

        Returns the new number of steps where it changes, else None.
        """
        self._batches.append(cost_us)
        self._late_in_all += late
        if self._rung:
            self._reduced += blocks
        self._since_us = at_us if self._since_us is None else self._since_us
        self._note(at_us, cost_us, late)
        if len(self._ladder) < 2:
            return None
        if self._too_much(at_us):
            return self._down(at_us)
        if self._room_above(at_us):
            return self._up(at_us)
        return None

    def _note(self, at_us: int, cost_us: int, late: int) -> None:
        self._spent.append((at_us, cost_us, late))
        self._busy_us += cost_us
        self._late += late
        while self._spent[0][0] <= at_us - self._config.window_us:
            _, cost, missed = self._spent.popleft()
            self._busy_us -= cost
            self._late -= missed

    @property
    def _share(self) -> float:
        """Of the thread's time that goes into motion."""
        return self._busy_us / self._config.window_us

    def _settled(self, at_us: int) -> bool:
        """Whether the window holds nothing of the rung before."""
        return self._since_us is not None and at_us - self._since_us >= self._config.window_us

    def _too_much(self, at_us: int) -> bool:
        if self._rung + 1 >= len(self._ladder):
            return False
        if self._share > self._config.most_share:
            return True
        # Late for whatever reason: fewer steps help only where motion is a good part of it.
        late = self._late >= self._config.late_blocks
        return late and self._share > self._config.some_share and self._settled(at_us)

    def _room_above(self, at_us: int) -> bool:
        if self._rung == 0 or self._since_us is None or self._late:
            return False
        if at_us - self._since_us < self._patience_us:
            return False
        dearer = self._ladder[self._rung - 1] / self._ladder[self._rung]
        return self._share * dearer < self._config.room_share

    def _down(self, at_us: int) -> int:
        config = self._config
        hasty = self._climbed_us is not None and at_us - self._climbed_us < 2 * config.patience_us
        self._patience_us = (
            min(2 * self._patience_us, config.most_patience_us) if hasty else config.patience_us
        )
        self._drops += 1
        return self._take(self._rung + 1, at_us)

    def _up(self, at_us: int) -> int:
        self._climbed_us = at_us
        return self._take(self._rung - 1, at_us)

    def _take(self, rung: int, at_us: int) -> int:
        self._rung, self._since_us = rung, at_us
        self._spent.clear()
        self._busy_us = self._late = 0
        return self._ladder[rung]
