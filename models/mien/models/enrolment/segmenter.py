"""The person segmentation model that ships inside MediaPipe.

Knows how to ask it. Refuses to trust it alone: it was trained on video calls, not on paintings.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.character import PORTRAIT_SIZE_PX
from mien.models.enrolment.framing import Frame, cut_portrait
from mien.models.enrolment.quiet import quiet_stderr

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


# How much wider than the portrait, and how far that look is trusted.
_LOOKS = ((1.0, 0.4), (1.35, 0.35), (1.8, 0.25))
_WORTH_A_LOOK = 0.6  # of a wider square must be picture


class Segmenter:
    """One model behind one lock: it is not thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        with quiet_stderr():
            import mediapipe

            self._model = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(
                model_selection=0
            )
            self._model.process(np.zeros((64, 64, 3), np.uint8))  # the first call logs

    def __call__(self, rgb: U8) -> F32:
        """Probability [H, W] 0..1 that a pixel of `rgb` [H, W, 3] is a person."""
        image = np.ascontiguousarray(rgb)
        with self._lock:
            answer = self._model.process(image)
        return np.array(answer.segmentation_mask, np.float32)


@lru_cache(maxsize=1)
def shared_segmenter() -> Segmenter:
    """The process's one segmenter."""
    return Segmenter()


def person_probability(picture: U8, frame: Frame) -> F32:
    """Probability [512, 512] 0..1 over the framed square.

    The mean of looks at the square and at wider ones around it: the model knows people by their
    shoulders, and a tight square may not show them. Each look is repeated in the mirror.
    """
    height_px, width_px = picture.shape[:2]
    total = np.zeros((PORTRAIT_SIZE_PX, PORTRAIT_SIZE_PX), np.float32)
    weights = 0.0
    for growth, trust in _LOOKS:
        wide = frame.grown(growth)
        if growth > 1 and wide.share_inside(width_px, height_px) < _WORTH_A_LOOK:
            continue
        total += trust * _middle(_both_ways(cut_portrait(picture, wide)), growth)
        weights += trust
    return np.clip(total / weights, 0, 1)


def _both_ways(rgb: U8) -> F32:
    segmenter = shared_segmenter()
    mirrored = segmenter(rgb[:, ::-1])[:, ::-1]
    return np.asarray((segmenter(rgb) + mirrored) / 2, np.float32)


def _middle(probability: F32, growth: float) -> F32:
    """The middle 1/growth of a map, at full size again."""
    if growth == 1:
        return probability
    side = PORTRAIT_SIZE_PX
    shift = (side - 1) / 2 * (1 - growth)
    zoom = np.array([[growth, 0, shift], [0, growth, shift]])
    return np.asarray(
        cv2.warpAffine(probability, zoom, (side, side), flags=cv2.INTER_CUBIC), np.float32
    )
