"""Eyes: fixations and saccades, the reflex that holds them while the head turns, and blinks.

Knows where to look and how the head stands. Refuses to know sound beyond its pauses. Angles:
theta toward the subject's left, phi up, both 0 into the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.chance import draws, gamma2, normal
from mien.models.motion.hearing import smoothstep
from mien.models.motion.lanes import F64, I64, U64, LaneArrays
from mien.models.motion.springs import FRAME_S
from mien.models.motion.types import Mask

_GAZE_STREAM, _BLINK_STREAM = 100, 200

EYE_RANGE_RAD = np.radians((29.0, 29.0, 25.0, 28.0))  # at weight 1: in, out, up, down
_BLINK_MEAN_S, _BLINK_LEAST_S = 3.6, 0.9
_UNSET = -99.0
_CLOSE_S, _HOLD_S, _OPEN_S = 0.075, 0.045, 0.150


@dataclass
class GazeState(LaneArrays):
    """What the eyes remember."""

    start: F64  # [L, 2] offset from the wish, in radians, where the running saccade began
    goal: F64  # [L, 2] where it ends
    age_s: F64  # [L] since it began
    left_s: F64  # [L] of this fixation
    count: I64  # [L] fixations so far
    wish: F64  # [L, 2] what was asked for last
    blink_age_s: F64  # [L] since the lids began to move
    blink_left_s: F64  # [L] until the next is due
    blinks: I64  # [L]

    @classmethod
    def fresh(cls, lanes: int) -> GazeState:
        """Return eyes that look into the camera."""
        zero = np.zeros(lanes)
        return cls(
            start=np.zeros((lanes, 2)), goal=np.zeros((lanes, 2)), age_s=np.full(lanes, 9.0),
            left_s=np.full(lanes, 0.5), count=np.zeros(lanes, np.int64), wish=np.zeros((lanes, 2)),
            blink_age_s=np.full(lanes, 9.0), blink_left_s=zero + _UNSET,
            blinks=np.zeros(lanes, np.int64),
        )  # fmt: skip


def look(state: GazeState, seed: U64, wish: F64, talk: F64, phrase_began: F64) -> tuple[F64, F64]:
    """Advance one frame; return the gaze [L, 2] in radians and how far it jumped [L]."""
    state.age_s = state.age_s + FRAME_S
    state.left_s = state.left_s - FRAME_S
    moved = np.abs(wish - state.wish).max(1) > np.radians(0.5)
    state.wish = wish
    chance = draws(seed, _GAZE_STREAM, state.count + 1, 8)  # of the fixation that may come
    glance = (phrase_began > 0) & (chance[:, 0] < 0.45)
    due = ((state.left_s <= 0) | glance) & ~moved
    here = _offset(state)
    goal = _next_goal(chance, talk, glance)
    state.count = state.count + due
    state.start = np.where(due[:, None], here, state.start)
    state.goal = np.where(due[:, None], goal, state.goal)
    state.age_s = np.where(due, 0.0, state.age_s)
    stay = 0.25 + gamma2(chance[:, 6], chance[:, 7]) * np.where(talk > 0.5, 1.1, 1.6)
    far = np.hypot(*goal.T) > np.radians(5)
    stay = np.where(far, 0.3 + 0.5 * stay, stay)
    tracking = np.where(moved, np.maximum(state.left_s, 0.3), state.left_s)
    state.left_s = np.where(due, stay, tracking)
    return wish + _offset(state), np.where(due, np.hypot(*(goal - here).T), 0.0)


def _offset(state: GazeState) -> F64:
    """A saccade: 25 ms and 2.5 ms a degree more (the main sequence), a minimum-jerk course."""
    size = np.degrees(np.hypot(*(state.goal - state.start).T))
    u = np.clip((state.age_s + 0.02) / (0.025 + 0.0025 * size), 0.0, 1.0)
    course = u**3 * (u * (6 * u - 15) + 10)
    return np.asarray(state.start + (state.goal - state.start) * course[:, None])


def _next_goal(chance: F64, talk: F64, glance: Mask) -> F64:
    """Mostly a small shift about what was asked for, sometimes a glance away."""
    away = (chance[:, 1] < 0.22 - 0.08 * talk) | glance
    size = np.where(away[:, None], np.radians((7.0, 3.2)), np.radians((1.5, 0.9)))
    return np.asarray(np.clip(normal(chance[:, 2:4], chance[:, 4:6]), -2.0, 2.0) * size)


def blink(state: GazeState, seed: U64, pause_began: F64, jump: F64, talk: F64) -> F64:
    """Advance one frame; return how far the lids are shut, [L] 0..1."""
    chance = draws(seed, _BLINK_STREAM, state.blinks, 8)  # of the blink now running or last run
    state.blink_left_s = np.where(
        state.blink_left_s == _UNSET, 0.4 + 2.2 * chance[:, 0], state.blink_left_s - FRAME_S
    )
    state.blink_age_s = state.blink_age_s + FRAME_S
    invited = (pause_began > 0) | (jump > np.radians(6.0))
    late = 0.4 * smoothstep(talk, 0.4, 0.8)  # in speech it waits a little for a pause
    due = (state.blink_left_s <= -late) | (invited & (state.blink_left_s < 0.9))
    due &= state.blink_age_s > 0.5
    state.blinks = state.blinks + due
    wait = _BLINK_LEAST_S + (_BLINK_MEAN_S - _BLINK_LEAST_S) * gamma2(chance[:, 1], chance[:, 2])
    state.blink_left_s = np.where(due, np.minimum(wait, 9.0), state.blink_left_s)
    state.blink_age_s = np.where(due, 0.03 * chance[:, 3], state.blink_age_s)
    return _lids(state.blink_age_s, draws(seed, _BLINK_STREAM, state.blinks, 8))


def _lids(age_s: F64, chance: F64) -> F64:
    """Fast down, a short hold, slow up; one in ten is not complete."""
    slow = 0.9 + 0.35 * chance[:, 4]
    depth = np.where(chance[:, 5] < 0.1, 0.6 + 2.0 * chance[:, 5], 1.0)
    close, hold, opening = _CLOSE_S * slow, _HOLD_S * slow, _OPEN_S * slow
    return np.asarray(
        depth
        * smoothstep(age_s / close, 0.0, 1.0)
        * (1.0 - smoothstep((age_s - close - hold) / opening, 0.0, 1.0))
    )


def eye_weights(gaze: F64, head: F64) -> tuple[F64, F64]:
    """Return each eye's turn in the head as weights, [L] outward-left and [L] up, -1..1.

    `gaze` [L, 2] is in the world, `head` [L, 3] the rotation vector: the eyes turn back as much
    as the head turns (the vestibulo-ocular reflex).
    """
    left = gaze[:, 0] - head[:, 1]
    up = gaze[:, 1] + head[:, 0]
    left_weight = 0.95 * np.tanh(left / EYE_RANGE_RAD[0] / 0.95)
    up_range = np.where(up > 0, EYE_RANGE_RAD[2], EYE_RANGE_RAD[3])
    return left_weight, np.asarray(0.9 * np.tanh(up / up_range / 0.9))
