"""One daemon in a run directory.

Knows a lock file that the system frees with the process that held it, however that ended. Refuses
to trust a process id in a file: it only serves the message.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mien.protocol.errors import MienError

FILE_NAME = "daemon.lock"


class AlreadyRunningError(MienError):
    """Another daemon serves in this run directory."""

    def __init__(self, run_dir: Path, pid: str) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"a daemon serves in {run_dir} already ({who}): stop it, or choose another "
            "run directory with MIEN_RUN_DIR"
        )


class RunLock:
    """Held from construction to `release`. Raises AlreadyRunningError."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE_NAME
        while True:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            if not _try_lock(self._fd):
                pid = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() if _POSIX else ""
                os.close(self._fd)
                raise AlreadyRunningError(run_dir, pid)
            if self._is_current():
                break
            os.close(self._fd)  # its holder removed the file while we waited for it
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode("ascii"))

    def release(self) -> None:
        """Lets the next daemon in, and takes the file away. Harmless when repeated."""
        if self._fd < 0:
            return
        if _POSIX:
            self._path.unlink(missing_ok=True)  # while it is still ours
        os.close(self._fd)
        self._fd = -1
        if not _POSIX:
            self._path.unlink(missing_ok=True)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            return False


_POSIX = sys.platform != "win32"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        """Not run here."""
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
