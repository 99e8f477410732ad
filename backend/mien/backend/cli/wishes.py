"""What a person wishes of a performance, from the command line.

Knows the flags' small languages (`happy:0.7,sad:0.2`, `10,-5`, `audio=0.5`) and how the models'
cues become the wire's. Flags say how a line is performed throughout; a cue sheet lies over them.
Refuses to know the form of a sheet: the motion package reads it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mien.backend.cli.problems import BadInput
from mien.backend.motion import GUIDED, MAX_GUIDANCE, MAX_STEPS, SOURCES, MotionChoice
from mien.models.motion import (
    BlinkCue,
    Cue,
    CueError,
    CueTrack,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
)
from mien.models.motion.cues import DISTANCE_RANGE, MAX_GAZE_RAD
from mien.models.motion.cuesheet import read_cue_sheet
from mien.models.motion.types import EMOTIONS
from mien.protocol.cues import Cue as WireCue


@dataclass(frozen=True)
class Wishes:
    """The flags that say how a line is performed, as they were typed."""

    cues: Path | None = None
    emotion: str | None = None
    gaze: str | None = None
    distance: float | None = None

    def track(self) -> CueTrack:
        """All of it as cues: what the flags hold from the start, then the sheet's over it.

        Raises BadInput, CueError.
        """
        held: list[Cue] = []
        if self.emotion is not None:
            held.append(held_emotion(self.emotion))
        if self.gaze is not None:
            held.append(held_gaze(self.gaze))
        if self.distance is not None:
            held.append(held_distance(self.distance))
        sheet = CueTrack() if self.cues is None else read_cue_sheet(self.cues)
        return CueTrack([*held, *sheet.cues])  # of two that begin together, the later counts


def held_emotion(text: str) -> EmotionCue:
    """The cue for `happy`, `sad:0.6` or `happy:0.5,surprised:0.3`; what is left is neutral."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.replace("=", ":").partition(":")
        name = name.strip().lower()
        if name not in EMOTIONS:
            raise BadInput(f"there is no emotion '{name}'; there are {', '.join(EMOTIONS)}")
        if name in weights:
            raise BadInput(f"--emotion {text}: {name} is there twice")
        weights[name] = _number(weight, f"--emotion {text}") if weight else 1.0
    try:
        return EmotionCue.of(0, 0, 0, 1.0, **weights)
    except CueError as problem:
        raise BadInput(f"--emotion {text}: {problem.message}") from None


def held_gaze(text: str) -> GazeCue:
    """The cue for `YAW,PITCH` in degrees: toward the character's left, then up."""
    parts = text.split(",")
    if len(parts) != 2:
        raise BadInput(f"--gaze {text}: give two angles in degrees, for example --gaze=20,-5")
    most = math.degrees(MAX_GAZE_RAD)
    yaw, pitch = (_number(part, f"--gaze {text}") for part in parts)
    if max(abs(yaw), abs(pitch)) > most:
        raise BadInput(f"--gaze {text}: angles go from -{most:.0f} to {most:.0f} degrees")
    return GazeCue(0, 0, 0, math.radians(yaw), math.radians(pitch))


def held_distance(distance: float) -> DistanceCue:
    """The cue for a head distance: 1 as in the portrait."""
    low, high = DISTANCE_RANGE
    if not low <= distance <= high:
        raise BadInput(f"--distance goes from {low} to {high}, not {distance}")
    return DistanceCue(0, 0, 0, distance)


def motion_choice(
    source: str | None = None,
    steps: int | None = None,
    guidance: str | None = None,
    weights: Path | None = None,
) -> MotionChoice:
    """What the flags --motion, --steps, --guidance and --weights choose. Raises BadInput."""
    chosen = MotionChoice().source if source is None else source.strip().lower()
    if chosen not in SOURCES:
        raise BadInput(f"there is no motion source '{source}'; there are {', '.join(SOURCES)}")
    if chosen == "signal" and not (steps is None and guidance is None and weights is None):
        raise BadInput("--steps, --guidance and --weights are for the diffusion source alone")
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise BadInput(f"--steps goes from 1 to {MAX_STEPS}, not {steps}")
    if weights is not None and not weights.is_file():
        raise BadInput(f"there is no file '{weights}'")
    guided = None if guidance is None else guidance_of(guidance)
    return MotionChoice(chosen, steps=steps, guidance=guided, weights=weights)


def guidance_of(text: str) -> tuple[tuple[str, float], ...]:
    """What `audio=0.5,gaze=1` says."""
    given: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.replace(":", "=").partition("=")
        name = name.strip().lower()
        if name not in GUIDED or name in given:
            raise BadInput(
                f"--guidance {text}: give each of {', '.join(GUIDED)} once at most, "
                "for example audio=0.5,gaze=1"
            )
        given[name] = _number(value, f"--guidance {text}")
        if not 0.0 <= given[name] <= MAX_GUIDANCE:
            raise BadInput(f"--guidance {text}: strengths go from 0 to {MAX_GUIDANCE:.0f}")
    return tuple(given.items())


def _number(text: str, flag: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BadInput(f"{flag}: '{text}' is not a number") from None
    if not math.isfinite(value):
        raise BadInput(f"{flag}: '{text}' is not a number that can be used")
    return value


def to_wire(cue: Cue) -> WireCue:
    """The same cue as the protocol has it. Easing of one's own does not travel."""
    at_us, duration_us = cue.start_us, cue.duration_us
    match cue:
        case EmotionCue():
            weights = dict(zip(EMOTIONS, cue.weights, strict=True))
            return WireCue.emotion(weights, cue.intensity, at_us=at_us, duration_us=duration_us)
        case GazeCue():
            return WireCue.gaze(cue.theta_rad, cue.phi_rad, at_us=at_us, duration_us=duration_us)
        case DistanceCue():
            return WireCue.distance(cue.distance, at_us=at_us, duration_us=duration_us)
        case HeadCue():
            return WireCue.head(*cue.rotation_rad, at_us=at_us, duration_us=duration_us)
        case BlinkCue():
            return WireCue.blink(cue.amount, at_us=at_us, duration_us=duration_us)
