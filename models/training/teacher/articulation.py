"""From sounds to lips: dominance blending over time, and when the lips must meet.

Knows spans of sound and a style. Refuses to know emotion and the rest of the face. Gestures are
blended by dominance (Cohen and Massaro 1993) with JALI's times (Edwards et al. 2016). No gesture
begins more than 0.13 s before its sound: a model that hears 80..120 ms ahead has to learn it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.teacher.curves import F64, ease, noise, raise_bump, smooth
from training.teacher.prosody import PAUSE_S, TICK_HZ, Prosody, Span
from training.teacher.style import Style
from training.teacher.visemes import (
    CHANNEL,
    CHANNELS,
    DOMINANCE,
    GROUP,
    GROUPS,
    INDEX,
    IS_VOWEL,
    REACH_OFF,
    REACH_ON,
    SIBILANTS,
    TARGETS,
    VOWELS,
)

RATE_HZ = 200
FRAME_STEP = RATE_HZ // 25
_CONFIDENT = 0.04  # dominance from which a blend counts fully
_LONG_VOWEL_S = 0.35  # from here on a held vowel opens and closes with its own loudness
_HOLD_S = 0.048  # a plateau this long holds a frame, wherever the frames fall
_MOST_EARLY_S = 0.13
JAW = CHANNEL["jaw"]
_LIMITS = np.full(len(CHANNELS), 0.80)
_LIMITS[JAW], _LIMITS[CHANNEL["pucker"]] = 0.60, 0.95


@dataclass(frozen=True)
class Mouth:
    """What speech wants of the mouth, at 25 Hz."""

    channels: F64  # [T, 16] in the order of CHANNELS
    close: F64  # [T] 0..1: lips meet
    labiodental: F64  # [T] 0..1: lower lip at the upper teeth
    sibilant: F64  # [T] 0..1: narrow jaw
    speech: F64  # [T] 0..1


def articulate(
    prosody: Prosody, style: Style, frames: int, jaw_gain: F64, rng: np.random.Generator
) -> Mouth:
    """Return the mouth of a scene, `frames` long; `jaw_gain` [frames] comes with the mood."""
    samples = frames * FRAME_STEP
    effort = _effort(prosody, style, jaw_gain, samples, rng)
    total = np.zeros((samples, len(CHANNELS)))
    weight = np.full((samples, len(GROUPS)), 1e-4)
    for i, span in enumerate(prosody.spans):
        _gesture(total, weight, span, float(prosody.prominence[i]), style, effort, rng)
    sure = 1.0 - np.exp(-weight / _CONFIDENT)
    channels = total * (sure / weight)[:, GROUP]
    channels[:, JAW] *= _swell(prosody, style, samples)
    channels = smooth(channels, 0.008 * RATE_HZ)
    channels = channels / (1.0 + (channels / _LIMITS) ** 4) ** 0.25  # nobody's lips go further
    envelopes = _contacts(prosody.spans, frames)
    return Mouth(channels[::FRAME_STEP], *envelopes, _speech(prosody, frames))


def _effort(
    prosody: Prosody, style: Style, jaw_gain: F64, samples: int, rng: np.random.Generator
) -> F64:
    """How wide the mouth works, [samples]: phrases begin wide and decline, attention wanders."""
    t = np.arange(samples) / RATE_HZ
    effort = 1.0 + 0.05 * noise(rng, len(jaw_gain), 25, 0.08, 0.5)
    for begin, end in prosody.phrases:
        if end - begin > 0.4:
            inside = slice(int(begin * 25), int(end * 25) + 1)
            length = len(effort[inside])
            effort[inside] *= np.linspace(1.06, 0.90, length)
    effort = np.clip(smooth(effort, 2.0), 0.7, 1.35) * jaw_gain
    return np.asarray(np.interp(t, np.arange(len(effort)) / 25, effort))


def _swell(prosody: Prosody, style: Style, samples: int) -> F64:
    """A held or sung vowel follows its loudness: gain on the jaw, [samples]."""
    swell = np.ones(samples)
    level = smooth(prosody.level_db, 0.08 * TICK_HZ)
    for span in prosody.spans:
        if span.viseme in VOWELS and span.length_s > _LONG_VOWEL_S:
            first, last = int(span.start_s * RATE_HZ), int(span.end_s * RATE_HZ)
            t = np.arange(first, min(last, samples)) / RATE_HZ
            here = np.interp(t, np.arange(len(level)) / TICK_HZ, level)
            inside = ease((t - span.start_s) / 0.12) * ease((span.end_s - t) / 0.12)
            swell[first:last] += style.effort * inside * np.clip((here - here.mean()) / 8, -1, 0.8)
    return swell


def _gesture(
    total: F64, weight: F64, span: Span, prominence: float, style: Style, effort: F64,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Blend one sound in: its targets with a dominance that rises, holds and falls."""
    v = INDEX[span.viseme]
    begin, end = span.start_s - style.lead_s, span.end_s - style.lead_s
    length = span.length_s
    if span.viseme == "sil":
        hold = begin + min(0.09, 0.5 * length), end - min(0.11, 0.5 * length)
        if length < PAUSE_S:
            hold = (begin + end) / 2, (begin + end) / 2
    else:
        hold = begin + min(0.34 * length, 0.06), end - min(0.34 * length, 0.075)
    rise = np.minimum(style.onset_s * REACH_ON, hold[0] - span.start_s + _MOST_EARLY_S)
    rise = np.maximum(rise, 0.04)
    fall = style.offset_s * REACH_OFF
    first = max(int((hold[0] - rise.max()) * RATE_HZ), 0)
    last = min(int((hold[1] + fall.max()) * RATE_HZ) + 2, len(total))
    token = np.exp(style.token * np.clip(rng.normal(size=len(GROUPS)), -2.0, 2.0))
    if first >= last:
        return
    t = np.arange(first, last)[:, None] / RATE_HZ
    shape = ease((t - hold[0] + rise) / rise) * ease((hold[1] + fall - t) / fall)
    strength = DOMINANCE[v] * style.insistence[v] * shape**2  # [W, groups]
    here = effort[min(int((span.start_s + span.end_s) / 2 * RATE_HZ), len(effort) - 1)]
    target = (TARGETS[v] * style.personal[v] + style.habit[v]) * token[GROUP]
    target = target * _gains(v, span, prominence, style, float(here))[GROUP]
    total[first:last] += strength[:, GROUP] * target
    weight[first:last] += strength


def _gains(v: int, span: Span, prominence: float, style: Style, effort: float) -> F64:
    """Style, stress and effort, [groups]: the jaw follows stress most."""
    stressed, lips = 1.0, 1.0
    if IS_VOWEL[v]:
        stressed = float(np.clip(1.0 + style.effort * prominence, 0.6, 1.5))
        stressed *= float(np.clip((span.length_s + 0.04) / 0.11, 0.6, 1.05))
        lips = 1.0 + 0.5 * (stressed - 1.0)
    jaw = style.jaw * stressed * effort
    if not IS_VOWEL[v]:
        jaw = 0.5 * (1.0 + jaw)
    press = style.press
    return np.array((jaw, style.parting * lips, style.spread * lips, style.rounding * lips, press))


def _contacts(spans: list[Span], frames: int) -> tuple[F64, F64, F64]:
    """When lips meet, lip meets teeth, and the jaw narrows; a short neighbour is not swallowed."""
    close, labiodental, sibilant = np.zeros(frames), np.zeros(frames), np.zeros(frames)
    for i, span in enumerate(spans):
        before = spans[i - 1].length_s if i else 1.0
        after = spans[i + 1].length_s if i + 1 < len(spans) else 1.0
        touching = i > 0 and spans[i - 1].viseme == "f"  # whose own contact has to be seen
        rise = 0.045 if touching else float(np.clip(1.1 * before, 0.050, 0.085))
        fall = float(np.clip(1.1 * after, 0.050, 0.075))
        a, b = span.start_s, span.end_s
        if span.viseme == "p":  # what follows the burst is breath
            begin, end = _at_least(a - 0.008, min(b, a + 0.11) - 0.024, _HOLD_S)
            raise_bump(close, 25, 1.0, begin, end, rise, fall)
        elif span.viseme == "m":
            begin, end = _at_least(a - 0.004, b - 0.012, _HOLD_S)
            raise_bump(close, 25, 1.0, begin, end, rise, fall)
        elif span.viseme == "f":
            begin, end = _at_least(a, b - 0.010, _HOLD_S)
            raise_bump(labiodental, 25, 1.0, begin, end, rise, fall)
        elif span.viseme in SIBILANTS:
            begin, end = _at_least(a, b - 0.020, _HOLD_S)
            raise_bump(sibilant, 25, 1.0, begin, end, rise, fall)
    labiodental *= 1.0 - close
    return close, labiodental, sibilant * (1.0 - close) * (1.0 - labiodental)


def _at_least(begin: float, end: float, length_s: float) -> tuple[float, float]:
    if end - begin >= length_s:
        return begin, end
    middle = (begin + end) / 2
    return middle - length_s / 2, middle + length_s / 2


def _speech(prosody: Prosody, frames: int) -> F64:
    """1 while a phrase lasts, easing within 0.1 s, [frames]."""
    speech = np.zeros(frames)
    for begin, end in prosody.phrases:
        if any(s.viseme != "sil" and begin <= s.start_s < end for s in prosody.spans):
            raise_bump(speech, 25, 1.0, begin, end, 0.10, 0.12)
    return speech
