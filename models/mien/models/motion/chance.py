"""Chance without memory: every draw is a function of (seed, stream, count).

Knows how to hash counters to numbers, and smooth noise over time made of them. Refuses to keep
any state: the same seed gives the same draw whenever and in whatever batch it is asked for.
The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.lanes import F64, I64, U64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))
_SPLINE_SPREAD = 0.66  # of a cubic B-spline through unit normal numbers


def _mix(x: U64) -> U64:
    x = (x ^ (x >> _S30)) * _MIX_A
    x = (x ^ (x >> _S27)) * _MIX_B
    return x ^ (x >> _S31)


def _hash(seed: U64, stream: NDArray[np.int64], count: I64) -> F64:
    """Return numbers in (0, 1), shaped like the three broadcast together (arrays, not scalars)."""
    key = _mix(seed + _GOLDEN * (stream + 1).astype(np.uint64))
    bits = _mix(key + _GOLDEN * count.astype(np.uint64))
    return np.asarray(((bits >> _S11).astype(np.float64) + 0.5) * 2.0**-53)


def draws(seed: U64, stream: int, count: I64, number: int) -> F64:
    """Return `number` uniform draws in (0, 1) for the `count`-th event [L] of a stream, [L, n]."""
    return _hash(seed[:, None], stream + np.arange(number), count[:, None])


def normal(first: F64, second: F64) -> F64:
    """Turn two uniform draws into a standard normal one (Box and Muller 1958)."""
    return np.asarray(np.sqrt(-2.0 * np.log(first)) * np.cos(2 * np.pi * second))


def gamma2(first: F64, second: F64) -> F64:
    """Turn two uniform draws into a gamma one, shape 2, mean 1: a wait that is rarely short."""
    return np.asarray(-0.5 * np.log(first * second))


def drift(seed: U64, streams: NDArray[np.int64], frame: I64, period_frames: F64) -> F64:
    """Return smooth noise over time, [L, K]: unit variance or so, curvature continuous.

    `streams` [K] and `period_frames` [K] belong together. A cubic B-spline through normal numbers
    on a lattice of `period_frames`, at a phase of its own.
    """
    seeds = seed[:, None, None]
    pairs = 2 * streams[None, :, None]  # every stream of noise hashes two streams of draws
    phase = _hash(seed[:, None], 2 * streams[None], np.full_like(frame, -1)[:, None])
    place = frame[:, None] / period_frames + 7.0 * phase  # [L, K]
    cell = np.floor(place)
    lattice = cell.astype(np.int64)[..., None] + np.arange(4)
    u = place - cell
    weights = np.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=-1
    )
    knots = normal(_hash(seeds, pairs, lattice), _hash(seeds, pairs + 1, lattice))
    return np.asarray((weights * knots).sum(-1) / (6.0 * _SPLINE_SPREAD))
