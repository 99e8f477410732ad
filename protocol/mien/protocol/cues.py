"""Cues as a caller writes them. Knows names and units; the ranges are in `checks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mien.protocol import control_pb2 as pb
from mien.protocol.checks import check_cue
from mien.protocol.errors import InvalidArgumentError

EMOTIONS: tuple[str, ...] = (
    "neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contemptuous",
)  # fmt: skip


@dataclass(frozen=True)
class Cue:
    """A timed change of control: make one with `emotion`, `gaze`, `distance`, `head` or `blink`.

    `at_us` is on the line's own audio clock; in `actor.cue` without a line it counts from now.
    `duration_us` 0 holds until the next cue of the kind or the end of the line.
    """

    message: pb.Cue

    @classmethod
    def emotion(
        cls,
        name: str | Mapping[str, float],
        intensity: float = 1.0,
        *,
        at_us: int = 0,
        duration_us: int = 0,
    ) -> Cue:
        """Feel `name` (one of EMOTIONS), or a mixture as a mapping of names to weights 0..1."""
        mixture = {name: 1.0} if isinstance(name, str) else dict(name)
        if unknown := sorted(set(mixture) - set(EMOTIONS)):
            raise InvalidArgumentError(f"no emotion {unknown[0]!r}: there is {', '.join(EMOTIONS)}")
        weights = [mixture.get(emotion, 0.0) for emotion in EMOTIONS]
        emotion = pb.Emotion(weights=weights, intensity=intensity)
        return cls._of(pb.Cue(pts_us=at_us, duration_us=duration_us, emotion=emotion))

    @classmethod
    def gaze(
        cls, theta_rad: float, phi_rad: float = 0.0, *, at_us: int = 0, duration_us: int = 0
    ) -> Cue:
        """Look `theta_rad` toward the character's left and `phi_rad` up; 0, 0 is at the camera."""
        gaze = pb.Gaze(theta_rad=theta_rad, phi_rad=phi_rad)
        return cls._of(pb.Cue(pts_us=at_us, duration_us=duration_us, gaze=gaze))

    @classmethod
    def distance(cls, factor: float, *, at_us: int = 0, duration_us: int = 0) -> Cue:
        """Head distance from the camera; 1 is as in the portrait."""
        return cls._of(pb.Cue(pts_us=at_us, duration_us=duration_us, distance=factor))

    @classmethod
    def head(
        cls, x_rad: float, y_rad: float, z_rad: float, *, at_us: int = 0, duration_us: int = 0
    ) -> Cue:
        """Turn the head by a rotation vector, on top of what it does by itself."""
        head = pb.HeadPose(x_rad=x_rad, y_rad=y_rad, z_rad=z_rad)
        return cls._of(pb.Cue(pts_us=at_us, duration_us=duration_us, head=head))

    @classmethod
    def blink(cls, amount: float = 1.0, *, at_us: int = 0, duration_us: int = 0) -> Cue:
        """Shut the eyes, 1 fully."""
        return cls._of(pb.Cue(pts_us=at_us, duration_us=duration_us, blink=amount))

    @classmethod
    def _of(cls, message: pb.Cue) -> Cue:
        check_cue(message)
        return cls(message)
