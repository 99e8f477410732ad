"""Who is compared: the portrait as it stands, geometry alone, geometry with learned parts.

Knows how each is made of a character, and why one cannot be. Refuses to judge. Beside them stands
the stretched-lip warp: geometry that draws no mouth and lets the lips' own pixels fill the gap.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec import topology
from mien.models.codec.decoder import Decoder
from mien.models.codec.profiles import CPU
from mien.models.codec.skin_weights import SkinWeightsError

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Drawing = Callable[[F32, F32], U8]  # dynamics [52], pose [6] -> [512, 512, 3]

STATIC, GEOMETRY, LEARNED = "static", "geometry", "learned"
NAMES = (STATIC, GEOMETRY, LEARNED)
STRETCHED = "stretched"


class StretchedLips(Decoder):
    """Geometry whose mouth is skin: between the lips their own edges are drawn out."""

    def __init__(self, character: Character) -> None:
        super().__init__(character, learned=False)
        upper, lower = np.array(topology.UPPER_INNER_LIP), np.array(topology.LOWER_INNER_LIP)
        first = np.stack([upper[:-1], upper[1:], lower[:-1]], 1)
        second = np.stack([upper[1:], lower[1:], lower[:-1]], 1)
        mesh = copy.copy(self._mesh)
        mesh.triangles = np.concatenate([mesh.triangles, first, second]).astype(np.int32)
        self._mesh, self.mouth = mesh, _NoMouth()  # type: ignore[assignment]


class _NoMouth:
    """Draws nothing."""

    def draw(self, *_: Any) -> None:
        """See the class."""


def drawing(decoder: Decoder) -> Drawing:
    """What a decoder shows on an opaque ground: its colours."""

    def draw(dynamics: F32, pose: F32) -> U8:
        return np.ascontiguousarray(decoder.decode(dynamics, pose)[..., :3])

    return draw


def standing(character: Character) -> Drawing:
    """The portrait, whatever is asked."""
    portrait = np.ascontiguousarray(character.arrays["portrait"])
    return lambda dynamics, pose: portrait


def contenders(
    character: Character, plain: Character | None = None, profile: str = CPU
) -> tuple[dict[str, Drawing], dict[str, str]]:
    """Who can draw a character, by name, and why the others cannot.

    `plain` is the same portrait enrolled without anything learned; None: `character` stands for it.
    `profile`: of the one with learned parts. Raises ProfileError.
    """
    bare = character if plain is None else plain
    can = {STATIC: standing(character), GEOMETRY: drawing(Decoder(bare, learned=False)),
           STRETCHED: drawing(StretchedLips(bare))}  # fmt: skip
    why: dict[str, str] = {}
    try:
        can[LEARNED] = drawing(Decoder(character, profile=profile))
    except SkinWeightsError as problem:
        why[LEARNED] = str(problem)
    return can, why


def gflop(character: Character, profile: str = CPU) -> float:
    """What learned parts cost a frame, in 10^9 operations."""
    return Decoder(character, profile=profile).gflop
