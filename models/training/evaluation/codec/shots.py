"""What every held-out person does before the camera: one portrait, stills, one slow sequence.

Knows expressions, poses and framing. Refuses to know pictures. All stays within what the codec
promises: yaw ±25°, pitch ±15°, roll ±20° from the portrait, mouths open up to .35 of the outer-eye
distance (iod).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX
from training.studio.camera import Camera, frame_head
from training.studio.head import ANCHOR, LIP_CENTRES, PIVOT
from training.studio.labels import surface_points
from training.studio.mesh import rotation
from training.studio.performances import Kind, Shot, express, raise_to
from training.studio.pose import Body, Placement, Tongue, set_gaze

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

LIMITS_DEG = (25.0, 15.0, 20.0)  # yaw, pitch, roll
SPREAD_DEG = (11.0, 6.0, 7.0)
STEADY = 0.15  # of that spread, where the mouth alone is to be judged
GAP_OPEN, GAP_MOST = 0.05, 0.35  # iod between the inner lips
SOURCE = "source"
RIGID = "rigid"
STILLS = (
    RIGID, RIGID, "mouth", "mouth", "mouth", "mouth ahead", "mouth ahead", "speech", "speech",
    "speech", "feeling", "feeling", "feeling", "sparse", "pure", "blink",
)  # fmt: skip
SEQUENCES = ("slow yaw", "slow jaw", "slow smile", "slow blink", "slow gaze", "slow pitch")
SEQUENCE_FRAMES = 12
FACE_SHARE = 0.533  # of the picture's width: enrolment then takes the picture as it is
FACE_MIDDLE = (0.5, 0.54)  # of the picture
_KINDS = {"mouth": Kind.MOUTH, "mouth ahead": Kind.MOUTH, "speech": Kind.SPEECH,
          "feeling": Kind.FEELING, "sparse": Kind.SPARSE, "pure": Kind.PURE,
          "blink": Kind.BLINK}  # fmt: skip
_TRIES = 60


@dataclass(frozen=True)
class Named:
    """A shot and what it is there for."""

    name: str
    shot: Shot


def names_of(index: int) -> list[str]:
    """What the person number `index` does, frame by frame; the portrait first."""
    return [SOURCE, *STILLS, *[SEQUENCES[index % len(SEQUENCES)]] * SEQUENCE_FRAMES]


def shots_of(body: Body, seed: int, index: int) -> list[Named]:
    """All frames of a person. The same body, seed and index give the same frames."""
    rng = np.random.default_rng([seed, 31])
    turn = rotation(*(np.clip(rng.normal(size=3), -1.5, 1.5) * (4.0, 3.0, 2.0)))
    face = np.zeros(len(ARKIT_INDEX), np.float32)
    yaw, pitch = np.clip(rng.normal(size=2), -2, 2) * (1.5, 1.0)
    set_gaze(face, float(yaw), float(pitch), 1.0)
    camera = framed(body, face, turn, float(np.exp(rng.uniform(np.log(60), np.log(140)))))
    stage = _Stage(body, face, turn, camera, rng)
    found = [Named(SOURCE, stage.shot(Kind.SOURCE_NEUTRAL, face, Tongue(), (0, 0, 0)))]
    found += [Named(name, stage.still(name)) for name in STILLS]
    found += stage.sequence(SEQUENCES[index % len(SEQUENCES)])
    return found


def lip_gap(body: Body, face: F32, tongue: Tongue | None = None) -> float:
    """How far the lips are apart with coefficients [52], iod."""
    points = body.expression(face, tongue)
    upper, lower = (points[body.head.landmarks68[i]] for i in LIP_CENTRES)
    return float(np.linalg.norm(upper - lower)) / body.outer_eye_distance


def framed(body: Body, face: F32, turn: F64, distance: float) -> Camera:
    """A camera that shows the portrait as enrolment would cut it."""
    placement = Placement(np.eye(3), turn, np.zeros(3))
    points = surface_points(body.head, body.pose(face, placement))
    camera = frame_head(turn @ (ANCHOR - PIVOT), distance=distance, half_height=15.0)
    for _ in range(3):
        seen = camera.project(points, 1)
        low, high = seen[:, :2].min(0), seen[:, :2].max(0)
        tangent = camera.half_tangent * float((high - low).max()) / FACE_SHARE
        aside = (low + high) / 2 - FACE_MIDDLE
        unit = 2 * camera.half_tangent * float(seen[:, 2].mean())
        x, y, z = camera.place
        camera = Camera((x + aside[0] * unit, y - aside[1] * unit, z), tangent)
    return camera


class _Stage:
    """One person, one camera, one source of chance."""

    def __init__(
        self, body: Body, face: F32, turn: F64, camera: Camera, rng: np.random.Generator
    ) -> None:
        self._body, self._face, self._turn = body, face, turn
        self._camera, self._rng = camera, rng

    def shot(
        self,
        kind: Kind,
        face: F32,
        tongue: Tongue,
        angles: Sequence[float] | F64,
        shift: F64 | None = None,
    ) -> Shot:
        """A face, turned by yaw, pitch, roll in degrees from the portrait."""
        neck = self._turn @ rotation(*angles)
        placement = Placement(np.eye(3), neck, np.zeros(3) if shift is None else shift)
        return Shot(kind, face, tongue, placement, self._camera)

    def still(self, name: str) -> Shot:
        """One frame of a kind, at a pose drawn by chance."""
        rng = self._rng
        spread = np.array(SPREAD_DEG) * (STEADY if name.endswith("ahead") else 1.0)
        angles = np.clip(rng.normal(size=3) * spread, np.negative(LIMITS_DEG), LIMITS_DEG)
        shift = rng.normal(size=3) * (0.4, 0.25, 0.6)
        if name == RIGID:
            return self.shot(Kind.SOURCE_NEUTRAL, self._face, Tongue(), angles, shift)
        face, tongue = self._expression(_KINDS[name])
        return self.shot(_KINDS[name], face, tongue, angles, shift)

    def sequence(self, name: str) -> list[Named]:
        """Twelve frames in which one thing changes slowly."""
        found = []
        for along in np.linspace(0.0, 1.0, SEQUENCE_FRAMES):
            face, angles = self._face.copy(), np.zeros(3)
            if name in ("slow yaw", "slow pitch"):
                angles[("slow yaw", "slow pitch").index(name)] = 4.0 * along - 2.0
            elif name == "slow gaze":
                set_gaze(face, 16.0 * along - 8.0, 0.0, 1.0)
            else:
                part, most = {"slow jaw": ("jawOpen", 0.25), "slow smile": ("mouthSmile", 0.5),
                              "slow blink": ("eyeBlink", 1.0)}[name]  # fmt: skip
                raise_to(face, part, most * along, self._rng, uneven=0.0)
            found.append(Named(name, self.shot(Kind.PURE, face, Tongue(), angles)))
        return found

    def _expression(self, kind: Kind) -> tuple[F32, Tongue]:
        least = GAP_OPEN if kind == Kind.MOUTH else -1.0
        for _ in range(_TRIES):
            face, tongue = express(kind, self._rng)
            if least <= lip_gap(self._body, face, tongue) <= GAP_MOST:
                break
        yaw, pitch = self._rng.normal(size=2) * (10, 6)
        set_gaze(face, float(np.clip(yaw, -28, 28)), float(np.clip(pitch, -24, 22)), 1.0)
        return face, tongue
