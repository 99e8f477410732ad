"""What a load did and saw: every line with when its sound left, every frame with when it came.

Knows its own file format (npz). Refuses to judge: `account` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
FRAME = np.dtype(
    [(name, np.int64) for name in
     ("actor", "frame", "line", "pts_us", "flags", "width_px", "written_us", "rung_us")]
)  # fmt: skip
LINE = np.dtype(
    [(name, np.int64) for name in ("actor", "line", "samples", "rate_hz", "first", "pieces")]
)
ACTOR = np.dtype(
    [
        ("actor", np.int64),
        ("size_px", np.int64),
        ("fps", np.float64),
        ("priority", np.int64),
        ("asked_us", np.int64),  # SpawnActor left
        ("first_us", np.int64),  # its first frame was in the ring; 0: none came
    ]
)


@dataclass(frozen=True, eq=False)
class Recording:
    """All times are those of the machine's monotonic clock, which both sides share."""

    actors: NDArray[np.void]  # ACTOR, in order of spawning; `actor` is the daemon's id
    lines: NDArray[np.void]  # LINE; `first` and `pieces` are a stretch of `sent_us`
    sent_us: I64  # when each piece of 40 ms had left
    frames: NDArray[np.void]  # FRAME; written_us 0: overwritten before it was looked at

    def save(self, path: Path) -> None:
        """As .npz."""
        np.savez(
            path, actors=self.actors, lines=self.lines, sent_us=self.sent_us, frames=self.frames
        )

    @classmethod
    def load(cls, path: Path) -> Recording:
        """What `save` wrote."""
        with np.load(path) as found:
            return cls(found["actors"], found["lines"], found["sent_us"], found["frames"])


def joined(recordings: Iterable[Recording]) -> Recording:
    """Several generators' as one."""
    every = list(recordings)
    lines, offset = [], 0
    for recording in every:
        moved = recording.lines.copy()
        moved["first"] += offset
        offset += len(recording.sent_us)
        lines.append(moved)
    return Recording(
        np.concatenate([r.actors for r in every]),
        np.concatenate(lines),
        np.concatenate([r.sent_us for r in every]),
        np.concatenate([r.frames for r in every]),
    )
