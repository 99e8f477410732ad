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
        "mouthSmile": 0.78, "cheekSquint": 0.70, "eyeSquint": 0.30, "mouthDimple": 0.14,
        "browOuterUp": 0.12, "browInnerUp": 0.08, "mouthUpperUp": 0.08,
    },
    "sad": {
        "browInnerUp": 1.0, "mouthFrown": 0.95, "mouthShrugLower": 0.45, "eyeBlink": 0.20,
        "browDown": 0.15, "mouthPress": 0.16,
    },
    "angry": {
        "browDown": 1.0, "noseSneer": 0.35, "eyeSquint": 0.40, "mouthPress": 0.40,
        "mouthFrown": 0.40, "mouthRollUpper": 0.20, "jawForward": 0.30, "mouthShrugLower": 0.15,
    },
    "surprised": {
        "browInnerUp": 0.95, "browOuterUp": 1.0, "eyeWide": 0.85, "jawOpen": 0.26,
        "mouthFunnel": 0.16,
    },
    "afraid": {
        "browInnerUp": 1.0, "browDown": 0.55, "eyeWide": 0.85, "mouthStretch": 0.95,
        "mouthFrown": 0.30, "jawOpen": 0.12, "mouthLowerDown": 0.40,
    },
    "disgusted": {
        "noseSneer": 0.90, "mouthUpperUp": 0.12, "browDown": 0.75, "cheekSquint": 0.45,
        "eyeSquint": 0.40, "mouthFrown": 0.60, "mouthShrugLower": 0.75, "mouthPress": 0.28,
    },
    "contemptuous": {
        "mouthSmileLeft": 0.70, "mouthDimpleLeft": 0.75, "mouthUpperUpLeft": 0.15,
        "mouthLeft": 0.25, "cheekSquintLeft": 0.40, "eyeBlink": 0.14, "eyeSquint": 0.15,
        "browOuterUpRight": 0.55, "browDownLeft": 0.25, "mouthPressRight": 0.20,
    },
}  # fmt: skip

# Rotation vector in degrees (+x nods down, +y turns to the subject's left, +z tilts).
_BEARING_DEG: dict[str, tuple[float, float, float]] = {
    "happy": (-1.5, 0.0, 1.0),
    "sad": (5.0, 0.0, 3.0),
    "angry": (4.0, 0.0, 0.0),
    "surprised": (-3.0, 0.0, 0.0),
    "afraid": (-1.0, -4.0, 1.5),
    "disgusted": (-2.5, 4.0, 2.0),
    "contemptuous": (-4.5, 2.0, -3.5),
}
# How lively the head is, and how wide the mouth speaks, beside neutral.
_HEAD_GAIN = {"happy": 1.2, "sad": 0.6, "angry": 1.2, "surprised": 1.1, "afraid": 0.85,
              "disgusted": 0.9, "contemptuous": 0.8}  # fmt: skip
_JAW_GAIN = {"sad": 0.82, "angry": 1.12, "surprised": 1.12, "happy": 1.06, "afraid": 0.92,
             "disgusted": 0.95, "contemptuous": 0.90}  # fmt: skip


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
