"""A generator process: a plan comes on standard input, `Ready` and `Done` go to standard output.

The speaking begins with a second line on standard input, and ends with a third before its time.
When standard input closes it is over at once: no generator outlives its starter.
"""

from __future__ import annotations

import sys
import threading

import msgspec

from mien.backend.bench.load.generator import run_plan
from mien.backend.bench.load.plan import Done, LoadPlan, Ready


class Pipe:
    """Orders by standard input."""

    def __init__(self) -> None:
        self._go, self._enough = threading.Event(), threading.Event()
        self._wanted = False
        threading.Thread(target=self._listen, daemon=True).start()

    def ready(self, ready: Ready) -> None:
        """See `Orders`."""
        say(ready)

    def wait_go(self) -> bool:
        """See `Orders`."""
        self._go.wait()
        return self._wanted

    def enough(self) -> bool:
        """See `Orders`."""
        return self._enough.is_set()

    def _listen(self) -> None:
        self._wanted = bool(sys.stdin.buffer.readline())
        self._go.set()
        sys.stdin.buffer.readline()
        self._enough.set()


def say(message: Ready | Done) -> None:
    """One line of JSON."""
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """One plan."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=LoadPlan)
    say(run_plan(plan, Pipe()))


if __name__ == "__main__":
    main()
