"""A line performed without a daemon: the same motion step and the same decoder, at full speed.

Knows how sound and cues become frames one after another. Refuses to know where frames go.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec.decoder import Decoder
from mien.models.motion import (
    FRAME_RATE_HZ,
    LimiterState,
    Motion,
    MotionGenerator,
    PoseLimits,
    limit,
    perform,
)
from mien.models.motion.perform import ControlsFor, no_wishes

F32 = NDArray[np.float32]
FRAME_US = 1_000_000 // FRAME_RATE_HZ


def perform_sound(
    generator: MotionGenerator,
    character: Character,
    heard: F32,
    controls: ControlsFor = no_wishes,
    seed: int = 0,
) -> Motion:
    """The motion of a whole line from [n] mono samples at 16 kHz: a frame for every 40 ms begun.

    Within the character's limits, and no faster than a head is, as in the daemon.
    """
    return within_limits(character, perform(generator, heard, controls, seed))


def within_limits(character: Character, motion: Motion) -> Motion:
    """Motion as this character can bear it."""
    limits = PoseLimits.of(character.geometry["motion_limits"])
    dynamics, pose = limit(
        LimiterState.fresh(1), motion.dynamics[None], motion.pose[None], [limits],
        np.ones(1, np.bool_),
    )  # fmt: skip
    return Motion(dynamics[0], pose[0])


def decode_motion(character: Character, motion: Motion) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(pts in microseconds, frame [512, 512, 4]) for every frame; the array is used again."""
    decoder = Decoder(character)
    frame: NDArray[np.uint8] | None = None
    for i in range(len(motion)):
        frame = decoder.decode(motion.dynamics[i], motion.pose[i], out=frame)
        yield i * FRAME_US, frame
