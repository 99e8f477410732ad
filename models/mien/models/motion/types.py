"""The vocabulary of motion: coefficient names, clocks, and the arrays that pass between parts.

Knows shapes, units and names. Refuses to know how motion is made or what it is drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

FRAME_RATE_HZ = 25
SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = SAMPLE_RATE_HZ // FRAME_RATE_HZ

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
ARKIT_INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT_NAMES)}
COEFFICIENTS = len(ARKIT_NAMES)

EMOTIONS: tuple[str, ...] = (
    "neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contemptuous",
)  # fmt: skip


@dataclass(frozen=True)
class Motion:
    """A stretch of performance at 25 Hz, relative to the portrait's own pose and expression.

    All zero means: the portrait at rest. Axes: +x the subject's left (image right), +y up,
    +z toward the camera.
    """

    dynamics: F32  # [T, 52] ARKit-named coefficients, 0..1
    pose: F32  # [T, 6] rotation vector in radians, then translation in head widths

    def __post_init__(self) -> None:
        if self.dynamics.ndim != 2 or self.dynamics.shape[1] != COEFFICIENTS:
            raise ValueError(f"dynamics must be [T, {COEFFICIENTS}], not {self.dynamics.shape}")
        if self.pose.shape != (len(self.dynamics), 6):
            raise ValueError(f"pose must be [{len(self.dynamics)}, 6], not {self.pose.shape}")

    def __len__(self) -> int:
        return len(self.dynamics)

    @classmethod
    def rest(cls, frames: int) -> Motion:
        """The portrait as it is, for `frames` frames."""
        return cls(np.zeros((frames, COEFFICIENTS), np.float32), np.zeros((frames, 6), np.float32))


@dataclass(frozen=True)
class Controls:
    """What a designer asks of the performance, per frame."""

    gaze_rad: F32  # [T, 2] theta toward the subject's left, phi up; 0 is into the camera
    distance: F32  # [T] head distance, 1 is as in the portrait
    emotion: F32  # [T, 8] weights in the order of EMOTIONS
    head: F32  # [T, 3] rotation vector in radians, added to what the generator does
    blink: F32  # [T] 0..1, a blink asked for

    def __len__(self) -> int:
        return len(self.distance)

    @classmethod
    def neutral(cls, frames: int) -> Controls:
        """No wishes: look ahead, keep the distance, feel nothing in particular."""
        emotion = np.zeros((frames, len(EMOTIONS)), np.float32)
        emotion[:, 0] = 1.0
        return cls(
            np.zeros((frames, 2), np.float32),
            np.ones(frames, np.float32),
            emotion,
            np.zeros((frames, 3), np.float32),
            np.zeros(frames, np.float32),
        )


class MotionState(Protocol):
    """The memory of a batch of streams: fixed-size arrays with the lane first."""

    def reset(self, mask: Mask, seeds: NDArray[np.uint64]) -> None:
        """Start the lanes in `mask` [lanes] anew from `seeds` [lanes]; others stay untouched."""


class MotionGenerator(Protocol):
    """Audio and controls in, motion out, block by block; the same pass live and offline.

    States are the generator's own `MotionState`; only the one that made a state can step it.
    """

    block_frames: int
    lookahead_frames: int

    def new_state(self, lanes: int) -> Any:
        """Fresh memory for `lanes` streams, all reset with seed 0."""

    def step(self, state: Any, audio: F32, controls: list[Controls], mask: Mask) -> tuple[F32, F32]:
        """Advance the lanes in `mask` by one block.

        `audio` [lanes, block_frames * HOP_SAMPLES] is the newest sound at 16 kHz; `controls` holds
        one entry a lane, `block_frames` long, for the frames that come out. The frames that come
        out lie `lookahead_frames` before the newest audio. Returns dynamics [lanes, block, 52] and
        pose [lanes, block, 6]; rows of lanes outside the mask are zero.
        """
