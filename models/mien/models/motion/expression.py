"""What a mood looks like at rest: coefficients and bearing for each of the eight emotions.

Knows one table, weights in ARKit's terms. Refuses to know when: time lives with the caller.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.lanes import F64
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, EMOTIONS

_BOTH = ("Left", "Right")

# A name without a side means both sides.
_FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {
        "mouthSmile": 0.62, "cheekSquint": 0.55, "eyeSquint": 0.28, "mouthDimple": 0.14,
        "browOuterUp": 0.12, "browInnerUp": 0.08, "mouthUpperUp": 0.06,
    },
    "sad": {
        "browInnerUp": 0.95, "mouthFrown": 0.80, "mouthShrugLower": 0.40, "eyeLookDown": 0.14,
        "eyeBlink": 0.14, "browDown": 0.08, "mouthPress": 0.06,
    },
    "angry": {
        "browDown": 0.95, "noseSneer": 0.30, "eyeSquint": 0.35, "mouthPress": 0.20,
        "mouthFrown": 0.25, "jawForward": 0.15, "eyeWide": 0.10,
    },
    "surprised": {
        "browInnerUp": 0.85, "browOuterUp": 0.85, "eyeWide": 0.80, "jawOpen": 0.14,
        "mouthFunnel": 0.10,
    },
    "afraid": {
        "browInnerUp": 1.0, "browDown": 0.40, "eyeWide": 0.75, "mouthStretch": 0.70,
        "mouthFrown": 0.30, "jawOpen": 0.07, "mouthLowerDown": 0.12,
    },
    "disgusted": {
        "noseSneer": 0.95, "mouthUpperUp": 0.28, "browDown": 0.60, "cheekSquint": 0.50,
        "eyeSquint": 0.55, "mouthFrown": 0.45, "mouthShrugLower": 0.25,
    },
    "contemptuous": {
        "mouthSmileLeft": 0.50, "mouthDimpleLeft": 0.55, "eyeSquint": 0.22, "mouthLeft": 0.12,
        "browOuterUpRight": 0.35, "mouthPressRight": 0.15,
    },
}  # fmt: skip

# Rotation vector in degrees (+x nods down, +y turns to the subject's left, +z tilts).
_BEARING_DEG: dict[str, tuple[float, float, float]] = {
    "happy": (-1.5, 0.0, 0.0),
    "sad": (4.0, 0.0, 2.5),
    "angry": (2.5, 0.0, 0.0),
    "surprised": (-2.5, 0.0, 0.0),
    "afraid": (-1.5, 0.0, 1.0),
    "disgusted": (-2.0, 2.0, 1.5),
    "contemptuous": (-3.0, 0.0, -3.0),
}
# How lively the head is, and how wide the mouth speaks, beside neutral.
_HEAD_GAIN = {"happy": 1.2, "sad": 0.6, "angry": 1.2, "surprised": 1.1, "afraid": 0.9}
_JAW_GAIN = {"sad": 0.85, "angry": 1.1, "surprised": 1.12, "happy": 1.05}


def _faces() -> F64:
    table = np.zeros((len(EMOTIONS), COEFFICIENTS))
    for row, emotion in enumerate(EMOTIONS):
        for name, weight in _FACES[emotion].items():
            sides = (name,) if name in ARKIT_INDEX else tuple(name + side for side in _BOTH)
            for full in sides:
                table[row, ARKIT_INDEX[full]] = weight
    return table


FACES: F64 = _faces()  # [8, 52]
BEARING_RAD: F64 = np.radians([_BEARING_DEG.get(e, (0.0, 0.0, 0.0)) for e in EMOTIONS])  # [8, 3]
HEAD_GAIN: F64 = np.array([_HEAD_GAIN.get(e, 1.0) for e in EMOTIONS])
JAW_GAIN: F64 = np.array([_JAW_GAIN.get(e, 1.0) for e in EMOTIONS])
