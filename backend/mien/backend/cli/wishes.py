"""What a person wishes of a performance, from the command line: a cue sheet, an emotion held.

Knows how the models' cues become the wire's. Refuses to know the form of a sheet: the motion
package reads it.
"""

from __future__ import annotations

from pathlib import Path

from mien.backend.cli.problems import BadInput
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
from mien.models.motion.cuesheet import read_cue_sheet
from mien.models.motion.types import EMOTIONS
from mien.protocol.cues import Cue as WireCue


def read_wishes(sheet: Path | None, emotion: str | None) -> CueTrack:
    """The sheet's cues and the emotion held from the line's start. Raises BadInput, CueError."""
    track = CueTrack() if sheet is None else read_cue_sheet(sheet)
    return track if emotion is None else track.with_cue(held_emotion(emotion))


def held_emotion(text: str) -> EmotionCue:
    """The cue for `happy` or `sad=0.6`."""
    name, _, weight = text.partition("=")
    try:
        value = float(weight) if weight else 1.0
    except ValueError:
        raise BadInput(f"'{weight}' is not a number; write for example sad=0.6") from None
    if name.strip().lower() not in EMOTIONS:
        raise BadInput(f"there is no emotion '{name}'; there are {', '.join(EMOTIONS)}")
    try:
        return EmotionCue(0, weights=_weights(name.strip().lower(), value))
    except CueError as problem:
        raise BadInput(f"--emotion {text}: {problem.message}") from None


def _weights(emotion: str, weight: float) -> tuple[float, ...]:
    """One emotion's weight, the rest neutral."""
    rest = {"neutral": max(1.0 - weight, 0.0), emotion: weight}
    return tuple(rest.get(name, 0.0) for name in EMOTIONS)


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
