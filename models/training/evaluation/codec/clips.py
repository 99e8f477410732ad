"""Self-reenactment: a clip's first frame is enrolled and performs what was captured of the rest.

Knows clips, looks and how they become motion against frame 0. Refuses to know renders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.capture import CaptureError, Follower
from mien.models.capture.performance import eye_looks, neutral_look, stand
from mien.models.capture.reader import FaceReader, Look
from mien.models.capture.video import video_frames
from mien.models.codec.profiles import CPU
from mien.models.enrolment import EnrolmentError
from mien.models.motion.types import ARKIT_INDEX
from training.evaluation.codec.driving import Seen, from_look, relative_face, relative_pose
from training.evaluation.codec.features import Features
from training.evaluation.codec.material import SIZE_PX
from training.evaluation.codec.regions import Regions, regions
from training.evaluation.codec.scoring import Tally, score, score_sequence
from training.evaluation.codec.sitting import Sitting, enrolled, png_of

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

SECONDS = 10.0  # of a clip are used
EVERY = 5  # frames, of those that are judged one by one
ROW = range(25, 61)  # frames that are judged in a row


class ClipError(ValueError):
    """A clip cannot be reenacted; the message says why."""


@dataclass(frozen=True)
class Moment:
    """One frame of a clip, as motion against frame 0."""

    dynamics: F32
    poses: dict[str, F32]  # [6] each, by contender
    look: Look


def follow(path: Path, reader: FaceReader) -> tuple[U8, list[Look]]:
    """The first frame, and the look at every frame of the first seconds. Raises ClipError."""
    follower, looks, first = Follower(reader), [], None
    for time_us, picture in video_frames(path):
        if time_us > 1e6 * SECONDS:
            break
        first = picture if first is None else first
        look = follower.look(picture)
        if look is None:
            raise ClipError("no face is seen in the first frame")
        looks.append(look)
    assert first is not None
    if follower.lost > len(looks) / 4:
        raise ClipError(f"the face is out of sight in {follower.lost} of {len(looks)} frames")
    return first, looks


def moments(looks: list[Look], sitting: Sitting, reader: FaceReader) -> list[Moment]:
    """Motion of every look against the first."""
    neutral = neutral_look(looks, reader)
    faces = [coefficients(reader, look, neutral) for look in looks]
    source = from_look(looks[0], sitting.frame)
    return [
        Moment(relative_face(face, faces[0]), _poses(sitting, source, look), look)
        for face, look in zip(faces, looks, strict=True)
    ]


def _poses(sitting: Sitting, source: Seen, look: Look) -> dict[str, F32]:
    target = from_look(look, sitting.frame)
    return {who: relative_pose(sitting.rig_of(who), source, target) for who in sitting.drawings}


def coefficients(reader: FaceReader, look: Look, neutral: Look | None) -> F32:
    """Coefficients [52] of a look, gaze as capture writes it."""
    face = reader.motion(look, neutral).copy()
    for name, weight in eye_looks(look.gaze_rad).items():
        face[ARKIT_INDEX[name]] = weight
    return face


def reenact(
    path: Path, reader: FaceReader, features: Features | None,
    tell: Callable[[str], None] = lambda _: None, profile: str = CPU,
) -> dict[str, Tally]:  # fmt: skip
    """Tallies of every contender on a clip. Raises ClipError and ProfileError."""
    tell(f"{path.name}: capturing")
    first, looks = follow(path, reader)
    try:
        sitting = enrolled(png_of(first), path.stem, profile=profile)
    except (EnrolmentError, CaptureError) as problem:
        raise ClipError(f"frame 0 cannot be enrolled: {problem}") from problem
    tell(f"{path.name}: drawing")
    played = moments(looks, sitting, reader)
    tallies = {who: Tally() for who in sitting.drawings}
    row: list[tuple[U8, Moment]] = []
    for index, (_, picture) in enumerate(video_frames(path)):
        if index >= len(played):
            break
        now, true = played[index], sitting.cut(picture)
        if index and index % EVERY == 0:
            at = _regions(now.look, sitting)
            points = from_look(now.look, sitting.frame).points
            for who, draw in sitting.drawings.items():
                score(tallies[who], draw(now.dynamics, now.poses[who]), true, at, features, points)
        if index in ROW:
            row.append((true, now))
    if len(row) > 2:
        at = _regions(row[0][1].look, sitting)
        for who, draw in sitting.drawings.items():
            shown = [draw(now.dynamics, now.poses[who]) for _, now in row]
            score_sequence(tallies[who], shown, [true for true, _ in row], at)
    return tallies


def _regions(look: Look, sitting: Sitting) -> Regions:
    iod_px = stand(look).scale * sitting.frame.scale
    return regions(from_look(look, sitting.frame).points, iod_px, SIZE_PX)
