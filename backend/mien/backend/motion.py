"""Which motion source performs, and how hard it tries.

Knows the choice as plain values, so that it can be written down before any model is imported.
Refuses to know the models: `make` asks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.models.motion.types import MotionGenerator

SOURCES = ("diffusion", "signal")
MAX_STEPS = 50
MAX_GUIDANCE = 10.0
GUIDED = ("audio", "gaze", "emotion")


@dataclass(frozen=True)
class MotionChoice:
    """A motion source. None: what suits it."""

    source: str = "diffusion"
    runtime: str = "openvino"
    steps: int | None = None  # of denoising
    guidance: tuple[tuple[str, float], ...] | None = None  # by the names in GUIDED
    weights: Path | None = None  # of one's own; None: those that ship

    def make(self) -> MotionGenerator:
        """The generator. Raises what the models say when it is not to be had."""
        from mien.models.motion.source import Guidance, make_generator

        guidance = None if self.guidance is None else Guidance(**dict(self.guidance))
        return make_generator(
            self.source,
            runtime=self.runtime,
            steps=self.steps,
            guidance=guidance,
            weights=self.weights,
        )

    def words(self, generator: MotionGenerator) -> str:
        """What performs, for a person: "diffusion, 4 steps, openvino"."""
        steps = steps_of(generator)
        return self.source if steps is None else f"{self.source}, {steps} steps, {self.runtime}"


def steps_of(generator: MotionGenerator) -> int | None:
    """How many denoising steps a generator takes; None where there is nothing to denoise."""
    steps = getattr(generator, "steps", None)
    return steps if isinstance(steps, int) else None
