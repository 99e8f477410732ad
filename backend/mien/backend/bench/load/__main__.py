"""A generator process: a plan comes on standard input, `Ready` and `Done` go to standard output.

The speaking begins with a second line on standard input; when that closes instead, nothing is said.
"""

from __future__ import annotations

import sys

import msgspec

from mien.backend.bench.load.generator import run_plan
from mien.backend.bench.load.plan import Done, LoadPlan, Ready


def _say(message: Ready | Done) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """One plan."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=LoadPlan)
    _say(run_plan(plan, _say, lambda: bool(sys.stdin.buffer.readline())))


if __name__ == "__main__":
    main()
