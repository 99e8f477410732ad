"""How deep a portrait lies where it is not face: hair, hats, ears, neck.

Knows the map that the appearance encoder read of it, and how to continue it past the person's edge.
Refuses to know networks and landmarks.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec.layers import fill_from_known

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SURE = 0.5  # a place shows the person
SMOOTH_CELLS = 2.5  # steps between hair and neck would tear what stretches across them
NEAREST_IOD, FARTHEST_IOD = -1.2, 3.0  # what a head and its shoulders can be
LANDMARKED_WIDER = 1.065  # than the head model's are the outer eye corners apart, as landmarked


class Relief:
    """One portrait's depths, in outer-eye distances as landmarked."""

    def __init__(self, depth: F32, person: F32) -> None:
        """`depth` [h, w], smaller is nearer, and how much of each place is person, 0..1.

        Depths come as the appearance encoder has them, in the head model's eye distances.
        """
        known = np.asarray(person > SURE, np.float32)
        bounded = np.clip(depth, NEAREST_IOD, FARTHEST_IOD)[..., None] / LANDMARKED_WIDER
        bounded = bounded.astype(np.float32)
        whole = fill_from_known(bounded, known)[..., 0] if known.any() else bounded[..., 0]
        self._fine = np.ascontiguousarray(whole)
        self._smooth = cv2.GaussianBlur(whole, (0, 0), SMOOTH_CELLS)

    def at(self, points: F64, size: int, fine: bool = False) -> F64:
        """Depths [N] iod at `points` [N, 2] px of a portrait `size` px wide.

        Smooth enough to stretch a picture across; `fine`: as read.
        """
        return sampled(self._fine if fine else self._smooth, points, size)


def sampled(values: F32, points: F64, size: int) -> F64:
    """A map [h, w] that covers a portrait, at `points` [N, 2] px of it, linear between places."""
    height, width = values.shape
    x = ((points[:, 0] + 0.5) * (width / size) - 0.5).astype(np.float32)
    y = ((points[:, 1] + 0.5) * (height / size) - 0.5).astype(np.float32)
    found = cv2.remap(
        values, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found[:, 0], np.float64)
