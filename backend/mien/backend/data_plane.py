"""Audio coming in.

Knows how a data message finds its line, and every way to be wrong; each is answered, none is fatal.
Refuses to know sockets. The I/O thread's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from mien.backend.clock import now_us
from mien.backend.leases import Leases
from mien.backend.outbox import DataOut, Outbox
from mien.backend.performance import Performance
from mien.backend.stage import Stage
from mien.protocol import wire
from mien.protocol.errors import MienError, TooLargeError, UnsupportedVersionError
from mien.protocol.limits import DATA_VERSION

_MAX_TEXT = 200


class DataPlane:
    """Takes what clients send on the data socket."""

    def __init__(
        self, outbox: Outbox, leases: Leases, stage: Stage, performance: Performance
    ) -> None:
        self._outbox = outbox
        self._leases = leases
        self._stage = stage
        self._performance = performance

    def handle(self, routing: bytes, frames: Sequence[bytes]) -> None:
        """One message, without the routing id. Answers if something is wrong."""
        try:
            audio, payload = wire.decode_from_client(frames)
        except MienError as error:
            self._refuse(routing, 0, 0, _code(error), error.message)
            return
        if self._leases.find(routing) is None:
            text = "the session is unknown or its lease ran out"
            self._refuse(routing, audio.actor, audio.line, wire.DataErrorCode.NOT_FOUND, text)
            return
        try:
            actor = self._stage.own(audio.actor, routing)
        except MienError as error:
            if not self._stage.left(audio.actor, routing):
                code = wire.DataErrorCode.NOT_FOUND
                self._refuse(routing, audio.actor, audio.line, code, error.message)
            return
        line = actor.lines.get(audio.line)
        if line is None:
            if audio.line > actor.last_line_id:
                text = f"actor {audio.actor} has no line {audio.line}: send Say first"
                actor.news.error(audio.line, wire.DataErrorCode.NOT_FOUND, text)
            return  # the rest of a line that is over
        verdict = line.append(audio, bytes(payload), now_us())
        if verdict.refused is not None:
            actor.news.error(line.line_id, verdict.refused, verdict.message, line.next_seq)
        elif verdict.credit:
            actor.news.credit(line)
        if line.waiting:
            self._performance.heard(audio.actor)

    def _refuse(
        self, routing: bytes, actor: int, line: int, code: wire.DataErrorCode, text: str
    ) -> None:
        error = wire.DataError(DATA_VERSION, actor, line, code, 0, text[:_MAX_TEXT])
        self._outbox.put(DataOut(routing, error, losable=True))


def _code(error: MienError) -> wire.DataErrorCode:
    if isinstance(error, TooLargeError):
        return wire.DataErrorCode.TOO_LARGE
    if isinstance(error, UnsupportedVersionError):
        return wire.DataErrorCode.UNSUPPORTED_VERSION
    return wire.DataErrorCode.INVALID
