"""What a frame costs, and whether rest is the portrait.

Knows clocks and decoders. Refuses to judge pictures.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from mien.models.motion.types import Motion
from training.evaluation.codec.contenders import STRETCHED, Drawing
from training.evaluation.codec.sitting import Sitting


def decode_ms(draw: Drawing, motion: Motion) -> float:
    """Median processor time of a frame, ms: the wall time on a core to itself."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        draw(motion.dynamics[0], motion.pose[0])
        spent = []
        for dynamics, pose in zip(motion.dynamics, motion.pose, strict=True):
            began = time.process_time()
            draw(dynamics, pose)
            spent.append(time.process_time() - began)
    finally:
        cv2.setNumThreads(threads)
    return 1e3 * float(np.median(spent))


def rest_error(sitting: Sitting) -> float:
    """The largest difference of anybody's frame at rest and the portrait, grey levels."""
    rest = Motion.rest(1)
    portrait = sitting.character.arrays["portrait"].astype(int)
    drawn = [draw for who, draw in sitting.drawings.items() if who != STRETCHED]  # shuts no lips
    shown = [draw(rest.dynamics[0], rest.pose[0]) for draw in drawn]
    return float(max(np.abs(picture.astype(int) - portrait).max() for picture in shown))
