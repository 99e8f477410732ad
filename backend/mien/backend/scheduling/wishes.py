"""From what the game tells of an actor to what the plan works with.

Knows which size of picture a share of the screen needs, and how to keep a wish that flickers from
becoming work that flickers. Refuses to know costs.
"""

from __future__ import annotations

from mien.backend.scheduling.costs import SIZES_PX
from mien.backend.scheduling.rungs import Wish
from mien.protocol.detail import Detail

SCREEN_PX = 1080  # lines of the screen that a coverage of 1 is taken to mean
USUAL_FPS = 25.0
_SHRINKS_BELOW = 0.9  # of the next smaller size, so that a face that walks to and fro keeps its own


def wish_of(detail: Detail, most_px: int, shrinks: bool, now_px: int | None = None) -> Wish:
    """What to plan for. `most_px`: the ring's; `now_px`: the size that was wished for before."""
    fps = round(detail.fps, 1) if detail.fps else USUAL_FPS
    return Wish(
        _size(detail, most_px, now_px) if shrinks else most_px, fps, detail.visible, shrinks
    )


def _size(detail: Detail, most_px: int, now_px: int | None) -> int:
    allowed = [size for size in SIZES_PX if size <= most_px] or [most_px]
    if detail.size_px:
        return _next_up(detail.size_px, allowed)
    if detail.coverage is None:
        return allowed[-1]
    wanted = detail.coverage * SCREEN_PX
    size = _next_up(wanted, allowed)
    if now_px in allowed and size < now_px:
        return min(_next_up(wanted / _SHRINKS_BELOW, allowed), now_px)
    return size


def _next_up(px: float, allowed: list[int]) -> int:
    return next((size for size in allowed if size >= px), allowed[-1])
