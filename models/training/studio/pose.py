"""A person's head, moved: expression, eyeballs, lids, tongue, teeth, neck.

Knows how coefficients become vertices. Refuses to know looks and pictures. The eyeLook shapes of
the head model move lids alone, so eyeballs turn here; lids and lashes then stay outside the cornea.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX
from training.studio.head import PIVOT, HeadModel
from training.studio.mesh import Piece, rotation, turn_partly

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

# Degrees that an eyeball turns at weight 1 of eyeLookUp, Down, In, Out (fitted to the lid shapes).
LOOK_DEG = {"Up": 25.0, "Down": 28.0, "In": 30.0, "Out": 30.0}
SPLAY_DEG = 3.0  # optical axes stand this far outside the lines of sight
IRIS_SINE = 0.475  # of the angle from axis to iris rim, seen from the eyeball's centre
# Height of the cornea's profile over the fitted eyeball, by cosine of the angle to its axis.
CORNEA_COSINES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
CORNEA_HEIGHTS = (1.025, 1.037, 1.058, 1.092, 1.127, 1.147)
LID_MARGIN = 0.05
SIDES = ("r", "l")  # the order of eyes in all arrays: the subject's right first


@dataclass(frozen=True)
class Eye:
    """An eyeball: a sphere and its optical axis."""

    centre: F64  # [3]
    radius: float
    axis: F64  # [3] unit


@dataclass(frozen=True)
class Tongue:
    """What a tongue does apart from riding on the jaw; all 0 at rest."""

    lift: float = 0.0  # tip to the ridge behind the upper teeth: l, t, d, n
    out: float = 0.0  # 0.25 between the teeth (th), 1 stuck out
    side: float = 0.0  # -1..1 toward the subject's left


@dataclass(frozen=True)
class Placement:
    """How a head is held: the body's rotation, and the head's on top of it."""

    body: F64  # [3, 3]
    neck: F64  # [3, 3] the head's turn against the body
    shift: F64  # [3] of the head along the body's axes, model units

    @property
    def head(self) -> F64:
        """The head's rotation in camera axes, [3, 3]."""
        return self.body @ self.neck

    @classmethod
    def straight(cls) -> Placement:
        """Facing the camera."""
        return cls(np.eye(3), np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class Posed:
    """A head as it stands before the camera: places in camera axes, origin at the neck's pivot."""

    points: F32  # [V, 3]
    eyes: tuple[Eye, Eye]  # the subject's right, left
    placement: Placement
    moved: F32  # [V, 3] what the expression added, in head axes


class Body:
    """One person's geometry: neutral head, eyeballs, teeth; poses it."""

    def __init__(self, head: HeadModel, neutral: F32) -> None:
        self.head, self.neutral = head, neutral  # [V, 3]
        self.eyes = tuple(_fit_eye(head, neutral, side) for side in SIDES)
        self._near = [_around_eye(head, neutral, eye) for eye in self.eyes]
        self._tongue_along = _along(neutral, head.tongue)
        self._gain = _blink_gain(head, neutral)  # [52]
        self.weight = head.head_weight

    @property
    def outer_eye_distance(self) -> float:
        """Distance of the outer eye corners at rest: the unit of facial measure (iod)."""
        right, left = (self.neutral[self.head.landmarks68[i]] for i in (36, 45))
        return float(np.linalg.norm(right - left))

    def expression(self, coefficients: F32, tongue: Tongue | None = None) -> F32:
        """The head with an expression, before it turns. [V, 3]"""
        points = np.empty(self.neutral.size, np.float32)
        used = np.flatnonzero(np.abs(coefficients) > 1e-4)
        _add(
            self.neutral.reshape(-1),
            self.head.arkit,
            used,
            (coefficients * self._gain)[used],
            points,
        )
        placed: F32 = points.reshape(-1, 3)
        self._move_tongue(placed, tongue or Tongue(out=float(coefficients[-1])))
        return placed

    def pose(self, coefficients: F32, placement: Placement, tongue: Tongue | None = None) -> Posed:
        """The head with an expression [52], held as told."""
        points = self.expression(coefficients, tongue)
        gaze = gaze_deg(coefficients)
        eyes = []
        for side, eye, near, look in zip(SIDES, self.eyes, self._near, gaze, strict=True):
            turned, turn = _turned(eye, *look, 1.0 if side == "l" else -1.0)
            ball = slice(self.head.ranges[f"sclera_{side}"][0], self.head.ranges[f"iris_{side}"][1])
            points[ball] = (points[ball] - eye.centre) @ turn.T + eye.centre
            _clear_lids(points, turned, *near)
            eyes.append(turned)
        moved = points - self.neutral
        return Posed(
            self.place(points, self.weight, placement),
            (_placed_eye(eyes[0], placement), _placed_eye(eyes[1], placement)),
            placement, moved,
        )  # fmt: skip

    def place(self, points: F32, weight: F32, placement: Placement) -> F32:
        """Points of the head's own space in camera axes, turned by their share `weight` [N]."""
        origin = PIVOT.astype(np.float32)
        turned = turn_partly(points - origin, placement.neck, weight)
        turned += weight[:, None] * placement.shift.astype(np.float32)
        return np.ascontiguousarray(turned @ placement.body.T.astype(np.float32), np.float32)

    def place_piece(self, piece: Piece, posed: Posed) -> tuple[F32, F32]:
        """Points and normals of something worn, [N, 3] each."""
        points = piece.points
        bound = piece.bind >= 0
        if bound.any():
            points = points.copy()
            points[bound] += posed.moved[piece.bind[bound]]
        placed = self.place(points, piece.turn, posed.placement)
        whole = piece.turn.mean() > 0.5
        matrix = posed.placement.head if whole else posed.placement.body
        return placed, (piece.normals @ matrix.T).astype(np.float32)

    def _move_tongue(self, points: F32, tongue: Tongue) -> None:
        if not (tongue.lift or tongue.out or tongue.side) or not len(self.head.tongue):
            return
        along = self._tongue_along[:, None]
        tip = along**2
        lift, out = tongue.lift, tongue.out
        rise = np.clip(out * 4, 0, 1) * 0.75 * np.sin(np.pi * np.clip(along * 0.85, 0, 1))
        up = 1.05 * lift * tip + rise - 1.9 * np.clip(out - 0.3, 0, 1) * along**6
        forward = 0.35 * lift * tip + (1.5 * np.clip(out * 4, 0, 1) + 2.6 * out) * along**1.5
        place = points[self.head.tongue]
        centre = place.mean(0)
        place[:, 0] += 0.9 * tongue.side * tip[:, 0]
        place[:, :1] += (centre[0] - place[:, :1]) * 0.18 * out * along
        place[:, 1:2] += up
        place[:, 2:] += forward
        points[self.head.tongue] = place


def gaze_deg(coefficients: F32) -> tuple[tuple[float, float], tuple[float, float]]:
    """(toward the subject's left, up) in the head, for the right and the left eye."""

    def look(direction: str, side: str) -> float:
        return float(coefficients[ARKIT_INDEX[f"eyeLook{direction}{side}"]]) * LOOK_DEG[direction]

    right, left = (
        (sign * (look("Out", side) - look("In", side)), look("Up", side) - look("Down", side))
        for side, sign in (("Right", -1.0), ("Left", 1.0))
    )
    return right, left


def set_gaze(coefficients: F32, yaw_deg: float, pitch_deg: float, vergence_deg: float = 0) -> None:
    """Write the eyeLook coefficients for a gaze in the head; `vergence` turns both eyes inward."""
    for side, sign in (("Right", -1.0), ("Left", 1.0)):
        out = sign * yaw_deg - vergence_deg / 2
        wanted = {"Out": out, "In": -out, "Up": pitch_deg, "Down": -pitch_deg}
        for direction, angle in wanted.items():
            share = float(np.clip(angle / LOOK_DEG[direction], 0, 1))
            coefficients[ARKIT_INDEX[f"eyeLook{direction}{side}"]] = share


def _fit_eye(head: HeadModel, neutral: F32, side: str) -> Eye:
    """Least-squares sphere through the back of the sclera; the axis goes through the iris."""
    start, stop = head.ranges[f"sclera_{side}"]
    points = neutral[start:stop].astype(np.float64)
    back = points[points[:, 2] < np.quantile(points[:, 2], 0.6)]
    system = np.c_[2 * back, np.ones(len(back))]
    solution = np.linalg.lstsq(system, (back**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    radius = float(np.sqrt(solution[3] + centre @ centre))
    rest = head.neutral[start:stop].astype(np.float64)
    pole = np.argsort(-rest[:, 2])[: max(8, len(rest) // 60)]
    axis = points[pole].mean(0) - centre
    return Eye(centre, radius, axis / np.linalg.norm(axis))


def _turned(eye: Eye, yaw_deg: float, pitch_deg: float, sign: float) -> tuple[Eye, F64]:
    """The eye looking in a direction, and the rotation that brought it there."""
    rest_yaw = np.degrees(np.arctan2(eye.axis[0], eye.axis[2]))
    rest_pitch = np.degrees(np.arcsin(eye.axis[1]))
    turn = rotation(yaw_deg + sign * SPLAY_DEG, pitch_deg) @ rotation(rest_yaw, rest_pitch).T
    return Eye(eye.centre, eye.radius, turn @ eye.axis), turn


def _placed_eye(eye: Eye, placement: Placement) -> Eye:
    centre = placement.body @ (placement.neck @ (eye.centre - PIVOT) + placement.shift)
    return Eye(centre, eye.radius, placement.head @ eye.axis)


def _blink_gain(head: HeadModel, neutral: F32) -> F32:
    """What eyeBlink is multiplied by so that this person's lids meet at 1. [52]"""
    gain = np.ones(len(ARKIT_INDEX), np.float32)
    for side, upper, lower in (("Right", (37, 38), (41, 40)), ("Left", (43, 44), (47, 46))):
        row = ARKIT_INDEX["eyeBlink" + side]
        shape = head.arkit[row].reshape(-1, 3)
        above, below = head.landmarks68[list(upper)], head.landmarks68[list(lower)]
        open_ = (neutral[above, 1] - neutral[below, 1]).mean()
        closing = -(shape[above, 1] - shape[below, 1]).mean()
        if closing > 0.1:
            gain[row] = np.clip(1.04 * open_ / closing, 0.9, 1.5)
    return gain


def _around_eye(head: HeadModel, neutral: F32, eye: Eye) -> tuple[I32, F32]:
    """Vertices that must stay outside an eyeball, and by how much."""
    margin = np.full(len(neutral), -1.0, np.float32)
    margin[slice(*head.ranges["face"])] = LID_MARGIN
    for name, gap in (("eye_occlusion_", 0.02), ("lacrimal_", 0.03), ("lashes_", 0.06)):
        for side in SIDES:
            if name + side in head.ranges:
                margin[slice(*head.ranges[name + side])] = gap
    offset = neutral - eye.centre
    length = np.linalg.norm(offset, axis=1)
    near = (margin >= 0) & (length < 1.7 * eye.radius) & (offset[:, 2] > 0.5 * length)
    chosen = np.flatnonzero(near).astype(np.int32)
    return chosen, margin[chosen]


def _clear_lids(points: F32, eye: Eye, near: I32, margin: F32) -> None:
    """Push vertices out of the eyeball and its cornea, in place."""
    offset = points[near] - eye.centre
    length = np.linalg.norm(offset, axis=1)
    cosine = offset @ eye.axis / length
    height = eye.radius * np.interp(cosine, CORNEA_COSINES, CORNEA_HEIGHTS) + margin
    push = np.maximum(1.0, height / length)
    points[near] = eye.centre + offset * push[:, None]


def _along(neutral: F32, chosen: I32) -> F32:
    """0 at the root to 1 at the tip, by depth."""
    if not len(chosen):
        return np.zeros(0, np.float32)
    z = neutral[chosen, 2]
    return np.asarray((z - z.min()) / (np.ptp(z) + 1e-6), np.float32)


@numba.njit(cache=True, fastmath=True)  # type: ignore[misc]
def _add(base: F32, shapes: F32, rows: I32, weights: F32, out: F32) -> None:  # pragma: no cover
    out[:] = base
    for k in range(rows.shape[0]):
        shape, weight = shapes[rows[k]], weights[k]
        for i in range(out.shape[0]):
            out[i] += weight * shape[i]
