"""How well the motion encoder reads held-out people.

Knows labels and looks. Refuses to know drawings. Every face is looked at from a rough box, as a
tracker has it, beside the same person's portrait as the neutral face.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.crops import Crop, around
from mien.models.capture.reader import FaceReader, Look
from mien.models.codec.pose import rotation_matrix
from mien.models.motion.types import ARKIT_INDEX, ARKIT_NAMES
from training.evaluation.codec.clips import coefficients
from training.evaluation.codec.material import SIZE_PX, Take
from training.evaluation.codec.metrics import correlation, mean
from training.evaluation.codec.shots import STILLS
from training.studio.labels import Labels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

GOOD = 0.7
SHUT = 0.7  # of a blink, beyond which nobody can tell a gaze
_BLINKS = [ARKIT_INDEX["eyeBlinkRight"], ARKIT_INDEX["eyeBlinkLeft"]]


@dataclass
class Reading:
    """What was read so far, beside the truth."""

    found: list[F32] = field(default_factory=list)
    true: list[F32] = field(default_factory=list)
    gaze_deg: list[float] = field(default_factory=list)
    pose_deg: list[float] = field(default_factory=list)
    points_pct: list[float] = field(default_factory=list)

    def r(self) -> dict[str, float]:
        """Pearson's r of every coefficient over all frames; NaN for one that never moves."""
        found, true = np.stack(self.found), np.stack(self.true)
        return {name: correlation(true[:, i], found[:, i]) for i, name in enumerate(ARKIT_NAMES)}

    def good(self) -> list[str]:
        """Coefficients that are recovered."""
        return [name for name, value in self.r().items() if value >= GOOD]

    def figures(self) -> dict[str, float]:
        """The agreed figures."""
        known = [value for value in self.r().values() if not np.isnan(value)]
        return {
            "median_r": float(np.median(known)) if known else float("nan"),
            "good": len(self.good()), "gaze_deg": mean(self.gaze_deg),
            "pose_deg": mean(self.pose_deg), "points_pct": mean(self.points_pct),
        }  # fmt: skip


def read_person(take: Take, reader: FaceReader, reading: Reading) -> None:
    """Add all stills of a person."""
    neutral = _look(take, 0, reader)
    for index in range(1, 1 + len(STILLS)):
        look, labels = _look(take, index, reader), take.labels[index]
        reading.found.append(coefficients(reader, look, neutral))
        reading.true.append(labels.coefficients)
        away = np.linalg.norm(look.points - pixels(labels), axis=1)
        there = labels.visible > 0.5
        reading.points_pct.append(
            100 * float(away[there].mean()) / (float(labels.iod[0]) * SIZE_PX)
        )
        reading.pose_deg.append(angle_deg(look.rotation, rotation_matrix(labels.rotation)))
        for eye, blink in enumerate(_BLINKS):
            if labels.coefficients[blink] < SHUT:
                one, other = sight(look.gaze_rad[eye]), sight(np.radians(labels.gaze_head_deg[eye]))
                cosine = np.clip(one @ other, -1, 1)
                reading.gaze_deg.append(float(np.degrees(np.arccos(cosine))))


def pixels(labels: Labels) -> F64:
    """A label's points [170, 2] in px."""
    return np.asarray(labels.points[:, :2].astype(np.float64) * SIZE_PX - 0.5)


def sight(look_rad: F32 | F64) -> F64:
    """The direction [3] of a gaze: theta to the subject's left, phi up."""
    theta, phi = (float(value) for value in look_rad)
    return np.array([np.sin(theta) * np.cos(phi), np.sin(phi), np.cos(theta) * np.cos(phi)])


def angle_deg(one: F64, other: F64) -> float:
    """The angle of the rotation between two, degrees."""
    cosine = (np.trace(one.T @ other) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _look(take: Take, index: int, reader: FaceReader) -> Look:
    rng = np.random.default_rng([take.seed, index, 17])
    exact = around(pixels(take.labels[index]))
    x, y = (exact.x, exact.y) + 0.06 * exact.side * rng.normal(size=2)
    rough = Crop(float(x), float(y), exact.side * float(np.exp(0.1 * rng.normal())), exact.angle)
    return reader.look(take.picture(index), rough, passes=2)
