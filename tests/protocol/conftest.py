"""What several tests of the protocol need: a run directory, and a peer in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mien.protocol import rundir

PEER = Path(__file__).with_name("peer.py")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A run directory with a short path, since socket addresses are short."""
    path = Path(tempfile.mkdtemp(prefix="mp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class PeerProcess:
    """A running peer."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen([sys.executable, str(PEER), str(directory), *options])
        deadline = time.monotonic() + 20
        while True:
            found = rundir.read_endpoints(directory)
            if found is not None and found.pid == self.process.pid:
                self.endpoints = found
                return
            assert self.process.poll() is None, "the peer did not start"
            assert time.monotonic() < deadline, "the peer is too slow"
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def line(self, line_id: int = 1) -> bytes:
        return (self.directory / f"line-{line_id}.pcm").read_bytes()


@pytest.fixture
def start_peer(run_dir: Path) -> Iterator[Callable[..., PeerProcess]]:
    """Starts peers in `run_dir`; whatever is left of them is taken away."""
    started: list[PeerProcess] = []

    def start(*options: str) -> PeerProcess:
        started.append(PeerProcess(run_dir, *options))
        return started[-1]

    yield start
    for peer in started:
        if peer.process.poll() is None:
            peer.process.kill()
            peer.process.wait()
        if sys.platform == "linux":
            for left in Path("/dev/shm").glob(f"mien-{peer.endpoints.server_id[:8]}-*"):
                left.unlink(missing_ok=True)
