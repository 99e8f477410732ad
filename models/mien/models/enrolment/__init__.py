"""Enrolment: one picture in, one character out, or a refusal that says what to do.

Knows the order of the steps. Refuses to know their insides, and to guess when a gate fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.appearance.reader import shipped_reader
from mien.models.capture.reader import shared_reader
from mien.models.character import (
    GEOMETRY_PREFIX,
    MAX_NAME_CHARS,
    MAX_NOTE_CHARS,
    THUMBNAIL_SIZE_PX,
    Character,
    Provenance,
)
from mien.models.enrolment import framing, gates, geometry
from mien.models.enrolment.depth import with_seen_depth
from mien.models.enrolment.errors import CODES, EnrolmentError, FaceListing
from mien.models.enrolment.image import LoadedImage, load_image, thumbnail_png
from mien.models.enrolment.landmarks import Face, find_faces, measure_points
from mien.models.enrolment.lids import refine_lids
from mien.models.enrolment.matte import person_matte
from mien.models.enrolment.occlusion import judge_visibility
from mien.models.enrolment.plate import background_plate
from mien.models.enrolment.refined import refine_points
from mien.models.enrolment.segmenter import person_probability

__all__ = [
    "CODES",
    "STEPS",
    "EnrolmentError",
    "FaceListing",
    "Portrait",
    "cut_out",
    "enroll",
    "frame_face",
]

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Progress = Callable[[str], None]

# What `progress` is told, in order, as each step begins.
STEPS = ("reading", "finding the face", "framing", "judging", "measuring", "cutting out", "sealing")


@dataclass(frozen=True, eq=False)
class Portrait:
    """A framed face, measured but not yet a character."""

    rgb: U8  # [512, 512, 3]
    alpha: U8 | None  # [512, 512] of the picture, None when it was opaque
    landmarks: F32  # [478, 3]
    mirror_disagreement: float  # in outer-eye distances
    frame: framing.Frame  # where it was cut from the picture


def enroll(
    image: Path | str | bytes,
    *,
    face: int | None = None,
    name: str | None = None,
    consent: str = "",
    progress: Progress | None = None,
    _gates: bool = True,
    _learned: bool = True,
) -> Character:
    """Make a character of a picture (a path, or the bytes of a picture file).

    `face` picks one of several faces, 1 is the leftmost. `name` defaults to the file's own name.
    `consent` is kept in the file, at most 4000 characters (ValueError beyond). `progress` is told
    each of `STEPS` as it begins. Raises EnrolmentError.
    """
    if len(consent) > MAX_NOTE_CHARS:
        raise ValueError(f"the consent note is longer than {MAX_NOTE_CHARS} characters")
    tell = progress or (lambda step: None)
    tell(STEPS[0])
    picture = load_image(image)
    tell(STEPS[1])
    chosen = _find(picture, face, _gates)
    tell(STEPS[2])
    portrait = frame_face(picture, chosen)
    if _gates:
        tell(STEPS[3])
        _judge(portrait)
    tell(STEPS[4])
    landmarks, read = portrait.landmarks, {}
    if _learned:  # evaluations ask what it is worth
        landmarks, _ = refine_points(portrait.rgb, landmarks, shared_reader())
        appearance = shipped_reader().read(portrait.rgb)
        landmarks = with_seen_depth(landmarks, appearance)
        read = {"depth": appearance.depth, "identity": appearance.code}
    landmarks = refine_lids(portrait.rgb, landmarks)
    measured = geometry.measure(portrait.rgb, landmarks) | read
    tell(STEPS[5])
    matte = cut_out(picture, portrait)
    plate = background_plate(portrait.rgb, matte)
    tell(STEPS[6])
    return Character(
        name=_name(image, name),
        provenance=_provenance(picture, consent),
        thumbnail=thumbnail_png(portrait.rgb, THUMBNAIL_SIZE_PX),
        arrays={
            "portrait": portrait.rgb,
            "plate": plate,
            "matte": matte,
            "landmarks": landmarks,
            **{GEOMETRY_PREFIX + key: value for key, value in measured.items()},
        },
    )


def frame_face(picture: LoadedImage, face: Face) -> Portrait:
    """Cut the 512 px portrait and measure the face's points there."""
    height_px, width_px = picture.rgb.shape[:2]
    frame = framing.choose_frame(face, width_px, height_px)
    rgb = framing.cut_portrait(picture.rgb, frame)
    measured = measure_points(rgb, frame.to_portrait(face.landmarks))
    if measured is None:
        # Found in the picture, lost in the portrait: the closer look stands for both.
        landmarks, disagreement = frame.to_portrait(face.landmarks), face.mirror_disagreement
    else:
        landmarks, disagreement = measured
    alpha = None if picture.alpha is None else framing.cut_alpha(picture.alpha, frame)
    return Portrait(rgb, alpha, np.asarray(landmarks, np.float32), disagreement, frame)


def cut_out(picture: LoadedImage, portrait: Portrait) -> U8:
    """The person's matte [512, 512] of a framed face."""
    person = person_probability(picture.rgb, portrait.frame)
    return person_matte(portrait.rgb, portrait.landmarks, person, portrait.alpha)


def _find(picture: LoadedImage, number: int | None, judge: bool) -> Face:
    height_px, width_px = picture.rgb.shape[:2]
    chosen, _ = gates.choose_face(find_faces(picture.rgb), number, width_px, height_px)
    if judge:
        gates.require_size(chosen)
    return chosen


def _judge(portrait: Portrait) -> None:
    gates.require_stable(portrait.mirror_disagreement)
    gates.require_front(portrait.landmarks)
    gates.require_open_eyes(portrait.landmarks)
    gates.require_visible(judge_visibility(portrait.rgb, portrait.landmarks))


def _name(image: Path | str | bytes, name: str | None) -> str:
    if name is None:
        name = "character" if isinstance(image, bytes) else Path(image).stem
    printable = "".join(c if c.isprintable() else " " for c in name).strip()
    return printable[:MAX_NAME_CHARS].strip() or "character"


def _provenance(picture: LoadedImage, consent: str) -> Provenance:
    try:
        version = metadata.version("mien")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        version = "unknown"
    return Provenance(
        source_sha256=picture.sha256,
        source_width_px=picture.source_width_px,
        source_height_px=picture.source_height_px,
        enrolled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        enrolled_by=version,
        consent=consent,
    )
