"""What comes after any generator: ranges, limits, and no jumps.

Knows what a face and a portrait can bear: coefficients within 0..1, lips that cannot close
further than the jaw is open, a head within the portrait's limits and never faster than a head is.
Refuses to make motion of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.lanes import F64, I64, LaneArrays
from mien.models.motion.limits_kernel import advance
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, F32, FRAME_RATE_HZ, Mask

JAW_OPEN, MOUTH_CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
# What speech moves; a smile or a frown is mood and stays when the mouth falls silent.
SPEECH_NAMES = (
    "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker",
    "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "tongueOut",
)  # fmt: skip
SPEECH: NDArray[np.intp] = np.array([ARKIT_INDEX[name] for name in SPEECH_NAMES])

SOFTEN_FRAMES = 3
_SOFTEN_GAIN: F64 = np.array((0.55, 0.18, 0.0))
_HUSH_FRAMES = 8  # the mouth stays shut while the generator empties its look-ahead
_WAKE_FRAMES = 5
_NEVER = np.iinfo(np.int64).max // 2

MAX_TURN_RAD_S = np.radians(220.0)
MAX_MOVE_S: F64 = np.array((1.5, 1.5, 12.0))  # head widths a second; z carries distance cues
_MAX_STEP = np.array((MAX_TURN_RAD_S,) * 3 + tuple(MAX_MOVE_S)) / FRAME_RATE_HZ
_JOIN_POSE_FRAMES, _JOIN_FACE_FRAMES = 14, 5
_LENGTHS: F64 = np.array((_JOIN_FACE_FRAMES,) * COEFFICIENTS + (_JOIN_POSE_FRAMES,) * 6, np.float64)
_SPOKEN: NDArray[np.bool_] = np.isin(np.arange(COEFFICIENTS), SPEECH)
_KNEE = 0.7


@dataclass(frozen=True)
class PoseLimits:
    """How far the head may turn from the portrait's own pose: rotation vector, radians."""

    low: tuple[float, float, float] = (-0.244, -0.384, -0.35)  # up, subject's right, tilt
    high: tuple[float, float, float] = (0.244, 0.384, 0.35)  # down, subject's left, tilt

    def __post_init__(self) -> None:
        if not all(a <= 0.0 <= b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"limits must lie about zero, not {self.low} and {self.high}")

    @classmethod
    def of(cls, yaw_pitch_roll: F32 | F64 | Sequence[float]) -> PoseLimits:
        """Make limits from a character's [6]: yaw-, yaw+, pitch-, pitch+, roll-, roll+."""
        values = [float(v) for v in yaw_pitch_roll]
        if len(values) != 6:
            raise ValueError(f"a character has six limits, not {len(values)}")
        yaw_low, yaw_high, pitch_low, pitch_high, roll_low, roll_high = values
        return cls((pitch_low, yaw_low, roll_low), (pitch_high, yaw_high, roll_high))


def soft_limit(value: F64, low: F64, high: F64) -> F64:
    """Return `value` unchanged well inside `low`..`high` (about 0) and never beyond them."""
    limit = np.maximum(np.where(value >= 0, high, -low), 1e-6)
    knee = _KNEE * limit
    over = np.maximum(np.abs(value) - knee, 0.0)
    room = limit - knee
    return np.asarray(np.sign(value) * (np.minimum(np.abs(value), knee)
                                        + room * np.tanh(over / room)))  # fmt: skip


def clamp(dynamics: F32 | F64) -> F64:
    """Return coefficients [..., 52] within 0..1, finite, with mouthClose at most jawOpen."""
    clean = np.nan_to_num(dynamics.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    face: F64 = np.clip(clean, 0.0, 1.0)
    face[..., MOUTH_CLOSE] = np.minimum(face[..., MOUTH_CLOSE], face[..., JAW_OPEN])
    return face


def soften(dynamics: F32 | F64, frames_since: int | I64) -> F64:
    """Return coefficients [..., 52] with speech fading: closed from the third frame on.

    `frames_since` the interruption: 0 for the first frame after it; negative leaves all as it is.
    Mood, brows and eyes go on. Give one number or one for each row.
    """
    since = np.asarray(frames_since)
    gain = np.where(since < 0, 1.0, _SOFTEN_GAIN[np.clip(since, 0, SOFTEN_FRAMES - 1)])
    face: F64 = np.array(dynamics, np.float64)
    face[..., SPEECH] *= gain[..., None]
    return face


@dataclass
class LimiterState(LaneArrays):
    """What was shown last, and what is still being eased."""

    shown: F64  # [L, 52 + 6]
    any_shown: I64  # [L] 0 or 1
    offset: F64  # [L, 52 + 6] from the generator to what was shown, when they were joined
    joined: I64  # [L] frames since
    joining: I64  # [L] 1: with the next frame
    hushed: I64  # [L] frames since the interruption

    @classmethod
    def fresh(cls, lanes: int) -> LimiterState:
        """Return lanes that have shown nothing."""
        face, count = np.zeros((lanes, COEFFICIENTS + 6)), np.zeros(lanes, np.int64)
        return cls(
            face.copy(), count.copy(), face.copy(), count + _NEVER, count.copy(), count + _NEVER
        )

    def reset(self, mask: Mask) -> None:
        """Forget what the lanes in `mask` [lanes] showed: another face takes their place."""
        lanes = np.flatnonzero(mask)
        self.put(lanes, LimiterState.fresh(len(lanes)))

    def join(self, mask: Mask) -> None:
        """The generator starts anew in these lanes: ease from what they showed to what comes."""
        self.joining = np.where(mask, self.any_shown, self.joining)
        self.hushed = np.where(mask, _NEVER, self.hushed)

    def interrupt(self, mask: Mask) -> None:
        """The line is cut off in these lanes: the mouth shuts within three frames."""
        self.hushed = np.where(mask, 0, self.hushed)


def limit(
    state: LimiterState, dynamics: F32, pose: F32, limits: list[PoseLimits], mask: Mask
) -> tuple[F32, F32]:
    """Advance the lanes in `mask` by the frames of one block.

    `dynamics` [L, B, 52], `pose` [L, B, 6] as a generator's step returns them; `limits` one a lane.
    Returns the same shapes; rows of lanes outside the mask are zero.
    """
    lanes = np.flatnonzero(mask)
    shown_dynamics, shown_pose = np.zeros_like(dynamics), np.zeros_like(pose)
    part = state.take(lanes)
    low = np.array([limits[lane].low for lane in lanes]).reshape(-1, 3)
    high = np.array([limits[lane].high for lane in lanes]).reshape(-1, 3)
    for frame in range(dynamics.shape[1]):
        face = clamp(dynamics[lanes, frame])
        place = np.nan_to_num(pose[lanes, frame].astype(np.float64))
        place[:, :3] = soft_limit(place[:, :3], low, high)
        shown = _advance(part, face, place)
        shown_dynamics[lanes, frame] = shown[:, :COEFFICIENTS]
        shown_pose[lanes, frame] = shown[:, COEFFICIENTS:]
    state.put(lanes, part)
    return shown_dynamics, shown_pose


def limit_one(state: LimiterState, dynamics: F32, pose: F32, limits: PoseLimits) -> tuple[F32, F32]:
    """`limit` for one frame of a state of one lane, compiled: dynamics [52] and pose [6]."""
    new = np.concatenate([dynamics, pose]).astype(np.float64)
    counts = np.array(
        (state.any_shown[0], state.joined[0], state.joining[0], state.hushed[0]), np.int64
    )
    low, high = np.array(limits.low), np.array(limits.high)
    advance(
        new, state.shown[0], state.offset[0], counts, low, high, _KNEE, _LENGTHS, _SPOKEN,
        _SOFTEN_GAIN, _HUSH_FRAMES, _WAKE_FRAMES, _MAX_STEP, JAW_OPEN, MOUTH_CLOSE, _NEVER,
    )  # fmt: skip
    state.any_shown[0], state.joined[0], state.joining[0], state.hushed[0] = counts
    shown = new.astype(np.float32)
    return shown[:COEFFICIENTS], shown[COEFFICIENTS:]


def _advance(state: LimiterState, face: F64, place: F64) -> F64:
    new: F64 = np.concatenate([face, place], axis=1)
    joining = state.joining > 0
    state.offset = np.where(joining[:, None], state.shown - new, state.offset)
    state.joined = np.where(joining, 0, state.joined)
    state.joining = np.zeros_like(state.joining)
    new += state.offset * _fading(state.joined)
    new[:, SPEECH] *= _hush(state.hushed)[:, None]
    step = np.clip(new[:, COEFFICIENTS:] - state.shown[:, COEFFICIENTS:], -_MAX_STEP, _MAX_STEP)
    slow = state.shown[:, COEFFICIENTS:] + step
    first = state.any_shown[:, None] == 0
    new[:, COEFFICIENTS:] = np.where(first, new[:, COEFFICIENTS:], slow)
    new[:, :COEFFICIENTS] = clamp(new[:, :COEFFICIENTS])
    state.shown = new.copy()
    state.any_shown = np.ones_like(state.any_shown)
    state.joined = np.minimum(state.joined + 1, _NEVER)
    state.hushed = np.minimum(state.hushed + 1, _NEVER)
    return new


def _fading(frames: I64) -> F64:
    """How much of the old offset is left, [L, 58]: face soon, pose more slowly."""
    u = np.clip((frames[:, None] + 1) / _LENGTHS, 0.0, 1.0)
    left: F64 = 1.0 - u * u * u * (u * (6 * u - 15) + 10)
    return left


def _hush(frames: I64) -> F64:
    """How much speech the mouth shows, [L], some frames after an interruption."""
    fade = _SOFTEN_GAIN[np.clip(frames, 0, SOFTEN_FRAMES - 1)]
    wake = np.clip((frames - SOFTEN_FRAMES - _HUSH_FRAMES) / _WAKE_FRAMES, 0.0, 1.0)
    return np.asarray(np.where(frames < SOFTEN_FRAMES, fade, wake))
