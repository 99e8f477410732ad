"""Which generator moves a face, by name.

Knows the names and what each takes. Refuses to know who asks: command line, daemon and bench all
come through here. What is heavy is imported when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.models.motion.types import MotionGenerator

SOURCES = ("diffusion", "signal")


class MotionSourceError(ValueError):
    """The generator asked for cannot be had; the message says why."""


@dataclass(frozen=True)
class Guidance:
    """How much each condition is exaggerated; 0: as trained. (Ho & Salimans, arXiv 2207.12598.)"""

    audio: float = 0.0
    gaze: float = 0.0
    emotion: float = 0.0


def make_generator(
    name: str,
    *,
    runtime: str = "openvino",
    steps: int | None = None,
    guidance: Guidance | None = None,
    weights: Path | None = None,
    threads: int = 1,
) -> MotionGenerator:
    """Return the generator called `name`. Raises MotionSourceError.

    The rest is the diffusion model's: `runtime` openvino, torch or numpy; `steps` 1 to 50 and
    `guidance`, None: what suits it; a `weights` file of one's own; `threads` of inference.
    """
    if name == "signal":
        from mien.models.motion.signal import SignalMotion

        if steps is not None or guidance is not None:
            raise MotionSourceError("the signal source takes neither steps nor guidance")
        return SignalMotion()
    if name == "diffusion":
        return _diffusion(runtime, steps, guidance, weights, threads)
    raise MotionSourceError(f"there is no motion source '{name}'; there are {', '.join(SOURCES)}")


def _diffusion(
    runtime: str, steps: int | None, guidance: Guidance | None, weights: Path | None, threads: int
) -> MotionGenerator:
    from mien.models.motion.diffusion.generator import DiffusionMotion
    from mien.models.motion.diffusion.runtime import check_runtime, make_runtime
    from mien.models.motion.diffusion.weights import load_model

    check_runtime(runtime)
    try:
        model = load_model(weights)
        return DiffusionMotion(
            make_runtime(runtime, model, threads), steps=steps, guidance=guidance
        )
    except ValueError as error:  # MotionWeightsError among them
        raise MotionSourceError(str(error)) from error
