"""What stays on the device from frame to frame: the cast side by side, batches of it, and scratch.

Knows padding: characters have meshes of different sizes. Refuses to know motion and pixels. A batch
is made when other actors are drawn than before; it picks rows out of the cast's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.decoder import FRAME_SIZE_PX
from mien.models.codec.gpu import layout
from mien.models.codec.gpu.cast import Member
from mien.models.codec.gpu.dress import CHANNELS
from mien.models.codec.gpu.moment import RIGID
from mien.models.codec.gpu.raster import Meshes, meshes
from mien.models.codec.gpu.upload import Upload
from mien.models.codec.harmony import TOLD
from mien.models.codec.skin_shape import MOTION
from mien.models.engine.buckets import bucket_for, padded

FACE_CELLS, SHEET_CELLS, FOLDED_CELLS = 256, 64, 256  # as the CPU's decoder takes them


@dataclass(frozen=True, eq=False)
class Cast:
    """All characters side by side, M of them."""

    row: dict[int, int]  # of a handle
    members: tuple[Member, ...]
    face: Meshes
    sheet: Meshes  # one for all: the same grid
    corners: Tensor  # [M, T, 3] int64, as in `face`
    always: Tensor  # [M, T] drawn whichever way they look
    real: Tensor  # [M, T] not padding
    attributes: Tensor  # [M, V, 8]: gains and coverage 1, places; the displacement is a frame's
    source: Tensor  # [M, V, 2] px
    nodes: Tensor  # [M, N, 3] px
    share: Tensor  # [M, N, 1]
    fold_depth: Tensor  # [M, 1]
    iod_px: Tensor  # [M]


@dataclass(frozen=True, eq=False)
class Batch:
    """Actors that are drawn together, B of them: rows of the cast's tensors, and an upload."""

    members: tuple[Member, ...]
    bucket: int
    upload: Upload
    features: Tensor  # [bucket, F, n]
    code: Tensor  # [bucket, CODE]
    kind: Tensor  # [B] int32 whose mesh
    corners: Tensor
    always: Tensor
    real: Tensor
    attributes: Tensor
    source: Tensor
    nodes: Tensor
    share: Tensor
    fold_depth: Tensor
    iod_px: Tensor


def cast_of(members: Mapping[int, Member], device: torch.device) -> Cast:
    """Lay the characters of a cast side by side."""
    every = tuple(members.values())
    vertices = max(len(one.source) for one in every)
    count = max(len(one.triangles) for one in every)
    always, real = (np.zeros((len(every), count), bool) for _ in range(2))
    attributes = np.ones((len(every), vertices, CHANNELS), np.float32)
    for i, one in enumerate(every):
        always[i, : one.always], real[i, : len(one.triangles)] = True, True
        attributes[i, : len(one.places), 6:] = one.places

    def there(array: NDArray[np.float32] | NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    def stacked(arrays: Sequence[NDArray[np.float32]]) -> Tensor:
        return there(np.stack([padded(a, max(map(len, arrays))) for a in arrays]))

    face = meshes([one.triangles for one in every], [one.places for one in every], device)
    grid = every[0]
    return Cast(
        {handle: i for i, handle in enumerate(members)}, every, face,
        meshes([grid.sheet_triangles], [grid.nodes[:, :2]], device), face.triangles.long(),
        there(always), there(real), there(attributes),
        stacked([one.source[:, :2] for one in every]),
        stacked([one.nodes for one in every]), stacked([one.share for one in every]),
        there(np.array([[one.folds.depth] for one in every], np.float32)),
        there(np.array([one.rig.scale for one in every], np.float32)),
    )  # fmt: skip


def batch_of(cast: Cast, handles: Sequence[int], folds: int, device: torch.device) -> Batch:
    """Pick actors out of a cast; `folds`: how many there are. Raises KeyError for strangers."""
    rows = [cast.row[handle] for handle in handles]
    members = tuple(cast.members[row] for row in rows)
    count, bucket = len(rows), bucket_for(len(rows))
    at = torch.tensor(rows, device=device)
    sections = {
        "addresses": ((count, layout.ADDRESSES), "int64"),
        "slots": ((count, 2), "int64"),
        "cells": ((count, 1), "int32"),
        "numbers": ((count, layout.NUMBERS), "float32"),
        "points": ((count, cast.source.shape[1], 3), "float32"),
        "rigid": ((count, RIGID), "float32"),
        "folded": ((count, folds), "float32"),
        "motion": ((bucket, MOTION), "float32"),
        "told": ((bucket, TOLD), "float32"),
    }
    return Batch(
        members, bucket, Upload(sections, device),
        padded(torch.cat([one.features for one in members]), bucket),
        padded(torch.cat([one.code for one in members]), bucket), at.int(),
        cast.corners[at], cast.always[at], cast.real[at], cast.attributes[at], cast.source[at],
        cast.nodes[at], cast.share[at], cast.fold_depth[at], cast.iod_px[at],
    )  # fmt: skip


class Scratch:
    """Grids and frames of a batch, as large as the largest so far; batches take turns."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._actors = device, 0
        self._kept: dict[str, Tensor] = {}

    @property
    def nbytes(self) -> int:
        """Memory of the device."""
        return sum(tensor.nbytes for tensor in self._kept.values())

    def of(self, actors: int) -> dict[str, Tensor]:
        """Room for a batch of `actors`."""
        if actors > self._actors:
            self._actors = actors

            def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
                return torch.zeros((actors, *shape), dtype=dtype, device=self._device)

            self._kept = {
                "sheet": zeros(FOLDED_CELLS, FOLDED_CELLS, 2),
                "sheet_depth": zeros(FOLDED_CELLS, FOLDED_CELLS),
                "face": zeros(FACE_CELLS, FACE_CELLS, CHANNELS),
                "face_depth": zeros(FACE_CELLS, FACE_CELLS),
                "face_cells": zeros(dtype=torch.int32) + FACE_CELLS,
                "only_mesh": zeros(dtype=torch.int32),
                "folds": zeros(CANONICAL_PX * CANONICAL_PX) + 1.0,
                "frames": zeros(FRAME_SIZE_PX, FRAME_SIZE_PX, dtype=torch.int32),
            }
        return {name: tensor[:actors] for name, tensor in self._kept.items()}
