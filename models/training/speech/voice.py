"""What every synthesiser hands back, and the errors they share.

Knows an utterance, its sound and its segments. Refuses to know any engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.typing import NDArray

from training.speech.phones import Segment

SAMPLE_RATE_HZ = 16_000


class EngineMissing(RuntimeError):
    """A synthesiser or voice is not installed; the message names the Debian package."""


class SpeechFailed(RuntimeError):
    """The engine gave no usable sound for this text."""


@dataclass(frozen=True)
class Manner:
    """How to speak one utterance. Engines ignore what they cannot do.

    `stretch` > 1 is slower; `pitch` multiplies the voice's own; `liveliness` multiplies its range.
    """

    stretch: float = 1.0
    pitch: float = 1.0
    liveliness: float = 1.0


@dataclass(frozen=True)
class Spoken:
    """Sound at 16 kHz, mono float32 in -1..1, and the segments in it."""

    audio: NDArray[np.float32]  # [N]
    segments: list[Segment] = field(default_factory=list)


def f32(values: object) -> NDArray[np.float32]:
    """Any array as float32."""
    return np.asarray(values, np.float32)


def to_16k(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Resample to the corpus rate; [N] → [N']."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples.astype(np.float32)
    resampled: NDArray[np.float32] = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    return resampled.astype(np.float32)
