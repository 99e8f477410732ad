"""The command line: `mien serve | enroll | say | render | doctor | top | bench | eval`.

Knows arguments, and how a problem is put to a person. Refuses to do any work itself: each command
imports what it needs only when it runs, so that `mien --help` answers at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def one_thread_each() -> None:
    """Keep numeric libraries from starting threads of their own; before they are imported.

    Frames are small and made on our own threads: helpers only wait in circles, which cost a core
    and a fifth of the frames where cores are few. Who sets a variable keeps it.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 something mien could not do, 2 bad input."""
    one_thread_each()
    from mien.backend.cli.app import run

    return run(arguments)
