"""What a person asks the stage bench for, checked before anything is started.

Knows the ranges. Refuses to know how it is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.backend.bench.load.plan import ActorWish
from mien.backend.cli.problems import BadInput
from mien.protocol.limits import MAX_DETAIL_PX, MAX_FPS, MIN_DETAIL_PX, MIN_FPS

PROFILES = ("cpu", "gpu")
MOST_ACTORS = 256
LEAST_S, MOST_S = 2.0, 24 * 3600.0
LEAST_SOAK_MIN = 0.1
MOST_LEAD_S = 2.0


@dataclass(frozen=True)
class StageWish:
    """A load: actors alike, for a while. Raises BadInput for what cannot be measured."""

    actors: int = 1
    size_px: int = 512
    fps: float = 25.0
    seconds: float = 60.0
    profile: str | None = None  # None: what the daemon takes by itself
    live: bool = True  # False: lines are sent at once
    lead_s: float = 0.0  # then: how far ahead they may be performed
    spread: bool = False
    pixels: bool = False
    processes: int = 1
    cpu_fraction: float | None = None  # a budget to set
    run_dir: Path | None = None  # of a daemon that runs; None: a private one
    character: Path | None = None  # None: made of the portrait
    portrait: Path | None = None  # None: a shipped one

    def __post_init__(self) -> None:
        _within("--actors", self.actors, 1, MOST_ACTORS)
        _within("--size", self.size_px, MIN_DETAIL_PX, MAX_DETAIL_PX)
        _within("--fps", self.fps, MIN_FPS, MAX_FPS)
        _within("--seconds", self.seconds, LEAST_S, MOST_S)
        _within("--lead", self.lead_s, 0.0, MOST_LEAD_S)
        _within("--processes", self.processes, 1, self.actors)
        if self.cpu_fraction is not None:
            _within("--budget", self.cpu_fraction, 0.01, 1.0)
        if self.lead_s and self.live:
            raise BadInput("--lead goes with --at-once: sound that is spoken live is not known yet")
        if self.profile is not None and self.profile not in PROFILES:
            known = " or ".join(PROFILES)
            raise BadInput(f"--profile is '{self.profile}'; it must be {known}")
        for file in (self.character, self.portrait):
            if file is not None and not file.is_file():
                raise BadInput(f"there is no file '{file}'")

    @property
    def actor(self) -> ActorWish:
        """One of them."""
        return ActorWish(self.size_px, self.fps)


def crowd_size(actors: int) -> int:
    """Raises BadInput for a crowd of one."""
    _within("--crowd", actors, 2, MOST_ACTORS)
    return actors


def soak_seconds(minutes: float) -> float:
    """Raises BadInput for less than can be judged."""
    _within("--soak", minutes, LEAST_SOAK_MIN, MOST_S / 60.0)
    return 60.0 * minutes


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # refuses NaN too
        raise BadInput(f"{what} is {value:g}; it must be {low:g} to {high:g}")
