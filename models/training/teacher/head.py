"""The head: posture, nods on accents, breath, turning after the eyes, idle shifts.

Knows the voice's music and where the eyes go. Refuses to know the face. Rotation vector: +x nods
down, +y turns to the subject's left, +z tilts to the subject's right; radians.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.signal import CAMERA_HEAD_WIDTHS
from training.teacher.curves import F64, add_bump, delayed, ease, follow, noise, smooth
from training.teacher.mood import Mood
from training.teacher.prosody import TICK_HZ, Prosody
from training.teacher.style import Style

FRAME_HZ = 25
LIMIT_RAD = np.radians((13.0, 20.0, 11.0))
_POSTURE_RAD = np.radians((1.7, 3.6, 1.6))
_SLOW_RAD = np.radians((1.0, 1.8, 0.9))
_TALK_SLOW_RAD = np.radians((1.1, 2.1, 1.0))
_TALK_FAST_RAD = np.radians((0.9, 1.55, 0.8))
_SHARE = np.array((0.30, 0.27))  # of the gaze, horizontally and vertically


def bear(
    prosody: Prosody, style: Style, speech: F64, wish_rad: F64, distance: F64, mood: Mood,
    rng: np.random.Generator,
) -> F64:  # fmt: skip
    """Return the pose [T, 6] of a scene; the arrays are [T, ...]."""
    frames = len(speech)
    talk = smooth(speech, 5.0)
    own = _wander(talk, mood.pace, rng) + _posture(prosody, frames, talk, rng)
    own += _accents(prosody, style, frames, rng)
    own += _listening(talk, style, frames, rng)
    own[:, 0] += _beat(prosody, frames) * style.nod
    own *= (style.head * mood.lively)[:, None]
    own += style.home_rad
    breath = _breath(frames, talk, rng)
    own[:, 0] -= np.radians(0.45) * breath
    turn = _turn(wish_rad, rng)
    own[:, 0] -= turn[:, 1]
    own[:, 1] += turn[:, 0]
    own = LIMIT_RAD * np.tanh(own / LIMIT_RAD)
    sway = np.stack([noise(rng, frames, FRAME_HZ, 0.06, 0.4) for _ in range(3)], axis=1)
    move = sway * (0.010, 0.004, 0.006)
    move[:, 0] += 0.20 * own[:, 1]
    move[:, 1] += -0.15 * own[:, 0] + 0.007 * breath
    move[:, 2] += CAMERA_HEAD_WIDTHS * (1.0 - follow(distance, FRAME_HZ, 0.14))
    return np.concatenate([own, move], axis=1)


def _wander(talk: F64, pace: F64, rng: np.random.Generator) -> F64:
    """What never rests: slow always, quick in speech."""
    frames = len(talk)

    def three(low_hz: float, high_hz: float) -> F64:
        return np.stack([noise(rng, frames, FRAME_HZ, low_hz, high_hz) for _ in range(3)], axis=1)

    slow, talking, fast = three(0.05, 0.35), three(0.15, 0.8), three(0.6, 2.6)
    fast *= pace[:, None]
    voice = talk[:, None]
    return np.asarray(
        slow * _SLOW_RAD * (0.75 + 0.25 * voice)
        + voice * (talking * _TALK_SLOW_RAD + fast * _TALK_FAST_RAD)
        + (1.0 - voice) * fast * np.radians((0.06, 0.08, 0.05))
    )


def _posture(prosody: Prosody, frames: int, talk: F64, rng: np.random.Generator) -> F64:
    """A new posture where a phrase begins, and every 3 to 8 s in silence."""
    t = np.arange(frames) / FRAME_HZ
    times = [a - 0.12 for a, _ in prosody.phrases[1:]]
    at_s = 1.0 + 4.0 * rng.random()
    while at_s < frames / FRAME_HZ:
        if talk[int(at_s * FRAME_HZ)] < 0.5 and all(abs(at_s - s) > 1.0 for s in times):
            times.append(at_s)
        at_s += 3.0 + 5.0 * rng.random()
    path, here = np.zeros((frames, 3)), np.zeros(3)
    for start_s in sorted(times):
        lively = talk[min(max(int(start_s * FRAME_HZ) + 8, 0), frames - 1)]
        goal = _POSTURE_RAD * np.clip(rng.normal(size=3), -1.8, 1.8) * (0.6 + 0.4 * lively)
        length = (0.45 + 0.4 * rng.random()) * (1.6 - 0.6 * lively)
        path += (goal - here) * ease((t - start_s) / length)[:, None]
        here = goal
    return path


def _accents(prosody: Prosody, style: Style, frames: int, rng: np.random.Generator) -> F64:
    """Mostly a nod down with a lift before it; sometimes up, aslant or aside."""
    path = np.zeros((3, frames))
    for at_s, strength in prosody.accents:
        kind, sign, size, fall = rng.random(), rng.choice((-1.0, 1.0)), rng.random(), rng.random()
        angle = np.radians(np.clip(2.4 + 2.6 * strength, 1.8, 7.5)) * style.nod * (0.6 + 0.8 * size)
        rise, back = 0.11 + 0.05 * size, 0.17 + 0.14 * fall

        def turn(
            axis: int, amount: float, at: float = at_s, r: float = rise, b: float = back
        ) -> None:
            add_bump(path[axis], FRAME_HZ, amount, at - 0.01, at + 0.04, r, b)

        if kind < 0.56:
            turn(0, angle)
            turn(0, -0.3 * angle, at_s - rise - 0.06, 0.12, 0.12)
        elif kind < 0.72:
            turn(0, -0.75 * angle)
        elif kind < 0.84:
            turn(2, 0.8 * sign * angle)
        else:
            turn(1, 1.3 * sign * angle)
        turn(1, 0.40 * sign * angle)
    for begin, _ in prosody.pauses:
        nods, size = rng.random() < 0.6, rng.random()
        if nods and begin > 0.3:
            angle = np.radians(1.5 + 2.0 * size) * style.nod
            add_bump(path[0], FRAME_HZ, angle, begin, begin + 0.08, 0.22, 0.45)
    return path.T.copy()


def _beat(prosody: Prosody, frames: int) -> F64:
    """The head dips a little with every loud syllable, [T] radians."""
    loud = np.clip(prosody.level_db + 18.0, 0.0, 26.0) / 24.0
    beat = smooth(loud, 0.04 * TICK_HZ) - smooth(loud, 0.28 * TICK_HZ)
    t = np.arange(frames) / FRAME_HZ
    return np.asarray(np.radians(3.4) * np.interp(t, np.arange(len(beat)) / TICK_HZ, beat))


def _listening(talk: F64, style: Style, frames: int, rng: np.random.Generator) -> F64:
    """Small double nods of someone who follows what another says."""
    path = np.zeros((frames, 3))
    at_s = 1.5 + 3.0 * rng.random()
    while at_s < frames / FRAME_HZ - 1.0:
        nods, size, wait = rng.random() < 0.45 * style.listen, rng.random(), rng.random()
        here = int(at_s * FRAME_HZ)
        if nods and talk[here : here + 25].max() < 0.2:
            angle = np.radians(1.2 + 1.6 * size)
            for k in range(1 + int(2 * wait)):
                add_bump(path[:, 0], FRAME_HZ, angle * 0.75**k, at_s + 0.42 * k,
                         at_s + 0.42 * k + 0.03, 0.17, 0.22)  # fmt: skip
        at_s += 3.0 + 5.0 * wait
    return path


def _breath(frames: int, talk: F64, rng: np.random.Generator) -> F64:
    """About a quarter of a cycle a second, quicker in speech; -1..1."""
    rate_hz = 0.25 + 0.03 * noise(rng, frames, FRAME_HZ, 0.05, 0.2) + 0.05 * talk
    phase = rng.random() + np.cumsum(np.clip(rate_hz, 0.15, 0.45)) / FRAME_HZ
    return np.asarray(-np.cos(2 * np.pi * phase) + 0.2 * np.cos(4 * np.pi * phase))


def _turn(wish_rad: F64, rng: np.random.Generator) -> F64:
    """The head's share of a gaze: none for small shifts, after the eyes for large ones."""
    share = float(np.clip(rng.normal(1.0, 0.10), 0.8, 1.2))
    size = np.hypot(wish_rad[:, 0], wish_rad[:, 1])
    counts = ease((size - np.radians(2.0)) / np.radians(8.0))
    goal = wish_rad * _SHARE * share * counts[:, None]
    return follow(delayed(goal, 0.20 * FRAME_HZ), FRAME_HZ, 0.10)
