"""Audio and levels of detail coming in.

Knows how a data message finds its line or actor, and every way to be wrong; each is answered, none
is fatal. Refuses to know sockets. The I/O thread's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from mien.backend.clock import now_us
from mien.backend.leases import Leases
from mien.backend.outbox import DataOut, Outbox
from mien.backend.performance import Performance
from mien.backend.stage import Stage, StagedActor
from mien.protocol import wire
from mien.protocol.detail import of_header
from mien.protocol.errors import MienError, TooLargeError, UnsupportedVersionError
from mien.protocol.limits import DATA_VERSION

_MAX_TEXT = 200
_NOT_FOUND = wire.DataErrorCode.NOT_FOUND


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
            message, payload = wire.decode_from_client(frames)
        except MienError as error:
            self._refuse(routing, 0, 0, _code(error), error.message)
            return
        if self._leases.find(routing) is None:
            text = "the session is unknown or its lease ran out"
            self._refuse(routing, message.actor, _line(message), _NOT_FOUND, text)
            return
        try:
            actor = self._stage.own(message.actor, routing)
        except MienError as error:
            if not self._stage.left(message.actor, routing):
                self._refuse(routing, message.actor, _line(message), _NOT_FOUND, error.message)
            return
        if isinstance(message, wire.Detail):
            self._heed(actor, message)
        else:
            self._hear(actor, message, payload)

    def _heed(self, actor: StagedActor, message: wire.Detail) -> None:
        """How much of an actor is seen. Of many that wait only the newest is looked at."""
        try:
            detail = of_header(message)
        except MienError as error:
            actor.news.error(0, wire.DataErrorCode.INVALID, error.message)
            return
        waits, actor.detail = actor.detail is not None, detail
        if not waits:
            self._performance.post(lambda: self._pass_on(actor))

    def _pass_on(self, actor: StagedActor) -> None:
        """On the performance thread."""
        detail, actor.detail = actor.detail, None
        if detail is not None:
            self._performance.detail(actor.actor_id, detail)

    def _hear(self, actor: StagedActor, audio: wire.Audio, payload: wire.Payload) -> None:
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


def _line(message: wire.ClientMessage) -> int:
    return message.line if isinstance(message, wire.Audio) else 0


def _code(error: MienError) -> wire.DataErrorCode:
    if isinstance(error, TooLargeError):
        return wire.DataErrorCode.TOO_LARGE
    if isinstance(error, UnsupportedVersionError):
        return wire.DataErrorCode.UNSUPPORTED_VERSION
    return wire.DataErrorCode.INVALID
