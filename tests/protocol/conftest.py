"""What several tests of the protocol need: a run directory, and a peer in a process of its own."""

from __future__ import annotations

import contextlib
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


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mp-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A run directory with a short path, since socket addresses are short."""
    with short_directory() as path:
        yield path


class PeerProcess:
    """A running peer or daemon."""

    def __init__(self, program: Path, directory: Path, *options: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen([sys.executable, str(program), str(directory), *options])
        deadline = time.monotonic() + 20
        while True:
            found = rundir.read_endpoints(directory)
            if found is not None and found.pid == self.process.pid:
                self.endpoints = found
                return
            assert self.process.poll() is None, "it did not start"
            assert time.monotonic() < deadline, "it starts too slowly"
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def line(self, line_id: int = 1) -> bytes:
        return (self.directory / f"line-{line_id}.pcm").read_bytes()


@contextlib.contextmanager
def processes(directory: Path) -> Iterator[Callable[..., PeerProcess]]:
    started: list[PeerProcess] = []

    def start(program: Path, *options: str) -> PeerProcess:
        started.append(PeerProcess(program, directory, *options))
        return started[-1]

    yield start
    for peer in started:
        if peer.process.poll() is None:
            peer.process.kill()
            peer.process.wait()
        if sys.platform == "linux":
            for left in Path("/dev/shm").glob(f"mien-{peer.endpoints.server_id[:8]}-*"):
                left.unlink(missing_ok=True)


@pytest.fixture
def start_process(run_dir: Path) -> Iterator[Callable[..., PeerProcess]]:
    """Starts daemons or peers in `run_dir`; whatever is left of them is taken away."""
    with processes(run_dir) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared() -> Iterator[Callable[..., PeerProcess]]:
    """The same for a process that all tests of a module use and none of them harms."""
    with short_directory() as directory, processes(directory) as start:
        yield start


@pytest.fixture
def start_peer(start_process: Callable[..., PeerProcess]) -> Callable[..., PeerProcess]:
    """Starts `peer.py` with its options."""
    return lambda *options: start_process(PEER, *options)


@pytest.fixture(scope="module")
def shared_peer(start_shared: Callable[..., PeerProcess]) -> PeerProcess:
    """A peer for tests that leave it as it is."""
    return start_shared(PEER)
