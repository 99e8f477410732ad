"""`mien serve`: the daemon in the foreground."""

from __future__ import annotations

import logging
import sys
import threading

from mien.backend.config import DaemonConfig
from mien.backend.daemon import Daemon


def run(config: DaemonConfig, *, until_stdin_closes: bool) -> None:
    """Serve until a signal, a client or the end of standard input says stop."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="mien: %(message)s", force=True
    )
    daemon = Daemon(config)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, args=(daemon,), daemon=True).start()
    daemon.run()


def _stop_at_end_of_input(daemon: Daemon) -> None:
    """The other end of the pipe closes with the process that started us, however that ends."""
    while sys.stdin.buffer.read(4096):
        pass
    daemon.ask_to_stop()
