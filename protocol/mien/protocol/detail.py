"""How much of an actor the game shows, and how much it matters: its level of detail.

Knows what may be wished for and the two shapes in which a wish travels: inside SpawnActor, and as a
`wire.Detail` of its own for every game frame. Refuses to know what the daemon makes of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mien.protocol import control_pb2 as pb
from mien.protocol import wire
from mien.protocol.errors import InvalidArgumentError
from mien.protocol.limits import (
    DATA_VERSION,
    MAX_DETAIL_PX,
    MAX_DISTANCE_M,
    MAX_FPS,
    MAX_PRIORITY,
    MIN_DETAIL_PX,
    MIN_FPS,
)


@dataclass(frozen=True)
class Detail:
    """A wish. The defaults are all that the daemon has: 512 px, 25 pictures a second, in sight.

    Raises InvalidArgumentError for what is out of range.
    """

    size_px: int = 0  # of the picture, 128..512; 0: what `coverage` asks for
    coverage: float | None = None  # 0..1 of a screen's height that the picture takes; None: all
    fps: float = 0.0  # pictures a second, 12..120; 0: 25
    priority: int = 0  # -100..100; who has less gives way first
    visible: bool = True  # False: motion goes on cheaply, nothing is drawn
    distance_m: float = 0.0  # to the camera; among equals the farther gives way first

    def __post_init__(self) -> None:
        if self.size_px:
            _within("size_px", self.size_px, MIN_DETAIL_PX, MAX_DETAIL_PX, "or 0")
        if self.coverage is not None:
            _within("coverage", self.coverage, 0.0, 1.0)
        if self.fps:
            _within("fps", self.fps, MIN_FPS, MAX_FPS, "or 0")
        _within("priority", self.priority, -MAX_PRIORITY, MAX_PRIORITY)
        _within("distance_m", self.distance_m, 0.0, MAX_DISTANCE_M)

    @property
    def message(self) -> pb.Detail:
        """As SpawnActor carries it."""
        return pb.Detail(
            size_px=self.size_px,
            coverage=self.coverage,
            fps=self.fps,
            priority=self.priority,
            hidden=not self.visible,
            distance_m=self.distance_m,
        )

    def header(self, actor_id: int) -> wire.Detail:
        """As the data plane carries it."""
        coverage = -1.0 if self.coverage is None else self.coverage
        flags = 0 if self.visible else int(wire.DetailFlag.HIDDEN)
        return wire.Detail(
            DATA_VERSION, actor_id, self.size_px, coverage, self.fps, self.priority, flags,
            self.distance_m,
        )  # fmt: skip


def of_message(message: pb.Detail) -> Detail:
    """From SpawnActor. Raises InvalidArgumentError."""
    coverage = message.coverage if message.HasField("coverage") else None
    return Detail(
        message.size_px,
        coverage,
        message.fps,
        message.priority,
        not message.hidden,
        message.distance_m,
    )


def of_header(header: wire.Detail) -> Detail:
    """From the data plane. A coverage below 0 is none. Raises InvalidArgumentError."""
    coverage = None if header.coverage < 0.0 else header.coverage
    visible = not header.flags & wire.DetailFlag.HIDDEN
    return Detail(header.size_px, coverage, header.fps, header.priority, visible, header.distance_m)


def _within(what: str, value: float, low: float, high: float, beside: str = "") -> None:
    if not low <= value <= high or not math.isfinite(value):  # the first refuses NaN too
        allowed = f"{low:g} to {high:g} {beside}".rstrip()
        raise InvalidArgumentError(f"detail: {what} is {value}; it must be {allowed}")
