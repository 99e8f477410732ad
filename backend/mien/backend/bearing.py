"""One actor's way to bear what drives it: within its limits, and without a jump.

Knows the models' limiter for a single lane. Refuses to know lines and time: it is told when the
source of motion changes (`join`) and when speech was cut off (`hush`).
"""

from __future__ import annotations

import numpy as np

from mien.backend.config import FRAME_US
from mien.models.motion.limits import SOFTEN_FRAMES, LimiterState, PoseLimits, limit_one
from mien.models.motion.types import COEFFICIENTS, F32

_ALL = np.ones(1, np.bool_)


class Bearing:
    """What was shown, and how the next frame follows from it."""

    def __init__(self, limits: PoseLimits) -> None:
        self._limits = limits
        self._state = LimiterState.fresh(1)

    @property
    def shown(self) -> tuple[F32, F32]:
        """The last frame: dynamics [52], pose [6]."""
        shown = self._state.shown[0].astype(np.float32)
        return shown[:COEFFICIENTS], shown[COEFFICIENTS:]

    def join(self) -> None:
        """The next frame comes from another source."""
        self._state.join(_ALL)

    def hush(self, fade_us: int) -> None:
        """Speech was cut off: the mouth closes within `fade_us`, three frames at most."""
        self._state.interrupt(_ALL)
        frames = min(max(fade_us // FRAME_US, 1), SOFTEN_FRAMES)
        self._state.hushed[:] = SOFTEN_FRAMES - frames

    def bear(self, dynamics: F32, pose: F32) -> tuple[F32, F32]:
        """The frame to show for what the source says: dynamics [52], pose [6]."""
        return limit_one(self._state, dynamics, pose, self._limits)
