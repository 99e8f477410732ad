"""The beat of speech: stressed syllables, phrases and pauses.

Knows loudness and pitch over the last half second and a running idea of what is usual. Refuses
to know words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.hearing import HearingState
from mien.models.motion.lanes import F64, I64, LaneArrays
from mien.models.motion.springs import FRAME_S, approach

_PEAK_TICK = -5  # newest tick with three neighbours after it to smooth over
_MIN_BEAT_S = 0.36


@dataclass
class RhythmState(LaneArrays):
    """What a stream remembers of its beat."""

    envelope: F64  # [L, 3] loudness at the last three frames, dB below the speaker's level
    valley: F64  # [L] the lowest of late
    usual_db: F64  # [L] of syllable peaks
    usual_pitch: F64  # [L] log2 Hz
    since_beat_s: F64  # [L]
    talk: F64  # [L] 0..1, slow
    pause_s: F64  # [L] how long there has been no speech
    phrase_s: F64  # [L] how long this phrase has lasted
    phrases: I64  # [L] counted

    @classmethod
    def fresh(cls, lanes: int) -> RhythmState:
        """Return streams that have heard no beat."""
        zero = np.zeros(lanes)
        return cls(
            envelope=np.full((lanes, 3), -60.0), valley=np.full(lanes, -60.0),
            usual_db=np.full(lanes, -6.0), usual_pitch=np.full(lanes, np.log2(150.0)),
            since_beat_s=np.full(lanes, 9.0), talk=zero.copy(), pause_s=np.full(lanes, 9.0),
            phrase_s=zero.copy(), phrases=np.zeros(lanes, np.int64),
        )  # fmt: skip


@dataclass(frozen=True)
class Beat:
    """What happens in this frame."""

    stress: F64  # [L] 0 nothing, about 1 a usual stressed syllable, up to 2.5
    pause_began: F64  # [L] 1 in the frame in which a pause is noticed
    phrase_began: F64  # [L] 1 in the frame in which speech sets in
    loudness: F64  # [L] 0..1
    pitch: F64  # [L] octaves above the usual
    talk: F64  # [L] 0..1, slow


def feel(state: RhythmState, hearing: HearingState) -> Beat:
    """Advance one frame."""
    level = np.where(hearing.level_db < -150, -20.0, hearing.level_db)
    energy = np.maximum(hearing.energy_db[:, _PEAK_TICK - 3 : _PEAK_TICK + 4].mean(1) - level, -60)
    speaking = hearing.active[:, -8:].mean(1)
    energy = np.where(speaking > 0.2, energy, -60.0)
    pitch, voiced = hearing.pitch[:, _PEAK_TICK], hearing.voicing[:, _PEAK_TICK]
    state.envelope = np.concatenate([state.envelope[:, 1:], energy[:, None]], axis=1)
    stress = _stress(state, pitch, voiced)
    state.usual_pitch = np.where(
        voiced > 0.6, approach(state.usual_pitch, pitch, 1.5), state.usual_pitch
    )
    began, ended = _phrase(state, speaking)
    state.talk = approach(state.talk, speaking, np.where(speaking > state.talk, 0.15, 0.6))
    return Beat(
        stress=stress,
        pause_began=ended,
        phrase_began=began,
        loudness=np.clip((energy + 30) / 30, 0.0, 1.0),
        pitch=np.clip(pitch - state.usual_pitch, -0.7, 0.9) * voiced,
        talk=state.talk,
    )


def _stress(state: RhythmState, pitch: F64, voiced: F64) -> F64:
    before, peak, after = state.envelope.T
    state.valley = np.minimum(approach(state.valley, peak, 0.25), peak)
    is_peak = (peak >= before) & (peak > after) & (peak - state.valley > 3.0) & (peak > -25.0)
    above = (peak - state.usual_db) / 4.0 + 3.0 * (pitch - state.usual_pitch) * (voiced > 0.5)
    state.usual_db = np.where(is_peak, state.usual_db + 0.2 * (peak - state.usual_db),
                              state.usual_db)  # fmt: skip
    state.since_beat_s = state.since_beat_s + FRAME_S
    strong = is_peak & (state.since_beat_s > _MIN_BEAT_S) & (above > -0.2)
    state.since_beat_s = np.where(strong, 0.0, state.since_beat_s)
    return np.where(strong, np.clip(0.8 + 0.6 * above, 0.4, 2.5), 0.0)


def _phrase(state: RhythmState, speaking: F64) -> tuple[F64, F64]:
    quiet = speaking < 0.15
    resting = state.pause_s > 0.16
    state.pause_s = np.where(quiet, state.pause_s + FRAME_S, 0.0)
    ended = ~resting & (state.pause_s > 0.16) & (state.phrase_s > 0.3)
    began = resting & ~quiet
    state.phrase_s = np.where(began, 0.0, state.phrase_s + FRAME_S * ~quiet)
    state.phrases = state.phrases + began
    return began.astype(np.float64), ended.astype(np.float64)
