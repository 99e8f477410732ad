"""A daemon in a process and run directory of its own, for as long as a command needs one.

Knows when it is ready, how it ends, and what it may have left behind. Refuses to know what is
performed in it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mien.protocol import CharacterRef, Client, DaemonNotRunningError, RequestTimeoutError
from mien.protocol.launch import START_TIMEOUT_S, Daemon
from mien.protocol.processes import pid_alive
from mien.protocol.rundir import Endpoints, read_endpoints

SHARED_MEMORY = Path("/dev/shm")
PATIENCE = 12  # requests of ten seconds each


def load_patiently(client: Client, file: Path) -> CharacterRef:
    """Load a character into a daemon that may still be compiling its kernels, once per machine."""
    for _ in range(PATIENCE):
        try:
            return client.load(file)
        except RequestTimeoutError:
            print("mien: the daemon is still getting ready; waiting for it", file=sys.stderr)
    return client.load(file)


def motion_flags(motion: str | None, steps: int | None, guidance: str | None) -> tuple[str, ...]:
    """The flags of `mien serve` that choose its motion; empty where all is as usual.

    Raises BadInput, here rather than in the daemon.
    """
    from mien.backend.cli.wishes import motion_choice

    motion_choice(motion, steps, guidance)
    given = {"--motion": motion, "--steps": steps, "--guidance": guidance}
    return tuple(f"{flag}={value}" for flag, value in given.items() if value is not None)


class PrivateDaemon:
    """`with PrivateDaemon() as daemon:` a running daemon; afterwards there is none.

    `flags` are `mien serve`'s.
    """

    def __init__(self, flags: Sequence[str] = ()) -> None:
        self._flags = flags
        self._daemon: Daemon | None = None
        self.run_dir = Path()
        self.endpoints: Endpoints | None = None

    def __enter__(self) -> PrivateDaemon:
        # A short path: the addresses of UNIX sockets hold about a hundred bytes.
        self.run_dir = Path(tempfile.mkdtemp(prefix="mien-"))
        try:
            self._daemon = Daemon(self.run_dir, self._flags)
            self.endpoints = self._wait(self._daemon)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The daemon's process; 0 before it was started."""
        return self._daemon.pid if self._daemon else 0

    def stop(self) -> None:
        """End the daemon and remove its directory."""
        if self._daemon is not None:
            self._daemon.stop()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def leftovers(self) -> list[str]:
        """What is still there of a daemon that should be gone; empty is what one wants."""
        found = []
        if self.pid and pid_alive(self.pid):
            found.append(f"process {self.pid}")
        if self.endpoints is not None and SHARED_MEMORY.is_dir():
            mine = SHARED_MEMORY.glob(f"mien-{self.endpoints.server_id[:8]}-*")
            found += [f"shared memory {path.name}" for path in mine]
        if self.run_dir.exists():
            found.append(f"directory {self.run_dir}")
        return found

    def _wait(self, daemon: Daemon) -> Endpoints:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            daemon.check()
            found = read_endpoints(self.run_dir)
            if found is not None and found.pid == daemon.pid:
                return found
            time.sleep(0.02)
        raise DaemonNotRunningError("the daemon did not answer in time")
