"""The daemon: what is started, in which order, and how nothing is left behind.

Knows the life of one daemon in one run directory: the lock, what a killed one before it left, the
threads, endpoints.json, signals. Refuses to know any request.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from mien.backend.casting import Casting
from mien.backend.config import DaemonConfig
from mien.backend.control_plane import ControlPlane, Identity
from mien.backend.data_plane import DataPlane
from mien.backend.gateway import Gateway
from mien.backend.leases import Leases
from mien.backend.lock import RunLock
from mien.backend.modelset import make_models
from mien.backend.outbox import Outbox
from mien.backend.performance import Performance
from mien.backend.ring_journal import RingJournal
from mien.backend.rings import RingChooser
from mien.backend.sockets import Sockets
from mien.backend.stage import Stage
from mien.protocol.errors import MienError
from mien.protocol.rundir import (
    CONTROL_SOCKET,
    DATA_SOCKET,
    Endpoints,
    new_server_id,
    open_run_dir,
    remove_endpoints,
    write_endpoints,
)

_LOG = logging.getLogger(__name__)


class Daemon:
    """`start()`, then `serve_forever()` or `wait()`, then `stop()`. Or all of it: `run()`."""

    def __init__(self, config: DaemonConfig | None = None) -> None:
        """Touches nothing yet.

        Raises InvalidArgumentError for a ring that is not to be had, GpuLostError where frames are
        to be drawn on a GPU that is not.
        """
        config = config or DaemonConfig()
        if sys.platform == "win32" and config.tcp is None:
            config = _with_tcp(config)  # no ipc sockets there
        self.config = config
        self._rings = RingChooser(config.ring, grace_s=config.ring_grace_s)
        self._models = make_models(config.models, config.profile, config.gpu_fallback)
        self._asked_to_stop = threading.Event()
        self._endpoints: Endpoints | None = None
        self._running = False

    @property
    def endpoints(self) -> Endpoints:
        """Where it serves, once started."""
        if self._endpoints is None:
            raise MienError("the daemon was not started")
        return self._endpoints

    def start(self) -> None:
        """Serves when it returns; models are still being loaded.

        Raises AlreadyRunningError, RunDirectoryError or another MienError, and leaves nothing then.
        """
        self._run_dir = open_run_dir(self.config.run_dir, create=True)
        self._lock = RunLock(self._run_dir)
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        self._running = True
        _LOG.info("serving at %s", self.endpoints.control)

    def serve_forever(self) -> None:
        """Returns when a client or a signal asked the daemon to stop, after stopping it."""
        with self._signals_caught():
            try:
                self.wait()
            finally:
                self.stop()

    def run(self) -> None:
        """`start` and `serve_forever`; no signal in between can leave files behind."""
        with self._signals_caught():
            self.start()
            self.serve_forever()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the daemon is asked to stop; False when `timeout_s` passed before."""
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        # In pieces: on Windows a wait without an end would keep Ctrl-C from being seen.
        while not self._asked_to_stop.is_set():
            left_s = 1.0 if end_s is None else min(end_s - time.monotonic(), 1.0)
            if left_s <= 0:
                return False
            self._asked_to_stop.wait(left_s if sys.platform == "win32" or end_s else None)
        return True

    def ask_to_stop(self) -> None:
        """From any thread or a signal."""
        self._asked_to_stop.set()

    def stop(self) -> None:
        """Stops and leaves no segment, socket, process or file. Harmless when repeated."""
        if not self._running:
            return
        self._running = False
        self._asked_to_stop.set()
        remove_endpoints(self._run_dir)
        self._gateway.stop()
        self._casting.close()
        self._performance.stop()
        self._gateway.flush()
        self._stage.close()
        self._rings.close()
        self._sockets.close()
        self._outbox.close()
        self._journal.sweep()
        for name in (CONTROL_SOCKET, DATA_SOCKET):
            (self._run_dir / name).unlink(missing_ok=True)
        self._lock.release()
        _LOG.info("stopped")

    def _open(self) -> None:
        self._journal = RingJournal(self._run_dir)
        for name in self._journal.sweep():
            _LOG.warning("removed %s, left by a daemon that was killed", name)
        self._sockets = Sockets(self._run_dir, self.config.tcp)
        server_id, epoch = new_server_id(), time.time_ns() // 1000
        self._wire_up(server_id, epoch)
        control, data = self._sockets.endpoints
        self._endpoints = Endpoints(
            pid=os.getpid(),
            server_id=server_id,
            epoch=epoch,
            control=control,
            data=data,
            curve_public_key=self._sockets.public_key,
        )
        self._performance.start()
        self._gateway.start()
        write_endpoints(self._run_dir, self._endpoints)

    def _wire_up(self, server_id: str, epoch: int) -> None:
        config = self.config
        models = self._models
        self._outbox = Outbox()
        self._performance = Performance(models, config)
        leases = Leases(config.lease_ms, config.max_sessions)
        self._stage = Stage(self._performance, models, self._journal, config)
        self._casting = Casting(
            server_id,
            epoch,
            config,
            models,
            self._outbox,
            leases,
            self._stage,
            self._performance,
            self._rings,
            self._journal,
        )
        control_plane = ControlPlane(
            Identity(server_id, epoch, models),
            config,
            self._outbox,
            leases,
            self._stage,
            self._casting,
            self._performance,
            self._rings,
            self.ask_to_stop,
        )
        data_plane = DataPlane(self._outbox, leases, self._stage, self._performance)
        self._gateway = Gateway(self._sockets, self._outbox, leases, control_plane, data_plane)

    @contextlib.contextmanager
    def _signals_caught(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self.ask_to_stop()

        names = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not there on Windows
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {number: signal.signal(number, handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _with_tcp(config: DaemonConfig) -> DaemonConfig:
    from dataclasses import replace

    return replace(config, tcp="")
