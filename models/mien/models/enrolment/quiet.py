"""Silence for libraries that write to the process's standard error on their own.

Knows that MediaPipe's native log ignores every setting until its first graph has run. Refuses to
hide anything of mien's own: it is used only around loading.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment. Does nothing where there is none."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _LOCK:
        try:
            sys.stderr.flush()
            kept = os.dup(2)
        except (OSError, AttributeError, ValueError):
            yield
            return
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
