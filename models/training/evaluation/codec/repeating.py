"""One take on many characters, read again: what comes back, and what an edit moves besides itself.

Knows takes, drawings and the motion encoder. Refuses to know the truth in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.capture import crop_of
from mien.models.capture.reader import FaceReader, Look
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, Motion
from training.evaluation.codec.clips import coefficients
from training.evaluation.codec.encoding import angle_deg
from training.evaluation.codec.metrics import correlation, mean
from training.evaluation.codec.sitting import Sitting
from training.studio.performances import Kind, express
from training.studio.pose import set_gaze

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

CHARACTERS = 20
MOVES = 0.04  # deviation of a coefficient in the take, below which it does not count
KINDS = (Kind.SPEECH, Kind.SPEECH, Kind.MOUTH, Kind.FEELING, Kind.SPARSE, Kind.BLINK)
POSES_DEG = (
    (12, 0, 0),
    (-12, 0, 0),
    (0, 8, 0),
    (0, -8, 0),
    (0, 0, 10),
    (0, 0, -10),
)  # yaw, pitch, roll
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.5}, {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}, {"mouthPucker": 0.9},
    {"browDownLeft": 1.0, "browDownRight": 1.0}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"browInnerUp": 1.0, "eyeWideLeft": 0.9, "eyeWideRight": 0.9, "jawOpen": 0.3},
)  # fmt: skip


def the_take(moments: int) -> Motion:
    """Moments of speech, feelings and single coefficients, at poses and gazes drawn by chance."""
    rng = np.random.default_rng(2_026)
    faces = np.zeros((moments, COEFFICIENTS), np.float32)
    poses = np.zeros((moments, 6), np.float32)
    for k in range(moments):
        faces[k], _ = express(KINDS[k % len(KINDS)], rng)
        set_gaze(faces[k], *(np.clip(rng.normal(size=2), -2, 2) * (10, 6)))
        poses[k, :3] = np.radians(np.clip(rng.normal(size=3), -2, 2) * (3.0, 5.0, 3.0))
    return Motion(faces, poses)


def captured(sitting: Sitting, who: str, motion: Motion, reader: FaceReader) -> F32:
    """Coefficients [T, 52] read from what a contender draws of a take."""
    rest = look_at(sitting, who, Motion.rest(1), 0, reader)
    looks = [look_at(sitting, who, motion, k, reader) for k in range(len(motion))]
    return np.stack([coefficients(reader, look, rest) for look in looks])


def look_at(sitting: Sitting, who: str, motion: Motion, k: int, reader: FaceReader) -> Look:
    """Look at one drawn moment, from where the rig says that the face is."""
    dynamics, pose = motion.dynamics[k], motion.pose[k]
    near = crop_of(sitting.rig.pose(dynamics, pose).points.astype(np.float32))
    return reader.look(sitting.drawings[who](dynamics, pose), near, passes=2)


def agreement(read: Sequence[F32], take: F32, recovered: Sequence[str]) -> dict[str, float]:
    """`among`: r of each character's curve with the mean of all others'; `with_take`: with what
    was asked. Means over characters, medians over coefficients that are recovered and move.
    """
    among, asked = [], []
    every = np.stack(read)
    for name in recovered:
        index = ARKIT_INDEX[name]
        if take[:, index].std() < MOVES:
            continue
        curves = every[..., index]
        others = (curves.sum(0) - curves) / max(len(curves) - 1, 1)
        pairs = zip(curves, others, strict=True)
        among.append(mean([correlation(other, curve) for curve, other in pairs]))
        asked.append(mean([correlation(take[:, index], curve) for curve in curves]))
    return {"among": _median(among), "with_take": _median(asked), "coefficients": len(among)}


def disentangled(
    sittings: Sequence[Sitting], who: str, recovered: Sequence[str], reader: FaceReader
) -> dict[str, float]:
    """What an edit of one factor moves of the others, as read: means over edits and characters.

    `pose_moves_face`: coefficients (eye directions apart) when only the head turns;
    `pose_moves_gaze_deg`: the eyes in the head; `face_moves_pose_deg`: the head when only the
    face moves.
    """
    columns = [ARKIT_INDEX[name] for name in recovered if not name.startswith("eyeLook")]
    face, gaze, head = [], [], []
    for sitting in sittings:
        rest = look_at(sitting, who, Motion.rest(1), 0, reader)
        calm = reader.motion(rest, rest)
        for edit, turned in ((_poses(), True), (_expressions(), False)):
            for k in range(len(edit)):
                look = look_at(sitting, who, edit, k, reader)
                if turned:
                    moved = np.abs(reader.motion(look, rest) - calm)[columns]
                    face.append(float(moved.mean()) if columns else float("nan"))
                    away = np.linalg.norm(look.gaze_rad - rest.gaze_rad, axis=1)
                    gaze.append(float(np.degrees(away.mean())))
                else:
                    head.append(angle_deg(look.rotation, rest.rotation))
    return {"pose_moves_face": mean(face), "pose_moves_gaze_deg": mean(gaze),
            "face_moves_pose_deg": mean(head)}  # fmt: skip


def _poses() -> Motion:
    poses = np.zeros((len(POSES_DEG), 6), np.float32)
    angles = np.radians(np.array(POSES_DEG, np.float32))
    poses[:, :3] = angles[:, [1, 0, 2]]
    return Motion(np.zeros((len(poses), COEFFICIENTS), np.float32), poses)


def _expressions() -> Motion:
    faces = np.zeros((len(EXPRESSIONS), COEFFICIENTS), np.float32)
    for row, wanted in zip(faces, EXPRESSIONS, strict=True):
        for name, value in wanted.items():
            row[ARKIT_INDEX[name]] = value
    return Motion(faces, np.zeros((len(faces), 6), np.float32))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")
