"""What never rests: slow noises of neck, lips and brows, and the unevenness of a face.

Knows a face's seed and the frame. Refuses to remember anything: any frame can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.chance import draws, drift, normal
from mien.models.motion.lanes import F64, I64, U64

_FIRST_STREAM = 1000
_OWN_STREAM = 900
# Columns of noise and the time, in frames, over which each changes its mind.
_PERIODS = {
    "slow": (75.0, 82.0, 69.0),
    "fast": (17.0, 15.0, 19.0),
    "sway": (60.0, 66.0, 57.0),
    "breath": (150.0,),
    "tilt": (60.0, 52.0, 64.0),
    "lips": (70.0, 95.0, 80.0),
    "brow": (45.0,),
}
_PERIOD_ROW: F64 = np.array([p for row in _PERIODS.values() for p in row])
_STREAMS = _FIRST_STREAM + np.arange(len(_PERIOD_ROW))


@dataclass(frozen=True)
class Life:
    """Noise of one frame over lanes, unit variance or so."""

    slow: F64  # [L, 3] head, over seconds
    fast: F64  # [L, 3] head, in speech
    sway: F64  # [L, 3] head in space
    breath: F64  # [L, 1] how breath quickens and slows
    tilt: F64  # [L, 3] left against right: lower face, corners of the mouth, brows
    lips: F64  # [L, 3] smile, press, sideways
    brow: F64  # [L, 1]


def live(seed: U64, frame: I64) -> Life:
    """Return the noise of `frame` [L]."""
    noise = drift(seed, _STREAMS, frame, _PERIOD_ROW)
    ends = np.cumsum([len(row) for row in _PERIODS.values()])
    parts = dict(zip(_PERIODS, np.split(noise, ends[:-1], axis=1), strict=True))
    drawn = draws(seed, _OWN_STREAM, np.zeros_like(frame), 6)
    own = np.clip(normal(drawn[:, :3], drawn[:, 3:]), -2.0, 2.0)
    parts["tilt"] = own + 0.5 * parts["tilt"]
    return Life(**parts)
