"""SignalMotion: the first motion source, and the permanent fallback under overload.

Knows how to join hearing, mouth, eyes and head into frames of motion, for a batch of streams and
without weights to load. Refuses to know phones or words, portraits, wires or clocks beyond its
own frame count. It is the baseline that a trained generator is measured against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.articulation import ArticulationState, articulate
from mien.models.motion.bearing import BearingState, bear, raise_brows
from mien.models.motion.expression import BEARING_RAD, FACES, HEAD_GAIN, JAW_GAIN
from mien.models.motion.face import Parts, compose
from mien.models.motion.gaze import GazeState, blink, eye_weights, look
from mien.models.motion.hearing import HearingState, hear
from mien.models.motion.lanes import F64, I64, U64, LaneArrays
from mien.models.motion.life import live
from mien.models.motion.rhythm import RhythmState, feel
from mien.models.motion.springs import approach
from mien.models.motion.types import (
    COEFFICIENTS,
    EMOTIONS,
    F32,
    HOP_SAMPLES,
    Controls,
    Mask,
    MotionState,
)

# How many head widths the camera is away, which turns a wished distance into translation along z:
# 11 outer-eye distances, and a mean face is 1.49 of them wide.
CAMERA_HEAD_WIDTHS = 7.4
_MOOD_TIME_S = 0.18


@dataclass
class SignalState(LaneArrays):
    """The memory of a batch of streams; see the parts for what each remembers."""

    seed: U64  # [L]
    frame: I64  # [L] of the frame that comes out next; negative while the look-ahead fills
    mood: F64  # [L, 8] the emotion as felt now
    hearing: HearingState
    mouth: ArticulationState
    rhythm: RhythmState
    eyes: GazeState
    head: BearingState

    @classmethod
    def fresh(cls, lanes: int, lookahead_frames: int) -> SignalState:
        """Return streams at rest, seed 0."""
        mood = np.zeros((lanes, len(EMOTIONS)))
        mood[:, 0] = 1.0
        return cls(
            seed=np.zeros(lanes, np.uint64),
            frame=np.full(lanes, -lookahead_frames, np.int64),
            mood=mood,
            hearing=HearingState.fresh(lanes),
            mouth=ArticulationState.fresh(lanes),
            rhythm=RhythmState.fresh(lanes),
            eyes=GazeState.fresh(lanes),
            head=BearingState.fresh(lanes),
        )

    def reset(self, mask: Mask, seeds: NDArray[np.uint64]) -> None:
        """Start the lanes in `mask` [lanes] anew from `seeds` [lanes]; others stay untouched."""
        lanes = np.flatnonzero(mask)
        fresh = SignalState.fresh(len(lanes), SignalMotion.lookahead_frames)
        fresh.seed = np.asarray(seeds, np.uint64)[lanes]
        self.put(lanes, fresh)


@dataclass(frozen=True)
class Wishes:
    """The controls of one frame over lanes."""

    gaze_rad: F64  # [L, 2]
    distance: F64  # [L]
    emotion: F64  # [L, 8]
    head: F64  # [L, 3]
    blink: F64  # [L]

    @classmethod
    def of(cls, controls: list[Controls], lanes: NDArray[np.intp], frame: int) -> Wishes:
        """Gather frame `frame` of the chosen lanes; what is not finite is taken as no wish."""
        rows = np.array([_row(controls[lane], frame) for lane in lanes], np.float64)
        row = np.where(np.isfinite(rows), rows, _NO_WISH)
        return cls(
            gaze_rad=row[:, 0:2],
            distance=np.clip(row[:, 2], 0.5, 2.0),
            emotion=np.clip(row[:, 3:11], 0.0, 1.0),
            head=row[:, 11:14],
            blink=np.clip(row[:, 14], 0.0, 1.0),
        )


_NO_WISH = np.array((0.0, 0.0, 1.0, 1.0) + (0.0,) * 11)


def _row(controls: Controls, frame: int) -> list[float]:
    return [
        *controls.gaze_rad[frame].tolist(),
        float(controls.distance[frame]),
        *controls.emotion[frame].tolist(),
        *controls.head[frame].tolist(),
        float(controls.blink[frame]),
    ]


class SignalMotion:
    """Moves a face by the sound's bands, beat and pauses alone; see `MotionGenerator`."""

    block_frames = 1
    lookahead_frames = 2

    def new_state(self, lanes: int) -> SignalState:
        """Return fresh memory for `lanes` streams, all with seed 0."""
        return SignalState.fresh(lanes, self.lookahead_frames)

    def step(
        self, state: MotionState, audio: F32, controls: list[Controls], mask: Mask
    ) -> tuple[F32, F32]:
        """Advance the lanes in `mask` by one frame; see `MotionGenerator.step`."""
        if not isinstance(state, SignalState):
            raise TypeError(f"SignalMotion wants its own SignalState, not {type(state).__name__}")
        lanes = np.flatnonzero(mask)
        count = len(state.seed)
        if audio.shape != (count, HOP_SAMPLES) or len(controls) != count or len(mask) != count:
            raise ValueError(
                f"a step of {count} lanes wants audio [{count}, {HOP_SAMPLES}], {count} controls "
                f"and a mask [{count}], not {audio.shape}, {len(controls)} and {len(mask)}"
            )
        dynamics = np.zeros((count, 1, COEFFICIENTS), np.float32)
        pose = np.zeros((count, 1, 6), np.float32)
        if len(lanes):
            part = state if len(lanes) == count else state.take(lanes)
            wishes = Wishes.of(controls, lanes, 0)
            dynamics[lanes, 0], pose[lanes, 0] = _advance(part, audio[lanes], wishes)
            if part is not state:
                state.put(lanes, part)
        return dynamics, pose


def _advance(state: SignalState, audio: F32, wishes: Wishes) -> tuple[F64, F64]:
    hear(state.hearing, audio)
    beat = feel(state.rhythm, state.hearing)
    channels, closure = articulate(state.mouth, state.hearing)
    state.mood = approach(state.mood, wishes.emotion, _MOOD_TIME_S)
    strength = state.mood[:, 1:].sum(1)
    mood = state.mood / np.maximum(strength, 1.0)[:, None]
    seed, life = state.seed, live(state.seed, state.frame)
    lively = 1.0 + mood @ (HEAD_GAIN - 1.0)
    head, move = bear(state.head, seed, life, beat, wishes.gaze_rad, lively)
    head = head + mood @ BEARING_RAD + wishes.head
    gaze, jump = look(state.eyes, seed, wishes.gaze_rad, beat.talk, beat.phrase_began)
    lids = blink(state.eyes, seed, beat.pause_began, jump, beat.talk)
    left, up = eye_weights(gaze, head)
    move[:, 2] += CAMERA_HEAD_WIDTHS * (1.0 - wishes.distance)
    parts = Parts(
        channels=channels * np.stack([1.0 + mood @ (JAW_GAIN - 1.0)] + [np.ones(len(seed))] * 6, 1),
        closure=closure,
        mood=mood @ FACES,
        brows=raise_brows(state.head, seed, beat),
        eye_left=left,
        eye_up=up,
        lids=np.maximum(lids, wishes.blink),
        talk=beat.talk,
    )
    dynamics = compose(parts, life)
    state.frame = state.frame + 1
    return dynamics, np.concatenate([head, move], axis=1)
