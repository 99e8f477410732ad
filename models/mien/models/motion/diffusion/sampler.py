"""From noise to motion: the grid of noise levels, the step between them, and the noise itself.

Knows the straight path x_t = (1 - t) x0 + t e between motion and noise (flow matching, Lipman et
al., arXiv 2210.02747) and how guidance is mixed (Ho and Salimans, arXiv 2207.12598). Refuses to
know how x0 is predicted: every runtime, and training too, walks this path.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from mien.models.motion.chance import draws, normal
from mien.models.motion.diffusion.tokens import MOUTH, TOKEN
from mien.models.motion.lanes import I64, U64
from mien.models.motion.types import F32

MAX_STEPS = 50
_NOISE_STREAM = 1000
Times = tuple[float, ...]
Array = TypeVar("Array")  # numpy's or torch's


def times(steps: int) -> Times:
    """Return the noise levels from 1 to 0, `steps` + 1 of them."""
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"motion is denoised in 1 to {MAX_STEPS} steps, not {steps}")
    return tuple(1.0 - i / steps for i in range(steps + 1))


def noise(seed: U64, first_frame: I64, frames: int) -> F32:
    """Return what motion begins as, [L, frames, TOKEN]: it depends on seed and frame alone.

    `seed` [L] and `first_frame` [L] (of the block; may be negative).
    """
    frame = (first_frame[:, None] + np.arange(frames)).reshape(-1)
    chance = draws(np.repeat(seed, frames), _NOISE_STREAM, frame, 2 * TOKEN)
    unit = normal(chance[:, :TOKEN], chance[:, TOKEN:])
    return unit.reshape(len(seed), frames, TOKEN).astype(np.float32)


class Lips:
    """Keeps the mouth on the way to what the first step makes of it; all else goes on by chance.

    At noise level 1 a network that predicts x0 gives the mean over all that could follow, and that
    is where lips belong: which phone they shape is for the sound to say. Samples are as far again
    from the phones (docs/experiments.md).
    """

    def __init__(self, noise: Any) -> None:
        """`noise` [..., TOKEN] is what the block begins as, at noise level 1."""
        self._noise = noise
        self._shape: Any = None

    def held(self, x: Array, then: float) -> Array:
        """Return `x` [..., TOKEN], just brought to noise level `then`, with the mouth held."""
        noise, array = self._noise[..., MOUTH], cast(Any, x)
        if self._shape is None:
            self._shape = (array[..., MOUTH] - then * noise) / (1.0 - then)
        array[..., MOUTH] = (1.0 - then) * self._shape + then * noise
        return x
