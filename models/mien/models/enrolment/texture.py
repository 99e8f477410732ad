"""Bricks go on behind a head: completes a picture's middle frequencies by its own patches.

Every pixel that is asked for looks for the place in the known picture whose surroundings fit its
own, from coarse to fine, and takes the mean of what the found patches say (Wexler, Shechtman and
Irani 2007, searched as in Barnes et al. 2009, PatchMatch). Knows signals around zero; what is
large and slow in a picture has to be taken off before. The same input gives the same output.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

RADIUS = 3  # of a patch, px at every level
LEVELS = 3
ROUNDS = (8, 4, 1)  # of searching and voting, coarse to fine
PASSES = 2
FAITH = 0.93  # a pixel counts this much less for every px that it lies inside the gap
FIRMNESS = 0.4  # votes count by exp(−cost / (FIRMNESS · typical cost))
MIN_SOURCES = 200  # patches that a level needs to choose from


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _cost(
    signal: F32, faith: F32, whole: Any, ty: int, tx: int, sy: int, sx: int, radius: int,
    best: Any,
) -> Any:  # fmt: skip # pragma: no cover - compiled
    """The mean squared difference of two patches, `best` or more once it cannot be less."""
    height, width, channels = signal.shape
    total, weight = np.float32(0.0), np.float32(0.0)
    for dy in range(-radius, radius + 1):
        y = ty + dy
        if y < 0 or y >= height:
            continue
        for dx in range(-radius, radius + 1):
            x = tx + dx
            if x < 0 or x >= width:
                continue
            w = faith[y, x]
            if w <= 0.0:
                continue
            for k in range(channels):
                d = signal[y, x, k] - signal[sy + dy, sx + dx, k]
                total += w * d * d
            weight += w
        if dy == 0 and total > best * whole:
            return best
    if weight <= 0.0:
        return best
    return total / weight


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _search(
    signal: F32, faith: F32, places: I32, sources: U8, field: I32, cost: F32, radius: int, seed: int
) -> None:  # pragma: no cover - compiled
    """Improve `field` [H, W, 2] (row, column of the best source) at `places` [N, 2], in place."""
    height, width = sources.shape
    state = np.uint32(seed)
    for p in range(PASSES):
        forward = p % 2 == 0
        count = places.shape[0]
        step = -1 if forward else 1
        for n in range(count):
            i = n if forward else count - 1 - n
            ty, tx = places[i, 0], places[i, 1]
            by, bx = field[ty, tx, 0], field[ty, tx, 1]
            whole = np.float32(0.0)
            for y in range(max(ty - radius, 0), min(ty + radius + 1, height)):
                for x in range(max(tx - radius, 0), min(tx + radius + 1, width)):
                    whole += faith[y, x]
            best = _cost(signal, faith, whole, ty, tx, by, bx, radius, np.float32(1e30))
            for axis in range(2):
                ny = ty + (step if axis == 0 else 0)
                nx = tx + (step if axis == 1 else 0)
                if ny < 0 or nx < 0 or ny >= height or nx >= width or field[ny, nx, 0] < 0:
                    continue
                sy, sx = field[ny, nx, 0] + ty - ny, field[ny, nx, 1] + tx - nx
                if sy < 0 or sx < 0 or sy >= height or sx >= width or sources[sy, sx] == 0:
                    continue
                found = _cost(signal, faith, whole, ty, tx, sy, sx, radius, best)
                if found < best:
                    best, by, bx = found, sy, sx
            reach = max(height, width)
            while reach >= 1:
                state = state * np.uint32(1664525) + np.uint32(1013904223)
                ry = int(state >> np.uint32(8)) % (2 * reach + 1) - reach
                state = state * np.uint32(1664525) + np.uint32(1013904223)
                rx = int(state >> np.uint32(8)) % (2 * reach + 1) - reach
                sy, sx = by + ry, bx + rx
                reach //= 2
                if sy < 0 or sx < 0 or sy >= height or sx >= width or sources[sy, sx] == 0:
                    continue
                found = _cost(signal, faith, whole, ty, tx, sy, sx, radius, best)
                if found < best:
                    best, by, bx = found, sy, sx
            field[ty, tx, 0], field[ty, tx, 1], cost[ty, tx] = by, bx, best


@njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def _vote(
    signal: F32, faith: F32, wanted: I32, field: I32, cost: F32, radius: int, typical: float,
    out: F32,
) -> None:  # fmt: skip # pragma: no cover - compiled
    height, width, channels = signal.shape
    for n in range(wanted.shape[0]):
        y, x = wanted[n, 0], wanted[n, 1]
        total = np.float32(0.0)
        for k in range(channels):
            out[y, x, k] = 0.0
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                qy, qx = y + dy, x + dx
                if qy < 0 or qx < 0 or qy >= height or qx >= width or field[qy, qx, 0] < 0:
                    continue
                w = faith[qy, qx] * np.exp(-cost[qy, qx] / typical) + np.float32(1e-6)
                sy, sx = field[qy, qx, 0] - dy, field[qy, qx, 1] - dx
                for k in range(channels):
                    out[y, x, k] += w * signal[sy, sx, k]
                total += w
        for k in range(channels):
            out[y, x, k] /= max(total, np.float32(1e-9))


def _halved(signal: F32, known: U8, wanted: U8) -> tuple[F32, U8, U8]:
    size = (signal.shape[1] // 2, signal.shape[0] // 2)
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(signal * known[..., None], size, interpolation=cv2.INTER_AREA)
    small = np.asarray(sums / np.maximum(share, 1e-6)[..., None], np.float32)
    sure = (share > 0.99).astype(np.uint8)
    want = cv2.resize(wanted.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return small, sure, (want & (sure == 0)).astype(np.uint8)


def complete(signal: F32, known: U8, wanted: U8, seed: int = 7) -> F32:
    """`signal` [H, W, C] completed where `wanted` [H, W] is 1, from where `known` [H, W] is 1.

    Zero where neither is. Returns zeros for what is wanted where too little is known.
    """
    wanted = (wanted * (1 - known)).astype(np.uint8)
    stack = [(np.asarray(signal * known[..., None], np.float32), known, wanted)]
    for _ in range(LEVELS - 1):
        stack.append(_halved(*stack[-1]))
    kernel = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
    guess: F32 | None = None
    field: I32 | None = None
    for level, (values, sure, want) in enumerate(reversed(stack)):
        values = values.copy()
        sources = cv2.erode(sure, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        if sources.sum() < MIN_SOURCES or not want.any():
            guess, field = None, None
            continue
        here = want > 0
        values[here] = 0.0
        if guess is not None:
            size = (values.shape[1], values.shape[0])
            values[here] = cv2.resize(guess, size, interpolation=cv2.INTER_LINEAR)[here]
        faith = _faith(sure, want)
        around = (cv2.dilate(want, kernel) > 0) & ((sure > 0) | here)
        field = _field(field, sources, around, seed)
        cost = np.zeros(sure.shape, np.float32)
        places = np.argwhere(around).astype(np.int32)
        spots = np.argwhere(here).astype(np.int32)
        for turn in range(ROUNDS[min(level, len(ROUNDS) - 1)]):
            _search(values, faith, places, sources, field, cost, RADIUS, seed + 31 * turn + level)
            typical = FIRMNESS * float(np.percentile(cost[around], 75)) + 1e-3
            voted = values.copy()
            _vote(values, faith, spots, field, cost, RADIUS, typical, voted)
            values = voted
        guess = values
    if guess is None:
        return np.asarray(signal * known[..., None], np.float32)
    return np.asarray(guess * ((known | wanted) > 0)[..., None], np.float32)


def _faith(sure: U8, want: U8) -> F32:
    inside = cv2.distanceTransform(1 - sure, cv2.DIST_L2, 3)
    faith = np.where(sure > 0, 1.0, np.where(want > 0, FAITH**inside, 0.0))
    return np.asarray(faith, np.float32)


def _field(coarse: I32 | None, sources: U8, around: NDArray[np.bool_], seed: int) -> I32:
    """Where to begin: the coarser level's finds, chance where there are none; −1 elsewhere."""
    random = np.random.default_rng(seed)
    height, width = sources.shape
    all_sources = np.argwhere(sources > 0).astype(np.int32)
    field = all_sources[random.integers(0, len(all_sources), (height, width))]
    if coarse is not None:
        rows, columns = np.mgrid[0:height, 0:width]
        found = coarse[np.minimum(rows // 2, coarse.shape[0] - 1),
                       np.minimum(columns // 2, coarse.shape[1] - 1)]  # fmt: skip
        at = 2 * found + np.stack([rows % 2, columns % 2], -1)
        inside = (found[..., 0] >= 0) & (at[..., 0] < height) & (at[..., 1] < width)
        at = np.where(inside[..., None], at, 0)
        good = inside & (sources[at[..., 0], at[..., 1]] > 0)
        field = np.where(good[..., None], at, field)
    return np.ascontiguousarray(np.where(around[..., None], field, -1), np.int32)
