"""The same lips, measured in rendered frames: what a player sees.

Knows the decoder and the landmarker. Refuses to read coefficients: only pixels count here.
A landmarker does not read zero on every closed mouth, so closed is relative to the portrait at
rest: at most .012 iod wider open than that, or .025 iod where the portrait's lips rest together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec.decoder import Decoder
from mien.models.codec.topology import (
    CHIN,
    INNER_MOUTH_CORNERS,
    LOWER_INNER_LIP,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    UPPER_INNER_LIP,
)
from mien.models.enrolment import enroll
from mien.models.enrolment.landmarks import shared_landmarker
from mien.models.motion.limits import LimiterState, PoseLimits, limit
from mien.models.motion.types import Motion
from training.evaluation.lines import Line
from training.evaluation.speaking import Curves, Speaking, curves, score_curves
from training.evaluation.timeline import between_frames

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

CLOSED_AT_LEAST_IOD, CLOSED_ABOVE_REST_IOD = 0.025, 0.012
PORTRAIT = "smith"  # of those that ship: lips that rest together, and read best
BACKGROUND = 128
_MIDDLE = len(UPPER_INNER_LIP) // 2
_UPPER = list(UPPER_INNER_LIP[_MIDDLE - 1 : _MIDDLE + 2])
_LOWER = list(LOWER_INNER_LIP[_MIDDLE - 1 : _MIDDLE + 2])


@dataclass(frozen=True)
class Seen:
    """What the landmarker reads in one frame, in outer-eye-corner distances (iod)."""

    gap: float  # the smallest of the middle three inner lip pairs
    opening: float  # the middle pair's
    width: float  # between the inner mouth corners


def read_points(points: F32) -> Seen:
    """Distances on landmarks [478, 3] px, in three dimensions, so that a turned head counts."""
    p = np.asarray(points, np.float64)

    def apart(a: int, b: int) -> float:
        return float(np.linalg.norm(p[a] - p[b]))

    iod = apart(*OUTER_EYE_CORNERS)
    down = p[CHIN] - p[NOSE_TIP]
    down /= np.linalg.norm(down)
    gaps = (p[_LOWER] - p[_UPPER]) @ down / iod  # signed: lips that cross are not open
    return Seen(float(gaps.min()), float(gaps[1]), apart(*INNER_MOUTH_CORNERS) / iod)


class Screen:
    """A portrait that performs, and the landmarker that looks at it."""

    def __init__(self, character: Character | None = None) -> None:
        """The shipped portrait, if none is given; raises what enrolment raises."""
        character = character or enroll(_shipped_portrait(), name="evaluation")
        self._decoder = Decoder(character)
        self._limits = PoseLimits.of(character.geometry["motion_limits"])
        at_rest = next(iter(self._look(Motion.rest(1))))
        if at_rest is None:
            raise RuntimeError("the landmarker sees no face in the portrait at rest")
        self.rest = at_rest

    def frames(self, motion: Motion) -> Iterator[U8]:
        """Every frame as a player sees it, [512, 512, 3], within the portrait's limits."""
        dynamics, pose = limit(
            LimiterState.fresh(1), motion.dynamics[None], motion.pose[None], [self._limits],
            np.ones(1, np.bool_),
        )  # fmt: skip
        for face, head in zip(dynamics[0], pose[0], strict=True):
            rgba = self._decoder.decode(face, head)
            alpha = rgba[..., 3:].astype(np.float32) / 255
            yield (rgba[..., :3] * alpha + BACKGROUND * (1 - alpha)).astype(np.uint8)

    def _look(self, motion: Motion) -> Iterator[Seen | None]:
        for frame in self.frames(motion):
            faces = shared_landmarker().meshes(frame)
            yield read_points(faces[0]) if faces else None

    @property
    def closed_below_iod(self) -> float:
        """The lip gap up to which this portrait's lips count as met."""
        return max(CLOSED_AT_LEAST_IOD, self.rest.gap + CLOSED_ABOVE_REST_IOD)

    def curves(self, motion: Motion) -> Curves:
        """What is seen of a motion; a frame in which no face is seen repeats the last one.

        `jaw` is the opening of the lips too (the chin's own landmark is too unsteady to compare:
        r .87 on the teacher itself, the opening .98), `rounding` how much narrower the mouth gets.
        """
        rest = self.rest
        seen = [rest]
        for look in self._look(motion):
            seen.append(look or seen[-1])
        rows = np.array([(s.gap, s.opening, s.width) for s in seen[1:]])
        gap, opening, width = rows.T
        return Curves(
            between_frames(gap) <= self.closed_below_iod,
            opening - rest.opening,
            opening - rest.opening,
            rest.width - width,
            width - rest.width,
        )

    def score(
        self, lines: Sequence[Line], shown: Sequence[Motion], reference: Sequence[Motion]
    ) -> Speaking:
        """Pixels of `shown` against the phones and the plain teacher's coefficients.

        The teacher's own rounding is compared as narrowing too, by the face basis.
        """
        return score_curves(
            lines, [self.curves(m) for m in shown], [_as_seen(curves(m)) for m in reference]
        )


def _as_seen(c: Curves) -> Curves:
    return Curves(c.closed, c.opening, c.opening, -c.width, c.width)


def _shipped_portrait() -> Path:
    return Path(str(files("mien.models") / "data" / "demo" / f"{PORTRAIT}.jpg"))
