"""Whether a process is still there. Knows how each system is asked; refuses to send signals."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes

    def pid_alive(pid: int) -> bool:
        """Whether `pid` is a running process (after the documentation; not run here)."""
        # os.kill(pid, 0) would end the process on Windows.
        query_limited, still_active = 0x1000, 259
        handle = ctypes.windll.kernel32.OpenProcess(query_limited, False, pid & 0xFFFFFFFF)
        if not handle:
            return False
        try:
            code = ctypes.c_ulong()
            ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
            return code.value == still_active
        finally:
            ctypes.windll.kernel32.CloseHandle(handle)

else:

    def pid_alive(pid: int) -> bool:
        """Whether `pid` is a running process; one that ended and was not yet reaped is not."""
        if pid <= 0:
            return False
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (ProcessLookupError, OverflowError):
            return False
        return not _is_zombie(pid)

    def _is_zombie(pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return False  # no /proc on this system
        return status.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
