"""Reads what `training.studio.shards` wrote.

Knows the file format. Refuses to know how frames are made, and needs no graphics.

`<split>-<first seed>.safetensors`, one a group of identities: `images`, `masks`, `flows` are joined
bytes of files with `*_starts` int64 [F+1]; every array of `Labels` is float32 [F, ...]; `kind`
uint8, `seed` int32 and `number` int16 [F] say which frame of whom. `manifest.jsonl` has a line a
shard.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from training.studio.labels import LABEL_SHAPES, Labels

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

FLOW_STEP_PX = 1 / 16  # of the full picture
FLOW_BIAS_PX = 1024.0
DEPTH_STEP = 1 / 128  # model units (about cm)


@dataclass(frozen=True)
class Sample:
    """One frame as read. Pictures are decoded on demand by the methods of Shard."""

    image: U8  # [S, S, 3] sRGB
    mask: U8  # [S, S] Part
    labels: Labels
    kind: int
    seed: int
    number: int  # 0 is the identity's source


class Shard:
    """One file, opened lazily: labels in memory, pictures decoded when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, "numpy") as file:
            self.about = json.loads(file.metadata()["about"])
            self.labels: dict[str, F32] = {n: file.get_tensor(n) for n in LABEL_SHAPES}
            self.kind, self.seed, self.number = (
                file.get_tensor(n) for n in ("kind", "seed", "number")
            )
            self._starts = {n: file.get_tensor(f"{n}_starts") for n in ("images", "masks", "flows")}
        self._file = safe_open(path, "numpy").__enter__()

    def __len__(self) -> int:
        return len(self.kind)

    def _decoded(self, name: str, index: int, flags: int) -> NDArray[np.generic]:
        start, stop = (int(s) for s in self._starts[name][index : index + 2])
        data = self._file.get_slice(name)[start:stop]
        picture = cv2.imdecode(np.asarray(data, np.uint8), flags)
        if picture is None:
            raise ValueError(f"{self.path}: {name} of frame {index} cannot be decoded")
        return np.asarray(picture)

    def image(self, index: int) -> U8:
        """[S, S, 3] sRGB."""
        return np.asarray(self._decoded("images", index, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)

    def mask(self, index: int) -> U8:
        """[S, S] Part."""
        return np.asarray(self._decoded("masks", index, cv2.IMREAD_UNCHANGED), np.uint8)

    def flow(self, index: int) -> tuple[F32, F32]:
        """Where each point was in the identity's frame 0, and how deep this frame is.

        [S/2, S/2, 3]: x, y in pixels of the full picture, depth there; and [S/2, S/2] depth here,
        both in model units, 0 for the background. Texel (i, j) lies between pixels 2i and 2i+1.
        """
        coded = self._decoded("flows", index, cv2.IMREAD_UNCHANGED).astype(np.float32)
        x, y, before, here = (coded[..., k] for k in (2, 1, 0, 3))
        place = np.stack([x * FLOW_STEP_PX - FLOW_BIAS_PX, y * FLOW_STEP_PX - FLOW_BIAS_PX,
                          before * DEPTH_STEP], -1)  # fmt: skip
        return place.astype(np.float32), (here * DEPTH_STEP).astype(np.float32)

    def sample(self, index: int) -> Sample:
        """Picture, mask and labels of one frame."""
        labels = Labels(**{name: rows[index] for name, rows in self.labels.items()})
        return Sample(self.image(index), self.mask(index), labels, int(self.kind[index]),
                      int(self.seed[index]), int(self.number[index]))  # fmt: skip


class Frames:
    """All frames of a split, as a sequence (a torch map-style dataset will take it as it is)."""

    def __init__(self, folder: Path, split: str = "train") -> None:
        """`split` is train or heldout. Raises FileNotFoundError where there is no shard of it."""
        self.shards = [Shard(path) for path in sorted(folder.glob(f"{split}-*.safetensors"))]
        if not self.shards:
            raise FileNotFoundError(f"no {split} shards of the studio in {folder}")
        self._ends = np.cumsum([len(shard) for shard in self.shards])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def locate(self, index: int) -> tuple[Shard, int]:
        """The shard that holds a frame, and its row there."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        which = int(np.searchsorted(self._ends, index, side="right"))
        shard = self.shards[which]
        return shard, index - int(self._ends[which]) + len(shard)

    def __getitem__(self, index: int) -> Sample:
        shard, row = self.locate(index)
        return shard.sample(row)

    def __iter__(self) -> Iterator[Sample]:
        for shard in self.shards:
            for row in range(len(shard)):
                yield shard.sample(row)

    def identities(self) -> dict[int, list[int]]:
        """Rows of each seed in order of their numbers; the first is the source."""
        found: dict[int, list[int]] = {}
        row = 0
        for shard in self.shards:
            for seed in shard.seed:
                found.setdefault(int(seed), []).append(row)
                row += 1
        return found
