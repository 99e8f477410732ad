"""What a designer asks for, as the network hears it.

Knows the order and the scaling of the conditions: gaze, distance, emotion, and three flags that
say which of them are given. Refuses to know what the network makes of them. `Controls.head` and
`Controls.blink` are not among them: they are added after the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from mien.models.motion.types import EMOTIONS, F32, Controls

GAZE_COLUMNS = slice(0, 2)
DISTANCE_COLUMNS = slice(2, 3)
EMOTION_COLUMNS = slice(3, 3 + len(EMOTIONS))
FLAG_COLUMNS = {"gaze": 11, "distance": 12, "emotion": 13}
CONDITIONS = 14

GAZE_GAIN, DISTANCE_GAIN = 3.0, 4.0  # bring the usual range to about 1
_FARTHEST_GAZE_RAD = 1.0
NEAREST, FARTHEST = 0.5, 2.0  # head distances that are obeyed


def columns_of(condition: str) -> list[int]:
    """Return the columns that are zero when `condition` (gaze, distance, emotion) is dropped."""
    values = {"gaze": GAZE_COLUMNS, "distance": DISTANCE_COLUMNS, "emotion": EMOTION_COLUMNS}
    return [*range(CONDITIONS)[values[condition]], FLAG_COLUMNS[condition]]


def finite(x: F32, otherwise: float = 0.0) -> F32:
    """Return `x` with `otherwise` wherever it is not finite."""
    return np.where(np.isfinite(x), x, np.float32(otherwise))


def stacked(controls: Sequence[Controls]) -> Controls:
    """Return the controls of L lanes as one, every array with the lane first."""
    count = len(controls)
    parts = {
        field.name: np.concatenate([getattr(wish, field.name) for wish in controls])
        for field in fields(Controls)
    }
    return Controls(**{name: p.reshape(count, -1, *p.shape[1:]) for name, p in parts.items()})


def wish_vector(controls: Controls) -> F32:
    """Return the conditions [..., T, CONDITIONS] of controls of T frames, all three given.

    What is not finite counts as no wish; the rest is held to what a portrait can do.
    """
    out = np.ones((*controls.distance.shape, CONDITIONS), np.float32)
    gaze, distance = finite(controls.gaze_rad), finite(controls.distance, 1.0)
    out[..., GAZE_COLUMNS] = GAZE_GAIN * np.clip(gaze, -_FARTHEST_GAZE_RAD, _FARTHEST_GAZE_RAD)
    out[..., 2] = DISTANCE_GAIN * (np.clip(distance, NEAREST, FARTHEST) - 1.0)
    out[..., EMOTION_COLUMNS] = np.clip(finite(controls.emotion), 0.0, 1.0)
    return out
