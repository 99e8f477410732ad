"""A generator process, seen by the one who started it.

Knows how it is started, told to begin, waited for and ended. Refuses to know daemons and figures.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType

import msgspec

from mien.backend.bench.load.plan import Done, LoadPlan, Ready
from mien.backend.bench.load.recording import Recording

_READY_S = 180.0  # a daemon may compile its kernels meanwhile
_END_S = 60.0  # beyond the speech
_WORDS = 2000


class LoadError(Exception):
    """The load could not be made, or broke off; the message says why."""


class GeneratorProcess:
    """`with GeneratorProcess(plan) as generator:`; it ends when its starter does."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self._said: Queue[bytes] = Queue()
        self._words = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mien.backend.bench.load"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._readers = [
            threading.Thread(target=target, daemon=True)
            for target in (self._read, self._read_words)
        ]
        for reader in self._readers:
            reader.start()
        self._tell(msgspec.json.encode(plan))

    def __enter__(self) -> GeneratorProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wait_ready(self) -> Ready:
        """The actors stand on the stage. Raises LoadError."""
        said = self._next(_READY_S)
        if b'"problem"' in said:
            raise LoadError(msgspec.json.decode(said, type=Done).problem)
        ready = msgspec.json.decode(said, type=Ready)
        if not ready.spawned:
            raise LoadError("nobody got a place on the stage: " + "; ".join(ready.refused[:1]))
        return ready

    def go(self) -> None:
        """The speaking begins now."""
        self._tell(b"go")

    def stop(self) -> None:
        """Enough was said; `wait_done` follows."""
        self._tell(b"enough")

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def over(self) -> bool:
        """Whether it has said its last word, or ended without."""
        return not self._said.empty()

    def wait_done(self) -> tuple[Done, Recording]:
        """What it did and saw. Raises LoadError."""
        done = msgspec.json.decode(self._next(self.plan.seconds + _END_S), type=Done)
        if done.problem:
            raise LoadError(done.problem)
        return done, Recording.load(Path(self.plan.rows))

    def close(self) -> None:
        """Ends it, whatever it is at."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(5.0)

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words are on their way

    def _next(self, timeout_s: float) -> bytes:
        try:
            said = self._said.get(timeout=timeout_s)
        except Empty:
            raise LoadError(f"the load generator said nothing for {timeout_s:.0f} s") from None
        if not said:
            self._process.wait(5.0)
            words = self._words.decode(errors="replace").strip().splitlines()
            raise LoadError(
                f"the load generator ended: {words[-1] if words else 'no reason given'}"
            )
        return said

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self._said.put(line)
        self._said.put(b"")

    def _read_words(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr:
            for line in self._process.stderr:
                self._words = (self._words + line)[-_WORDS:]
