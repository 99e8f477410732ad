"""Work that takes long: loading characters, making actors ready, enrolling portraits.

Knows threads and the enrolment process, and how many jobs may wait. Refuses to know sessions and
sockets: results go back through the outbox, to be entered in the tables by the I/O thread.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from mien.backend.enrolling import Job, Outcome, read_framed, write_framed
from mien.protocol.errors import (
    EnrolmentFailedError,
    Face,
    InternalError,
    InvalidArgumentError,
    MienError,
    ResourceExhaustedError,
)

_LOG = logging.getLogger(__name__)
_MAX_WAITING = 64
_MAX_WAITING_ENROLMENTS = 8
_COMMAND = (sys.executable, "-m", "mien.backend.enrolling")


class Bench:
    """One worker thread with a bounded row of jobs before it."""

    def __init__(self, name: str, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"mien-{name}")
        self._waiting = threading.BoundedSemaphore(max_waiting)

    def put(self, job: Callable[[], None]) -> None:
        """Has the job done. Raises ResourceExhaustedError when too many wait."""
        if not self._waiting.acquire(blocking=False):
            raise ResourceExhaustedError("the daemon is busy with earlier requests: try again")
        try:
            self._pool.submit(self._run, job)
        except RuntimeError as error:
            self._waiting.release()
            raise ResourceExhaustedError("the daemon is stopping") from error

    def close(self) -> None:
        """Ends after the job in work; those that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:  # jobs answer for their own errors; this one did not
            _LOG.exception("a job failed")
        finally:
            self._waiting.release()


class Workshop:
    """Two benches, so that seconds of enrolment never delay a spawn."""

    def __init__(self, enrolment_timeout_s: float) -> None:
        self.quick = Bench("load", _MAX_WAITING)
        self.slow = Bench("enrol", _MAX_WAITING_ENROLMENTS)
        self._timeout_s = enrolment_timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._closing = False

    def close(self) -> None:
        """Ends all work; an enrolment under way is given up."""
        self._closing = True
        child = self._child
        if child is not None:
            child.kill()
        self.quick.close()
        self.slow.close()

    def enrol(self, job: Job) -> bytes:
        """The character's file. Raises EnrolmentFailedError or another MienError. Takes seconds."""
        outcome = self._ask_child(job)
        if outcome.data is not None:
            return outcome.data
        if not outcome.code:
            raise InvalidArgumentError(outcome.message)
        faces = [
            Face(f.number, f.x_px, f.y_px, f.width_px, f.height_px, 1.0) for f in outcome.faces
        ]
        raise EnrolmentFailedError(outcome.message, outcome.code, faces)

    def _ask_child(self, job: Job) -> Outcome:
        if self._closing:
            raise ResourceExhaustedError("the daemon is stopping")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is the daemon's to handle
            ) as child,
        ):
            self._child = child
            timer = threading.Timer(self._timeout_s, child.kill)
            timer.start()
            try:
                return self._exchange(child, job)
            except (OSError, EOFError, msgspec.MsgspecError) as error:
                child.kill()
                child.wait()
                raise self._failure(child.returncode, log.fileno()) from error
            finally:
                timer.cancel()
                timer.join()
                self._child = None

    @staticmethod
    def _exchange(child: subprocess.Popen[bytes], job: Job) -> Outcome:
        assert child.stdin is not None and child.stdout is not None
        write_framed(child.stdin, msgspec.msgpack.encode(job))  # type: ignore[arg-type]
        return msgspec.msgpack.decode(read_framed(child.stdout), type=Outcome)  # type: ignore[arg-type]

    @staticmethod
    def _failure(status: int, log_fd: int) -> MienError:
        size = os.lseek(log_fd, 0, os.SEEK_END)
        os.lseek(log_fd, max(size - 2000, 0), os.SEEK_SET)
        words = os.read(log_fd, 2000).decode("utf-8", "replace")
        _LOG.error("enrolment ended with %d: %s", status, words)
        return InternalError("enrolling failed or took too long; the daemon's log has more")
