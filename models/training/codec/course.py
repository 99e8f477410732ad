"""A course of training: steps within a time budget, an averaged copy, a checkpoint every minute.

Knows schedule, optimiser and files. Refuses to know networks and losses. A course that was stopped
goes on where its checkpoint was written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

Batch = TypeVar("Batch")
TOLD_S = 60.0  # between two lines and two checkpoints


@dataclass(frozen=True)
class Pace:
    """How long and how fast."""

    minutes: float
    rate: float
    warm_up: int = 200  # steps
    clip: float = 3.0  # of the gradient's norm
    kept: float = 0.998  # of the average, a step


class Lesson(NamedTuple):
    """What a batch taught: parts of the loss, weighted, and figures that are only told."""

    parts: dict[str, Tensor]
    figures: dict[str, Tensor] = {}  # noqa: RUF012 (never changed)


class Course(Generic[Batch]):
    """One network's training."""

    def __init__(
        self, model: nn.Module, average: nn.Module, checkpoint: Path, pace: Pace, **about: Any
    ) -> None:
        """`average` is a second network of the same shape; `about` is kept in the checkpoint."""
        self.model, self.average, self.pace = model, average, pace
        self._checkpoint, self._about = checkpoint, about
        self._optimiser = torch.optim.AdamW(
            model.parameters(), pace.rate, weight_decay=0.02, betas=(0.9, 0.98)
        )
        self.step, self._spent_s = 0, 0.0
        self._losses: list[tuple[float, float]] = []  # minutes, loss
        average.load_state_dict(model.state_dict())
        if checkpoint.exists():
            self._resume(torch.load(checkpoint, weights_only=True))

    def _resume(self, kept: dict[str, Any]) -> None:
        self.model.load_state_dict(kept["model"])
        self.average.load_state_dict(kept["average"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self._spent_s, self.step = float(kept["spent_s"]), int(kept["step"])
        self._losses = [(m, x) for m, x in kept["losses"]]

    def run(self, batches: Iterator[Batch], teach: Callable[[Batch], Lesson]) -> None:
        """Train until the pace's minutes are spent, all sessions together."""
        began, told = time.monotonic() - self._spent_s, time.monotonic()
        sums: dict[str, float] = {}
        seen, total = 0, 0.0
        self.model.train()
        for batch in batches:
            self._spent_s = time.monotonic() - began
            if self._spent_s > 60 * self.pace.minutes:
                break
            lesson = teach(batch)
            loss = sum(lesson.parts.values(), torch.zeros(()))
            self._learn(loss)
            for name, value in (lesson.parts | lesson.figures).items():
                sums[name] = sums.get(name, 0.0) + value.item()
            seen, total = seen + 1, total + loss.item()
            if time.monotonic() - told > TOLD_S:
                self._losses.append((self._spent_s / 60, total / seen))
                self.save()
                said = "  ".join(f"{k} {v / seen:.4f}" for k, v in sums.items())
                print(f"{self._spent_s / 60:5.1f} min  step {self.step}  {said}", flush=True)
                told, sums, seen, total = time.monotonic(), {}, 0, 0.0
        self.save()

    def _learn(self, loss: Tensor) -> None:
        share = min(self._spent_s / (60 * self.pace.minutes), 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * share))
        rate = self.pace.rate * min(1.0, (self.step + 1) / self.pace.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * (0.02 + 0.98 * cosine)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.pace.clip)
        self._optimiser.step()
        self.step += 1
        self._follow(min(self.pace.kept, self.step / (self.step + 20)))

    @torch.no_grad()
    def _follow(self, kept: float) -> None:
        pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1.0 - kept)
        for slow, fast in zip(self.average.buffers(), self.model.buffers(), strict=True):
            slow.copy_(fast)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        new = self._checkpoint.with_suffix(".new")
        torch.save(
            {"model": self.model.state_dict(), "average": self.average.state_dict(),
             "optimiser": self._optimiser.state_dict(), "spent_s": self._spent_s,
             "step": self.step, "losses": self._losses, **self._about}, new,
        )  # fmt: skip
        new.replace(self._checkpoint)
