"""What enrolment says when it refuses a picture.

Knows the codes and the list of faces that go with a message. Refuses to know how they were found.
"""

from __future__ import annotations

from dataclasses import dataclass

CODES = (
    "no_face",
    "several_faces",
    "face_too_small",
    "unstable",
    "turned",
    "hidden",
    "bad_image",
    "too_large",
)


@dataclass(frozen=True)
class FaceListing:
    """One face of a picture as a person would be told of it. Numbers start at 1, left to right."""

    number: int
    x_px: int  # box in the upright picture
    y_px: int
    width_px: int
    height_px: int
    eye_distance_px: int  # between the eyes' outer corners
    position: str  # in words: "left, upper part"


class EnrolmentError(Exception):
    """A picture that cannot become a character: `code` for programs, the message for people."""

    def __init__(self, code: str, message: str, faces: tuple[FaceListing, ...] = ()) -> None:
        if code not in CODES:
            raise ValueError(f"unknown enrolment code {code!r}")
        super().__init__(message)
        self.code = code
        self.message = message
        self.faces = faces
