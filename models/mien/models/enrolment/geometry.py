"""What a portrait's landmarks say: head pose, the face's own shape, its mouth, how far it may move.

Knows landmarks only; what the picture looks like belongs to the matte and the codec.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.codec.pose import F64, similarity, yaw_pitch_roll
from mien.models.enrolment.glasses import glasses_sureness

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

# Comfortable turns of a frontal portrait, radians: geometry alone holds that far.
YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = np.radians([28.0, 17.0, 22.5])
CHIN_UP_LIMIT = float(np.radians(17.0))  # a raised chin shows a throat that nobody painted
OPEN_MOUTH_IOD = 0.025  # an inner lip gap beyond this is an open mouth
TEETH_LUMINANCE_RATIO = 0.62  # inner mouth against lips and cheeks: brighter is teeth


def head_pose(landmarks: F32) -> tuple[float, F64, F64]:
    """Scale (px per iod), rotation and shift that carry the mean face onto `landmarks` [478, 3]."""
    basis = face_basis()
    return similarity(
        landmarks.astype(np.float64),
        basis.mean.astype(np.float64),
        basis.rigid_weight.astype(np.float64) + 1e-3,
    )


def head_angles(landmarks: F32) -> F64:
    """Yaw, pitch, roll of the head in radians, public signs, [3]."""
    return yaw_pitch_roll(head_pose(landmarks)[1])


def motion_limits(angles: F64) -> F32:
    """How far this portrait may turn from its own pose: yaw−, yaw+, pitch−, pitch+, roll−, roll+.

    A portrait that is already turned shows little of its far side, so it may turn back to the
    front less than a frontal one may turn away, and further away only a little.
    """

    def pair(limit: float, at: float, onward: float, back: float) -> tuple[float, float]:
        away = max(limit * 0.35, limit - onward * abs(at))
        home = max(limit * 0.35, limit - back * abs(at))
        return (-home, away) if at >= 0 else (-away, home)

    yaw = pair(float(YAW_LIMIT), float(angles[0]), 0.6, 0.6)
    pitch = pair(float(PITCH_LIMIT), float(angles[1]), 0.5, 0.2)
    pitch = (max(pitch[0], -CHIN_UP_LIMIT), pitch[1])
    return np.array([*yaw, *pitch, -ROLL_LIMIT, ROLL_LIMIT], np.float32)


def lip_gaps(shape: F64) -> F64:
    """Vertical gap of the nine inner lip pairs between the corners, [9], in the shape's unit."""
    upper = np.array(topology.UPPER_INNER_LIP[1:-1])
    lower = np.array(topology.LOWER_INNER_LIP[1:-1])
    return np.asarray(shape[lower, 1] - shape[upper, 1])


def teeth_visible(portrait: U8, landmarks: F32) -> float:
    """How sure it is that the open mouth shows teeth, 0..1, by luminance inside the lips."""
    import cv2

    def mean_luminance(contour: tuple[int, ...], hole: tuple[int, ...] = ()) -> float:
        mask = np.zeros(portrait.shape[:2], np.uint8)
        cv2.fillPoly(mask, [landmarks[list(contour), :2].astype(np.int32)], 255)
        if hole:
            cv2.fillPoly(mask, [landmarks[list(hole), :2].astype(np.int32)], 0)
        grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
        return float(cv2.mean(grey, mask)[0])

    inner = (*topology.UPPER_INNER_LIP, *topology.LOWER_INNER_LIP[-2:0:-1])
    skin = mean_luminance(topology.FACE_OVAL, topology.OUTER_LIP)
    ratio = mean_luminance(inner) / max(skin, 1.0)
    return float(np.clip((ratio - TEETH_LUMINANCE_RATIO) / 0.2, 0.0, 1.0))


def measure(portrait: U8, landmarks: F32) -> dict[str, NDArray[np.generic]]:
    """Everything the codec needs to know of the geometry.

    `portrait` [512, 512, 3] RGB, `landmarks` [478, 3] px. Returns: `head_rotation` [3, 3],
    `head_scale` [1] px per iod, `head_shift` [3] px, `neutral_shape` [478, 3] in iod, head axes;
    `motion_limits` [6] radians; `mouth_rest` [2]: inner lip gap in iod, sureness of teeth;
    `glasses` [1]: sureness that there are some.
    """
    scale, rotation, shift = head_pose(landmarks)
    shape = (landmarks.astype(np.float64) - shift) @ rotation / scale
    outer_right, outer_left = topology.OUTER_EYE_CORNERS
    own_iod = float(np.linalg.norm(shape[outer_right] - shape[outer_left]))
    shape, scale = shape / own_iod, scale * own_iod
    gap = float(lip_gaps(shape)[4])
    teeth = teeth_visible(portrait, landmarks) if gap > OPEN_MOUTH_IOD else 0.0
    return {
        "head_rotation": rotation.astype(np.float32),
        "head_scale": np.array([scale], np.float32),
        "head_shift": shift.astype(np.float32),
        "neutral_shape": shape.astype(np.float32),
        "motion_limits": motion_limits(yaw_pitch_roll(rotation)),
        "mouth_rest": np.array([gap, teeth], np.float32),
        "glasses": np.array([glasses_sureness(portrait, landmarks)], np.float32),
    }
