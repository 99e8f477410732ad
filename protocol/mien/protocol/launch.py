"""A daemon that a client starts for itself. Knows the command and that it must not outlive its
client; refuses to know what the daemon does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mien.protocol.errors import DaemonNotRunningError
from mien.protocol.rundir import open_run_dir

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_FILE = "daemon.log"


class Daemon:
    """A running `mien serve`, in this Python. It ends when this process does, however that ends."""

    def __init__(self, run_dir: Path | None, flags: Sequence[str] = ()) -> None:
        """Starts it, with more flags of `mien serve`; `check` tells whether it still runs."""
        self.directory = open_run_dir(run_dir, create=True)
        command = [sys.executable, "-m", "mien.backend", "serve", "--until-stdin-closes"]
        with (self.directory / LOG_FILE).open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--run-dir", str(self.directory), *flags],
                stdin=subprocess.PIPE,  # its other end closes with this process
                stdout=log,
                stderr=log,
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raises DaemonNotRunningError, with the daemon's last words, when it has ended."""
        if self._process.poll() is not None:
            log = (self.directory / LOG_FILE).read_text("utf-8", "replace").strip()
            words = log.splitlines()[-1] if log else "it said nothing"
            raise DaemonNotRunningError(
                f"the daemon did not start: {words} (is mien[daemon] installed?)"
            )

    def stop(self) -> None:
        """Lets it end by itself, by force if it takes too long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
