"""Emotion over time: how a wish becomes a face, a bearing and a pace.

Knows the eight moods' tables. Refuses to know speech. All gains are linear in the intensity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.expression import BEARING_RAD, FACES, HEAD_GAIN, JAW_GAIN
from mien.models.motion.types import EMOTIONS
from training.teacher.curves import F64, follow, noise

FRAME_HZ = 25
_BLINK_GAIN = {"happy": 1.1, "sad": 0.75, "angry": 0.65, "surprised": 0.7, "afraid": 1.5,
               "disgusted": 1.1, "contemptuous": 0.8}  # fmt: skip
# How much of the quick part of head motion there is: tempo.
_PACE = {"happy": 1.2, "sad": 0.55, "angry": 1.35, "surprised": 1.1, "afraid": 1.5,
         "disgusted": 0.9, "contemptuous": 0.7}  # fmt: skip
PACE = np.array([_PACE.get(name, 1.0) for name in EMOTIONS])
BLINK_GAIN = np.array([_BLINK_GAIN.get(name, 1.0) for name in EMOTIONS])


@dataclass(frozen=True)
class Mood:
    """What is felt, and what it changes."""

    face: F64  # [T, 52] to be added
    bearing_rad: F64  # [T, 3] to be added
    lively: F64  # [T] gain on head motion
    pace: F64  # [T] gain on its quick part
    jaw: F64  # [T] gain on the jaw in speech
    blinks: F64  # [T] gain on the blink rate


def feel(emotion: F64, rng: np.random.Generator) -> Mood:
    """Turn wished weights [T, 8] into a mood; what sums beyond 1 is scaled back."""
    felt = np.clip(np.nan_to_num(emotion), 0.0, 1.0)
    felt = follow(felt, FRAME_HZ, 0.08)
    felt = felt / np.maximum(felt[:, 1:].sum(1, keepdims=True), 1.0)
    felt[:, 0] = 0.0
    waver = 1.0 + 0.08 * np.tanh(noise(rng, len(felt), FRAME_HZ, 0.08, 0.5))
    return Mood(
        face=felt @ FACES * waver[:, None],
        bearing_rad=felt @ BEARING_RAD,
        lively=1.0 + felt @ (HEAD_GAIN - 1.0),
        pace=1.0 + felt @ (PACE - 1.0),
        jaw=1.0 + felt @ (JAW_GAIN - 1.0),
        blinks=1.0 + felt @ (BLINK_GAIN - 1.0),
    )
