"""Many lines through one generator, several at a time.

Knows lanes and masks. Refuses to know what the lines say. Gives what `mien.models.motion.perform`
gives for each line alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mien.models.motion.perform import ControlsFor, no_wishes
from mien.models.motion.types import F32, HOP_SAMPLES, Motion, MotionGenerator
from training.evaluation.lines import Line

LANES = 8

# Whoever can perform lines with seeds and wishes: a generator, or the teacher.
Actor = Callable[[Sequence[Line], Sequence[int], Sequence[ControlsFor] | None], list[Motion]]


def by_generator(generator: MotionGenerator) -> Actor:
    """A generator as an actor; it hears sound and sees no phones."""

    def act(
        lines: Sequence[Line], seeds: Sequence[int], controls: Sequence[ControlsFor] | None = None
    ) -> list[Motion]:
        return perform_many(generator, [line.audio for line in lines], seeds, controls)

    return act


def perform_many(
    generator: MotionGenerator,
    audios: Sequence[F32],
    seeds: Sequence[int],
    controls: Sequence[ControlsFor] | None = None,
) -> list[Motion]:
    """The motion of every line of mono sound at 16 kHz, [N] each."""
    wishes = controls or [no_wishes] * len(audios)
    done: list[Motion | None] = [None] * len(audios)
    by_length = sorted(range(len(audios)), key=lambda i: len(audios[i]))
    for at in range(0, len(by_length), LANES):
        batch = by_length[at : at + LANES]
        performed = _together(
            generator,
            [audios[i] for i in batch],
            [seeds[i] for i in batch],
            [wishes[i] for i in batch],
        )
        for index, motion in zip(batch, performed, strict=True):
            done[index] = motion
    return [motion for motion in done if motion is not None]


def _together(
    generator: MotionGenerator,
    audios: Sequence[F32],
    seeds: Sequence[int],
    wishes: Sequence[ControlsFor],
) -> list[Motion]:
    lanes, block, ahead = len(audios), generator.block_frames, generator.lookahead_frames
    frames = [-(-len(audio) // HOP_SAMPLES) for audio in audios]
    steps = [-(-(count + ahead) // block) for count in frames]
    sound = np.zeros((lanes, max(steps), block * HOP_SAMPLES), np.float32)
    for lane, audio in enumerate(audios):
        sound[lane].reshape(-1)[: len(audio)] = audio
    state = generator.new_state(lanes)
    state.reset(np.ones(lanes, np.bool_), np.array([s % 2**64 for s in seeds], np.uint64))
    dynamics, pose = [], []
    for step in range(max(steps)):
        mask = np.array([step < count for count in steps])
        first = step * block - ahead
        asked = [wish(first, block) for wish in wishes]
        made = generator.step(state, sound[:, step], asked, mask)
        dynamics.append(made[0])
        pose.append(made[1])
    face, head = np.concatenate(dynamics, axis=1), np.concatenate(pose, axis=1)
    return [
        Motion(face[lane, ahead : ahead + count], head[lane, ahead : ahead + count])
        for lane, count in enumerate(frames)
    ]
