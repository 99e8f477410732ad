"""`mien serve`: the daemon in the foreground."""

from __future__ import annotations

import logging
import sys
import threading

from mien.backend.cli.problems import BadInput
from mien.backend.config import DaemonConfig
from mien.backend.daemon import Daemon
from mien.protocol.limits import MIN_CPU_FRACTION


def run(config: DaemonConfig, *, until_stdin_closes: bool) -> None:
    """Serve until a signal, a client or the end of standard input says stop."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="mien: %(message)s", force=True
    )
    daemon = Daemon(config)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, args=(daemon,), daemon=True).start()
    daemon.run()


def checked_share(cpu_fraction: float | None) -> float | None:
    """A share of the machine that makes sense. Raises BadInput."""
    if cpu_fraction is not None and not MIN_CPU_FRACTION <= cpu_fraction <= 1.0:
        raise BadInput(
            f"--cpu-fraction is {cpu_fraction}; it is a share of all cores, {MIN_CPU_FRACTION} to 1"
        )
    return cpu_fraction


def _stop_at_end_of_input(daemon: Daemon) -> None:
    """The other end of the pipe closes with the process that started us, however that ends."""
    while sys.stdin.buffer.read(4096):
        pass
    daemon.ask_to_stop()
