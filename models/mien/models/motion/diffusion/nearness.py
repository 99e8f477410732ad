"""The head's way to a wished distance: a law, not a guess.

Knows how a head comes nearer: a critically damped follower. Refuses to know networks. A distance
is an order, and what chance adds to it is a few thousandths of a head width; a network that sees
its own past multiplies its errors there (docs/experiments.md), this cannot.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.diffusion.wishes import FARTHEST, NEAREST
from mien.models.motion.lanes import F64
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS
from mien.models.motion.types import F32, FRAME_RATE_HZ

APPROACH_S = 0.14  # of each of the two poles: nine tenths of the way in half a second
_KEPT = float(np.exp(-1.0 / (FRAME_RATE_HZ * APPROACH_S)))


def approach(away: F64, distance: F32) -> tuple[F32, F64]:
    """Follow the wished `distance` [L, b] (1: as in the portrait) from `away` [L, 2].

    Returns how far the head moves toward the camera, [L, b] in head widths, and the new memory;
    all zero is at rest where the portrait is. What is not finite counts as 1.
    """
    wish = np.nan_to_num(distance.astype(np.float64), nan=1.0, posinf=1.0, neginf=1.0)
    wish = np.clip(wish, NEAREST, FARTHEST) - 1.0
    first, second = away.T
    moved = np.empty(distance.shape, np.float32)
    for frame in range(distance.shape[1]):
        first = _KEPT * first + (1.0 - _KEPT) * wish[:, frame]
        second = _KEPT * second + (1.0 - _KEPT) * first
        moved[:, frame] = -CAMERA_HEAD_WIDTHS * second
    return moved, np.stack([first, second], axis=1)
