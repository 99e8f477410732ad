"""Daemons in processes of their own, with models small enough to see through."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # helpers are imported by name, as the daemon's process does

from cuda_pair import Pair  # noqa: E402

from mien.protocol.client import Client  # noqa: E402
from mien.protocol.rundir import read_endpoints  # noqa: E402

SHARED_MEMORY = Path("/dev/shm")


class DaemonProcess:
    """`options` are fields of DaemonConfig."""

    def __init__(self, run_dir, options, environment=None, limit_file_bytes=None):
        self.run_dir = run_dir
        arguments = json.dumps({"run_dir": str(run_dir), **options})
        self.log = run_dir.parent / f"{run_dir.name}.log"
        command = [sys.executable, str(HERE / "serve_tiny.py"), arguments]
        if limit_file_bytes:
            command.append(str(limit_file_bytes))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stderr=log, env={**os.environ, **(environment or {})}
            )
        self.endpoints = self._wait()

    def _wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            found = read_endpoints(self.run_dir) if self.run_dir.exists() else None
            if found is not None and found.pid == self.process.pid:
                return found
            time.sleep(0.01)
        raise AssertionError(f"the daemon did not start:\n{self.words}")

    @property
    def words(self):
        return self.log.read_text(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    def segments(self):
        return sorted(p.name for p in SHARED_MEMORY.glob(f"mien-{self.endpoints.server_id[:8]}-*"))

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def run_dir():
    # Not tmp_path: the address of a UNIX socket holds about a hundred bytes.
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    yield directory / "run"
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def start_daemon(run_dir):
    started = []

    def start(*, environment=None, limit_file_bytes=None, **options):
        options = {"models": "tiny_models:TinyModels", "frame_px": 64, **options}
        daemon = DaemonProcess(run_dir, options, environment, limit_file_bytes)
        started.append(daemon)
        return daemon

    yield start
    for daemon in started:
        daemon.stop(signal.SIGKILL)
        for name in daemon.segments():
            (SHARED_MEMORY / name).unlink()


@pytest.fixture
def daemon(start_daemon):
    return start_daemon()


@pytest.fixture
def client(daemon):
    with Client.connect(daemon.run_dir, name="test") as client:
        yield client


@pytest.fixture
def pair(monkeypatch):
    """Two processes with a ring on a GPU between them; nothing undefined, nothing left."""
    made = Pair(monkeypatch)
    yield made
    made.leave()
    assert made.machine.undefined == []
    if made.producer.alive:
        assert made.producer.left() == {}
