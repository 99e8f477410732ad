"""Every contender against the truth, frame by frame.

Knows which frames and boxes each figure is taken from. Refuses to know where frames come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.evaluation.codec import metrics
from training.evaluation.codec.features import Features
from training.evaluation.codec.regions import Regions
from training.evaluation.codec.shots import GAP_OPEN

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

AGREED = ("face_psnr", "mouth_psnr", "eyes_psnr", "face_ssim", "mouth_sharpness", "flicker")
FURTHER = (
    "whole_psnr", "whole_ssim", "mouth_ssim", "eyes_ssim", "mouth_sharpness_pooled", "features",
)  # fmt: skip


@dataclass
class Tally:
    """What was found of one contender so far; a figure a frame."""

    values: dict[str, list[float]] = field(default_factory=dict)
    energies: list[tuple[float, float]] = field(default_factory=list)  # shown, true

    def add(self, name: str, value: float) -> None:
        """One more value of a figure."""
        self.values.setdefault(name, []).append(value)

    def figures(self) -> dict[str, float]:
        """All figures; NaN where nothing could be measured."""
        found = {name: metrics.mean(self.values.get(name, [])) for name in AGREED + FURTHER}
        found["mouth_sharpness"] = metrics.sharpness(self.energies)
        found["mouth_sharpness_pooled"] = metrics.pooled_sharpness(self.energies)
        return found

    def count(self, name: str) -> int:
        """How many frames a figure comes from."""
        return sum(not math.isnan(value) for value in self.values.get(name, []))


def score(
    tally: Tally, shown: U8, true: U8, at: Regions, features: Features | None = None,
    points: NDArray[np.float64] | None = None,
) -> None:  # fmt: skip
    """Add one still: `shown` beside `true` [S, S, 3]."""
    alike = metrics.ssim_map(shown, true)
    for name, box in (("whole", at.whole), ("face", at.face)):
        tally.add(f"{name}_psnr", metrics.psnr(shown[box.window], true[box.window]))
        tally.add(f"{name}_ssim", float(alike[box.window].mean()))
    eyes = [box.window for box in at.eyes if not box.empty]
    tally.add("eyes_psnr", metrics.decibels(_over(shown, true, eyes)))
    tally.add("eyes_ssim", metrics.mean([float(alike[window].mean()) for window in eyes]))
    if at.gap >= GAP_OPEN:
        window = at.mouth.window
        tally.add("mouth_psnr", metrics.psnr(shown[window], true[window]))
        tally.add("mouth_ssim", float(alike[window].mean()))
        if at.inside.sum() >= metrics.LEAST_INSIDE_PX:
            tally.energies.append((metrics.gradient_energy(shown, at.inside),
                                   metrics.gradient_energy(true, at.inside)))  # fmt: skip
    if features is not None and points is not None:
        tally.add("features", features.distance(shown, true, points))


def score_sequence(tally: Tally, shown: Sequence[U8], true: Sequence[U8], at: Regions) -> None:
    """Add a slow sequence: how much it flickers in the face box of its first frame."""
    tally.add("flicker", metrics.flicker(shown, true, at.face.window))


def _over(shown: U8, true: U8, windows: Sequence[tuple[slice, slice]]) -> float:
    sizes = [shown[window].size for window in windows]
    if not sum(sizes):
        return math.nan
    errors = [metrics.squared_error(shown[w], true[w]) for w in windows]
    return sum(e * s for e, s in zip(errors, sizes, strict=True)) / sum(sizes)
