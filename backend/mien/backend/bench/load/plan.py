"""What one generator process is to do, as it travels to it: one line of JSON.

Knows actors, sound and times. Refuses to know the daemon's process and what the figures will be.
"""

from __future__ import annotations

import msgspec

CHUNK_US = 40_000  # of sound, sent at once


class ActorWish(msgspec.Struct, frozen=True):
    """One actor of the load."""

    size_px: int = 512
    fps: float = 25.0
    priority: int = 0


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A generator's whole task. Paths are absolute."""

    run_dir: str  # of the daemon
    character: str  # a file that the daemon can read
    speech: str  # WAV, mono, 16 bit
    rows: str  # .npz to write what was seen into
    actors: list[ActorWish]
    seconds: float  # of speech of each, pauses included
    live: bool = True  # in pieces of 40 ms as a voice makes them; False: every line at once
    lead_s: float = 0.0  # of lines sent at once: how far ahead they may be performed
    line_s: float = 0.0  # lines no longer than this; 0: one line all the time
    pause_s: float = 0.4  # between two lines
    spread: bool = False  # the actors' pieces leave evenly spread over 40 ms, else together
    pixels: bool = False  # copy every frame out of its ring, as an engine does
    first_seed: int = 0


class Ready(msgspec.Struct, frozen=True):
    """Said once: the actors that got a place stand on the stage, their first lines are open."""

    spawned: int
    refused: list[str]  # why others got none


class Done(msgspec.Struct, frozen=True):
    """Said last, when `rows` was written; or with the problem that ended it all early."""

    cpu_s: float = 0.0  # of this process, from the first sound to the last
    wall_s: float = 0.0
    lag_p99_ms: float = 0.0  # how late pieces of sound left
    underruns: int = 0  # as the daemon told: sound that came too late for it
    problem: str = ""
