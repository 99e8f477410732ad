"""Motion: what moves the face, from sound and controls."""

from mien.models.motion.controls import CueTrack
from mien.models.motion.cues import (
    BlinkCue,
    Cue,
    CueError,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
)
from mien.models.motion.limits import LimiterState, PoseLimits, limit, soften
from mien.models.motion.perform import ControlsFor, Performer, no_wishes, perform
from mien.models.motion.signal import SignalMotion, SignalState
from mien.models.motion.types import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    COEFFICIENTS,
    EMOTIONS,
    FRAME_RATE_HZ,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    Controls,
    Motion,
    MotionGenerator,
    MotionState,
)

__all__ = [
    "ARKIT_INDEX",
    "ARKIT_NAMES",
    "COEFFICIENTS",
    "EMOTIONS",
    "FRAME_RATE_HZ",
    "HOP_SAMPLES",
    "SAMPLE_RATE_HZ",
    "BlinkCue",
    "Controls",
    "ControlsFor",
    "Cue",
    "CueError",
    "CueTrack",
    "DistanceCue",
    "EmotionCue",
    "GazeCue",
    "HeadCue",
    "LimiterState",
    "Motion",
    "MotionGenerator",
    "MotionState",
    "Performer",
    "PoseLimits",
    "SignalMotion",
    "SignalState",
    "limit",
    "no_wishes",
    "perform",
    "soften",
]
