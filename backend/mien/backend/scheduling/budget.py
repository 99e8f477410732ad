"""What the stage may take of the machine, and what it takes.

Knows every client's wish (the tightest counts), the process's own meter, and how much of what was
spent the plan does not see: sockets, sound, Python. Also how far the machine can be trusted: when
pictures are late though the plan fits, something else runs here, and the plan gets less. Refuses to
know actors.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from statistics import median

from mien.backend.config import PlanConfig
from mien.protocol.limits import DEFAULT_GAME_FPS

_SECOND_US = 1_000_000
_LEAST_US = 20_000  # between two looks
_SPENT_LOOKS, _UNSEEN_LOOKS = 5, 16  # over so many of which figures are formed


@dataclass(frozen=True)
class Budget:
    """A wish. None: no limit."""

    cpu_fraction: float | None = None  # of all cores
    gpu_ms_per_frame: float | None = None
    game_fps: float | None = None

    @property
    def gpu_us(self) -> float | None:
        """Of the GPU's time in a second."""
        if self.gpu_ms_per_frame is None:
            return None
        return self.gpu_ms_per_frame * 1000.0 * (self.game_fps or DEFAULT_GAME_FPS)


class Budgets:
    """All clients' wishes and the daemon's own. Any thread."""

    def __init__(self, own: Budget) -> None:
        self._own = own
        self._lock = threading.Lock()
        self._wishes: dict[bytes, Budget] = {}

    def wish(self, session: bytes, wish: Budget) -> Budget:
        """What is not None in `wish` replaces what the client wished before. Returns `in_force`."""
        with self._lock:
            given = {name: value for name, value in vars(wish).items() if value is not None}
            self._wishes[session] = replace(self._wishes.get(session, Budget()), **given)
        return self.in_force

    def forget(self, session: bytes) -> None:
        """The client is gone."""
        with self._lock:
            self._wishes.pop(session, None)

    @property
    def in_force(self) -> Budget:
        """The tightest of all."""
        with self._lock:
            every = [self._own, *self._wishes.values()]
        cpu = min((b.cpu_fraction for b in every if b.cpu_fraction is not None), default=None)
        gpu = min((b for b in every if b.gpu_us is not None), key=lambda b: b.gpu_us or 0.0,
                  default=Budget())  # fmt: skip
        return Budget(cpu, gpu.gpu_ms_per_frame, gpu.game_fps)


class Spending:
    """What was spent, in microseconds of work a second. `noted` may be told by any thread."""

    def __init__(self) -> None:
        self.cores = os.cpu_count() or 1
        self._noted_us = 0.0
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """What was spent so far does not count: it went into getting ready."""
        self._unseen: deque[float] = deque(maxlen=_UNSEEN_LOOKS)
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=_SPENT_LOOKS)
        self._looks.append(self._now())

    def noted(self, us: float) -> None:
        """Work that the plan knows of."""
        with self._lock:
            self._noted_us += us

    def _now(self) -> tuple[float, float, float]:
        """Clock, the process's own time, and what of it was noted."""
        return time.monotonic() * 1e6, time.process_time() * 1e6, self._noted_us

    def look(self) -> tuple[float, float]:
        """(all that the process spent lately, what of it the plan does not know of).

        The second is a median: loading a character is over in a moment, and no reason to take
        quality from those on the stage.
        """
        before, now = self._looks[-1], self._now()
        if now[0] - before[0] >= _LEAST_US:
            self._looks.append(now)
            seconds = (now[0] - before[0]) / 1e6
            unseen = (now[1] - before[1] - (now[2] - before[2])) / seconds
            self._unseen.append(max(unseen, 0.0))
        first, last = self._looks[0], self._looks[-1]
        seconds = (last[0] - first[0]) / 1e6
        spent = (last[1] - first[1]) / seconds if seconds else 0.0
        sure = len(self._unseen) >= _UNSEEN_LOOKS // 2
        return spent, median(self._unseen) if sure else 0.0


class GpuSpending:
    """What the GPU spent on pictures, in microseconds of a second. `noted` by any thread."""

    def __init__(self) -> None:
        self._noted_us = 0.0
        self._lock = threading.Lock()
        self._looks: deque[tuple[int, float]] = deque(maxlen=_SPENT_LOOKS)

    def noted(self, us: float) -> None:
        """A batch that was finished."""
        with self._lock:
            self._noted_us += us

    def look(self, at_us: int) -> None:
        """Remembers what was spent until now."""
        if not self._looks or at_us - self._looks[-1][0] >= _LEAST_US:
            self._looks.append((at_us, self._noted_us))

    @property
    def spent_us(self) -> float:
        """Of a second, lately."""
        looks = list(self._looks)
        if len(looks) < 2:
            return 0.0
        (began_us, before_us), (ended_us, after_us) = looks[0], looks[-1]
        return (after_us - before_us) * _SECOND_US / (ended_us - began_us)


class ThreadRoom:
    """How much motion fits on the one thread that moves everybody, in microseconds a second.

    That thread also converts sound, heeds cues and hands pictures on, all of which grows with the
    actors and none of which is in the plan: so what is planned is held against how busy it is.
    """

    def __init__(self, config: PlanConfig) -> None:
        self._config = config
        self._waited_us = 0
        self._since_us: int | None = None
        self.us = config.motion_us

    def waited(self, us: int) -> None:
        """The thread had nothing to do for so long."""
        self._waited_us += us

    def look(self, at_us: int, moved_us: float) -> float:
        """What fits, where motion of `moved_us` a second was planned since the last look."""
        config, since_us = self._config, self._since_us
        self._since_us, waited_us, self._waited_us = at_us, self._waited_us, 0
        if since_us is None or at_us - since_us < _LEAST_US:
            return self.us
        busy = 1.0 - min(waited_us / (at_us - since_us), 1.0)
        if busy > config.most_busy:  # it may be far behind: how far is not seen from here
            self.us = max(self.us * config.room_falls, config.least_motion_us)
        elif moved_us > config.least_motion_us:
            fits_us = config.motion_us * min(moved_us / (busy * 1e6), 1.0)
            self.us += config.room_follows * (fits_us - self.us)
        else:
            self.us += config.room_follows * (config.motion_us - self.us)
        return self.us


class Trust:
    """How much of the capacity there really is, 0..1."""

    def __init__(self, config: PlanConfig) -> None:
        self._config = config
        self.share = 1.0
        self._since_us: int | None = None
        self._shown = self._missed = self._bad_seconds = 0

    def told(self, at_us: int, shown: int, missed: int, used_share: float) -> None:
        """`shown` pictures since the last time, of which `missed` came late or not at all.

        `used_share`: what of the whole capacity was planned for meanwhile.
        """
        config = self._config
        self._since_us = at_us if self._since_us is None else self._since_us
        self._shown += shown
        self._missed += missed
        if at_us - self._since_us < _SECOND_US:
            return
        many = self._missed > config.many_missed * max(self._shown, config.least_shown)
        self._bad_seconds = self._bad_seconds + 1 if many else 0
        if self._bad_seconds >= config.bad_seconds:
            self.share = max(config.least_trust, min(self.share, used_share) * config.trust_falls)
        elif self._missed <= config.few_missed * self._shown:
            self.share = min(1.0, self.share + config.trust_grows)
        self._since_us, self._shown, self._missed = at_us, 0, 0
