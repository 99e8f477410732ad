"""A portrait enrolled as anybody's would be, ready to be driven.

Knows enrolment and the frame that it cut. Refuses to know renders and clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec.profiles import CPU
from mien.models.codec.rig import Rig
from mien.models.enrolment import EnrolmentError, enroll, frame_face
from mien.models.enrolment.framing import Frame, cut_portrait
from mien.models.enrolment.gates import choose_face
from mien.models.enrolment.image import load_image
from mien.models.enrolment.landmarks import find_faces
from training.evaluation.codec.contenders import LEARNED, Drawing, contenders

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Sitting:
    """A character, who can draw it, and where its portrait was cut from."""

    character: Character
    rig: Rig
    frame: Frame
    drawings: dict[str, Drawing]
    missing: dict[str, str]  # why somebody cannot draw
    bare: Rig | None = None  # of geometry alone, where that differs

    def rig_of(self, who: str) -> Rig:
        """The geometry that a contender draws with."""
        return self.rig if self.bare is None or who == LEARNED else self.bare

    def cut(self, picture: U8) -> U8:
        """Another frame of the same camera, as the portrait was cut."""
        if self.frame == Frame(0.0, 0.0, float(picture.shape[0])) and picture.shape[0] == 512:
            return picture
        return cut_portrait(picture, self.frame)


def enrolled(png: bytes, name: str, compared: bool = True, profile: str = CPU) -> Sitting:
    """Enrol a picture file's bytes; unless `compared`, nobody is prepared to draw.

    `profile`: of the contender with learned parts. Raises EnrolmentError and ProfileError.
    """
    character = enroll(png, name=name)
    picture = load_image(png)
    height, width = picture.rgb.shape[:2]
    face, _ = choose_face(find_faces(picture.rgb), None, width, height)
    frame = frame_face(picture, face).frame
    away = np.abs(cut_portrait(picture.rgb, frame).astype(int) - character.arrays["portrait"])
    if away.mean() > 2.0:
        raise EnrolmentError("unstable", "the portrait is not where it was found a second time")
    if not compared:
        return Sitting(character, _rig(character), frame, {}, {})
    plain = enroll(png, name=name, _learned=False)
    can, why = contenders(character, plain, profile)
    return Sitting(character, _rig(character), frame, can, why, _rig(plain))


def _rig(character: Character) -> Rig:
    return Rig({**character.geometry, "landmarks": character.arrays["landmarks"]})


def png_of(rgb: U8) -> bytes:
    """A picture [H, W, 3] as a PNG file."""
    done, coded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done
    return bytes(coded.tobytes())
