"""The memory of a batch of streams: fixed-size arrays, the lane first.

Knows what is remembered and how it starts: all zero is rest and silence. Refuses to know how it
changes. With the shipped sizes a lane takes about 530 kB: three quarters what the transformer sees
of its past, which is remembered because it costs ten times as much to compute anew as a step does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.diffusion.mel import HISTORY_SAMPLES
from mien.models.motion.diffusion.shapes import LEVELS
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import About
from mien.models.motion.lanes import F64, I64, U64, LaneArrays
from mien.models.motion.types import F32, Mask


@dataclass
class DiffusionState(LaneArrays):
    """What a stream remembers; nothing in it depends on steps, guidance or runtime."""

    seed: U64  # [L]
    blocks: I64  # [L] made so far
    sound: F32  # [L, HISTORY_SAMPLES] the newest samples, for the windows that begin before a block
    memory: F32  # [L, memory_slices, W] the encoder's, in rings (see `rings`)
    heard: F32  # [L, heard_slices, F + LEVELS] the newest slices, as the transformer sees them
    history: F32  # [L, b + 2, TOKEN] the newest tokens, not scaled
    seen: F32  # [L, 2 * layers, heads, M, W / heads] keys and values of the past, M a ring
    away: F64  # [L, 2] the head on its way to a distance, see `nearness`

    @classmethod
    def fresh(cls, lanes: int, about: About) -> DiffusionState:
        """Return streams at rest that have heard nothing, seed 0."""
        ears, mover = about.encoder, about.transformer
        return cls(
            seed=np.zeros(lanes, np.uint64),
            blocks=np.zeros(lanes, np.int64),
            sound=np.zeros((lanes, HISTORY_SAMPLES), np.float32),
            memory=np.zeros((lanes, ears.memory_slices, ears.width), np.float32),
            heard=np.zeros((lanes, mover.heard_slices, ears.features + LEVELS), np.float32),
            history=np.zeros((lanes, mover.block_frames + 2, TOKEN), np.float32),
            seen=np.zeros((lanes, *mover.seen_of_a_lane), np.float32),
            away=np.zeros((lanes, 2)),
        )

    def reset(self, mask: Mask, seeds: NDArray[np.uint64]) -> None:
        """Start the lanes in `mask` [lanes] anew from `seeds` [lanes]; others stay untouched."""
        lanes = np.flatnonzero(mask)
        self.seed[lanes] = np.asarray(seeds, np.uint64)[lanes]
        rest = (
            self.blocks,
            self.sound,
            self.memory,
            self.heard,
            self.history,
            self.seen,
            self.away,
        )
        for array in rest:
            array[lanes] = 0
