"""The head: posture, nods on the beat, breath, and the slow life of an idle neck.

Knows the beat of the speech and where the eyes go. Refuses to know the portrait's limits, which
`limits` enforces afterwards. Rotation vector: +x nods down, +y turns to the subject's left, +z
tilts to the subject's right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.chance import draws, normal
from mien.models.motion.lanes import F64, I64, U64, LaneArrays
from mien.models.motion.life import Life
from mien.models.motion.rhythm import Beat
from mien.models.motion.springs import FRAME_S, approach, follow, kick

_POSTURE_STREAM, _NOD_STREAM = 300, 400

_POSTURE_RAD = np.radians((1.6, 2.8, 1.6))
_SLOW_RAD = np.radians((0.8, 1.3, 0.8))
_FAST_RAD = np.radians((0.9, 1.1, 0.7))
_NOD_HZ = 13.0
_BROW_HZ = 9.0
_GAZE_SHARE = 0.25


@dataclass
class BearingState(LaneArrays):
    """What the neck and the brows remember."""

    posture: F64  # [L, 3] rotation vector
    posture_speed: F64  # [L, 3]
    posture_goal: F64  # [L, 3]
    shift_left_s: F64  # [L] until the posture changes by itself
    shifts: I64  # [L]
    nod: F64  # [L, 3]
    nod_speed: F64  # [L, 3]
    nods: I64  # [L]
    turn: F64  # [L, 2] the head's share of the gaze: theta, phi
    turn_speed: F64  # [L, 2]
    loud_fast: F64  # [L]
    loud_slow: F64  # [L]
    breath: F64  # [L] phase in turns
    brow: F64  # [L, 2] raise, frown
    brow_speed: F64  # [L, 2]

    @classmethod
    def fresh(cls, lanes: int) -> BearingState:
        """Return heads at rest."""
        two, three, one = (np.zeros((lanes, n)) for n in (2, 3, 1))
        flat, count = one[:, 0], np.zeros(lanes, np.int64)
        return cls(
            posture=three.copy(), posture_speed=three.copy(), posture_goal=three.copy(),
            shift_left_s=flat + 1.0, shifts=count.copy(), nod=three.copy(),
            nod_speed=three.copy(), nods=count.copy(), turn=two.copy(), turn_speed=two.copy(),
            loud_fast=flat.copy(), loud_slow=flat.copy(), breath=flat.copy(), brow=two.copy(),
            brow_speed=two.copy(),
        )  # fmt: skip


def bear(
    state: BearingState, seed: U64, life: Life, beat: Beat, wish: F64, lively: F64
) -> tuple[F64, F64]:
    """Advance one frame; return rotation vector [L, 3] and translation [L, 3] in head widths."""
    _shift_posture(state, seed, beat)
    _nod(state, seed, beat)
    state.turn, state.turn_speed = follow(state.turn, state.turn_speed, _GAZE_SHARE * wish, 6.0)
    breath_pitch, breath_lift = _breathe(state, life, beat)
    slow = life.slow * _SLOW_RAD
    fast = life.fast * _FAST_RAD * (0.08 + 0.92 * beat.talk[:, None])
    state.loud_fast = approach(state.loud_fast, beat.loudness, 0.06)
    state.loud_slow = approach(state.loud_slow, beat.loudness, 0.5)
    bob = np.radians(3.0) * (state.loud_fast - state.loud_slow)
    own = state.posture + slow + (fast + state.nod) * lively[:, None]
    own[:, 0] += bob * lively + breath_pitch - state.turn[:, 1]
    own[:, 1] += state.turn[:, 0]
    sway = life.sway * (0.010, 0.004, 0.008)
    move = sway + np.stack([0.20 * own[:, 1], -0.15 * own[:, 0] + breath_lift, 0 * bob], axis=1)
    return own, move


def _shift_posture(state: BearingState, seed: U64, beat: Beat) -> None:
    """A new posture where a phrase ends or begins, and now and then in silence."""
    state.shift_left_s = state.shift_left_s - FRAME_S
    chance = draws(seed, _POSTURE_STREAM, state.shifts + 1, 7)
    boundary = (beat.pause_began > 0) | (beat.phrase_began > 0)
    due = (state.shift_left_s <= 0) | (boundary & (state.shift_left_s < 3.0))
    state.shifts = state.shifts + due
    drawn = normal(chance[:, :3], chance[:, 3:6])
    goal = np.clip(drawn, -1.8, 1.8) * _POSTURE_RAD * (0.55 + 0.45 * beat.talk[:, None])
    state.posture_goal = np.where(due[:, None], goal, state.posture_goal)
    state.shift_left_s = np.where(due, 2.5 + 4.0 * chance[:, 6], state.shift_left_s)
    stiffness = (4.0 + 3.0 * beat.talk)[:, None]
    state.posture, state.posture_speed = follow(
        state.posture, state.posture_speed, state.posture_goal, stiffness
    )


def _nod(state: BearingState, seed: U64, beat: Beat) -> None:
    """Stress moves the head: mostly down, sometimes up, aslant or aside."""
    struck = beat.stress > 0
    state.nods = state.nods + struck
    chance = draws(seed, _NOD_STREAM, state.nods, 8)
    kind, side = chance[:, 0], np.sign(chance[:, 1] - 0.5)
    size = np.radians(3.0) * beat.stress * (0.6 + 0.8 * chance[:, 2])
    axis = np.stack(
        [
            np.where(kind < 0.62, 1.0, np.where(kind < 0.80, -0.7, 0.2)),
            np.where(kind > 0.90, 1.1, 0.25) * side,
            np.where((kind > 0.80) & (kind <= 0.90), 0.9, 0.15) * side,
        ],
        axis=1,
    )
    end = beat.pause_began * np.radians(2.0) * (chance[:, 3] < 0.6)
    push = axis * size[:, None]
    push[:, 0] += end
    state.nod_speed = state.nod_speed + kick(push, _NOD_HZ)
    state.nod, state.nod_speed = follow(state.nod, state.nod_speed, 0.0, _NOD_HZ)


def _breathe(state: BearingState, life: Life, beat: Beat) -> tuple[F64, F64]:
    rate_hz = 0.25 + 0.04 * np.tanh(life.breath[:, 0]) + 0.05 * beat.talk
    state.breath = state.breath + rate_hz * FRAME_S
    swell = -np.cos(2 * np.pi * state.breath) + 0.2 * np.cos(4 * np.pi * state.breath)
    return -np.radians(0.35) * swell, 0.006 * swell


def raise_brows(state: BearingState, seed: U64, beat: Beat) -> F64:
    """Advance one frame; return how far the brows are raised and drawn down, [L, 2]."""
    chance = draws(seed, _NOD_STREAM, state.nods, 8)
    struck = (beat.stress > 0) & (chance[:, 4] < 0.28 + 0.22 * np.clip(beat.stress - 0.8, 0.0, 1.2))
    frown = chance[:, 5] < 0.2
    height = struck * (0.15 + 0.28 * chance[:, 6]) * beat.stress
    push = np.stack([height * ~frown, 0.8 * height * frown], axis=1)
    state.brow_speed = state.brow_speed + kick(push, _BROW_HZ)
    held = 0.10 * np.clip(beat.pitch, 0.0, 1.0) * beat.talk
    goal = np.stack([held, np.zeros_like(held)], axis=1)
    state.brow, state.brow_speed = follow(state.brow, state.brow_speed, goal, _BROW_HZ)
    return state.brow
