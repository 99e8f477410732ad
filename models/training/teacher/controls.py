"""Random wishes for training: what designers ask of a performance, and how often.

Knows distributions. Refuses to know sound and faces.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.types import EMOTIONS, FRAME_RATE_HZ, Controls
from training.teacher.curves import F64, ease, noise

YAW_RAD, PITCH_RAD = np.radians(35.0), np.radians(20.0)


def random_controls(rng: np.random.Generator, frames: int) -> Controls:
    """Draw the wishes of one scene, `frames` long at 25 Hz: mostly none."""
    plain = Controls.neutral(frames)
    return Controls(
        _gaze(rng, frames).astype(np.float32),
        _distance(rng, frames).astype(np.float32),
        _emotion(rng, frames).astype(np.float32),
        plain.head,
        plain.blink,
    )


def _gaze(rng: np.random.Generator, frames: int) -> F64:
    """Jumps every 2..8 s, back to the camera for half of the time; sometimes a pursuit."""
    gaze = np.zeros((frames, 2))
    if rng.random() < 0.40:
        return gaze
    at = 0
    while at < frames:
        until = at + int((2.0 + 6.0 * rng.random()) * FRAME_RATE_HZ)
        kind, aim = rng.random(), rng.uniform(-1.0, 1.0, 2) * (YAW_RAD, PITCH_RAD)
        low_hz = 0.08 + 0.1 * rng.random()
        if 0.50 < kind < 0.62:
            length = len(gaze[at:until])
            path = [np.clip(noise(rng, length, FRAME_RATE_HZ, low_hz, 3 * low_hz) / 2, -1, 1)
                    for _ in range(2)]  # fmt: skip
            swing = np.stack(path, axis=1) * (0.7 * YAW_RAD, 0.6 * PITCH_RAD)
            fade = ease(np.minimum(np.arange(length), np.arange(length)[::-1]) / 12.0)
            gaze[at:until] = swing * fade[:, None]
        elif kind >= 0.62:
            gaze[at:until] = aim * (0.35 + 0.65 * rng.random())
        at = until
    if rng.random() < 0.5:
        return gaze
    return _eased(gaze, int(rng.integers(2, 9)))


def _eased(y: F64, frames: int) -> F64:
    """Steps spread over some frames, as a cue's easing does."""
    kernel = np.diff(ease(np.arange(frames + 1) / frames))
    padded = np.concatenate([np.repeat(y[:1], frames, 0), y])
    return np.stack(
        [np.convolve(padded[:, k], kernel)[frames : frames + len(y)] for k in range(y.shape[1])], 1
    )


def _distance(rng: np.random.Generator, frames: int) -> F64:
    distance = np.ones(frames)
    if rng.random() < 0.6:
        return distance
    t, here = np.arange(frames) / FRAME_RATE_HZ, 1.0
    at_s = 4.0 * rng.random()
    while at_s < frames / FRAME_RATE_HZ:
        goal = 1.0 if rng.random() < 0.35 else float(rng.uniform(0.7, 1.4))
        length = 0.4 + 2.6 * rng.random()
        distance += (goal - here) * ease((t - at_s) / length)
        here, at_s = goal, at_s + length + 1.0 + 6.0 * rng.random()
    return distance


def _emotion(rng: np.random.Generator, frames: int) -> F64:
    """Neutral for half of the scenes, else one mood at a time, at times two together."""
    felt = np.zeros((frames, len(EMOTIONS)))
    if rng.random() < 0.60:
        t, here = np.arange(frames) / FRAME_RATE_HZ, np.zeros(len(EMOTIONS))
        at_s = -1.0 if rng.random() < 0.4 else 3.0 * rng.random()
        while at_s < frames / FRAME_RATE_HZ:
            goal = _wish(rng)
            ramp_s = 0.3 + 0.7 * rng.random()
            felt += (goal - here) * ease((t - at_s) / ramp_s)[:, None]
            here, at_s = goal, at_s + ramp_s + 2.0 + 8.0 * rng.random()
    felt[:, 0] = np.clip(1.0 - felt[:, 1:].sum(1), 0.0, 1.0)
    return np.clip(felt, 0.0, 1.0)


def _wish(rng: np.random.Generator) -> F64:
    wish = np.zeros(len(EMOTIONS))
    kind = rng.random()
    if kind < 0.25:
        return wish
    strength = 1.0 if rng.random() < 0.3 else rng.random()
    first = int(rng.integers(1, len(EMOTIONS)))
    if kind < 0.88:
        wish[first] = strength
        return wish
    second = int(rng.integers(1, len(EMOTIONS)))
    part = rng.random()
    wish[first] += strength * part
    wish[second] += strength * (1.0 - part)
    return wish
