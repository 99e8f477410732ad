"""Trains the appearance encoder on the studio's shards.

Knows how a portrait is cut of a frame, disguised, and what is to be read in it; losses, schedule
and checkpoints. Refuses to know how frames are rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from mien.models.appearance.shapes import GROUPS, MAP_PX, PICTURE_PX
from training.codec.appearance_network import AppearanceEncoder, Read
from training.codec.course import Course, Lesson, Pace
from training.studio.film import develop
from training.studio.layout import Part
from training.studio.read import Frames, Shard
from training.studio.styles import paint

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
FACE_SHARE = 0.533  # of a portrait's width, as enrolment frames it
FACE_MIDDLE = (0.5, 0.54)
PAINTED, DEVELOPED, ELSEWHERE = 0.3, 0.8, 0.4  # shares of the pictures
RELOAD = 200  # batches until new shards are looked for
_GROUP_OF = {"HAIR": "hair", "BEARD": "beard", "HAT": "hat", "GLASSES": "glasses", "EAR": "ear",
             "NECK": "neck", "CLOTHES": "clothes", "BACKGROUND": "background"}  # fmt: skip
GROUP_OF_PART = np.array([GROUPS.index(_GROUP_OF.get(p.name, "face")) for p in Part], np.uint8)
BACKGROUND = GROUPS.index("background")


@dataclass(frozen=True)
class AppearancePlan:
    """How long, how fast, and what counts."""

    minutes: float = 60.0
    rate: float = 2e-3
    seed: int = 0
    people: int = 8
    each: int = 3
    groups: float = 1.0
    depth: float = 6.0
    who: float = 0.15
    warmth: float = 0.1  # of the softmax over people


@dataclass(frozen=True)
class Portraits:
    """A batch: P people with E pictures each, one after another."""

    pictures: Tensor  # [B, 3, PICTURE_PX, PICTURE_PX] -1..1
    groups: Tensor  # [B, GROUPS, MAP_PX, MAP_PX] shares
    depth: Tensor  # [B, MAP_PX, MAP_PX] iod; NaN where there is nobody
    who: Tensor  # [B]


def framing(shard: Shard, row: int, size: int, rng: np.random.Generator | None) -> F32:
    """The affine [2, 3] from a frame's px (edge to edge) to a portrait's, 0..1."""
    left, top, right, bottom = shard.labels["box"][row].astype(np.float64) * size
    side = max(right - left, bottom - top) / FACE_SHARE
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    aim, angle = np.array(FACE_MIDDLE), 0.0
    if rng is not None:
        side *= float(np.exp(0.07 * rng.normal()))
        aim = aim + 0.03 * rng.normal(size=2)
        angle = float(np.radians(3.0) * rng.normal())
    cos, sin = np.cos(angle) / side, np.sin(angle) / side
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.c_[linear, aim - linear @ middle].astype(np.float32)


def _warped(picture: NDArray[np.generic], affine: F32, size: int, flags: int, border: int) -> F32:
    """A picture of which `affine` takes edge-to-edge px to 0..1, at `size` px."""
    move = affine.astype(np.float64) * size
    move[:, 2] += move[:, :2] @ [0.5, 0.5] - 0.5  # pixel centres at whole numbers
    return np.asarray(cv2.warpAffine(picture, move, (size, size), flags=flags, borderMode=border))


def portrait_of(
    shard: Shard, row: int, rng: np.random.Generator | None, backdrop: U8 | None = None
) -> tuple[F32, F32, F32]:
    """Picture [3, H, H], shares of groups [G, h, h] and depth [h, h] of one frame."""
    picture, mask = shard.image(row), shard.mask(row)
    size = len(picture)
    affine = framing(shard, row, size, rng)
    if backdrop is not None:
        away = (mask == Part.BACKGROUND)[..., None]
        soft = cv2.GaussianBlur(away.astype(np.float32), (0, 0), 0.6)[..., None]
        picture = (picture + soft * (backdrop.astype(np.float32) - picture)).astype(np.uint8)
    if rng is not None and rng.random() < PAINTED:
        picture = paint(picture, rng)
    linear, nearest = cv2.INTER_LINEAR, cv2.INTER_NEAREST
    cut = _warped(picture, affine, PICTURE_PX, linear, cv2.BORDER_REFLECT_101)
    if rng is not None and rng.random() < DEVELOPED:
        cut = np.asarray(develop(cut.astype(np.uint8), rng), np.float32)
    parts = _warped(GROUP_OF_PART[mask], affine, 2 * MAP_PX, nearest, cv2.BORDER_REFLECT_101)
    shares = (parts[None] == np.arange(len(GROUPS))[:, None, None]).astype(np.float32)
    shares = shares.reshape(len(GROUPS), MAP_PX, 2, MAP_PX, 2).mean((2, 4))
    halved = affine.copy()
    halved[:, :2] *= 2
    labels = shard.labels
    distance, focal = float(labels["translation"][row, 2]), float(labels["focal"][row, 0])
    unit = float(labels["iod"][row, 0]) * distance / focal
    deep = shard.flow(row)[1]
    behind = np.where(deep > 0, (deep - distance) / unit, np.nan).astype(np.float32)
    depth = _warped(behind, halved, MAP_PX, nearest, cv2.BORDER_REFLECT_101)
    colour = np.asarray(cut, np.float32).transpose(2, 0, 1) / 127.5 - 1.0
    return colour, shares, depth


class Batches(IterableDataset[Portraits]):
    """Batches for ever."""

    def __init__(self, folder: Path, plan: AppearancePlan) -> None:
        self.folder, self.plan = folder, plan

    def __iter__(self) -> Iterator[Portraits]:
        """Begins anew with the shards that are there, now and then, as more come."""
        rng = np.random.default_rng([self.plan.seed, 7])
        while True:
            frames = Frames(self.folder)
            rows = list(frames.identities().values())
            for _ in range(RELOAD):
                yield self._draw(frames, rows, rng)

    def _draw(self, frames: Frames, rows: list[list[int]], rng: np.random.Generator) -> Portraits:
        plan, found, who = self.plan, [], []
        for person in rng.choice(len(rows), plan.people, replace=len(rows) < plan.people):
            own = rows[int(person)]
            mirror = bool(rng.random() < 0.5)
            for pick in rng.choice(own, plan.each, replace=len(own) < plan.each):
                backdrop = self._backdrop(frames, rng) if rng.random() < ELSEWHERE else None
                one = portrait_of(*frames.locate(int(pick)), rng, backdrop)
                found.append([part[..., ::-1] for part in one] if mirror else one)
                who.append(int(person))
        columns = [torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True)]
        return Portraits(*columns, who=torch.tensor(who))

    @staticmethod
    def _backdrop(frames: Frames, rng: np.random.Generator) -> U8:
        """Another frame, blurred or not, turned upside down so that no face stands in it."""
        shard, row = frames.locate(int(rng.integers(len(frames))))
        picture = shard.image(row)[::-1]
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 12.0))))


def stream(folder: Path, plan: AppearancePlan) -> Iterator[Portraits]:
    """Batches made by another process."""
    return iter(DataLoader(Batches(folder, plan), batch_size=None, num_workers=1,
                           prefetch_factor=3))  # fmt: skip


def same_person(code: Tensor, who: Tensor, warmth: float) -> Tensor:
    """Codes of one person are to be alike (Khosla et al., arXiv 2004.11362)."""
    alike = code @ code.T / warmth
    self_ = torch.eye(len(who), dtype=torch.bool)
    log_chance = alike.masked_fill(self_, -1e4).log_softmax(1)
    same = (who[:, None] == who[None]) & ~self_
    return -(log_chance * same).sum() / same.sum().clamp(min=1)


def loss_of(read: Read, batch: Portraits, plan: AppearancePlan) -> dict[str, Tensor]:
    """Return the parts of the loss, weighted."""
    groups = -(batch.groups * read.groups.log_softmax(1)).sum(1).mean()
    there = torch.isfinite(batch.depth)
    truth = torch.where(there, batch.depth, read.depth.detach())
    away = functional.smooth_l1_loss(read.depth, truth, beta=0.05, reduction="none")
    return {
        "groups": plan.groups * groups,
        "depth": plan.depth * away.sum() / there.sum().clamp(min=1),
        "who": plan.who * same_person(read.code, batch.who, plan.warmth),
    }


def train(batches: Iterator[Portraits], checkpoint: Path, plan: AppearancePlan) -> None:
    """Train for `plan.minutes`, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    model = AppearanceEncoder()
    pace = Pace(plan.minutes, plan.rate)
    course: Course[Portraits] = Course(model, AppearanceEncoder(), checkpoint, pace)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def teach(batch: Portraits) -> Lesson:
        pictures = batch.pictures.contiguous(memory_format=torch.channels_last)
        return Lesson(loss_of(model(pictures), batch, plan))

    course.run(batches, teach)
