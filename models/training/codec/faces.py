"""Batches of faces for the motion encoder: drawn from the studio's shards, cropped, disguised.

Knows how crops are jittered, mirrored and spoiled, and what a label becomes then. Refuses to know
networks. Positions in crops run from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from mien.models.capture.crops import Crop, around, tensor
from mien.models.capture.points import MIRROR
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
PAINTED, DEVELOPED, COVERED = 0.22, 0.85, 0.15  # shares of the pictures
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

    pictures: Tensor  # [B, 3, CROP_PX, CROP_PX] -1..1
    points: Tensor  # [B, P, 2]
    visible: Tensor  # [B, P]
    motion: Tensor  # [B, 52]
    gaze: Tensor  # [B, 4] in the head, right eye first, in units of GAZE_RAD
    rotation: Tensor  # [B, 3, 3] in the crop's axes, +y up
    neutral: Tensor  # [B] which row shows the same person's neutral face


@dataclass(frozen=True, eq=False)
class Face:
    """One row of a batch."""

    picture: F32
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


def face_of(
    picture: U8, labels: Labels, rng: np.random.Generator | None, mirrored: bool = False
) -> Face:
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
    cut = crop.cut(picture)
    if rng is not None:
        cut = spoiled(cut, rng)
    c, s = np.cos(crop.angle), np.sin(crop.angle)
    level = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])  # undoes the crop's turn
    return Face(
        tensor(cut), crop.into(points).astype(np.float32), np.asarray(visible, np.float32),
        np.clip(motion, 0, 1).astype(np.float32), gaze.reshape(-1).astype(np.float32),
        (level @ rotation).astype(np.float32),
    )  # fmt: skip


def spoiled(cut: U8, rng: np.random.Generator) -> U8:
    """What lenses and files do, and now and then something before the face."""
    if rng.random() < COVERED:
        cut = cut.copy()
        height, width = rng.integers(8, 56, 2)
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

    def __init__(self, folder: Path, people: int = 4, each: int = 6, seed: int = 0) -> None:
        self.folder, self.people, self.each, self.seed = folder, people, each, seed

    def __iter__(self) -> Iterator[Faces]:
        """Begins anew with the shards that are there, now and then, as more come."""
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, 0 if worker is None else worker.id])
        while True:
            frames = Frames(self.folder)
            rows = list(frames.identities().values())
            for _ in range(RELOAD):
                yield self._draw(frames, rows, rng)

    def _draw(self, frames: Frames, rows: list[list[int]], rng: np.random.Generator) -> Faces:
        faces: list[Face] = []
        neutral: list[int] = []
        for who in rng.choice(len(rows), self.people, replace=len(rows) < self.people):
            own = rows[int(who)]
            mirrored = bool(rng.random() < 0.5)
            picks = rng.choice(own[1:], self.each - 1, replace=len(own) < self.each)
            first = len(faces)
            for pick in (own[0], *picks):
                faces.append(face_of(*frame(frames, int(pick)), rng, mirrored))
                neutral.append(first)
        return stack(faces, neutral)


def spread(folder: Path) -> F32:
    """Variances [52] of the coefficients over a folder's frames, the same on both sides."""
    moved = np.concatenate([shard.labels["coefficients"] for shard in Frames(folder).shards])
    found = moved.var(0)
    return np.asarray((found + found[SWAPPED]) / 2, np.float32)


def stream(folder: Path, workers: int = 1, seed: int = 0) -> Iterator[Faces]:
    """Yield batches made by other processes."""
    loader = DataLoader(
        Batches(folder, seed=seed), batch_size=None, num_workers=workers,
        prefetch_factor=4 if workers else None,
    )  # fmt: skip
    return iter(loader)
