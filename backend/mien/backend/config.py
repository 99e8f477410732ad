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
class PlanConfig:
    """When quality goes down and up. Times in microseconds, shares of the capacity."""

    every_us: int = 250_000  # the plan is made anew
    lanes_together: int = 8  # in one batch of motion, so that nobody waits long for another's
    gather_us: int = 20_000  # who is due within this joins a batch that has room
    motion_us: float = 800_000.0  # of a second that the thread which moves everybody may take
    least_motion_us: float = 100_000.0
    most_busy: float = 0.95  # of its time; above, that thread falls behind
    room_falls: float = 0.97  # a plan, then
    room_follows: float = 0.1  # a plan, otherwise
    margin: float = 0.92  # of the budget that is planned for
    room_share: float = 0.85  # what a better rung must fit in
    patience_us: int = 2_000_000  # before a better rung is taken
    next_rung_us: int = 500_000  # until the one after
    hasty_us: int = 5_000_000  # who goes down again within this was too eager
    most_patience_us: int = 60_000_000
    many_missed: float = 0.1  # pictures of a second, late or not drawn: give way
    bad_seconds: int = 2  # of that in a row; one hiccup of the machine costs nothing
    few_missed: float = 0.01  # … and of one in which trust grows again
    least_shown: int = 20
    least_trust: float = 0.35  # below, lateness is hardly our own doing
    trust_falls: float = 0.9
    trust_grows: float = 0.05  # a second
    yields_us: int = 80_000  # how much later the less important count as due


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
    profile: str = "cpu"  # what draws: cpu, gpu
    gpu_fallback: bool = False  # the CPU draws where there is no GPU, or none any more
    motion: MotionChoice = field(default_factory=MotionChoice)
    plan: PlanConfig = field(default_factory=PlanConfig)
    cpu_fraction: float | None = None  # of all cores that the daemon may take
    pacing: PacingConfig = field(default_factory=PacingConfig)
