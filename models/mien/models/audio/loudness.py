"""How loud sound is.

Knows levels in dB relative to full scale. Refuses to change anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
SILENCE_DBFS = -120.0


def level_dbfs(samples: F32) -> float:
    """Return the level of [n] samples: a full-scale sine is -3 dB, nothing at all is -120."""
    if not len(samples):
        return SILENCE_DBFS
    power = float(np.mean(np.square(np.nan_to_num(samples.astype(np.float64)))))
    return max(10.0 * float(np.log10(power + 1e-12)), SILENCE_DBFS)


def peak_dbfs(samples: F32) -> float:
    """Return the level of the largest sample."""
    peak = float(np.max(np.abs(np.nan_to_num(samples)), initial=0.0))
    return max(20.0 * float(np.log10(peak + 1e-6)), SILENCE_DBFS)


def loudness_dbfs(samples: F32, rate_hz: int) -> float:
    """Return the level of the loud parts of [n] samples: speech without its pauses.

    Blocks of 400 ms gated 10 dB below their mean, as in EBU R 128 but without its weighting.
    """
    block = max(int(0.4 * rate_hz), 1)
    clean = np.nan_to_num(samples.astype(np.float64))
    starts = range(0, max(len(clean) - block // 2, 1), max(block // 4, 1))
    powers = np.array([np.mean(clean[s : s + block] ** 2) for s in starts if len(clean)])
    powers = powers[powers > 1e-7]  # -70 dB
    if not len(powers):
        return level_dbfs(samples)
    gated = powers[powers >= 0.1 * powers.mean()]
    return float(10.0 * np.log10(gated.mean()))


def is_silent(samples: F32, threshold_dbfs: float = -70.0) -> bool:
    """Return whether nothing in [n] samples rises above the threshold."""
    return peak_dbfs(samples) < threshold_dbfs
