"""A whole line performed: the offline pass over the very step that runs live.

Knows how to feed sound of any length to a generator and to drop the look-ahead. Refuses to know
where sound comes from. `Performer` takes sound in pieces of any size, `perform` all at once; both
give the same motion.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.models.motion.types import (
    COEFFICIENTS,
    F32,
    HOP_SAMPLES,
    Controls,
    Motion,
    MotionGenerator,
)

ControlsFor = Callable[[int, int], Controls]  # first frame and count to their controls


def no_wishes(first_frame: int, frames: int) -> Controls:
    """Return neutral controls for any range of frames."""
    del first_frame
    return Controls.neutral(frames)


class Performer:
    """One stream through a generator: write sound, read motion, end it."""

    def __init__(
        self, generator: MotionGenerator, controls: ControlsFor = no_wishes, seed: int = 0
    ) -> None:
        self._generator = generator
        self._controls = controls
        self._state = generator.new_state(1)
        self._mask = np.ones(1, np.bool_)
        self._state.reset(self._mask, np.array([seed % 2**64], np.uint64))
        self._pending = np.zeros(0, np.float32)
        self._next_frame = -generator.lookahead_frames
        self._heard_samples = 0

    def write(self, audio: F32) -> Motion:
        """Take mono sound at 16 kHz, [samples]; return the frames that are ready."""
        sound = np.asarray(audio, np.float32)
        if sound.ndim != 1:
            raise ValueError(f"sound must be mono, [samples], not {sound.shape}")
        self._heard_samples += len(sound)
        return self._advance(sound)

    def end(self) -> Motion:
        """Return what is left: frames up to the end of the sound, the last one begun included."""
        frames = -(-self._heard_samples // HOP_SAMPLES)
        block = self._generator.block_frames * HOP_SAMPLES
        missing = (frames - self._next_frame) * HOP_SAMPLES
        silence = max(-(-missing // block) * block - len(self._pending), 0)
        start = max(self._next_frame, 0)
        last = self._advance(np.zeros(silence, np.float32))
        keep = frames - start
        return Motion(last.dynamics[:keep], last.pose[:keep])

    def _advance(self, sound: F32) -> Motion:
        self._pending = np.concatenate([self._pending, sound])
        count = self._generator.block_frames
        block = count * HOP_SAMPLES
        dynamics, pose = [np.zeros((0, COEFFICIENTS), np.float32)], [np.zeros((0, 6), np.float32)]
        at = 0
        while len(self._pending) - at >= block:
            piece = self._pending[None, at : at + block]
            wishes = self._controls(self._next_frame, count)
            d, p = self._generator.step(self._state, piece, [wishes], self._mask)
            skip = min(max(-self._next_frame, 0), count)
            dynamics.append(d[0, skip:])
            pose.append(p[0, skip:])
            self._next_frame += count
            at += block
        self._pending = self._pending[at:]
        return Motion(np.concatenate(dynamics), np.concatenate(pose))


def join(pieces: list[Motion]) -> Motion:
    """Return pieces of motion as one."""
    return Motion(
        np.concatenate([p.dynamics for p in pieces]), np.concatenate([p.pose for p in pieces])
    )


def perform(
    generator: MotionGenerator, audio: F32, controls: ControlsFor = no_wishes, seed: int = 0
) -> Motion:
    """Return the motion of a whole line of mono sound at 16 kHz, [samples].

    `controls` gives the wishes for any range of frames (`CueTrack` is one such). The motion has
    one frame for every 40 ms begun.
    """
    performer = Performer(generator, controls, seed)
    return join([performer.write(audio), performer.end()])
