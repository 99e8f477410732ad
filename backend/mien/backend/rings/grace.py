"""Memory that outlives its ring for a while, since a reader may still have it open.

Knows deadlines: what is kept is freed when its grace time is over, never before, even when the
daemon stops. CUDA leaves undefined what happens when memory is freed that another process has open,
so nothing is freed early because room is wanted: then making another ring is refused. Refuses to
know what it frees.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mien.protocol.errors import ResourceExhaustedError

_LOG = logging.getLogger(__name__)
MOST_KEPT = 256


@dataclass(frozen=True)
class _Kept:
    due_s: float
    free: Callable[[], None]


class Grace:
    """What is kept. Any thread; one of its own frees, and is there only while it is needed."""

    def __init__(
        self,
        grace_s: float,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.grace_s = grace_s
        self._most = most
        self._clock = clock
        self._kept: deque[_Kept] = deque()  # all have the same grace, so the first is due first
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def check_room(self) -> None:
        """Raises ResourceExhaustedError while as much is kept as may be."""
        if len(self._kept) >= self._most:
            raise ResourceExhaustedError(
                f"{len(self._kept)} closed rings wait for their readers to let go: try again in "
                f"{self.grace_s:g} s"
            )

    def keep(self, free: Callable[[], None]) -> None:
        """Has `free` called when the grace time is over."""
        with self._changed:
            self._kept.append(_Kept(self._clock() + self.grace_s, free))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mien-grace", daemon=True)
                self._thread.start()

    def sweep(self) -> None:
        """Frees what is due."""
        while True:
            with self._changed:
                if not self._kept or self._kept[0].due_s > self._clock():
                    return
                kept = self._kept.popleft()
                self._changed.notify_all()
            try:
                kept.free()
            except Exception:  # one that cannot be freed must not keep the others
                _LOG.exception("memory of a closed ring could not be freed")

    def close(self) -> None:
        """Waits until everything kept was freed: a grace time at most."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            self.sweep()
            with self._changed:
                if not self._kept:
                    self._thread = None
                    return
                self._changed.wait(max(self._kept[0].due_s - self._clock(), 0.001))
