"""How large the networks are, and what their numbers mean; shared by every form of them.

Knows sizes only, so that it can be imported where torch is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.models.motion.diffusion.mel import BANDS, MELS_PER_FRAME
from mien.models.motion.diffusion.wishes import CONDITIONS

__all__ = ["CONDITIONS", "LEVELS", "SLICE", "SLICES_PER_FRAME", "EncoderShape", "TransformerShape"]

SLICES_PER_FRAME = 2  # the encoder works at 50 Hz: two slices of two mel frames each
SLICE = BANDS * MELS_PER_FRAME // SLICES_PER_FRAME
LEVELS = 8  # mel bands averaged to these many levels go past the encoder


@dataclass(frozen=True)
class EncoderShape:
    """The size of a SpeechEncoder."""

    width: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)
    features: int = 128  # what comes out, per slice

    @property
    def memory_slices(self) -> int:
        """How many slices all its blocks remember together."""
        return 2 * sum(self.dilations)


@dataclass(frozen=True)
class TransformerShape:
    """The size of a MotionTransformer."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    block_frames: int = 2
    history_frames: int = 48
    heard_frames: int = 4  # newest frames of sound that a block sees
    features: int = 128

    @property
    def heard_slices(self) -> int:
        """How many slices of sound a block sees."""
        return self.heard_frames * SLICES_PER_FRAME

    @property
    def seen_of_a_lane(self) -> tuple[int, int, int, int]:
        """The shape of what every layer sees of the past: key and value of each layer in turn."""
        return 2 * self.layers, self.heads, self.history_frames, self.width // self.heads
