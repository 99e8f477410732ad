"""What a generator costs, and what its mouth does when nobody speaks.

Knows clocks and sounds that are no speech. Refuses to judge them by phones.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import (
    F32,
    FRAME_RATE_HZ,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    Controls,
    MotionGenerator,
)
from training.evaluation import lips
from training.evaluation.performing import perform_many

F64 = NDArray[np.float64]
CROWD = 8


def cost(generator: MotionGenerator, audio: F32, seconds: float = 4.0) -> dict[str, float]:
    """What motion costs: processor time of all threads, which is wall time on a core to itself.

    `cpu_ms_per_200ms`: the median step of one actor, scaled to 0.2 s of motion, and beside it the
    wall time, which is longer where others work on the machine too.
    `eight_actors_real_time_factor`: processor time over time for eight in one batch; below 1 one
    core keeps up.
    """
    one, one_wall = _step_s(generator, audio, 1, seconds)
    many, _ = _step_s(generator, audio, CROWD, seconds)
    block_s = generator.block_frames / FRAME_RATE_HZ
    return {
        "cpu_ms_per_200ms": one * 1000 * 0.2 / block_s,
        "wall_ms_per_200ms": one_wall * 1000 * 0.2 / block_s,
        "real_time_factor": one / block_s,
        "eight_actors_real_time_factor": many / block_s,
    }


def _step_s(
    generator: MotionGenerator, audio: F32, lanes: int, seconds: float
) -> tuple[float, float]:
    """Median processor and wall time of a step, after a few that warm up."""
    block = generator.block_frames
    state = generator.new_state(lanes)
    mask = np.ones(lanes, np.bool_)
    wishes = [Controls.neutral(block) for _ in range(lanes)]
    samples = block * HOP_SAMPLES
    count = max(int(seconds * SAMPLE_RATE_HZ / samples), 8)
    sound = np.resize(audio, count * samples).reshape(count, samples)
    taken = []
    for piece in sound:
        heard = np.repeat(piece[None], lanes, 0)
        began = time.process_time(), time.perf_counter()
        generator.step(state, heard, wishes, mask)
        taken.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    worked, passed = np.median(taken[4:], axis=0)
    return float(worked), float(passed)


def noises(seconds: float) -> dict[str, F32]:
    """Sounds without a voice, [N] at 16 kHz each, from a fixed seed."""
    rng = np.random.default_rng(5)
    count = round(seconds * SAMPLE_RATE_HZ)
    hiss = rng.standard_normal(count)
    return {
        "quiet_noise": (0.01 * hiss).astype(np.float32),
        "noise": (0.1 * hiss).astype(np.float32),
        "full_scale_noise": np.clip(hiss, -1, 1).astype(np.float32),
        "dc": np.full(count, 0.5, np.float32),
        "music": _music(rng, count),
    }


def _music(rng: np.random.Generator, count: int) -> F32:
    """Plucked chords, two a second, with harmonics."""
    t = np.arange(count) / SAMPLE_RATE_HZ
    sound = np.zeros(count)
    for start in range(0, count, SAMPLE_RATE_HZ // 2):
        since = t[start:] - t[start]
        root = 110.0 * 2 ** (rng.integers(0, 13) / 12)
        for step in (0, 4, 7):
            pitch_hz = root * 2 ** (step / 12)
            for harmonic in range(1, 6):
                tone = np.sin(2 * np.pi * harmonic * pitch_hz * since)
                sound[start:] += tone * np.exp(-3 * since) / harmonic
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def chatter(generator: MotionGenerator, speech: F32, seconds: float = 10.0) -> dict[str, float]:
    """How fast the mouth moves on sounds that are no voice, relative to speech.

    0 is a mouth that rests. `chatter` is the worst of them without music, which may be song.
    """
    others = noises(seconds)
    sounds = [speech[: round(seconds * SAMPLE_RATE_HZ)], *others.values()]
    motions = perform_many(generator, sounds, list(range(len(sounds))))
    speed = [float(np.abs(np.diff(lips.opening(m.dynamics))).mean()) for m in motions]
    relative = {name: s / max(speed[0], 1e-9) for name, s in zip(others, speed[1:], strict=True)}
    finite = all(np.isfinite(m.dynamics).all() and np.isfinite(m.pose).all() for m in motions)
    return {
        "chatter": max(value for name, value in relative.items() if name != "music"),
        **{f"chatter_{name}": value for name, value in relative.items()},
        "chatter_finite": float(finite),
    }
