"""Trains the mouth's harmony on sittings: how bright what geometry draws between lips should be.

Knows the loss and what is learned from. Refuses to know renders. A network that painted
these pixels itself looked like fog; this one may only multiply them, smoothly, within bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mien.models.codec.harmony import ASIDE, COLUMNS, LIGHT, ROWS, SIDES, TURN_GAIN
from mien.models.codec.harmony_network import HarmonyNetwork
from mien.models.codec.layers import smoothstep
from mien.models.motion.types import COEFFICIENTS
from training.codec.course import Course, Lesson, Pace
from training.codec.faces import SWAPPED
from training.codec.sittings import read

F32 = NDArray[np.float32]
LEAST_PX = 1.0  # lips closer than that on average show nothing
RED = (0.22, 0.42)  # saturation of teeth, and of what is none
ENDURED = 0.3  # an error beyond this is a tongue or a tooth elsewhere


@dataclass(frozen=True)
class HarmonyPlan:
    """How long, how fast, and what counts."""

    minutes: float = 10.0
    rate: float = 2e-3
    seed: int = 0
    frames: int = 64
    still: float = 0.004  # price of gains that are not needed
    rough: float = 0.02  # and of gains that are not smooth


@dataclass(frozen=True)
class Mouths:
    """Frames of many people; a batch or all of them."""

    drawn: Tensor  # [N, 3, 16, 32] 0..1
    teeth: Tensor  # [N, 1, 16, 32] share of what is drawn there
    true: Tensor
    told: Tensor  # [N, TOLD]
    weight: Tensor  # [N] by size


def mirrored(mouths: Mouths) -> Mouths:
    """The same in a mirror."""
    told = mouths.told.clone()
    told[:, :COEFFICIENTS] = told[:, SWAPPED]
    told[:, COEFFICIENTS + 1 : COEFFICIENTS + 3] *= -1.0  # yaw and roll
    light = told[:, -LIGHT:]
    light[:, ASIDE] *= -1.0
    light[:, SIDES] = light[:, SIDES].flip(1)
    pictures = (picture.flip(3) for picture in (mouths.drawn, mouths.teeth, mouths.true))
    return Mouths(*pictures, told, mouths.weight)


def gathered(folder: Path) -> Mouths:
    """All mouths of a folder's sittings that are open."""
    drawn, true, told, weight = [], [], [], []
    for path in sorted(folder.glob("*.npz")):
        one = read(path)
        for k in np.flatnonzero(one.lips[:, 3] > LEAST_PX):
            drawn.append(one.mouths[k, 0])
            true.append(one.mouths[k, 1])
            told.append(np.concatenate(
                [one.dynamics[k], TURN_GAIN * one.pose[k, :3], one.lips[k, :3], one.light]
            ))  # fmt: skip
            weight.append(one.lips[k, 3])
    facts, size = np.stack(told).astype(np.float32), np.array(weight, np.float32)
    shown, truth = (np.stack(p).transpose(0, 3, 1, 2) / np.float32(255) for p in (drawn, true))
    teeth = teeth_in(shown, np.exp(facts[:, -LIGHT : -LIGHT + 3]))
    columns = (shown, teeth, truth, facts, size / size.mean())
    return Mouths(*(torch.from_numpy(np.ascontiguousarray(column)) for column in columns))


def teeth_in(drawn: F32, tint: F32) -> F32:
    """Share of teeth [N, 1, h, w] in what geometry drew [N, 3, h, w] under a tint [N, 3].

    Without the tint teeth are nearly grey and everything else in a mouth is red.
    """
    plain = drawn / tint[:, :, None, None]
    most, least = plain.max(1, keepdims=True), plain.min(1, keepdims=True)
    return np.asarray(1.0 - smoothstep((most - least) / np.maximum(most, 0.02), *RED), np.float32)


def batches(every: Mouths, plan: HarmonyPlan) -> Iterator[Mouths]:
    """Frames at random, half of them mirrored and in another light, for ever."""
    rng = torch.Generator().manual_seed(plan.seed)
    while True:
        pick = torch.randint(len(every.told), (plan.frames,), generator=rng)
        some = Mouths(*(value[pick] for value in vars(every).values()))
        yield mirrored(some) if torch.rand((), generator=rng) < 0.5 else some


def loss_of(gains: Tensor, batch: Mouths, plan: HarmonyPlan) -> dict[str, Tensor]:
    """Colours against the truth, and a price on gains."""
    wide = functional.interpolate(gains, batch.drawn.shape[2:], mode="bilinear")
    mixed = wide[:, :3] + batch.teeth * (wide[:, 3:] - wide[:, :3])
    away = (batch.drawn * torch.exp(mixed) - batch.true).abs().clamp(max=ENDURED)
    rough = gains.diff(dim=2).abs().mean() + gains.diff(dim=3).abs().mean()
    return {"colour": (away.mean((1, 2, 3)) * batch.weight).mean(),
            "price": plan.still * gains.abs().mean() + plan.rough * rough}  # fmt: skip


def train(every: Mouths, checkpoint: Path, plan: HarmonyPlan) -> None:
    """Train for `plan.minutes`, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    network = HarmonyNetwork()
    pace = Pace(plan.minutes, plan.rate, warm_up=100, clip=1.0, kept=0.995)
    course: Course[Mouths] = Course(network, HarmonyNetwork(), checkpoint, pace)

    def teach(batch: Mouths) -> Lesson:
        found = loss_of(network(batch.told), batch, plan)
        with torch.no_grad():
            before = loss_of(torch.zeros(len(batch.told), 4, ROWS, COLUMNS), batch, plan)
        return Lesson(found, {"without": before["colour"]})

    course.run(batches(every, plan), teach)
