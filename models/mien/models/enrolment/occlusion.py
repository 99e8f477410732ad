"""Whether eyes and mouth can be seen.

Knows evidence that can be measured on a portrait. Refuses to know what covers them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """One judged part of the face: hidden where `figure` is on the wrong side of `limit`."""

    name: str
    evidence: str
    figure: float
    limit: float
    hidden: bool
    advice: str


@dataclass(frozen=True)
class Visibility:
    """The verdicts on eyes and mouth."""

    parts: tuple[Part, ...]

    def hidden_parts(self) -> tuple[Part, ...]:
        """The parts that are covered."""
        return tuple(part for part in self.parts if part.hidden)


def judge_visibility(portrait: U8, landmarks: F32) -> Visibility:
    """Look at the eyes and the mouth of a 512 px portrait."""
    return Visibility(())
