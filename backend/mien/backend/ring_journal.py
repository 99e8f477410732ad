"""Which segments this daemon made: so that the next one can remove them if it was killed.

Knows one small file in the run directory, a name a line, written before each segment is made.
Refuses to remove anything while the daemon that wrote it may live: whoever calls `sweep` holds the
run directory's lock.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from mien.protocol import shm
from mien.protocol.errors import RingError

_LOG = logging.getLogger(__name__)
FILE_NAME = "rings"
_KEPT_GONE = 64  # names that may still be on their way out
_MANY_GONE = 512


class RingJournal:
    """The file."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE_NAME
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}  # in order
        self._gone: list[str] = []

    def add(self, name: str) -> None:
        """A segment of this name will be made."""
        with self._lock:
            self._names[name] = None
            with self._path.open("a", encoding="ascii") as file:
                file.write(f"{name}\n")

    def forget(self, name: str) -> None:
        """The segment is gone, or will be in a moment. The file is shortened now and then."""
        with self._lock:
            self._gone.append(name)
            if len(self._gone) < _MANY_GONE:
                return
            for old in self._gone[:-_KEPT_GONE]:
                self._names.pop(old, None)
            self._gone = self._gone[-_KEPT_GONE:]
            fresh = self._path.with_suffix(".new")
            fresh.write_text("".join(f"{kept}\n" for kept in self._names), encoding="ascii")
            fresh.replace(self._path)

    def sweep(self) -> list[str]:
        """Removes every noted segment, and the note. Returns those that were still there."""
        try:
            names = self._path.read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return []
        removed = [name for name in names if self._remove(name)]
        self._path.unlink(missing_ok=True)
        return removed

    @staticmethod
    def _remove(name: str) -> bool:
        try:
            return shm.unlink(name)
        except RingError as error:
            _LOG.warning("stale ring left alone: %s", error.message)
            return False
