"""Who is compared: the portrait as it stands, geometry alone, geometry with learned parts.

Knows how each is made of a character, and why one cannot be. Refuses to judge. Learned parts are
there once `Decoder` takes a keyword `learned`: False turns them off, True asks for them and may
raise when their weights are not there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec.decoder import Decoder

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Drawing = Callable[[F32, F32], U8]  # dynamics [52], pose [6] -> [512, 512, 3]

STATIC, GEOMETRY, LEARNED = "static", "geometry", "learned"
NAMES = (STATIC, GEOMETRY, LEARNED)
NO_LEARNED = "the decoder has no learned parts yet"


def has_learned_parts() -> bool:
    """Whether `Decoder` knows of learned parts at all."""
    return "learned" in inspect.signature(Decoder).parameters


def geometry_decoder(character: Character) -> Decoder:
    """The decoder with its learned parts off."""
    return _made(character, learned=False) if has_learned_parts() else Decoder(character)


def learned_decoder(character: Character) -> Decoder | None:
    """The decoder with its learned parts, or None where there are none."""
    return _made(character, learned=True) if has_learned_parts() else None


def _made(character: Character, **options: Any) -> Decoder:
    return Decoder(character, **options)


def drawing(decoder: Decoder) -> Drawing:
    """What a decoder shows on an opaque ground: its colours."""

    def draw(dynamics: F32, pose: F32) -> U8:
        return np.ascontiguousarray(decoder.decode(dynamics, pose)[..., :3])

    return draw


def standing(character: Character) -> Drawing:
    """The portrait, whatever is asked."""
    portrait = np.ascontiguousarray(character.arrays["portrait"])
    return lambda dynamics, pose: portrait


def contenders(character: Character) -> tuple[dict[str, Drawing], dict[str, str]]:
    """Who can draw a character, by name, and why the others cannot."""
    can = {STATIC: standing(character), GEOMETRY: drawing(geometry_decoder(character))}
    why: dict[str, str] = {}
    try:
        learned = learned_decoder(character)
    except Exception as problem:  # whatever their loader says of weights that are not there
        if not type(problem).__module__.startswith("mien."):
            raise
        learned, why[LEARNED] = None, str(problem)
    if learned is not None:
        can[LEARNED] = drawing(learned)
    else:
        why.setdefault(LEARNED, NO_LEARNED)
    return can, why


def gflop(character: Character) -> float | None:
    """What learned parts cost a frame, as their decoder says (`Decoder.gflop`); None without."""
    learned = learned_decoder(character)
    said = getattr(learned, "gflop", None)
    return None if said is None else float(said)
