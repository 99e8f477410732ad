"""How an actor's quality goes down, rung by rung, and what each rung means.

Knows the order: fewer denoising steps, a lower rate of pictures, smaller pictures, motion only, the
last picture held. Refuses to know when to go down: that is the plan's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from mien.backend.scheduling.costs import SIZES_PX
from mien.protocol import control_pb2 as pb

RATE_DIVISORS = (2, 3)  # of the wished rate
LEAST_FPS = 8.0  # no rung but the last that draws goes below: a large slide show helps nobody
LAST_DIVISOR, LAST_FPS = 5, 5.0  # of that one, once pictures are as small as they get
BLOCK_FPS = 25.0  # of motion


@dataclass(frozen=True)
class Rung:
    """What an actor gets."""

    kind: pb.Rung
    steps: int  # of denoising; 0 where there is nothing to denoise
    fps: float  # of pictures; 0: none
    size_px: int

    @property
    def draws(self) -> bool:
        """Whether there are pictures."""
        return self.fps > 0.0

    @property
    def moves(self) -> bool:
        """Whether there is motion."""
        return self.kind != pb.RUNG_HELD


@dataclass(frozen=True)
class Wish:
    """What the game asks for, as far as it decides about cost."""

    size_px: int  # one of SIZES_PX
    fps: float
    visible: bool = True
    shrinks: bool = True  # the client can show pictures smaller than its ring


@cache
def ladder_of(wish: Wish, full_steps: int | None) -> tuple[Rung, ...]:
    """The rungs of an actor, best first; the last two draw nothing.

    Who is not seen has one rung only, with as little motion as there is.
    """
    fewest = 1 if full_steps else 0
    if not wish.visible:
        hidden = Rung(pb.RUNG_FULL, fewest, 0.0, wish.size_px)
        return hidden, replace(hidden, kind=pb.RUNG_HELD)
    rung = Rung(pb.RUNG_FULL, full_steps or 0, wish.fps, wish.size_px)
    rungs = [rung]
    while rung.steps > 1:
        rung = replace(rung, kind=pb.RUNG_FEWER_STEPS, steps=rung.steps // 2)
        rungs.append(rung)
    for divisor in RATE_DIVISORS:
        if wish.fps / divisor >= LEAST_FPS:
            rung = replace(rung, kind=pb.RUNG_LOWER_RATE, fps=wish.fps / divisor)
            rungs.append(rung)
    smaller = [size for size in SIZES_PX if size < wish.size_px] if wish.shrinks else []
    for size in reversed(smaller):
        rung = replace(rung, kind=pb.RUNG_SMALLER, size_px=size)
        rungs.append(rung)
    if LAST_FPS <= wish.fps / LAST_DIVISOR < rung.fps:
        rung = replace(rung, fps=wish.fps / LAST_DIVISOR)
        rungs.append(rung)
    rungs.append(replace(rung, kind=pb.RUNG_MOTION_ONLY, fps=0.0))
    rungs.append(replace(rung, kind=pb.RUNG_HELD, fps=0.0))
    return tuple(rungs)
