"""Eyes and lids: fixations, saccades, pursuit, glances away, blinks.

Knows where a designer wants the eyes and when the voice rests. Refuses to know the head: gaze is
in the world, and `eye_weights` turns the eyes against the head (the vestibulo-ocular reflex).
Saccades follow the main sequence (Bahill, Clark and Stark 1975): 25 ms and 2.5 ms a degree more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.teacher.curves import F64, delayed, ease, raise_bump, smooth
from training.teacher.prosody import Prosody
from training.teacher.style import Style

FRAME_HZ = 25
_RATE_HZ = 100
_PURSUIT_LIMIT_RAD_S = np.radians(40.0)
_MOVED_RAD = np.radians(0.6)
_FIXATION_RAD = np.radians((0.75, 0.50))
_GLANCE_RAD = np.radians((7.5, 4.0))


@dataclass(frozen=True)
class Gaze:
    """Where the eyes look, and when they jump."""

    gaze_rad: F64  # [T, 2] in the world
    jumps: list[tuple[float, float]]  # seconds, size in radians


def look(
    wish_rad: F64, speech: F64, prosody: Prosody, style: Style, rng: np.random.Generator
) -> Gaze:
    """Return the gaze of a scene; `wish_rad` [T, 2] is what was asked for, `speech` [T]."""
    frames = len(wish_rad)
    target, jumps = _track_wish(wish_rad, rng)
    free = np.abs(wish_rad).max(1) < _MOVED_RAD
    offset = np.zeros((frames, 2))
    t = np.arange(frames) / FRAME_HZ
    at_s, here = 0.25 + 0.3 * rng.random(), np.zeros(2)
    begins = [a for a, _ in prosody.phrases[1:]]
    while at_s < frames / FRAME_HZ:
        frame = int(at_s * FRAME_HZ)
        talk = speech[frame] > 0.5
        thinks = any(abs(a - 0.15 - at_s) < 0.25 for a in begins)
        away = rng.random() < (style.wander * (1.3 if talk else 2.0) + 0.15 * thinks)
        drawn = np.clip(rng.normal(size=2), -1.8, 1.8)
        stay = 0.25 + rng.gamma(2.0, 0.42 if talk else 0.60)
        sign, lift = rng.choice((-1.0, 1.0)), rng.random()
        until = min(frame + int(1.2 * FRAME_HZ), frames)
        if away and free[max(frame - 8, 0) : until].all():
            goal = _GLANCE_RAD * style.saccade * (sign * (0.6 + 0.4 * abs(drawn[0])), drawn[1])
            stay = 0.30 + 0.45 * lift
        else:
            goal = _FIXATION_RAD * style.saccade * drawn
        size = float(np.hypot(*(goal - here)))
        offset += (goal - here) * ease((t - at_s) / _saccade_s(size))[:, None]
        if size > np.radians(3.0):
            jumps.append((at_s, size))
        here, at_s = goal, at_s + stay
    return Gaze(target + offset, sorted(jumps))


def _saccade_s(size_rad: float) -> float:
    return 0.025 + 0.0025 * float(np.degrees(size_rad))


def _track_wish(wish_rad: F64, rng: np.random.Generator) -> tuple[F64, list[tuple[float, float]]]:
    """Eyes after a wish that jumps or glides: saccades after a latency, pursuit in between."""
    latency_s = float(np.clip(rng.normal(0.165, 0.02), 0.13, 0.21))
    still = float(np.abs(np.diff(wish_rad, axis=0)).max(initial=0.0)) < 1e-9
    if still:
        return wish_rad.astype(np.float64), []
    up = _RATE_HZ // FRAME_HZ
    samples = len(wish_rad) * up
    places = np.arange(samples) / up
    wish = np.stack(
        [np.interp(places, np.arange(len(wish_rad)), wish_rad[:, k]) for k in range(2)], axis=1
    )
    seen = delayed(wish, 0.07 * _RATE_HZ)
    speed = np.gradient(smooth(seen, 2.0), 1.0 / _RATE_HZ, axis=0)
    leaps = (np.hypot(speed[:, 0], speed[:, 1]) > _PURSUIT_LIMIT_RAD_S).astype(np.float64)
    near_leap = np.convolve(leaps, np.ones(21), "same") > 0.5
    speed = speed * ~near_leap[:, None]
    goal = seen + 0.07 * speed  # where it will be by now
    path, jumps = _saccades_after(goal, speed, latency_s - 0.07)
    return path[::up], jumps


def _saccades_after(
    goal: F64, speed: F64, patience_s: float
) -> tuple[F64, list[tuple[float, float]]]:
    """Plain numbers, sample by sample: glide along, and jump once an error has lasted."""
    xs, ys = goal[:, 0].tolist(), goal[:, 1].tolist()
    us, vs = speed[:, 0].tolist(), speed[:, 1].tolist()
    x, y = xs[0], ys[0]
    path = np.empty_like(goal)
    jumps: list[tuple[float, float]] = []
    wrong, n, patience = 0, 0, round(patience_s * _RATE_HZ)
    threshold = float(np.radians(0.8))
    while n < len(xs):
        error = ((xs[n] - x) ** 2 + (ys[n] - y) ** 2) ** 0.5
        wrong = wrong + 1 if error > threshold else 0
        if wrong >= patience:
            length = max(round(_saccade_s(error) * _RATE_HZ), 1)
            course = ease((np.arange(length) + 1.0) / length)[:, None]
            start, aim = np.array((x, y)), np.array((xs[n], ys[n]))
            part = (start + course * (aim - start))[: len(xs) - n]
            path[n : n + length] = part
            jumps.append((n / _RATE_HZ, error))
            x, y, wrong, n = xs[n], ys[n], 0, n + length
            continue
        x += us[n] / _RATE_HZ
        y += vs[n] / _RATE_HZ
        if error <= threshold:
            x += 0.08 * (xs[n] - x)
            y += 0.08 * (ys[n] - y)
        path[n] = x, y
        n += 1
    return path, jumps


def blink(
    frames: int, gaze: Gaze, prosody: Prosody, style: Style, rate_gain: F64,
    rng: np.random.Generator,
) -> F64:  # fmt: skip
    """How far the lids are shut, [T] 0..1: a renewal process drawn to pauses and gaze shifts."""
    lids = np.zeros(frames)
    end_s = frames / FRAME_HZ
    invitations = [a + 0.06 for a, _ in prosody.pauses]
    invitations += [at_s for at_s, size in gaze.jumps if size > np.radians(6.0)]
    at_s = 0.3 + rng.random() * 60.0 / style.blinks_per_min
    while at_s < end_s:
        near = [s for s in invitations if abs(s - at_s) < 0.6]
        pick, drawn = rng.random(), rng.random(4)
        if near and pick < 0.7:
            at_s = near[int(drawn[0] * len(near))]
        deep = 0.92 + 0.08 * drawn[1] if drawn[2] > 0.10 else 0.5 + 0.3 * drawn[1]
        slow = 0.85 + 0.40 * drawn[3]
        raise_bump(lids, FRAME_HZ, deep, at_s + 0.075 * slow, at_s + 0.110 * slow, 0.075 * slow,
                   0.150 * slow)  # fmt: skip
        gain = float(rate_gain[min(max(int(at_s * FRAME_HZ), 0), frames - 1)])
        mean_s = 60.0 / (style.blinks_per_min * gain)
        at_s += max(0.8, float(rng.gamma(2.2, mean_s / 2.2)))
    return lids
