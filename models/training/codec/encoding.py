"""Trains the motion encoder on renders.

Knows losses, schedule and checkpoints. Refuses to know how renders are made and disguised
(`faces` draws the batches). A batch holds a few people with several faces each and the neutral
face of every one, so that coefficients are learned as what differs from it. There are two courses:
first looks find points in whole faces; second looks, and all that follows from them, are then
taught around the true places, astray as first looks are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mien.models.capture.points import EYE_LOOK, MOUTH_LOOK
from mien.models.capture.shapes import MotionEncoderShape
from mien.models.motion.types import ARKIT_INDEX
from training.codec.course import Course, Lesson, Pace
from training.codec.faces import Faces
from training.codec.network import FirstLook, Look, MotionEncoder, Parts, rotation

RARE = 0.004  # added to a variance, so that what hardly ever moves does not rule
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


def equal_say(spread: NDArray[np.float32]) -> Tensor:
    """Weights [52] under which rare coefficients count as often moved ones do.

    `spread` [52]: their variances over the frames to learn from.
    """
    weight = torch.from_numpy(1.0 / (spread + RARE))
    return torch.as_tensor(weight * (spread.sum() / (weight * torch.from_numpy(spread)).sum()))


def loss_of(
    look: Look, motion: Tensor, faces: Faces, plan: EncodingPlan, say: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the parts of the second looks' loss, weighted; `say` [52] weighs coefficients."""
    closer = torch.tensor(sorted({*EYE_LOOK["left"], *EYE_LOOK["right"], *MOUTH_LOOK}))
    away = _away(look.points, faces, plan)[:, closer].mean()
    open_ = (faces.motion[:, _BLINKS] < CLOSED).float().repeat_interleave(2, 1)
    gaze = functional.smooth_l1_loss(look.gaze, faces.gaze, beta=0.2, reduction="none")
    motion_loss = functional.binary_cross_entropy_with_logits(motion, faces.motion, weight=say)
    return {
        "points": plan.points * away,
        "motion": plan.motion * motion_loss,
        "gaze": plan.gaze * (gaze * open_).mean(),
        "turn": plan.turn * (rotation(look.turn) - faces.rotation).square().mean(),
    }


def first_loss(
    points: Tensor, visible: Tensor, faces: Faces, plan: EncodingPlan
) -> dict[str, Tensor]:
    """Return the parts of the first look's loss, weighted."""
    missed = functional.binary_cross_entropy_with_logits(visible, faces.visible)
    away = _away(points, faces, plan).mean()
    return {"points": plan.points * away, "visible": plan.visible * missed}


def _away(points: Tensor, faces: Faces, plan: EncodingPlan) -> Tensor:
    weight = plan.hidden + (1 - plan.hidden) * faces.visible
    error = functional.smooth_l1_loss(points, faces.points, beta=0.02, reduction="none")
    return error.mean(-1) * weight


def neutral_of(look: Look, faces: Faces, alone: Tensor) -> Look:
    """The look at each face's neutral one; not a number where it is to be unknown."""
    rest = Look(*(value[faces.neutral] for value in vars(look).values()))
    hidden = torch.where(alone, float("nan"), 0.0)[:, None, None]
    return replace(rest, points=rest.points + hidden)


def train_first(batches: Iterator[Faces], checkpoint: Path, plan: EncodingPlan) -> None:
    """Train the first look for `plan.minutes`, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    shape = MotionEncoderShape()
    look = FirstLook(shape)
    course: Course[Faces] = Course(
        look, FirstLook(shape), checkpoint, Pace(plan.minutes, plan.rate), shape=asdict(shape)
    )
    look.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster
    course.run(batches, lambda faces: Lesson(first_loss(*look(_fast(faces.crops)), faces, plan)))


def train(
    batches: Iterator[Faces], checkpoint: Path, plan: EncodingPlan,
    say: Tensor | None = None, first: Path | None = None,
) -> None:  # fmt: skip
    """Train all but the first look for `plan.minutes`, going on from `checkpoint` if it exists.

    `say` [52] weighs coefficients (`equal_say`); `first` is a checkpoint of `train_first`, whose
    average goes into the encoder as it is.
    """
    torch.manual_seed(plan.seed)
    shape = MotionEncoderShape()
    model, pace = MotionEncoder(shape), Pace(plan.minutes, plan.rate)
    if first is not None:
        model.first.load_state_dict(torch.load(first, weights_only=True)["average"])
    course: Course[Faces] = Course(
        model, MotionEncoder(shape), checkpoint, pace, shape=asdict(shape)
    )
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = torch.Generator().manual_seed(plan.seed + course.step)

    def teach(faces: Faces) -> Lesson:
        parts = Parts(_fast(faces.eyes.flatten(0, 1)).unflatten(0, (-1, 2)), _fast(faces.mouth),
                      faces.boxes)  # fmt: skip
        look = model.look(parts, faces.first)
        alone = torch.rand(len(faces.motion), generator=rng) < plan.alone
        motion = model.motion(look, neutral_of(look, faces, alone))
        return Lesson(loss_of(look, motion, faces, plan, say))

    course.run(batches, teach)


def _fast(pictures: Tensor) -> Tensor:
    return pictures.contiguous(memory_format=torch.channels_last)
