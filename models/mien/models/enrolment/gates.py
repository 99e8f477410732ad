"""What a portrait must be before it becomes a character, in words that a game artist understands.

Knows the limits, the figures and the advice. Refuses to know how faces are found or measured.
Every gate returns quietly or raises EnrolmentError with the figure it saw and what to do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.enrolment.errors import EnrolmentError, FaceListing
from mien.models.enrolment.geometry import head_angles
from mien.models.enrolment.landmarks import Face, eye_distance_px
from mien.models.enrolment.occlusion import Visibility

F32 = NDArray[np.float32]

MIN_EYE_DISTANCE_PX = 96.0
MAX_MIRROR_DISAGREEMENT = 0.03
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 35.0, 30.0, 35.0
MIN_EYE_OPENING = 0.022  # of the eye distance; a squint measures 0.04, a portrait 0.05 to 0.13
# A face on a poster behind the subject does not make a group.
_BYSTANDER_SIZE = 0.25  # of the largest face's eye distance
_MANY_FACES_LISTED = 12


def choose_face(
    faces: list[Face], number: int | None, width_px: int, height_px: int
) -> tuple[Face, tuple[FaceListing, ...]]:
    """The face to enrol and the listing of all. `number` counts from 1, left to right.

    Raises 'no_face' and 'several_faces'.
    """
    largest = max((face.eye_distance_px for face in faces), default=0.0)
    faces = [face for face in faces if face.eye_distance_px >= largest * _BYSTANDER_SIZE]
    listing = list_faces(faces, width_px, height_px)
    if not faces:
        raise EnrolmentError(
            "no_face",
            f"No face was found in this picture ({width_px} × {height_px} px). Use a portrait "
            "that shows one face from the front, upright and evenly lit, with eyes, nose and "
            "mouth uncovered.",
        )
    if number is None:
        if len(faces) > 1:
            raise EnrolmentError("several_faces", _several(listing, "Choose one"), listing)
        return faces[0], listing
    if not 1 <= number <= len(faces):
        lead = f"There is no face {number}: choose"
        raise EnrolmentError("several_faces", _several(listing, lead), listing)
    return faces[number - 1], listing


def list_faces(faces: list[Face], width_px: int, height_px: int) -> tuple[FaceListing, ...]:
    """Faces as a person would be told of them."""
    listing = []
    for number, face in enumerate(faces, start=1):
        x_px, y_px, face_width_px, face_height_px = (round(value) for value in face.box)
        listing.append(
            FaceListing(
                number,
                x_px,
                y_px,
                face_width_px,
                face_height_px,
                eye_distance_px=round(face.eye_distance_px),
                position=_position(face, width_px, height_px),
            )
        )
    return tuple(listing)


def require_size(face: Face) -> None:
    """Raises 'face_too_small' below 96 px between the eyes' outer corners, in the original."""
    distance_px = face.eye_distance_px
    if distance_px < MIN_EYE_DISTANCE_PX:
        raise EnrolmentError(
            "face_too_small",
            f"The face is too small: {distance_px:.1f} px between the eyes' outer corners, at "
            f"least {MIN_EYE_DISTANCE_PX:.0f} are needed. Use a version of the picture about "
            f"{MIN_EYE_DISTANCE_PX / distance_px * 1.05:.1f} times as large, or a closer view. "
            "Enlarging a small picture adds no detail.",
        )


def require_stable(disagreement: float) -> None:
    """Raises 'unstable' where a look and a mirrored look differ by more than 3 %."""
    if disagreement > MAX_MIRROR_DISAGREEMENT:
        raise EnrolmentError(
            "unstable",
            f"The face cannot be measured reliably: two looks at it differ by "
            f"{disagreement:.1%} of the eye distance, at most {MAX_MIRROR_DISAGREEMENT:.0%} is "
            "accepted. Use a sharper, more evenly lit picture, or a less stylised face.",
        )


def require_front(landmarks: F32) -> None:
    """Raises 'turned' where yaw, pitch or roll of the head is beyond the limits."""
    yaw, pitch, roll = np.degrees(head_angles(landmarks))
    for angle, limit, how, advice in (
        (yaw, MAX_YAW_DEG, "turned to the side", "looks closer to the camera"),
        (pitch, MAX_PITCH_DEG, "tilted up or down", "holds the head level"),
        (roll, MAX_ROLL_DEG, "leaning sideways", "is upright; rotating the picture helps"),
    ):
        if abs(angle) > limit:
            raise EnrolmentError(
                "turned",
                f"The head is {how} by {abs(angle):.1f}°, at most {limit:.0f}° is accepted. "
                f"Use a picture in which the face {advice}.",
            )


def require_open_eyes(landmarks: F32) -> None:
    """Raises 'hidden' where both lids are shut: what lies behind them cannot be guessed."""
    points, unit_px = landmarks[:, :2], eye_distance_px(landmarks)
    gaps = [
        np.linalg.norm(points[upper[4]] - points[lower[4]]) / unit_px
        for upper, lower in (
            (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID),
            (topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID),
        )
    ]
    opening = float(np.mean(gaps))
    if opening < MIN_EYE_OPENING:
        raise EnrolmentError(
            "hidden",
            f"The eyes are closed: the lids are {opening:.1%} of the eye distance apart, at least "
            f"{MIN_EYE_OPENING:.1%} is needed. Use a picture with open eyes.",
        )


def require_visible(visibility: Visibility) -> None:
    """Raises 'hidden' where an eye or the mouth is covered."""
    for name, log_odds, limit in visibility.hidden_parts():
        advice = "the mouth" if name == "mouth" else "both eyes"
        raise EnrolmentError(
            "hidden",
            f"The {name} of this face cannot be seen clearly: covered with a likelihood of "
            f"{_likelihood(log_odds):.0%}, at most {_likelihood(limit):.0%} is accepted. Use a "
            f"picture that shows {advice} with nothing in front: no hand, mask, scarf, hair or "
            "dark glasses.",
        )


def _likelihood(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _several(listing: tuple[FaceListing, ...], lead: str) -> str:
    lines = [
        f"  {f.number}: {f.position}, {f.width_px} × {f.height_px} px at ({f.x_px}, {f.y_px}), "
        f"{f.eye_distance_px} px between the eyes' outer corners"
        for f in listing[:_MANY_FACES_LISTED]
    ]
    if len(listing) > _MANY_FACES_LISTED:
        lines.append(f"  and {len(listing) - _MANY_FACES_LISTED} more")
    count = "1 face" if len(listing) == 1 else f"{len(listing)} faces"
    where = f"{lead} with --face N (left to right), or crop the picture."
    return f"The picture shows {count}. {where}\n" + "\n".join(lines)


def _position(face: Face, width_px: int, height_px: int) -> str:
    x, y, width, height = face.box
    across = _third((x + width / 2) / width_px, "left", "middle", "right")
    down = _third((y + height / 2) / height_px, "upper part", "centre", "lower part")
    return f"{across}, {down}"


def _third(fraction: float, low: str, middle: str, high: str) -> str:
    return low if fraction < 1 / 3 else high if fraction > 2 / 3 else middle
