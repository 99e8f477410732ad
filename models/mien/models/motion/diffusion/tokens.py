"""Motion as the network sees it: one token a frame.

Knows the columns: 44 coefficients, the gaze in the world, the head's pose without the distance
that was asked for (`nearness` adds it). The eight eyeLook coefficients are not among them; they
follow from gaze and head, so that the eyes hold their target exactly while the head moves (the
vestibulo-ocular reflex). Refuses to know networks.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.gaze import EYE_RANGE_RAD, eye_weights
from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES, COEFFICIENTS, F32

FACE_COLUMNS = np.array([i for i, n in enumerate(ARKIT_NAMES) if not n.startswith("eyeLook")])
FACE = len(FACE_COLUMNS)
GAZE = slice(FACE, FACE + 2)
POSE = slice(FACE + 2, FACE + 8)
TOKEN = FACE + 8

MOUTH = np.array(
    [c for c, i in enumerate(FACE_COLUMNS) if ARKIT_NAMES[i].startswith(("jaw", "mouth"))]
)  # the columns that speech moves

_SIDES = (("Left", 1.0), ("Right", -1.0))
_LOOK = {
    way + side: ARKIT_INDEX["eyeLook" + way + side]
    for way in ("In", "Out", "Up", "Down")
    for side in ("Left", "Right")
}


def to_tokens(dynamics: F32, pose: F32, gaze_rad: F32) -> F32:
    """Return tokens [..., TOKEN] of dynamics [..., 52], pose [..., 6], world gaze [..., 2]."""
    return np.concatenate([dynamics[..., FACE_COLUMNS], gaze_rad, pose], axis=-1, dtype=np.float32)


def from_tokens(tokens: F32) -> tuple[F32, F32]:
    """Return dynamics [L, 52] within 0..1 and pose [L, 6] of tokens [L, TOKEN]."""
    dynamics = np.zeros((len(tokens), COEFFICIENTS), np.float32)
    dynamics[:, FACE_COLUMNS] = np.clip(tokens[:, :FACE], 0.0, 1.0)
    pose = tokens[:, POSE]
    left, up = eye_weights(tokens[:, GAZE].astype(np.float64), pose[:, :3].astype(np.float64))
    for side, sign in _SIDES:
        dynamics[:, _LOOK["Out" + side]] = np.maximum(sign * left, 0.0)
        dynamics[:, _LOOK["In" + side]] = np.maximum(-sign * left, 0.0)
        dynamics[:, _LOOK["Up" + side]] = np.maximum(up, 0.0)
        dynamics[:, _LOOK["Down" + side]] = np.maximum(-up, 0.0)
    return dynamics, pose


def world_gaze(dynamics: F32, pose: F32) -> F32:
    """Return where the eyes look, [T, 2] theta and phi in radians: `from_tokens` turned round."""
    left = dynamics[:, _LOOK["OutLeft"]] - dynamics[:, _LOOK["InLeft"]]
    up = dynamics[:, _LOOK["UpLeft"]] - dynamics[:, _LOOK["DownLeft"]]
    up_range = np.where(up > 0, EYE_RANGE_RAD[2], EYE_RANGE_RAD[3])
    theta = 0.95 * np.arctanh(np.clip(left / 0.95, -0.999, 0.999)) * EYE_RANGE_RAD[0]
    phi = 0.9 * np.arctanh(np.clip(up / 0.9, -0.999, 0.999)) * up_range
    return np.asarray(np.stack([theta + pose[:, 1], phi - pose[:, 0]], axis=1), np.float32)
