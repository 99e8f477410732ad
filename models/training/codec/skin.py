"""Trains skin maps on sittings: portraits warped by geometry, corrected, against the true picture.

Knows losses, schedule and checkpoints, and how a frame is warped in torch. Refuses to know renders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from mien.models.codec.canonical import CANONICAL_PX, layout_of, unrolled
from mien.models.codec.face_mesh import FaceMesh
from mien.models.codec.rasteriser import rasterise
from mien.models.codec.skin_network import SkinNetwork
from mien.models.codec.skin_shape import NARROW, TURN_GAIN, SkinShape
from mien.models.codec.skin_weights import SkinModel
from mien.models.codec.topology import (
    LOWER_INNER_LIP,
    OUTER_EYE_CORNERS,
    UPPER_INNER_LIP,
)
from training.codec.course import Course, Lesson, Pace
from training.codec.faces import SWAPPED
from training.codec.growing import grow
from training.codec.sittings import TRUTH_PX, SittingFile, read
from training.studio.film import grade

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
HALF = TRUTH_PX / 512
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
MOUTH = (*UPPER_INNER_LIP, *LOWER_INNER_LIP[-2:0:-1])
ENDURED = 0.35  # an error beyond this is hair, glasses or a shadow: nothing for skin to mend


@dataclass(frozen=True)
class SkinPlan:
    """How long, how fast, and what counts."""

    minutes: float = 60.0
    rate: float = 1.5e-3
    seed: int = 0
    people: int = 4
    frames: int = 4
    edges: float = 0.5
    still: float = 0.004  # price of maps that are not needed
    rough: float = 0.03  # price of maps that are not smooth


@dataclass(frozen=True)
class Skins:
    """A batch: P people, P * F frames."""

    skin: Tensor  # [P, 4, 128, 128]
    portrait: Tensor  # [P, 3, 256, 256] 0..1
    iod: Tensor  # [P] outer-eye distance over the picture's half width
    motion: Tensor  # [P * F, 55]
    truth: Tensor  # [P * F, 3, 256, 256] 0..1
    where: Tensor  # [P * F, 256, 256, 2] in the portrait, -1..1
    place: Tensor  # [P * F, 256, 256, 2] in the canonical layout, -1..1
    count: Tensor  # [P * F, 1, 256, 256] what is judged


def warped(picture: Tensor, where: Tensor) -> Tensor:
    """Pictures [B, C, H, W] sampled at `where` [B, h, w, 2] in -1..1."""
    return functional.grid_sample(
        picture, where, mode="bilinear", padding_mode="border", align_corners=False
    )


def shown(network: SkinNetwork, batch: Skins) -> tuple[Tensor, Tensor]:
    """Return frames [P * F, 3, 256, 256] as the maps make them, and the maps."""
    frames = len(batch.motion) // len(batch.skin)
    features, code = network.features(batch.skin)
    again = torch.arange(len(batch.skin)).repeat_interleave(frames)
    maps = network.maps(features, batch.motion, code[again])
    here = warped(maps, batch.place)
    shift = here[:, :2].permute(0, 2, 3, 1) * batch.iod[again][:, None, None, None]
    colour = warped(batch.portrait[again], batch.where + shift)
    return (colour * torch.exp(here[:, 2:])).clamp(0.0, 1.0), maps


def plain(batch: Skins) -> Tensor:
    """Frames as geometry alone makes them."""
    frames = len(batch.motion) // len(batch.skin)
    again = torch.arange(len(batch.skin)).repeat_interleave(frames)
    return warped(batch.portrait[again], batch.where)


def loss_of(made: Tensor, maps: Tensor, batch: Skins, plan: SkinPlan) -> Tensor:
    """Colours and edges against the truth, and a price on maps."""
    away = (made - batch.truth).abs().clamp(max=ENDURED)
    loss = (away * batch.count).sum() / (3 * batch.count.sum() + 1)
    rough = plan.rough * maps.shape[-1] / NARROW.map_px  # a slope costs the same at any size
    for axis in (2, 3):
        edge = (made.diff(dim=axis) - batch.truth.diff(dim=axis)).abs().clamp(max=ENDURED)
        both = batch.count.narrow(axis, 0, TRUTH_PX - 1) * batch.count.narrow(axis, 1, TRUTH_PX - 1)
        loss = loss + plan.edges * (edge * both).sum() / (3 * both.sum() + 1)
        loss = loss + rough * maps.diff(dim=axis).abs().mean()
    return loss + plan.still * (5.0 * maps[:, :2].abs().mean() + maps[:, 2:].abs().mean())


def person(
    sitting: SittingFile, picks: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, F32]:
    """Arrays of one person and some frames."""
    mesh = FaceMesh(sitting.landmarks.astype(np.float64))
    places = layout_of(mesh.outline)
    small = cv2.resize(sitting.portrait, (TRUTH_PX,) * 2, interpolation=cv2.INTER_AREA)
    pictures = np.stack([small, *(sitting.truths[i] for i in picks)])
    # One grade for all pictures of a person: what light and paint look like is not to be learned.
    flat = grade(pictures.reshape(-1, TRUTH_PX, 3), rng).reshape(pictures.shape)
    big = cv2.resize(flat[0], (512, 512), interpolation=cv2.INTER_LINEAR)
    source, triangles = mesh.source[:, :2].astype(np.float32), mesh.seen(mesh.source)
    skin, seen = unrolled(big, source, places, triangles)
    grids = [_grids(mesh, places, sitting.points[i]) for i in picks]
    right, left = OUTER_EYE_CORNERS
    iod = np.linalg.norm(sitting.landmarks[right] - sitting.landmarks[left]) / 256
    channels = np.concatenate([skin.astype(np.float32) / 127.5 - 1.0, seen[..., None]], -1)
    motion = np.concatenate([sitting.dynamics[picks], TURN_GAIN * sitting.pose[picks, :3]], 1)
    found = {
        "skin": channels.transpose(2, 0, 1)[None],
        "portrait": flat[:1].transpose(0, 3, 1, 2) / np.float32(255),
        "iod": np.array([iod], np.float32),
        "motion": motion.astype(np.float32),
        "truth": flat[1:].transpose(0, 3, 1, 2) / np.float32(255),
        "where": np.stack([g[..., :2] for g in grids]),
        "place": np.stack([g[..., 2:4] for g in grids]),
        "count": np.stack([g[None, ..., 4] for g in grids]),
    }  # fmt: skip
    return mirrored(found) if rng.random() < 0.5 else found


def mirrored(found: dict[str, F32]) -> dict[str, F32]:
    """The same person in a mirror: the canonical layout is symmetric, and so are coefficients."""
    out = {name: values[..., ::-1] for name, values in found.items() if values.ndim == 4}
    for name in ("where", "place"):
        out[name] = found[name][:, :, ::-1] * np.array([-1.0, 1.0], np.float32)
    motion = found["motion"][:, [*SWAPPED, 52, 53, 54]] * np.array([1.0] * 53 + [-1.0, -1.0])
    return {**found, **out, "motion": motion.astype(np.float32)}


def _grids(mesh: FaceMesh, places: F32, points: F32) -> F32:
    """For each pixel of a frame: place in the portrait, place in the layout, whether it counts."""
    source = (mesh.source[:, :2] + 0.5) / 256 - 1.0
    spots = (places + 0.5) * (2.0 / CANONICAL_PX) - 1.0
    values = np.c_[source, spots, np.ones(len(source))].astype(np.float32)
    rows = np.zeros((TRUTH_PX, 5, TRUTH_PX), np.float32)
    depth = np.zeros((TRUTH_PX, TRUTH_PX), np.float32)
    small = points.copy()
    small[:, :2] = (small[:, :2] + 0.5) * HALF - 0.5
    rasterise(small, values, mesh.seen(points.astype(np.float64)), rows, depth)
    grid = np.ascontiguousarray(rows.transpose(0, 2, 1))
    holes = np.ones((TRUTH_PX, TRUTH_PX), np.uint8)
    for ring in (LEFT_EYE, RIGHT_EYE, MOUTH):
        cv2.fillPoly(holes, [np.round(small[list(ring), :2]).astype(np.int32)], 0)
    rim = np.round(small[len(points) - len(mesh.outline) :, :2]).astype(np.int32)
    inside = np.zeros_like(holes)
    cv2.fillPoly(inside, [cv2.convexHull(rim)[:, 0]], 1)
    grid[..., 4] *= cv2.erode(holes, np.ones((3, 3), np.uint8)) * inside
    return grid


class SkinBatches(IterableDataset[Skins]):
    """Batches for ever."""

    def __init__(self, folder: Path, plan: SkinPlan) -> None:
        self.folder, self.plan = folder, plan

    def __iter__(self) -> Iterator[Skins]:
        """People in random order, with the files that are there."""
        rng = np.random.default_rng(self.plan.seed)
        waiting: list[dict[str, F32]] = []
        while True:
            paths = sorted(self.folder.glob("*.npz"))
            for pick in rng.permutation(len(paths)):
                sitting = read(paths[int(pick)])
                frames = rng.permutation(len(sitting.truths))
                for start in range(0, len(frames) - self.plan.frames + 1, self.plan.frames):
                    picks = frames[start : start + self.plan.frames]
                    waiting.append(person(sitting, picks, rng))
                while len(waiting) >= 8 * self.plan.people:
                    order = rng.permutation(len(waiting))
                    chosen = set(order[: self.plan.people].tolist())
                    yield joined([waiting[i] for i in chosen])
                    waiting = [p for i, p in enumerate(waiting) if i not in chosen]


def joined(people: list[dict[str, F32]]) -> Skins:
    """A batch of people."""
    names = people[0].keys()
    return Skins(
        **{n: torch.from_numpy(np.concatenate([p[n] for p in people]).astype(np.float32))
           for n in names}
    )  # fmt: skip


def stream(folder: Path, plan: SkinPlan) -> Iterator[Skins]:
    """Batches made by another process."""
    return iter(DataLoader(SkinBatches(folder, plan), batch_size=None, num_workers=1,
                           prefetch_factor=3))  # fmt: skip


def train(
    batches: Iterator[Skins], checkpoint: Path, plan: SkinPlan, shape: SkinShape = NARROW,
    grown_from: SkinModel | None = None,
) -> None:  # fmt: skip
    """Train for `plan.minutes`, going on from `checkpoint` when it exists.

    A new network begins as `grown_from`, where given: see `growing`.
    """
    torch.manual_seed(plan.seed)
    network = SkinNetwork(shape)
    if grown_from is not None:
        tensors = {name: torch.from_numpy(t.copy()) for name, t in grown_from.tensors.items()}
        grow(network, grown_from.shape, tensors)
    pace = Pace(plan.minutes, plan.rate, warm_up=100, clip=1.0, kept=0.995)
    course: Course[Skins] = Course(
        network, SkinNetwork(shape), checkpoint, pace, shape=asdict(shape)
    )

    def teach(batch: Skins) -> Lesson:
        made, maps = shown(network, batch)
        with torch.no_grad():
            before = loss_of(plain(batch), torch.zeros_like(maps), batch, plan)
        loss = loss_of(made, maps, batch, plan)
        return Lesson({"loss": loss}, {"geometry alone": before})

    course.run(batches, teach)
