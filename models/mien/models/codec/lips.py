"""Lips that meet: closure is solved after blending, never hoped for.

A portrait may be enrolled smiling with parted lips, so a p, b or m is an absolute demand: all inner
lip pairs touch, whatever the portrait's own mouth does. Linear blending cannot promise that (the
measured recall without it was 0 to .87); the solve can.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.codec.basis import face_basis
from mien.models.motion.types import ARKIT_INDEX

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

UPPER = np.array(topology.UPPER_INNER_LIP[1:-1])
LOWER = np.array(topology.LOWER_INNER_LIP[1:-1])
UPPER_SHARE = 0.35  # of a gap that has to close; the jaw side does the rest
FOLLOW = 0.75  # how far the outer rim follows its inner point, so that the lip keeps its body
FALLOFF_IOD = 0.42  # how far around the mouth skin gives way
TEETH_WITH_LIP = 1.02  # lower incisors travel as far as the lower lip's middle
JAW_AT_WORK = 0.10  # jawOpen from which a mouth is speaking
WIDE_SHARE, NARROW_IOD = 0.6, 0.06
MIN_DEMAND = 0.05  # mouthClose below this asks for nothing yet
PRESS_SHUTS = 0.30  # this much press or roll alone shuts the lips


def smoothstep(x: float) -> float:
    """Cubic ease of x in 0..1, clamped."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


def ease(x: float, low: float, high: float) -> float:
    """Cubic ease from 0 at `low` to 1 at `high`."""
    return smoothstep((x - low) / (high - low))


@njit(cache=True, nogil=True, boundscheck=False)
def _close(
    shape: F64, upper: I64, lower: I64, meant: F32, floor: F64, share: float, shut: float,
    upper_field: F64, lower_field: F64,
) -> None:  # fmt: skip # pragma: no cover - compiled
    pairs = upper.shape[0]
    surplus, most = np.empty(pairs), 0.0
    for i in range(pairs):
        gap = shape[lower[i], 1] - shape[upper[i], 1]
        wanted = min(gap, gap + share * (meant[i] - gap)) * (1.0 - shut)
        surplus[i] = gap - wanted if gap > 0.0 else min(gap - floor[i], 0.0)
        most = max(most, abs(surplus[i]))
    if most <= 1e-6:
        return
    for i in range(pairs):
        down, up = UPPER_SHARE * surplus[i], (1.0 - UPPER_SHARE) * surplus[i]
        for k in range(shape.shape[0]):
            shape[k, 1] += down * upper_field[i, k] - up * lower_field[i, k]


class LipSolver:
    """Closes, and keeps from crossing, the inner lips of one face."""

    def __init__(self, shape: F64, basis: F32) -> None:
        """`shape` [478, 3] at rest and `basis` [52, 478, 3], both in iod."""
        self._fields = self._weights()
        # Landmarks of a shut mouth may cross a little; that is this face's own rest.
        self.floor = np.minimum(shape[LOWER, 1] - shape[UPPER, 1], 0.0)
        self.gap_basis = basis[:, LOWER, 1] - basis[:, UPPER, 1]  # [52, 9]
        jaw = basis[ARKIT_INDEX["jawOpen"]]
        self._teeth_drop = float(jaw[topology.LOWER_LIP_CENTRE, 1]) * TEETH_WITH_LIP
        left, right = ARKIT_INDEX["jawLeft"], ARKIT_INDEX["jawRight"]
        self._teeth_side = float(basis[left, topology.CHIN, 0])
        self._columns = (ARKIT_INDEX["jawOpen"], left, right)

    @staticmethod
    def _weights() -> tuple[F64, F64]:
        """Weights [9, 478]: how far each landmark goes along when an inner lip pair closes."""
        mean = face_basis().mean.astype(np.float64)
        outer = {inner: rim for rim, inner in topology.UPPER_LIP_FOLLOW + topology.LOWER_LIP_FOLLOW}
        corner_right, corner_left = topology.INNER_MOUTH_CORNERS
        span = abs(mean[corner_left, 0] - mean[corner_right, 0])
        mouth_y = mean[[13, 14], 1].mean()
        fields = []
        for inner, sign in ((UPPER, -1.0), (LOWER, 1.0)):
            weights = np.zeros((len(inner), topology.LANDMARKS))
            for pair, index in enumerate(inner):
                across = np.abs(mean[:, 0] - mean[index, 0]) / (span * 0.22)
                below = sign * (mean[:, 1] - mouth_y)
                reach = np.clip(1.0 - below / FALLOFF_IOD, 0.0, 1.0) * (below > -0.002)
                weights[pair] = np.exp(-0.5 * across**2) * reach**1.5
            # Columns of skin share a pair's travel in proportion to nearness.
            total = weights.sum(0)
            weights *= np.where(total > 1.0, 1.0 / np.maximum(total, 1e-9), 1.0)
            weights[:, list(topology.LIPS)] = 0.0
            weights[:, list(topology.EYES)] = 0.0
            for pair, index in enumerate(inner):
                weights[pair, index] = 1.0
                if int(index) in outer:
                    weights[pair, outer[int(index)]] = FOLLOW
            weights[:, topology.SKIN :] = 0.0
            fields.append(weights)
        return fields[0], fields[1]

    @staticmethod
    def demand(c: F32) -> float:
        """How absolutely the coefficients [52] ask for shut lips, 0..1."""
        jaw = float(c[ARKIT_INDEX["jawOpen"]])
        close = float(c[ARKIT_INDEX["mouthClose"]])
        press = (c[ARKIT_INDEX["mouthPressLeft"]] + c[ARKIT_INDEX["mouthPressRight"]]) / 2
        roll = (c[ARKIT_INDEX["mouthRollLower"]] + c[ARKIT_INDEX["mouthRollUpper"]]) / 2
        against_jaw = smoothstep((close / max(jaw, MIN_DEMAND) - 0.4) / 0.55)
        asked = smoothstep(close / MIN_DEMAND) * against_jaw
        still = max(0.0, 1.0 - jaw / 0.12)
        return max(asked, still * smoothstep(float(max(press, roll)) / PRESS_SHUTS))

    @staticmethod
    def articulating(c: F32) -> float:
        """How far the mouth is at work rather than resting in the portrait's own smile, 0..1."""
        at_work = max(
            float(c[ARKIT_INDEX["jawOpen"]]) / JAW_AT_WORK,
            float(c[ARKIT_INDEX["mouthClose"]]) / MIN_DEMAND,
        )
        return smoothstep(at_work)

    def solve(self, shape: F64, c: F32) -> float:
        """Move the lips of `shape` [478, 3] in place; returns how far they were forced shut.

        A mouth at work goes by the gap that the coefficients mean on a face whose lips rest
        together, the more so the narrower that gap is: who was enrolled laughing still articulates.
        """
        shut = self.demand(c)
        meant = np.maximum(c @ self.gap_basis, 0.0)
        narrow = smoothstep((NARROW_IOD - float(meant[4])) / NARROW_IOD)
        share = self.articulating(c) * (WIDE_SHARE + (1.0 - WIDE_SHARE) * narrow)
        _close(shape, UPPER, LOWER, meant, self.floor, share, shut, *self._fields)
        return shut

    def jaw_travel(self, c: F32) -> tuple[float, float]:
        """Lower teeth travel (down, image right) in iod."""
        jaw, left, right = (float(c[i]) for i in self._columns)
        return jaw * self._teeth_drop, (left - right) * self._teeth_side
