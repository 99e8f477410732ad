"""Sizes of the skin maps' network, and the layout its maps have at any size.

Knows numbers, and which half of a face each column belongs to. Needs neither torch nor OpenVINO.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.canonical import CANONICAL_PX, inner
from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES

F32 = NDArray[np.float32]

MOTION = 52 + 3  # coefficients, rotation vector
OUT = 5  # maps: shift (two), gain (three)
TURN_GAIN = 3.0  # a turn of a third of a radian counts as much as a whole coefficient
SHIFT_IOD, GAIN = 0.06, 0.8  # the most that maps do
SEEN = 4  # channels of an unrolled skin: red, green, blue, and where there is any
SHARED_PX = CANONICAL_PX // 2  # shared maps are kept at this size
MOST = 1024  # of anything in a file's header


@dataclass(frozen=True)
class SkinShape:
    """Widths of the network."""

    own: int = 24  # feature maps of this skin
    shared: int = 24  # feature maps that all skins share
    code: int = 16
    hidden: int = 128  # of what makes a matrix of a motion
    widths: tuple[int, int, int, int] = (16, 32, 48, 64)  # of the U-Net, from fine to coarse
    leave: int = 24  # of its last level
    groups: int = 4  # of its normalisations
    map_px: int = CANONICAL_PX // 2  # maps are smooth: half the size of the skin will do

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that make no network."""
        sizes = (self.own, self.shared, self.code, self.hidden, *self.widths, self.leave)
        if len(self.widths) != 4 or not all(1 <= size <= MOST for size in (*sizes, self.groups)):
            raise ValueError(f"sizes {sizes} are not four widths, each of 1 to {MOST}")
        if any(width % self.groups for width in (*self.widths, self.leave)):
            raise ValueError(f"widths {self.widths} do not divide into {self.groups} groups")
        if self.map_px not in (CANONICAL_PX // 2, CANONICAL_PX):
            raise ValueError(
                f"maps of {self.map_px} px: only half or all of {CANONICAL_PX} will do"
            )

    @property
    def features(self) -> int:
        """Feature maps that a frame mixes."""
        return self.own + self.shared

    @property
    def blocks(self) -> dict[str, tuple[int, int]]:
        """Widths into and out of each block of the U-Net, in order."""
        a, b, c, d = self.widths
        return {"enter": (SEEN, a), "down.0": (a, b), "down.1": (b, c), "down.2": (c, d),
                "up.0": (d + c, c), "up.1": (c + b, b), "up.2": (b + a, self.leave)}  # fmt: skip


NARROW = SkinShape()
WIDE = SkinShape(
    own=48, shared=48, hidden=256, widths=(24, 48, 72, 96), leave=36, groups=6, map_px=CANONICAL_PX
)


def shape_from(said: dict[str, Any] | None) -> SkinShape:
    """The shape that a file's header names; None, from before there were two: the narrow one.

    Raises TypeError, KeyError or ValueError where it does not fit.
    """
    if said is None:
        return NARROW
    return SkinShape(**{**said, "widths": tuple(said["widths"])})


def expected_tensors(shape: SkinShape = NARROW) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all tensors."""
    out: dict[str, tuple[int, ...]] = {}
    for name, (into, width) in shape.blocks.items():
        for place, size in ((0, into), (3, width)):
            out[f"{name}.{place}.weight"] = (width, size, 3, 3)
            out[f"{name}.{place}.bias"] = (width,)
            out[f"{name}.{place + 1}.weight"] = out[f"{name}.{place + 1}.bias"] = (width,)
    out |= {"leave.weight": (shape.own, shape.leave, 1, 1), "leave.bias": (shape.own,)}
    out |= {"code.weight": (shape.code, shape.widths[3]), "code.bias": (shape.code,)}
    out["shared"] = (shape.shared, SHARED_PX, SHARED_PX)
    hidden, width = shape.hidden, OUT * shape.features
    layers = ((0, (hidden, MOTION + shape.code)), (2, (hidden, hidden)), (4, (width, hidden)))
    for place, wanted in layers:
        out |= {f"mix.{place}.weight": wanted, f"mix.{place}.bias": wanted[:1]}
    out["direct.weight"] = (width, MOTION)
    return out


def _view(side: str, other: str) -> list[int]:
    """Columns of a motion as one half of a face sees it: the other half's are its own's twins."""
    whole = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
    sided = {name for name in ARKIT_NAMES if name.endswith(other)} - whole
    names = [n.removesuffix(other) + side if n in sided else n for n in ARKIT_NAMES]
    return [ARKIT_INDEX[name] for name in names] + [52, 53, 54]


# What the subject's left half (image right) and right half of a face see of a motion.
VIEWS = _view("Left", "Right"), _view("Right", "Left")


@cache
def left_share(size_px: int) -> F32:
    """Share of the subject's left half in each column, [size_px]: both mix in an eighth between."""
    seam = size_px // 8
    columns = np.arange(size_px, dtype=np.float32) + 0.5 - (size_px - seam) // 2
    return np.asarray(np.clip(columns / seam, 0, 1), np.float32)


def halved(maps: F32) -> F32:
    """Maps [..., 2h, 2w] at half the size, the mean of four: [..., h, w]."""
    *rest, height, width = maps.shape
    return np.asarray(maps.reshape(*rest, height // 2, 2, width // 2, 2).mean((-3, -1)), np.float32)


@cache
def within_face(size_px: int) -> F32:
    """`canonical.inner` at the size of the maps, [size_px, size_px]."""
    return inner() if size_px == CANONICAL_PX else halved(inner())
