"""Batches of faces for the motion encoder: drawn from the studio's shards, cropped, disguised.

Knows how crops are jittered, mirrored and spoiled, how far a first look is astray, and what a label
becomes then. Refuses to know networks. Positions in crops run from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from mien.models.capture.crops import Crop, around, boxes, closer, halved, tensor
from mien.models.capture.points import EYE_LOOK, GROUPS, MIRROR, MOUTH_LOOK, PLACE
from mien.models.capture.shapes import GAZE_RAD
from mien.models.codec.pose import rotation_matrix
from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES
from training.studio.film import develop
from training.studio.labels import Labels
from training.studio.read import Frames
from training.studio.styles import paint

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
SIDES = (("Left", "Right"), ("Right", "Left"))
PAINTED, DEVELOPED, COVERED = 0.12, 0.6, 0.12  # shares of the pictures
AGAIN = 2  # times that a disguised face is looked at, astray in other ways
ASIDE, SIZED, LOOSE = 0.025, 0.06, 0.012  # how far a first look is astray, in half crops
RELOAD = 200  # batches until new shards are looked for


def _other_side(name: str) -> str:
    for here, there in SIDES:
        if name.endswith(here):
            return name.removesuffix(here) + there
    return name


SWAPPED = np.array([ARKIT_INDEX[_other_side(name)] for name in ARKIT_NAMES])


@dataclass(frozen=True)
class Faces:
    """A batch."""

    crops: Tensor  # [B, 3, CROP_PX, CROP_PX] -1..1
    eyes: Tensor  # [B, 2, 3, EYE_PX, EYE_PX] left, right in a mirror
    mouth: Tensor  # [B, 3, MOUTH_PX, MOUTH_PX]
    boxes: Tensor  # [B, 3, 3] centre x, y and half of the side, in the crop
    first: Tensor  # [B, P, 2] points as a first look may see them
    points: Tensor  # [B, P, 2]
    visible: Tensor  # [B, P]
    motion: Tensor  # [B, 52]
    gaze: Tensor  # [B, 4] in the head, right eye first, in units of GAZE_RAD
    rotation: Tensor  # [B, 3, 3] in the crop's axes, +y up
    neutral: Tensor  # [B] which row shows the same person's neutral face


@dataclass(frozen=True, eq=False)
class Face:
    """One row of a batch."""

    crop: F32
    eyes: F32
    mouth: F32
    boxes: F32
    first: F32
    points: F32
    visible: F32
    motion: F32
    gaze: F32
    rotation: F32


def pixels(points: F32, size: int) -> F64:
    """Points [P, >= 2] in picture widths as px, whole numbers at pixel centres."""
    return np.asarray(points[:, :2].astype(np.float64) * size - 0.5)


def jittered(crop: Crop, rng: np.random.Generator) -> Crop:
    """The crop as a tracker might have it, or one time in five as a rough guess has it."""
    rough = rng.random() < 0.2
    aside = (0.10 if rough else 0.035) * crop.side * rng.normal(size=2)
    size = np.exp((0.22 if rough else 0.07) * rng.normal())
    angle = np.radians(12.0 if rough else 5.0) * rng.normal()
    return Crop(crop.x + aside[0], crop.y + aside[1], crop.side * size, crop.angle + angle)


@dataclass(frozen=True, eq=False)
class Disguised:
    """A face cut out of its picture, mirrored and spoiled."""

    detail: U8  # [DETAIL_PX, DETAIL_PX, 3]
    points: F32  # [P, 2] in the crop
    visible: F32
    motion: F32
    gaze: F32
    rotation: F32


def disguised(
    picture: U8, labels: Labels, rng: np.random.Generator | None, mirrored: bool = False
) -> Disguised:
    """Crop a picture [S, S, 3]; without `rng` exactly and undisguised."""
    points = pixels(labels.points, len(picture))
    rotation = rotation_matrix(labels.rotation)
    motion, visible = labels.coefficients, labels.visible
    gaze = np.radians(labels.gaze_head_deg) / GAZE_RAD
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
        points = (points * (-1.0, 1.0) + (len(picture) - 1.0, 0.0))[MIRROR]
        flip = np.diag([-1.0, 1.0, 1.0])
        rotation = flip @ rotation @ flip
        motion, visible = motion[SWAPPED], visible[MIRROR]
        gaze = gaze[::-1] * (-1.0, 1.0)
    if rng is not None and rng.random() < PAINTED:
        picture = paint(picture, rng)
    crop = around(points)
    crop = crop if rng is None else jittered(crop, rng)
    detail = crop.cut(picture)
    if rng is not None:
        detail = spoiled(detail, rng)
    c, s = np.cos(crop.angle), np.sin(crop.angle)
    level = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])  # undoes the crop's turn
    return Disguised(
        detail, crop.into(points).astype(np.float32), np.asarray(visible, np.float32),
        np.clip(motion, 0, 1).astype(np.float32), gaze.reshape(-1).astype(np.float32),
        (level @ rotation).astype(np.float32),
    )  # fmt: skip


def face_of(seen: Disguised, rng: np.random.Generator | None) -> Face:
    """What looks at a face see; without `rng` the first one sees the truth."""
    first = seen.points if rng is None else astray(seen.points, rng)
    where = boxes(first)
    return Face(
        tensor(halved(seen.detail)), *closer(seen.detail, where),
        np.array([[box.x, box.y, box.half] for box in where], np.float32), first,
        seen.points, seen.visible, seen.motion, seen.gaze, seen.rotation,
    )  # fmt: skip


_GROUPS = [
    *([PLACE[i] for i in GROUPS[name]] for name in ("nose", "oval", "cheeks")),
    EYE_LOOK["left"], EYE_LOOK["right"], MOUTH_LOOK,
]  # fmt: skip


def astray(points: F32, rng: np.random.Generator) -> F32:
    """Points [P, 2] as a first look may see them: parts are moved and sized as wholes."""
    found = points + LOOSE * rng.standard_normal(points.shape)
    for part in _GROUPS:
        middle = found[part].mean(0)
        size = np.exp(SIZED * rng.standard_normal())
        moved = middle + ASIDE * rng.standard_normal(2)
        found[part] = moved + size * (found[part] - middle)
    return np.asarray(found, np.float32)


def spoiled(cut: U8, rng: np.random.Generator) -> U8:
    """What lenses and files do, and now and then something before the face."""
    if rng.random() < COVERED:
        cut = cut.copy()
        height, width = rng.integers(16, 112, 2)
        y, x = rng.integers(0, len(cut) - height), rng.integers(0, len(cut) - width)
        patch = np.roll(cut, (rng.integers(40, 120), rng.integers(40, 120)), (0, 1))
        colour = patch if rng.random() < 0.5 else np.full_like(cut, rng.integers(0, 255, 3))
        cut[y : y + height, x : x + width] = colour[y : y + height, x : x + width]
    return develop(cut, rng) if rng.random() < DEVELOPED else cut


def frame(frames: Frames, index: int) -> tuple[U8, Labels]:
    """A picture and its labels, without decoding masks."""
    shard, row = frames.locate(index)
    labels = Labels(**{name: rows[row] for name, rows in shard.labels.items()})
    return shard.image(row), labels


def stack(faces: list[Face], neutral: list[int]) -> Faces:
    """Join rows."""
    columns = [np.stack([getattr(face, name) for face in faces]) for name in Face.__annotations__]
    tensors = [torch.from_numpy(np.ascontiguousarray(column)) for column in columns]
    return Faces(*tensors, neutral=torch.tensor(neutral))


class Batches(IterableDataset[Faces]):
    """Batches for ever: a few people, several faces of each, the neutral one first."""

    def __init__(
        self, folders: Sequence[Path], people: int = 4, each: int = 6, seed: int = 0
    ) -> None:
        """`folders` of shards: either is as likely, however many people it holds."""
        self.folders, self.people, self.each, self.seed = folders, people, each, seed

    def __iter__(self) -> Iterator[Faces]:
        """Begins anew with the shards that are there, now and then, as more come."""
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, 0 if worker is None else worker.id])
        while True:
            sets = [Frames(folder) for folder in self.folders]
            people = [list(frames.identities().values()) for frames in sets]
            for _ in range(RELOAD):
                drawn = self._draw(sets, people, rng)
                for _ in range(AGAIN):
                    yield stack([face_of(seen, rng) for seen, _ in drawn], [k for _, k in drawn])

    def _draw(
        self, sets: list[Frames], people: list[list[list[int]]], rng: np.random.Generator
    ) -> list[tuple[Disguised, int]]:
        """Faces, and which of them is the same person's neutral one."""
        drawn: list[tuple[Disguised, int]] = []
        for _ in range(self.people):
            which = int(rng.integers(len(sets)))
            frames, own = sets[which], people[which][int(rng.integers(len(people[which])))]
            mirrored = bool(rng.random() < 0.5)
            picks = rng.choice(own[1:], self.each - 1, replace=len(own) < self.each)
            first = len(drawn)
            drawn += [
                (disguised(*frame(frames, int(pick)), rng, mirrored), first)
                for pick in (own[0], *picks)
            ]
        return drawn


def spread(folders: Sequence[Path]) -> F32:
    """Variances [52] of the coefficients over all frames of folders, the same on both sides."""
    shards = [shard for folder in folders for shard in Frames(folder).shards]
    found = np.concatenate([shard.labels["coefficients"] for shard in shards]).var(0)
    return np.asarray((found + found[SWAPPED]) / 2, np.float32)


def stream(folders: Sequence[Path], workers: int = 1, seed: int = 0) -> Iterator[Faces]:
    """Yield batches made by other processes."""
    loader = DataLoader(
        Batches(folders, seed=seed), batch_size=None, num_workers=workers,
        prefetch_factor=4 if workers else None,
    )  # fmt: skip
    return iter(loader)
