"""Cues: timed changes of control, checked when they are made.

Knows the kinds of cue, their ranges and their easing. Refuses to know frames and generators.
Times are microseconds on the line's own audio clock. A duration of 0 means: from here on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mien.models.motion.types import EMOTIONS

CueErrorCode = Literal[
    "not_finite", "out_of_range", "bad_time", "unknown_emotion", "bad_sheet", "too_many"
]
MAX_TIME_US = 24 * 3600 * 1_000_000
MAX_GAZE_RAD = math.radians(60)
MAX_HEAD_RAD = math.radians(60)
DISTANCE_RANGE = (0.5, 2.0)


class CueError(ValueError):
    """A cue that makes no sense; `code` for programs, `message` for people."""

    def __init__(self, code: CueErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: CueErrorCode = code
        self.message = message


def _check(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value):
        raise CueError("not_finite", f"{name} must be a number, not {value}")
    if not low <= value <= high:
        raise CueError("out_of_range", f"{name} must be {low:.4g} to {high:.4g}, not {value:.4g}")


@dataclass(frozen=True)
class _Timed:
    start_us: int
    duration_us: int = 0  # 0: from here on
    ease_us: int | None = None  # each way; None: what suits the kind

    def __post_init__(self) -> None:
        for name, value in (("start", self.start_us), ("duration", self.duration_us)):
            if not 0 <= value <= MAX_TIME_US:
                raise CueError("bad_time", f"{name} must be 0 to 24 hours, not {value} µs")
        if self.ease_us is not None and not 0 <= self.ease_us <= MAX_TIME_US:
            raise CueError("bad_time", f"easing must be 0 to 24 hours, not {self.ease_us} µs")

    @property
    def usual_ease_us(self) -> int:
        return 300_000

    @property
    def easing_us(self) -> int:
        """Return the time of the onset and of the offset; they never overlap."""
        ease = self.usual_ease_us if self.ease_us is None else self.ease_us
        return min(ease, self.duration_us // 2) if self.duration_us else ease


@dataclass(frozen=True)
class EmotionCue(_Timed):
    """Feel `weights` (in the order of EMOTIONS) as strongly as `intensity`, 0..1."""

    weights: tuple[float, ...] = (1.0,) + (0.0,) * (len(EMOTIONS) - 1)
    intensity: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != len(EMOTIONS):
            raise CueError("out_of_range", f"an emotion has {len(EMOTIONS)} weights")
        for name, weight in zip(EMOTIONS, self.weights, strict=True):
            _check(name, weight, 0.0, 1.0)
        _check("intensity", self.intensity, 0.0, 1.0)

    @property
    def usual_ease_us(self) -> int:
        return 400_000

    @property
    def felt(self) -> tuple[float, ...]:
        """Return the weights at this intensity, the rest neutral."""
        rest = 1.0 - self.intensity
        return tuple(
            self.intensity * weight + (rest if i == 0 else 0.0)
            for i, weight in enumerate(self.weights)
        )

    @classmethod
    def of(
        cls,
        start_us: int,
        duration_us: int = 0,
        ease_us: int | None = None,
        intensity: float = 1.0,
        **weights: float,
    ) -> EmotionCue:
        """Make a cue from names: `EmotionCue.of(0, happy=0.8)`; what is left is neutral."""
        unknown = set(weights) - set(EMOTIONS)
        if unknown:
            raise CueError(
                "unknown_emotion",
                f"no emotion is called {sorted(unknown)[0]!r}; there are {', '.join(EMOTIONS)}",
            )
        for name, weight in weights.items():
            _check(name, weight, 0.0, 1.0)
        weights.setdefault("neutral", max(1.0 - sum(weights.values()), 0.0))
        row = tuple(float(weights.get(name, 0.0)) for name in EMOTIONS)
        return cls(start_us, duration_us, ease_us, row, intensity)  # fmt: skip


@dataclass(frozen=True)
class GazeCue(_Timed):
    """Look `theta_rad` toward the subject's left and `phi_rad` up; 0, 0 is the camera."""

    theta_rad: float = 0.0
    phi_rad: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("theta", self.theta_rad, -MAX_GAZE_RAD, MAX_GAZE_RAD)
        _check("phi", self.phi_rad, -MAX_GAZE_RAD, MAX_GAZE_RAD)

    @property
    def usual_ease_us(self) -> int:
        return 120_000  # the eyes are quick; the head comes after by itself


@dataclass(frozen=True)
class DistanceCue(_Timed):
    """Hold the head at `distance`: 1 as in the portrait, less is nearer."""

    distance: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("distance", self.distance, *DISTANCE_RANGE)

    @property
    def usual_ease_us(self) -> int:
        return 600_000


@dataclass(frozen=True)
class HeadCue(_Timed):
    """Turn the head by a rotation vector in radians, beside what it does by itself."""

    rotation_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.rotation_rad) != 3:
            raise CueError("out_of_range", "a head cue has three angles")
        for axis, angle in zip("xyz", self.rotation_rad, strict=True):
            _check(f"head {axis}", angle, -MAX_HEAD_RAD, MAX_HEAD_RAD)

    @property
    def usual_ease_us(self) -> int:
        return 350_000


@dataclass(frozen=True)
class BlinkCue(_Timed):
    """Shut the lids by `amount`; without a duration, one ordinary blink."""

    amount: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("blink", self.amount, 0.0, 1.0)
        if self.duration_us == 0:
            object.__setattr__(self, "duration_us", 240_000)

    @property
    def usual_ease_us(self) -> int:
        return 80_000


Cue = EmotionCue | GazeCue | DistanceCue | HeadCue | BlinkCue
