"""Streaming analysis of speech: band energies, voicing, loudness, floor, every 10 ms.

Knows the sound at 16 kHz. Refuses to know faces: what comes out is acoustics alone. Everything
is relative to the speaker's own recent level, so a whisper and a shout sound alike, and to the
floor of the room, so that steady noise is silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.models.motion.lanes import F64, I64, LaneArrays
from mien.models.motion.types import F32, HOP_SAMPLES, SAMPLE_RATE_HZ

TICK_SAMPLES = 160  # 10 ms
TICKS_PER_FRAME = HOP_SAMPLES // TICK_SAMPLES
WINDOW_SAMPLES = 400  # 25 ms, for band energies
VOICE_SAMPLES = 640  # 40 ms, for pitch
MEMORY_TICKS = 48
BAND_FFT = 512
VOICE_FFT = 1024

BAND_EDGES_HZ = (
    80, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480,
    1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700,
)  # fmt: skip  # the critical bands of Zwicker 1961
BANDS = len(BAND_EDGES_HZ) - 1
SILENCE_DB = -100.0

_EDGE_BINS = np.round(np.array(BAND_EDGES_HZ) * BAND_FFT / SAMPLE_RATE_HZ).astype(np.intp)
_BAND_WINDOW = np.hanning(WINDOW_SAMPLES + 1)[:-1]
_VOICE_WINDOW = np.hanning(VOICE_SAMPLES + 1)[:-1]
_VOICE_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(_VOICE_WINDOW, 2048)) ** 2)[:400]
_LAG_MIN, _LAG_MAX = SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 70
_POWER_SCALE = 2.0 / (BAND_FFT * np.sum(_BAND_WINDOW**2))

_SWING_TICKS = 41
_FLOOR_BLOCKS, _FLOOR_BLOCK_TICKS = 10, 20  # minima over the last two seconds
_FLOOR_START_DB = -75.0
_LEVEL_UNKNOWN_DB = -200.0


@dataclass
class HearingState(LaneArrays):
    """What a stream remembers of its sound."""

    tail: F64  # [L, VOICE_SAMPLES - TICK_SAMPLES] the newest samples
    bands_db: F64  # [L, MEMORY_TICKS, BANDS] newest last, floor taken out
    energy_db: F64  # [L, MEMORY_TICKS] 80..7700 Hz
    voicing: F64  # [L, MEMORY_TICKS] 0..1
    pitch: F64  # [L, MEMORY_TICKS] log2 of Hz; held where there is no voice
    active: F64  # [L, MEMORY_TICKS] 0..1: how surely this is speech and not the room
    floor_blocks: F64  # [L, BLOCKS, BANDS] minima in power
    floor_current: F64  # [L, BANDS]
    floor_tick: I64  # [L]
    level_db: F64  # [L] of the loud parts of speech
    level_age: F64  # [L] seconds of speech heard
    voiced_lately: F64  # [L] 0..1, falls off over half a second

    @classmethod
    def fresh(cls, lanes: int) -> HearingState:
        """Return the memory of streams that have heard nothing."""
        floor = 10 ** (_FLOOR_START_DB / 10) / BANDS
        return cls(
            tail=np.zeros((lanes, VOICE_SAMPLES - TICK_SAMPLES)),
            bands_db=np.full((lanes, MEMORY_TICKS, BANDS), SILENCE_DB),
            energy_db=np.full((lanes, MEMORY_TICKS), SILENCE_DB),
            voicing=np.zeros((lanes, MEMORY_TICKS)),
            pitch=np.full((lanes, MEMORY_TICKS), np.log2(150.0)),
            active=np.zeros((lanes, MEMORY_TICKS)),
            floor_blocks=np.full((lanes, _FLOOR_BLOCKS, BANDS), floor),
            floor_current=np.full((lanes, BANDS), floor),
            floor_tick=np.zeros(lanes, np.int64),
            level_db=np.full(lanes, _LEVEL_UNKNOWN_DB),
            level_age=np.zeros(lanes),
            voiced_lately=np.zeros(lanes),
        )


def smoothstep(x: F64, low: float, high: float) -> F64:
    """Return 0 below `low`, 1 above `high`, a smooth cubic between."""
    u = np.minimum(np.maximum((x - low) * (1.0 / (high - low)), 0.0), 1.0)
    return np.asarray(u * u * (3.0 - 2.0 * u))


def decibel(power: F64) -> F64:
    """Return 10 log10 of `power`, never below -100 dB."""
    return np.asarray(10 * np.log10(power + 1e-10))


def hear(state: HearingState, audio: F32) -> None:
    """Take in one frame of sound, `audio` [L, HOP_SAMPLES]; anything not finite is silence."""
    clean = np.nan_to_num(audio.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    sound = np.concatenate([state.tail, np.clip(clean, -4.0, 4.0)], axis=1)
    state.tail = sound[:, -state.tail.shape[1] :].copy()
    ends = VOICE_SAMPLES + TICK_SAMPLES * np.arange(TICKS_PER_FRAME)
    views = np.lib.stride_tricks.sliding_window_view(sound, VOICE_SAMPLES, axis=1)
    views = views[:, ends - VOICE_SAMPLES]  # [L, 4, 640]
    power = _band_power(views[:, :, -WINDOW_SAMPLES:])  # [L, 4, BANDS]
    voicing, pitch = _voice(views)
    clean, active = np.empty_like(power), np.empty_like(voicing)
    for tick in range(TICKS_PER_FRAME):
        clean[:, tick], voicing[:, tick], active[:, tick] = _judge(
            state, power[:, tick], voicing[:, tick]
        )
    _push(state.bands_db, decibel(clean))
    _push(state.pitch, _held(state.pitch[:, -1], pitch, voicing))
    _push(state.voicing, voicing)
    _push(state.active, active)


def _band_power(windows: F64) -> F64:
    spectrum = np.fft.rfft(windows * _BAND_WINDOW, BAND_FFT, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power[..., : _EDGE_BINS[-1]], _EDGE_BINS[:-1], axis=-1)
    return np.asarray(bands * _POWER_SCALE)


def _voice(windows: F64) -> tuple[F64, F64]:
    """Return voicing 0..1 and log2 pitch, from the autocorrelation (after Boersma 1993)."""
    spectrum = np.fft.rfft(windows * _VOICE_WINDOW, VOICE_FFT, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    power[..., 96:] = 0.0  # above 1.5 kHz harmonics blur
    power[..., :4] = 0.0  # mains hum and rumble
    correlation = np.fft.irfft(power, axis=-1)
    fair = correlation[..., _LAG_MIN : _LAG_MAX + 1] / (
        _VOICE_CORRELATION[_LAG_MIN : _LAG_MAX + 1] / _VOICE_CORRELATION[0]
    )
    score = fair / (correlation[..., :1] + 1e-9)
    score = score - 0.05 * np.log2(np.arange(_LAG_MIN, _LAG_MAX + 1) / _LAG_MIN)  # no octave below
    best = np.argmax(score, axis=-1)
    height = np.take_along_axis(score, best[..., None], -1)[..., 0]
    return smoothstep(height, 0.35, 0.65), np.log2(SAMPLE_RATE_HZ / (best + _LAG_MIN))


def _judge(state: HearingState, power: F64, voicing: F64) -> tuple[F64, F64, F64]:
    """Take in one tick; return its band power without the room, voicing, and how surely speech."""
    energy_db = decibel(power.sum(-1))
    _follow_floor(state, power, voicing)
    floor = state.floor_blocks.min(1)
    snr_db = energy_db - decibel(floor.sum(-1))
    voicing = voicing * smoothstep(snr_db, 3.0, 9.0)
    state.voiced_lately = np.maximum(voicing, state.voiced_lately * 0.982)
    _push(state.energy_db, energy_db[:, None])
    lately = state.energy_db[:, -_SWING_TICKS:]
    swings = smoothstep(lately.max(1) - lately.min(1), 7.0, 13.0)
    speech = np.maximum(state.voiced_lately, swings)
    active = speech * smoothstep(snr_db, 5.0, 14.0) * smoothstep(energy_db, -82.0, -72.0)
    _follow_level(state, energy_db, active)
    return np.maximum(power - 2.0 * floor, 1e-3 * power), voicing, active


def _held(last: F64, pitch: F64, voicing: F64) -> F64:
    """Hold the last pitch through ticks without a voice, [L, 4]."""
    held = []
    for tick in range(pitch.shape[1]):
        last = np.where(voicing[:, tick] > 0.5, pitch[:, tick], last)
        held.append(last)
    return np.stack(held, axis=1)


def _push(memory: F64, newest: F64) -> None:
    """Shift `newest` [L, n, ...] in at the end."""
    count = newest.shape[1]
    memory[:, :-count] = memory[:, count:]
    memory[:, -count:] = newest


def _follow_floor(state: HearingState, power: F64, voicing: F64) -> None:
    """Minimum statistics per band (after Martin 2001); a held vowel does not count as room."""
    heard = np.where(voicing[:, None] > 0.6, np.inf, power)
    state.floor_current = np.minimum(state.floor_current, heard)
    state.floor_tick = state.floor_tick + 1
    full = state.floor_tick >= _FLOOR_BLOCK_TICKS
    if not full.any():
        return
    newest = np.where(
        np.isfinite(state.floor_current), state.floor_current, state.floor_blocks[:, -1]
    )
    rolled = np.concatenate([state.floor_blocks[:, 1:], newest[:, None]], axis=1)
    state.floor_blocks = np.where(full[:, None, None], rolled, state.floor_blocks)
    state.floor_current = np.where(full[:, None], np.inf, state.floor_current)
    state.floor_tick = np.where(full, 0, state.floor_tick)


def _follow_level(state: HearingState, energy_db: F64, active: F64) -> None:
    """Up within 40 ms, down a few dB a second and only while there is speech."""
    dt_s = TICK_SAMPLES / SAMPLE_RATE_HZ
    speaking = active > 0.3
    first = speaking & (state.level_db <= _LEVEL_UNKNOWN_DB)
    level = np.where(first, energy_db + 8.0, state.level_db)
    rise = np.maximum(energy_db - level, 0.0) * 0.25
    fall = dt_s * (3.0 + 25.0 * np.exp(-state.level_age / 0.6))
    level = level + speaking * np.where(rise > 0, rise, -fall)
    state.level_db = level
    state.level_age = state.level_age + dt_s * speaking
