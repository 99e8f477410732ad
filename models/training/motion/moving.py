"""Trains the MotionTransformer: noise to motion, under sound and wishes, from its own past.

Knows objective, losses, dropout of conditions and history, and rollouts. Refuses to know where
scenes come from.

The path between motion and noise is a straight line (flow matching, Lipman et al. 2023); the
network predicts the clean end, x0, as VASA-1's does. Condition dropout for classifier-free
guidance: Ho and Salimans (2022). Training on the model's own output instead of the teacher's past:
scheduled sampling (Bengio et al. 2015), all blocks in parallel.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mien.models.codec.basis import face_basis
from mien.models.codec.lips import LOWER, UPPER
from mien.models.motion.diffusion.network import MotionTransformer, TransformerShape
from mien.models.motion.diffusion.sampler import Lips, times
from mien.models.motion.diffusion.tokens import FACE, FACE_COLUMNS, GAZE, MOUTH, POSE, TOKEN
from mien.models.motion.diffusion.wishes import columns_of
from mien.models.motion.types import ARKIT_NAMES
from training.motion.windows import Scaling, Windows

CONDITIONS_DROPPED = ("gaze", "distance", "emotion")


@dataclass(frozen=True)
class MovingPlan:
    """How long, how fast, and how much of what."""

    minutes: float = 60.0
    batch: int = 16
    blocks: int = 48
    rate: float = 1.2e-3
    seed: int = 0
    objective: str = "x0"  # or "flow"
    drop_condition: float = 0.1
    drop_history: float = 0.04
    drop_lips: float = 0.5  # of the pasts
    history_noise: float = 0.15  # at most, of what a column changes in a frame
    first_share: float = 0.3  # of the windows are pure noise: the step that lips come from
    rollouts_from: float = 0.35  # share of the time after which own pasts come in
    rollout_share: float = 0.4
    rollout_steps: int = 2
    lip_weight: float = 3.0
    gap_weight: float = 1.0
    close_weight: float = 4.0
    speed_weight: float = 0.15
    freely: float = 0.1  # how much columns count that chance moves, after a past of the model's own


class MotionLoss(nn.Module):
    """How far predicted motion is from the teacher's, lips first."""

    weight: Tensor
    driven: Tensor
    speed: Tensor
    gap: Tensor
    gap_rest: Tensor

    def __init__(self, scaling: Scaling, plan: MovingPlan) -> None:
        super().__init__()
        self.plan = plan
        weight = torch.ones(TOKEN)
        weight[MOUTH.tolist()] = plan.lip_weight
        weight[GAZE], weight[POSE] = 6.0, 2.0  # a gaze is a promise
        # A coefficient that hardly ever moves must not weigh like one that always does.
        weight[:FACE] *= (0.08 * scaling.scale[:FACE]).pow(-1).clamp(0.1, 1.0)
        basis = face_basis().dynamics.astype(np.float32)
        opening = (basis[:, LOWER, 1] - basis[:, UPPER, 1])[:, 3:6]  # [52, 3] iod, middle pairs
        opening = opening if opening[ARKIT_NAMES.index("jawOpen"), 1] > 0 else -opening
        face = torch.from_numpy(np.ascontiguousarray(opening[FACE_COLUMNS]))
        driven = torch.full((TOKEN,), plan.freely)
        driven[MOUTH.tolist()], driven[GAZE] = 1.0, 1.0
        self.register_buffer("weight", weight)
        self.register_buffer("driven", driven)
        # Speed against the column's own: a head that turns slowly must not tremble.
        own_speed = scaling.speed.clamp(min=0.07)
        self.register_buffer("speed", weight / own_speed.square())
        self.register_buffer("gap", face / scaling.scale[:FACE, None])
        self.register_buffer("gap_rest", scaling.mean[:FACE] @ face)

    def openings(self, tokens: Tensor) -> Tensor:
        """Return the gap [..., 3] between the lips, in 0.1 iod, of scaled tokens."""
        return 10.0 * (tokens[..., :FACE] @ self.gap + self.gap_rest)

    def forward(
        self, x0: Tensor, target: Tensor, before: Tensor, w: Windows, own: bool = False
    ) -> Tensor:
        """Loss of `x0` against `target` [B, N, b, TOKEN] after `before` [B, N, TOKEN].

        `own`: the past is the model's. Where chance moves a face (head, lids, brows), the
        teacher's frame is then no answer to it; following it would teach to jump.
        """
        plan = self.plan
        count = self.driven if own else torch.ones_like(self.driven)
        loss = ((x0 - target).square() * self.weight * count).mean()
        ours = torch.cat([before[:, :, None], x0], dim=2).diff(dim=2)
        theirs = torch.cat([before[:, :, None], target], dim=2).diff(dim=2)
        loss = loss + plan.speed_weight * ((ours - theirs).square() * self.speed * count).mean()
        gap, true = self.openings(x0), self.openings(target)
        shut = torch.maximum(w.close, w.labiodental)[..., None]
        # Lips that should meet may press harder, but not stand open; others may not meet.
        over = torch.relu(gap - true).square() * shut
        under = torch.relu(torch.clamp(true, max=0.35) - gap).square() * (1 - shut)
        under = under * w.speech[..., None]
        return (
            loss
            + plan.gap_weight * (gap - true).square().mean()
            + plan.close_weight * (over.mean() + 0.5 * under.mean())
        )


def reach_of(model: MotionTransformer, blocks: int) -> Tensor:
    """Attention bias [heads, N * b, M + N * b] that lets each block see its own past and itself."""
    shape = model.shape
    b, past = shape.block_frames, shape.history_frames
    memory = past + blocks * b  # remembered frames; block k's past is k*b .. k*b + past
    block = torch.arange(blocks).repeat_interleave(b)
    place = torch.arange(b).repeat(blocks)
    column = torch.arange(memory)[None] - b * block[:, None]  # 0..past within reach
    inside = (column >= 0) & (column < past)
    own = block[:, None] == block[None]
    mine = past + place[None].expand(blocks * b, -1)
    where = torch.cat([column.clamp(0, past - 1), mine], dim=1)
    open_ = torch.cat([inside, own], dim=1)
    bias = model.reach[:, place[:, None].expand_as(where), where]
    return bias.masked_fill(~open_, float("-inf"))


class Mover:
    """A transformer with what training it needs: blocks in parallel, own pasts, dropped wishes."""

    def __init__(self, model: MotionTransformer, plan: MovingPlan) -> None:
        self.model = model
        self.plan = plan
        self.rng = torch.Generator().manual_seed(plan.seed)
        self.lips = torch.zeros(TOKEN, dtype=torch.bool)
        self.lips[MOUTH.tolist()] = True

    def blocks_of(self, w: Windows) -> Tensor:
        """The clean frames of the blocks, [B, N, b, TOKEN]."""
        b, past = self.model.shape.block_frames, self.model.shape.history_frames + 2
        return w.history[:, past:].unflatten(1, (-1, b))

    def newest(self, history: Tensor) -> Tensor:
        """The two frames before every block, [B, N, 2 * TOKEN]."""
        b, past = self.model.shape.block_frames, self.model.shape.history_frames + 2
        count = (history.shape[1] - past) // b
        at = past - 2 + b * torch.arange(count)
        return history[:, at[:, None] + torch.arange(2)].flatten(2)

    def predict(
        self, noisy: Tensor, t: Tensor, history: Tensor, w: Windows, reach: Tensor
    ) -> Tensor:
        """Return x0 [B, N, b, TOKEN] of all blocks, each given its own past."""
        past = self.model.remembered(history)
        out = self.model.denoise(noisy, t, past, self.newest(history), w.heard, w.wishes, reach)
        if self.plan.objective == "flow":
            return noisy - t[:, None, None, None] * out
        return out

    @torch.no_grad()
    def play(self, history: Tensor, w: Windows, reach: Tensor, steps: int) -> Tensor:
        """Return the history with every block replaced by the model's own, [B, H + 2 + N*b, T]."""
        shape = self.blocks_of(w).shape
        x = torch.randn(shape, generator=self.rng)
        lips = Lips(x.clone())
        for now, then in pairwise(times(steps)):
            x0 = self.predict(x, torch.full((shape[0],), now), history, w, reach)
            x = lips.held(x0 + (then / now) * (x - x0), then)
        past = self.model.shape.history_frames + 2
        return torch.cat([history[:, :past], x.flatten(1, 2)], dim=1)

    def dropped(self, w: Windows) -> Windows:
        """Some windows do not hear, some are given no gaze, distance or emotion."""
        count = len(w.history)
        lost = lambda p: torch.rand(count, generator=self.rng) < p  # noqa: E731
        wishes = w.wishes.clone()
        for condition in CONDITIONS_DROPPED:
            gone = lost(self.plan.drop_condition)[:, None, None, None]
            keep = torch.ones(wishes.shape[-1])
            keep[columns_of(condition)] = 0.0
            wishes = torch.where(gone, wishes * keep, wishes)
        heard = w.heard.clone()
        heard[lost(0.5 * self.plan.drop_condition)] = 0.0
        return Windows(**{**vars(w), "wishes": wishes, "heard": heard})

    def pasts(
        self, w: Windows, scaling: Scaling, share: float, reach: Tensor
    ) -> tuple[Tensor, bool]:
        """The history that blocks see: the teacher's or the model's own, noisy, or none.

        Returns it, and whether it is the model's own.
        """
        history, own = w.history, False
        rest = (-scaling.mean * scaling.scale)[None, None]
        count = len(history)
        if share > self.plan.rollouts_from and (
            torch.rand((), generator=self.rng) < self.plan.rollout_share
        ):
            own = True
            for _ in range(1 + int(torch.randint(0, 2, (), generator=self.rng))):
                history = self.play(history, w, reach, self.plan.rollout_steps)
        size = scaling.speed * self.plan.history_noise * torch.rand(count, 1, 1, generator=self.rng)
        noise = torch.randn(history.shape, generator=self.rng)
        history = history + size * noise
        gone = torch.rand(count, generator=self.rng) < self.plan.drop_history
        history = torch.where(gone[:, None, None], rest, history)
        # Lips are to follow the sound, not themselves: half of the time their past is kept secret.
        secret = torch.rand(count, generator=self.rng) < self.plan.drop_lips
        return torch.where(secret[:, None, None] & self.lips, rest, history), own


def train(
    batches: Iterator[Windows], scaling: Scaling, checkpoint: Path, plan: MovingPlan,
    shape: TransformerShape, about: dict[str, object],
) -> None:  # fmt: skip
    """Train for `plan.minutes`, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    model, average = MotionTransformer(shape), MotionTransformer(shape)
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    spent_s, step = 0.0, 0
    losses: list[tuple[float, float]] = []
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        average.load_state_dict(kept["average"])
        optimiser.load_state_dict(kept["optimiser"])
        spent_s, step = float(kept["spent_s"]), int(kept["step"])
        losses = [(m, x) for m, x in kept["losses"]]
        scaling = Scaling(kept["token_mean"], kept["token_scale"], kept["token_speed"])
    else:
        average.load_state_dict(model.state_dict())
    mover, criterion = Mover(model, plan), MotionLoss(scaling, plan)
    mover.rng.manual_seed(plan.seed + step)

    def save() -> None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        new = checkpoint.with_suffix(".new")
        torch.save(
            {"model": model.state_dict(), "average": average.state_dict(),
             "optimiser": optimiser.state_dict(), "shape": asdict(shape), "spent_s": spent_s,
             "step": step, "token_mean": scaling.mean, "token_scale": scaling.scale,
             "token_speed": scaling.speed, "losses": losses,
             "objective": plan.objective, "about": about}, new,
        )  # fmt: skip
        new.replace(checkpoint)

    began = time.monotonic() - spent_s
    told = [time.monotonic(), 0.0, 0.0]
    for w in batches:
        spent_s = time.monotonic() - began
        if spent_s > 60 * plan.minutes:
            break
        share = spent_s / (60 * plan.minutes)
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
            group["lr"] = plan.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * cosine)
        target = mover.blocks_of(w)
        w = mover.dropped(w)
        reach = reach_of(model, target.shape[1])
        history, own = mover.pasts(w, scaling, share, reach.detach())
        count = len(target)
        t = (torch.arange(count) + torch.rand(count, generator=mover.rng)) / count
        t = t[torch.randperm(count, generator=mover.rng)].clamp(min=0.02)
        first = torch.rand(count, generator=mover.rng) < plan.first_share
        t = torch.where(first, torch.ones_like(t), t)
        noise = torch.randn(target.shape, generator=mover.rng)
        level = t[:, None, None, None]
        x0 = mover.predict((1 - level) * target + level * noise, t, history, w, reach)
        loss = criterion(x0, target, mover.newest(history)[..., -TOKEN:], w, own)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(0.998, step / (step + 20))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1.0 - keep)
        told = [told[0], told[1] + loss.item(), told[2] + 1]
        if time.monotonic() - told[0] > 60:
            losses.append((spent_s / 60, told[1] / told[2]))
            save()
            print(f"{spent_s / 60:5.1f} min  step {step}  loss {told[1] / told[2]:.4f}", flush=True)
            told = [time.monotonic(), 0.0, 0.0]
    save()
