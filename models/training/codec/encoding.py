"""Trains the motion encoder on renders.

Knows losses, schedule and checkpoints. Refuses to know how renders are made and disguised
(`faces` draws the batches). A batch holds a few people with several faces each and the neutral
face of every one, so that coefficients are learned as what differs from it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.capture.points import EYE_POINTS, MOUTH_POINTS
from mien.models.capture.shapes import MotionEncoderShape
from mien.models.motion.types import ARKIT_INDEX
from training.codec.faces import Faces
from training.codec.network import Look, MotionEncoder, rotation

CLOSED = 0.7  # eyeBlink beyond which a gaze cannot be seen
_BLINKS = [ARKIT_INDEX["eyeBlinkRight"], ARKIT_INDEX["eyeBlinkLeft"]]


@dataclass(frozen=True)
class EncodingPlan:
    """How long, how fast, and what counts."""

    minutes: float = 120.0
    rate: float = 1.6e-3
    seed: int = 0
    points: float = 14.0
    motion: float = 25.0
    gaze: float = 2.0
    turn: float = 8.0
    visible: float = 0.2
    hidden: float = 0.3  # weight of points that cannot be seen
    alone: float = 0.3  # of faces are read without knowing the neutral one
    astray: float = 0.05  # second looks begin this far from the truth, in half crops


def known_points(truth: Tensor, plan: EncodingPlan, rng: torch.Generator) -> Tensor:
    """True points [B, P, 2] moved as a first look may miss them: eyes and mouth as wholes."""
    moved = truth.clone()
    for part in (*EYE_POINTS.values(), MOUTH_POINTS):
        inside = truth[:, part]
        middle = inside.mean(1, keepdim=True)
        aside = plan.astray * torch.randn(len(truth), 1, 2, generator=rng)
        size = torch.exp(0.1 * torch.randn(len(truth), 1, 1, generator=rng))
        moved[:, part] = middle + aside + size * (inside - middle)
    return moved


def loss_of(look: Look, motion: Tensor, faces: Faces, plan: EncodingPlan) -> dict[str, Tensor]:
    """Return the parts of the loss, weighted."""
    weight = plan.hidden + (1 - plan.hidden) * faces.visible

    def away(points: Tensor) -> Tensor:
        error = functional.smooth_l1_loss(points, faces.points, beta=0.02, reduction="none")
        return (error.mean(-1) * weight).mean()

    open_ = (faces.motion[:, _BLINKS] < CLOSED).float().repeat_interleave(2, 1)
    gaze = functional.smooth_l1_loss(look.gaze, faces.gaze, beta=0.2, reduction="none")
    motion_loss = functional.binary_cross_entropy_with_logits(motion, faces.motion)
    return {
        "points": plan.points * (away(look.coarse) + away(look.points)),
        "motion": plan.motion * motion_loss,
        "gaze": plan.gaze * (gaze * open_).mean(),
        "turn": plan.turn * (rotation(look.turn) - faces.rotation).square().mean(),
        "visible": plan.visible
        * functional.binary_cross_entropy_with_logits(look.visible, faces.visible),
    }  # fmt: skip


def neutral_of(look: Look, faces: Faces, alone: Tensor) -> Look:
    """The look at each face's neutral one; not a number where it is to be unknown."""
    rest = Look(*(value[faces.neutral] for value in vars(look).values()))
    hidden = torch.where(alone, float("nan"), 0.0)[:, None, None]
    return Look(rest.coarse, rest.points + hidden, rest.visible, rest.turn, rest.gaze, rest.code)


def train(batches: Iterator[Faces], checkpoint: Path, plan: EncodingPlan) -> None:
    """Train for `plan.minutes`, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    shape = MotionEncoderShape()
    model, average = MotionEncoder(shape), MotionEncoder(shape)
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.rate, weight_decay=0.02, betas=(0.9, 0.98)
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
    else:
        average.load_state_dict(model.state_dict())
    model.to(memory_format=torch.channels_last)  # a third faster on a CPU
    rng = torch.Generator().manual_seed(plan.seed + step)
    began, told, sums, seen = time.monotonic() - spent_s, time.monotonic(), {}, 0

    def save() -> None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        new = checkpoint.with_suffix(".new")
        torch.save(
            {"model": model.state_dict(), "average": average.state_dict(),
             "optimiser": optimiser.state_dict(), "shape": asdict(shape),
             "spent_s": spent_s, "step": step, "losses": losses}, new,
        )  # fmt: skip
        new.replace(checkpoint)

    model.train()
    for faces in batches:
        spent_s = time.monotonic() - began
        if spent_s > 60 * plan.minutes:
            break
        share = spent_s / (60 * plan.minutes)
        cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * cosine)
        pictures = faces.pictures.contiguous(memory_format=torch.channels_last)
        look = model.look(pictures, known_points(faces.points, plan, rng))
        alone = torch.rand(len(faces.motion), generator=rng) < plan.alone
        motion = model.motion(look, neutral_of(look, faces, alone))
        parts = loss_of(look, motion, faces, plan)
        optimiser.zero_grad()
        sum(parts.values(), torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        step += 1
        _follow(average, model, min(0.998, step / (step + 20)))
        sums = {k: sums.get(k, 0.0) + v.item() for k, v in parts.items()}
        seen += 1
        if time.monotonic() - told > 60:
            losses.append((spent_s / 60, sum(sums.values()) / seen))
            save()
            said = "  ".join(f"{k} {v / seen:.3f}" for k, v in sums.items())
            print(f"{spent_s / 60:5.1f} min  step {step}  {said}", flush=True)
            told, sums, seen = time.monotonic(), {}, 0
    save()


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - keep)
    for slow, fast in zip(average.buffers(), model.buffers(), strict=True):
        slow.copy_(fast)
