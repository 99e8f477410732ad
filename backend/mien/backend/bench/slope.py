"""Whether something grows: a straight line through samples, with a confidence interval.

Knows least squares and Student's t. Samples that follow each other closely are alike, so that each
says little that is new: they are averaged in blocks first, and the interval is of the blocks'
means. Refuses to know what was sampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCKS = 16
LEAST_SAMPLES = 6
_Z_975 = 1.959964


@dataclass(frozen=True)
class Slope:
    """What y gains for each x, with 95 % of confidence between `low` and `high`."""

    per_x: float
    low: float
    high: float
    blocks: int

    def verdict(self, most: float) -> str:
        """flat: no more than `most`; grows: surely more than nothing; undecided: look for longer.

        `most` is what growth, if any, must stay below to be none.
        """
        if self.high <= most:
            return "flat"
        return "grows" if self.low > 0.0 else "undecided"


def slope(x: Sequence[float], y: Sequence[float], blocks: int = BLOCKS) -> Slope:
    """Raises ValueError for too few samples."""
    if len(x) != len(y) or len(x) < LEAST_SAMPLES:
        raise ValueError(f"a slope needs {LEAST_SAMPLES} samples or more, not {len(x)}")
    count = min(blocks, len(x))
    xs, ys = (
        np.array([part.mean() for part in np.array_split(np.asarray(v, np.float64), count)])
        for v in (x, y)
    )
    centred = xs - xs.mean()
    spread = float(centred @ centred)
    if spread == 0.0:
        raise ValueError("a slope needs samples at different places")
    per_x = float(centred @ (ys - ys.mean())) / spread
    rest = ys - ys.mean() - per_x * centred
    error = math.sqrt(float(rest @ rest) / (count - 2) / spread)
    reach = t_975(count - 2) * error
    return Slope(per_x, per_x - reach, per_x + reach, count)


def t_975(freedom: int) -> float:
    """Student's t that 97.5 % lie below; Cornish-Fisher's expansion, to 0.5 % from 4 on.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z, n = _Z_975, float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n ** (k + 1) for k, term in enumerate(terms))
