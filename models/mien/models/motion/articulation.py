"""From acoustics to the mouth: jaw, width, rounding, and lips that meet.

Knows band energies around one moment and how mouths go with them. Refuses to know phones: there
is no recogniser here, so a lip closure is a guess from dips, murmurs and bursts. The linear part
was fitted by least squares on synthetic speech with known phone times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.articulation_fit import (
    CHANNELS,
    CLOSURE_BANDS,
    CLOSURE_CONSTANT,
    CLOSURE_DIP,
    CLOSURE_DIP_SQUARED,
    CLOSURE_LASTS_S,
    CLOSURE_OFFSETS,
    CLOSURE_SHARE,
    CLOSURE_SOFT,
    CLOSURE_THRESHOLD,
    CLOSURE_VOICING,
    CONSTANT,
    GUESS,
    GUESS_SPREAD,
    USUAL,
    USUAL_SPREAD,
    WEIGHTS,
)
from mien.models.motion.hearing import MEMORY_TICKS, HearingState, decibel, smoothstep
from mien.models.motion.lanes import F64, LaneArrays
from mien.models.motion.springs import FRAME_S

# The tick that a frame shows. With 80 ms of look-ahead the newest window is centred 107.5 ms after
# the frame's own time; lips lead the sound by a little, so 17.5 ms after it is shown.
CENTRE_TICK = MEMORY_TICKS - 1 - 9
RANGE_DB = 45.0

_GROUPS = ((0, 2), (2, 5), (5, 8), (8, 12), (12, 15), (15, 18), (18, 20))
FEATURES = len(_GROUPS) + 2
_TAPS = (-7, 0, 7)


def _kernels() -> F64:
    ticks = np.arange(MEMORY_TICKS)
    rows = np.array([np.exp(-0.5 * ((ticks - CENTRE_TICK - tap) / 2.5) ** 2) for tap in _TAPS])
    return np.asarray(rows / rows.sum(1, keepdims=True))


_JAW_MOST = 0.72
_ADAPT, _ADAPT_FIRST = 0.014, 0.05  # a frame: over three seconds of speech, sooner at first
_CLIMB, _CLIMB_FIRST = 0.04, 0.14  # log odds a frame
_NEW_S = 0.8  # how much speech makes a voice familiar
_MAX_RISE = np.array((0.26, 0.2, 0.15, 0.15, 0.12, 0.3, 0.25))  # a frame
_MAX_FALL = np.array((0.3, 0.25, 0.2, 0.15, 0.12, 0.25, 0.25))
_KERNELS = _kernels()  # [3, MEMORY_TICKS]


@dataclass
class ArticulationState(LaneArrays):
    """What the mouth remembers between frames."""

    channels: F64  # [L, 7] as shown last
    closure: F64  # [L] 0 open .. 1 the lips meet
    closed_s: F64  # [L] since the lips met
    centre: F64  # [L, 7] of this speaker's guesses
    spread: F64  # [L, 7] their mean deviation
    threshold: F64  # [L] log odds above which this speaker's lips meet

    @classmethod
    def fresh(cls, lanes: int) -> ArticulationState:
        """Return mouths at rest."""
        return cls(
            channels=np.zeros((lanes, len(CHANNELS))),
            closure=np.zeros(lanes),
            closed_s=np.zeros(lanes),
            centre=np.tile(GUESS, (lanes, 1)),
            spread=np.tile(GUESS_SPREAD, (lanes, 1)),
            threshold=np.full(lanes, CLOSURE_THRESHOLD),
        )


def sounds(hearing: HearingState) -> F64:
    """Return nine numbers for each tick, [L, MEMORY_TICKS, 9], about 0 (faint) to 1 (loud).

    Seven wide bands relative to the speaker's level, voicing, and loudness.
    """
    level = np.where(hearing.level_db < -150, -20.0, hearing.level_db)[:, None]
    power = 10 ** (hearing.bands_db / 10)
    wide_db = decibel(np.stack([power[..., a:b].sum(-1) for a, b in _GROUPS], axis=-1))
    bands = np.clip((wide_db - level[..., None] + RANGE_DB) / RANGE_DB, 0.0, 1.2)
    loud = np.clip((hearing.energy_db - level + RANGE_DB) / RANGE_DB, 0.0, 1.2)
    return np.concatenate([bands, hearing.voicing[..., None], loud[..., None]], axis=-1)


def features(sound: F64) -> F64:
    """Return the linear map's input, [L, 27]: nine sounds before, at and after the moment."""
    return np.asarray(np.einsum("kt,ltf->lkf", _KERNELS, sound).reshape(len(sound), -1))


_CLOSURE_TICKS = np.arange(CENTRE_TICK - 2, CENTRE_TICK + 3)  # what one frame covers
_DIP_COLUMNS = (8, 2, 3, 5)  # loudness and three bands


def closure_odds(sound: F64) -> F64:
    """Return the log odds that the lips meet at the ticks of this frame, [L, 5]."""
    odds = np.full((len(sound), len(_CLOSURE_TICKS)), CLOSURE_CONSTANT)
    for offset, row in zip(CLOSURE_OFFSETS, CLOSURE_BANDS, strict=True):
        odds += sound[:, _CLOSURE_TICKS + offset, :7] @ row
    for offset, weight in zip((-6, 0, 6), CLOSURE_VOICING, strict=True):
        odds += weight * sound[:, _CLOSURE_TICKS + offset, 7]
    curves = sound[..., _DIP_COLUMNS]
    for k, tick in enumerate(_CLOSURE_TICKS):
        left = curves[:, tick - 12 : tick - 2].max(1)
        right = curves[:, tick + 1 : tick + 8].max(1)
        dip = np.minimum(left, right) - curves[:, tick]
        odds[:, k] += dip @ CLOSURE_DIP + dip**2 @ CLOSURE_DIP_SQUARED
    return odds


def articulate(state: ArticulationState, hearing: HearingState) -> tuple[F64, F64]:
    """Advance one frame; return the channels [L, 7] and the closure [L] to show."""
    sound = sounds(hearing)
    window = hearing.active[:, CENTRE_TICK - 4 : CENTRE_TICK + 7]
    odds = closure_odds(sound).max(1)
    speaking = window.min(1) > 0.7
    new = np.exp(-hearing.level_age / _NEW_S)
    rate = speaking * (_ADAPT + _ADAPT_FIRST * new)
    guess = _in_usual_terms(state, features(sound) @ WEIGHTS + CONSTANT, rate)
    awake = smoothstep(window.mean(1), 0.05, 0.6)
    target = np.clip(guess, 0.0, 0.95) * awake[:, None]
    target[:, 0] = _JAW_MOST * np.tanh(target[:, 0] / _JAW_MOST)
    step = np.clip(target - state.channels, -_MAX_FALL, _MAX_RISE)
    state.channels = state.channels + step
    speech = smoothstep(window.max(1), 0.3, 0.6)
    _adapt_threshold(state, odds, speaking * (_CLIMB + _CLIMB_FIRST * new))
    meet = smoothstep(odds - state.threshold, *CLOSURE_SOFT) * speech
    state.closed_s = np.where(meet > 0.4, state.closed_s + FRAME_S, 0.0)
    wanted = meet * (1.0 - smoothstep(state.closed_s, *CLOSURE_LASTS_S))
    state.closure = state.closure + np.clip(wanted - state.closure, -0.6, 0.8)
    return state.channels, state.closure


def _in_usual_terms(state: ArticulationState, guess: F64, rate: F64) -> F64:
    """Bring this speaker's guesses, [L, 7], to the mean and spread of usual mouths."""
    centre = state.centre + rate[:, None] * (guess - state.centre)
    room = 1.2 * GUESS_SPREAD  # one vowel held long is no new speaker
    state.centre = np.clip(centre, GUESS - room, GUESS + room)
    away = np.abs(guess - state.centre)
    state.spread = state.spread + rate[:, None] * (away - state.spread)
    gain = USUAL_SPREAD / np.clip(state.spread, 0.6 * GUESS_SPREAD, 2.0 * GUESS_SPREAD)
    return np.asarray(USUAL + gain * (guess - state.centre))


def _adapt_threshold(state: ArticulationState, odds: F64, rate: F64) -> None:
    """Follow the quantile that lets lips meet as often as they do in speech."""
    push = np.where(odds > state.threshold, 1.0 - CLOSURE_SHARE, -CLOSURE_SHARE)
    moved = state.threshold + rate * push
    state.threshold = np.clip(moved, CLOSURE_THRESHOLD - 1.0, CLOSURE_THRESHOLD + 1.2)
