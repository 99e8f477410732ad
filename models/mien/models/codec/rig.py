"""The rig: coefficients and pose in, posed landmarks out, for one character.

Knows the face's geometry and the guarantees that speech needs: lips that meet when they must, lids
that close on each other, turns that the portrait can bear. Refuses to know pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import FaceBasis, face_basis
from mien.models.codec.lids import LidSolver
from mien.models.codec.lips import LipSolver, smoothstep
from mien.models.codec.pose import F64, picture_rotation, yaw_pitch_roll
from mien.models.codec.rigid import Rigid
from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]

# The head turns about the top of the spine: below the eyes and behind them, in iod.
PIVOT_BELOW_EYES, PIVOT_BEHIND_EYES = 1.10, 0.85
CAMERA_DISTANCE_IOD = 11.0
EYEBALL_RADIUS_IOD = 0.13
# Degrees at coefficient 1 (facts of the head model): up, down, in, out.
GAZE_DEGREES = {"Up": 25.0, "Down": 28.0, "In": 30.0, "Out": 30.0}
SMILE_SPENT = 0.8  # of the portrait's own smile is taken from mouthSmile
DEPTH_DAMPED = 0.85  # of expression depth, in portraits turned by more than 30°
# Glasses, iod: half axes of what a lens and its frame cover, the fade beyond, the bridge between.
LENS_IOD, LENS_BELOW_EYE_IOD, LENS_FADE = (0.36, 0.32), 0.03, 0.30
BRIDGE_IOD = (0.22, 0.14)
FRAMES_HOLD = 0.92  # of the movement of the skin behind them
LIMIT_KNEE = 0.89  # turns beyond this part of a limit are compressed: 25°, 15°, 20° come out whole


@dataclass(frozen=True)
class Eye:
    """Indices of one eye, contours from image left to image right."""

    side: str
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    crease: tuple[int, ...]
    pouch: tuple[int, ...]
    iris: tuple[int, ...]
    outward: float  # picture x of the subject's temple


EYES = (
    Eye("Right", topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID, topology.RIGHT_LID_CREASE,
        topology.RIGHT_LID_POUCH, topology.RIGHT_IRIS, -1.0),
    Eye("Left", topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID, topology.LEFT_LID_CREASE,
        topology.LEFT_LID_POUCH, topology.LEFT_IRIS, 1.0),
)  # fmt: skip


_LOOKS = {
    side: [(f"eyeLook{way}{side}", degrees) for way, degrees in GAZE_DEGREES.items()]
    for side in ("Left", "Right")
}


@dataclass(frozen=True)
class Posed:
    """The rig at one moment."""

    shape: F64  # [478, 3] iod, head axes, expression applied
    points: F64  # [478, 3] px
    rigid: Rigid
    gaze_px: F64  # [2, 2] iris shift of right and left eye, px before the head's movement
    shut: float  # 0..1, how far the lips are forced together
    jaw: float  # lower teeth travel down, iod
    jaw_side: float  # lower teeth travel to the image right, iod
    iod_px: float  # outer-eye-corner distance in this frame, px


def numbers_of(values: F32) -> F32:
    """`values` as they are, or with 0 for what is no number and what is beyond all bounds."""
    values = np.asarray(values, np.float32)
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def coefficients_of(dynamics: F32) -> F32:
    """`dynamics` [52] within 0..1; what is no number is 0."""
    return np.minimum(np.maximum(numbers_of(dynamics), np.float32(0.0)), np.float32(1.0))


def soft_limit(value: float, low: float, high: float) -> float:
    """`value` inside (low, high): unchanged up to the knee, then compressed smoothly."""
    limit = high if value >= 0 else -low
    knee = LIMIT_KNEE * limit
    size = abs(value)
    if size <= knee:
        return value
    room = limit - knee
    return math.copysign(knee + room * math.tanh((size - knee) / room), value)


def own_basis(basis: FaceBasis, shape: F64) -> F32:
    """The basis sized for this face: mouth width and lower-face height, [52, 478, 3] in iod."""
    mean = basis.mean.astype(np.float64)

    def relative(a: int, b: int) -> float:
        return float(np.linalg.norm(shape[a] - shape[b]) / np.linalg.norm(mean[a] - mean[b]))

    width = np.clip(relative(*topology.MOUTH_CORNERS), 0.6, 1.25)
    height = np.clip(relative(2, topology.CHIN), 0.7, 1.3)
    mouth = (mean[topology.INNER_MOUTH_CORNERS[0]] + mean[topology.INNER_MOUTH_CORNERS[1]]) / 2
    near = np.clip((0.62 - np.linalg.norm((mean - mouth)[:, :2], axis=1)) / 0.3, 0.0, 1.0)
    near = near * near * (3.0 - 2.0 * near)
    low = np.clip((mean[:, 1] - mean[1, 1]) / 0.15, 0.0, 1.0)
    gain = np.ones((topology.LANDMARKS, 3))
    gain[:, 0] += near * (width - 1.0)
    gain[:, 1] += low * (np.sqrt(width * height) - 1.0)
    sized = basis.dynamics * gain[None]
    for side in ("Left", "Right"):  # who already smiles has that much less smile to come
        sized[ARKIT_INDEX["mouthSmile" + side]] *= 1.0 - SMILE_SPENT * own_smile(basis, shape)
    return sized.astype(np.float32)


def behind_glasses(shape: F64) -> F64:
    """How far each landmark of `shape` [478, 3] (iod) is painted over by glasses, 0..1 [478]."""
    out = np.zeros(topology.LANDMARKS)
    centres = []
    for eye in EYES:
        centres.append(shape[[*eye.upper, *eye.lower]].mean(0)[:2])
        away = (shape[:, :2] - centres[-1] - [0.0, LENS_BELOW_EYE_IOD]) / LENS_IOD
        out = np.maximum(out, 1.0 - (np.linalg.norm(away, axis=1) - 1.0) / LENS_FADE)
    away = (shape[:, :2] - np.mean(centres, axis=0)) / BRIDGE_IOD
    out = np.maximum(out, 1.0 - (np.linalg.norm(away, axis=1) - 1.0) / LENS_FADE)
    out = np.clip(out, 0.0, 1.0)
    out[[*topology.EYES, *range(topology.SKIN, topology.LANDMARKS)]] = 0.0  # seen through
    return np.asarray(out)


def own_smile(basis: FaceBasis, shape: F64) -> float:
    """How far the portrait itself smiles, 0..1, by the height of its mouth corners."""

    def lift(points: F64 | F32) -> float:
        corners = points[list(topology.MOUTH_CORNERS), 1].mean()
        middle = points[[topology.UPPER_LIP_CENTRE, topology.LOWER_LIP_CENTRE], 1].mean()
        return float(middle - corners)

    smile = basis.shape("mouthSmileLeft") + basis.shape("mouthSmileRight")
    return float(np.clip((lift(shape) - lift(basis.mean)) / lift(smile), 0.0, 1.0))


class Rig:
    """One character's geometry, ready to be posed."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """`arrays` as `enrolment.geometry.measure` returns them, plus `landmarks` [478, 3].

        Files made before glasses were looked for have no `glasses`: none are taken to be there.
        """
        self.landmarks = np.asarray(arrays["landmarks"], np.float64)
        self.shape = np.asarray(arrays["neutral_shape"], np.float64)
        self.rotation = np.asarray(arrays["head_rotation"], np.float64)
        self.scale = float(np.asarray(arrays["head_scale"])[0])
        self.shift = np.asarray(arrays["head_shift"], np.float64)
        self.limits = np.asarray(arrays["motion_limits"], np.float64)
        self.head_width = float(np.linalg.norm(self.shape[234] - self.shape[454]))
        right, left = topology.OUTER_EYE_CORNERS
        eyes = (self.shape[right] + self.shape[left]) / 2
        self.pivot_head = eyes + np.array([0.0, PIVOT_BELOW_EYES, PIVOT_BEHIND_EYES])
        self.pivot = self.to_picture(self.pivot_head[None])[0]
        self.axis = self.landmarks[: topology.SKIN, :2].mean(0)
        self.basis = own_basis(face_basis(), self.shape)
        # Seen from the side, depth becomes width: a dropping jaw would leave a turned cheek bare.
        yaw = abs(float(yaw_pitch_roll(self.rotation)[0]))
        self.basis[..., 2] *= 1.0 - DEPTH_DAMPED * float(smoothstep((yaw - 0.2) / 0.35))
        glasses = float(np.asarray(arrays.get("glasses", [0.0]))[0])  # older files do not say
        if glasses > 0.0:  # frames do not bend with what they are painted on
            held = 1.0 - FRAMES_HOLD * glasses * behind_glasses(self.shape)
            self.basis *= held[None, :, None].astype(np.float32)
        lids = [i for i, name in enumerate(ARKIT_INDEX) if name.startswith("eye")]
        self.basis[np.ix_(lids, topology.EYES)] = 0.0  # lids are solved, not blended
        self.lips = LipSolver(self.shape, self.basis)
        self._lids = [
            LidSolver(self.shape, eye.side, eye.upper, eye.lower, eye.crease, eye.pouch)
            for eye in EYES
        ]
        self._flat_basis = self.basis.reshape(len(self.basis), -1)

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        return int(self.basis.nbytes)

    def to_picture(self, points: F64) -> F64:
        """Head axes in iod → picture px at rest, [N, 3]."""
        return np.asarray(self.scale * points @ self.rotation.T + self.shift)

    def rigid(self, pose: F32) -> Rigid:
        """The head movement of a public pose [6], inside this portrait's limits."""
        lim = self.limits
        vector = np.array(
            [
                soft_limit(float(pose[0]), lim[2], lim[3]),
                soft_limit(float(pose[1]), lim[0], lim[1]),
                soft_limit(float(pose[2]), lim[4], lim[5]),
            ]
        )
        turn = self.rotation @ picture_rotation(vector) @ self.rotation.T
        unit = self.scale * self.head_width
        away = np.clip(float(pose[5]) * self.head_width, -6.0, 6.0) / CAMERA_DISTANCE_IOD
        shift = np.array([float(pose[3]) * unit, -float(pose[4]) * unit, 0.0])
        distance = CAMERA_DISTANCE_IOD * self.scale
        return Rigid(turn, 1.0 / (1.0 - away), self.pivot, shift, distance, self.axis)

    def pose(self, dynamics: F32, pose: F32) -> Posed:
        """Pose the face: `dynamics` [52], `pose` [6] public."""
        c, pose = coefficients_of(dynamics), numbers_of(pose)
        shape = self.shape + (c @ self._flat_basis).reshape(self.shape.shape)
        shut = self.lips.solve(shape, c)
        gaze = np.zeros((2, 2))
        for i, eye in enumerate(EYES):
            self._lids[i].solve(shape, c)
            gaze[i] = self._gaze(eye, c)
        rigid = self.rigid(pose)
        points = rigid.apply(self.to_picture(shape))
        jaw, side = self.lips.jaw_travel(c)
        iod_px = self.scale * rigid.scale
        return Posed(shape, points, rigid, gaze * self.scale, shut, jaw, side, iod_px)

    def _gaze(self, eye: Eye, c: F32) -> F64:
        """Iris shift [2] in iod, picture axes, from the four look coefficients."""

        up, down, inward, outward = (
            float(c[ARKIT_INDEX[name]]) * most for name, most in _LOOKS[eye.side]
        )
        across = eye.outward * (outward - inward)
        angles = math.radians(across), math.radians(down - up)
        return EYEBALL_RADIUS_IOD * np.array([math.sin(angle) for angle in angles])
