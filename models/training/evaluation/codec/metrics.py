"""Figures of one picture against another, and of a few in a row.

Knows pixels. Refuses to know faces. Pictures are uint8 [H, W, 3]; NaN means: nothing to measure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

BEST_DB = 60.0  # what equal pictures score, so that a mean stays a number
LEAST_INSIDE_PX = 60  # of a mouth, below which nothing is said of its sharpness
BLUR_PX, FLICKER_PX = 1.5, 12.0
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def squared_error(one: U8, other: U8) -> float:
    """Mean squared difference of all channels, in squared grey levels."""
    if one.size == 0:
        return math.nan
    return float(((one.astype(np.float32) - other.astype(np.float32)) ** 2).mean())


def decibels(error: float) -> float:
    """Peak signal to noise of a squared error, at most `BEST_DB`."""
    if math.isnan(error):
        return math.nan
    return min(BEST_DB, 10.0 * math.log10(255.0**2 / max(error, 1e-12)))


def psnr(one: U8, other: U8) -> float:
    """Peak signal to noise, dB."""
    return decibels(squared_error(one, other))


def grey(picture: U8) -> F32:
    """Luma, 0..255."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def ssim_map(one: U8, other: U8) -> F32:
    """Structural similarity of luma at every pixel (Wang et al. 2004; Gaussian of 1.5 px)."""
    a, b = grey(one), grey(other)

    def mean(x: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), BLUR_PX), np.float32)

    at, bt = mean(a), mean(b)
    aa, bb, ab = mean(a * a) - at * at, mean(b * b) - bt * bt, mean(a * b) - at * bt
    alike = (2 * at * bt + _C1) * (2 * ab + _C2)
    return np.asarray(alike / ((at * at + bt * bt + _C1) * (aa + bb + _C2)), np.float32)


def gradient_energy(picture: U8, inside: Mask) -> float:
    """Sum of squared luma gradients (central differences) over a mask [H, W]."""
    along, across = np.gradient(grey(picture))
    return float((along**2 + across**2)[inside].sum())


def sharpness(energies: Sequence[tuple[float, float]]) -> float:
    """Gradient energies (shown, true) of many frames as one ratio: the median frame's.

    A few mouths of much contrast would rule a ratio of sums, and a few dark ones a mean.
    """
    ratios = [shown / true for shown, true in energies if true > 0]
    return float(np.median(ratios)) if ratios else math.nan


def pooled_sharpness(energies: Sequence[tuple[float, float]]) -> float:
    """The same as the ratio of sums over all frames."""
    true = sum(pair[1] for pair in energies)
    return sum(pair[0] for pair in energies) / true if true > 0 else math.nan


def flicker(shown: Sequence[U8], true: Sequence[U8], within: tuple[slice, slice]) -> float:
    """How much frames tremble beyond what the truth does, in grey levels.

    The second difference over time leaves what is not steady motion. Its energy, averaged over a
    neighbourhood (Gaussian of `FLICKER_PX`, so that an edge may stand a little elsewhere), may be
    as large as in the truth; the rest counts (rms). A picture that stands still does not flicker,
    whatever the truth does.
    """
    excess = []
    for k in range(1, len(shown) - 1):
        beyond = _tremble(shown, k) - _tremble(true, k)
        excess.append(float(np.maximum(beyond, 0.0)[within].mean()))
    return math.sqrt(sum(excess) / len(excess)) if excess else math.nan


def _tremble(frames: Sequence[U8], k: int) -> F32:
    before, now, after = (grey(frame) for frame in frames[k - 1 : k + 2])
    return np.asarray(
        cv2.GaussianBlur((before - 2 * now + after) ** 2, (0, 0), FLICKER_PX), np.float32
    )


def correlation(one: F32 | F64, other: F32 | F64) -> float:
    """Pearson's r; 0 where one of them does not move, NaN where the other does not."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(a) < 3 or a.std() < 1e-9:
        return math.nan
    if b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def mean(values: Sequence[float]) -> float:
    """Mean of those that are numbers; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
