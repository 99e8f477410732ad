"""What can be set about a daemon, with defaults that work.

Knows values only. Refuses to read the environment or files: that happens at the entry point.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mien.backend.motion import MotionChoice
from mien.protocol import limits

FRAME_US = 40_000  # 25 Hz, the rate of the motion models


def _decode_threads() -> int:
    # Two at least: until an actor is known to be slow, it must leave a thread to the others.
    return max(2, (os.cpu_count() or 2) // 2)


@dataclass(frozen=True)
class PacingConfig:
    """When frames are made. All times in microseconds of the monotonic clock."""

    grid_us: int = 5_000  # actors tick on multiples of this, so that their steps can be batched
    jitter_us: int = 2_000  # a line begins this much after its first frame's audio is there
    grace_us: int = 12_000  # a frame waits this long for late audio before it counts as underrun
    min_gap_us: int = 16_000  # between two frames of one actor, when a line's start moves its tick
    max_catch_up_frames: int = 25  # motion steps made up for in one tick after a stall
    hold_retry_us: int = 1_000_000  # an actor in trouble tries again this often


@dataclass(frozen=True)
class StepsConfig:
    """When the diffusion source takes fewer denoising steps. Shares are of one core's time."""

    window_us: int = 1_000_000  # looked back over
    most_share: float = 0.6  # going into motion: more is too much, since frames must be drawn too
    some_share: float = 0.25  # from here on late motion is motion's own fault
    late_blocks: int = 3  # in a window, ready later than `late_us` after their frame was due
    late_us: int = 20_000
    room_share: float = 0.4  # what more steps may come to, by what fewer take
    patience_us: int = 3_000_000  # before more steps are tried again; doubled when that was hasty
    most_patience_us: int = 60_000_000


@dataclass(frozen=True)
class DaemonConfig:
    """One daemon. `tcp` is None for `ipc://` in the run directory, else "[HOST:]PORT"."""

    run_dir: Path | None = None
    tcp: str | None = None
    ring: str = "auto"  # or the name of one ring kind, then nothing else is offered
    ring_grace_s: float = 2.0  # memory on a GPU outlives its ring by this, for its reader's sake
    frame_px: int = 512
    ring_slots: int = 8
    lease_ms: int = limits.DEFAULT_LEASE_MS
    max_actors: int = 64
    max_characters_per_session: int = 64
    max_lines_per_actor: int = limits.DEFAULT_LINES_PER_ACTOR
    line_window_bytes: int = limits.DEFAULT_CREDIT_BYTES  # audio of one line that may wait
    max_sessions: int = 256
    decode_threads: int = field(default_factory=_decode_threads)
    enrolment_timeout_s: float = 120.0
    models: str = "mien.backend.modelset:RealModels"  # module:class of what performs
    motion: MotionChoice = field(default_factory=MotionChoice)
    steps: StepsConfig = field(default_factory=StepsConfig)
    pacing: PacingConfig = field(default_factory=PacingConfig)
