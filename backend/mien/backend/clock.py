"""The daemon's one clock.

Knows monotonic microseconds. Refuses to know the time of day: lines have their own clocks.
"""

from __future__ import annotations

import time


def now_us() -> int:
    """Monotonic time in microseconds, the same clock in every process of this machine."""
    return time.monotonic_ns() // 1000


def ceil_to(time_us: int, step_us: int) -> int:
    """The first multiple of `step_us` that is not before `time_us`."""
    return -(-time_us // step_us) * step_us


def round_to(time_us: int, step_us: int) -> int:
    """The multiple of `step_us` that is nearest to `time_us`."""
    return (time_us + step_us // 2) // step_us * step_us
