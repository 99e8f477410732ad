"""The command line: `mien serve | enroll | say | render | doctor | top | bench`.

Knows arguments, and how a problem is put to a person. Refuses to do any work itself: each command
imports what it needs only when it runs, so that `mien --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 something mien could not do, 2 bad input."""
    from mien.backend.cli.app import run

    return run(arguments)
