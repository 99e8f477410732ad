"""Sizes of the motion encoder. Knows numbers; needs neither torch nor OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass

DETAIL_PX = 320  # a face is cut from its picture so; it fills about three quarters
CROP_PX = 160  # the same for the first look, at half the size
MAP_PX = 40  # where points are first looked for
EYE_PX, MOUTH_PX = 96, 128  # sides of the second looks
REACH = 1.15  # a second look's side over the larger extent of its points
GAZE = 4  # of right, then left eye in the head: theta (subject's left), phi (up), over GAZE_RAD
GAZE_RAD = 0.5236
TURN = 6  # two columns of the head's rotation matrix (Zhou et al., arXiv 1812.07035)
MOVED_GAIN = 8.0  # moved points are small beside features


@dataclass(frozen=True)
class MotionEncoderShape:
    """Widths of the network."""

    widths: tuple[int, int, int, int] = (16, 32, 64, 128)  # of the first look
    map_width: int = 48
    look_widths: tuple[int, int, int, int] = (16, 24, 48, 80)  # of the second looks
    seen: int = 64  # features of a second look
    code: int = 192
