"""Sizes of the motion encoder. Knows numbers; needs neither torch nor OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass

CROP_PX = 160  # the face fills about three quarters of it
MAP_PX = 40  # where points are first looked for
EYE_PX, MOUTH_PX = (48, 32), (64, 48)  # width, height of the second looks
GAZE = 4  # of right, then left eye in the head: theta (subject's left), phi (up), over GAZE_RAD
GAZE_RAD = 0.5236
TURN = 6  # two columns of the head's rotation matrix (Zhou et al., arXiv 1812.07035)


@dataclass(frozen=True)
class MotionEncoderShape:
    """Widths of the network."""

    widths: tuple[int, int, int, int] = (16, 32, 64, 128)
    map_width: int = 48
    local: int = 24  # features sampled at points
    seen: int = 48  # features of a second look
    code: int = 192
