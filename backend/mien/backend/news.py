"""What an actor's client is told on the data plane.

Knows how frames, happenings, credit and errors become messages of the wire, for one actor's owner.
Refuses to know why. Callable from any thread: everything goes into the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from mien.backend.drawing import Drawn
from mien.backend.line import Line
from mien.backend.outbox import DataOut, Errand, Outbox
from mien.backend.shot import Happening, Shot
from mien.protocol import wire
from mien.protocol.limits import DATA_VERSION

_OVER = (wire.LineEventKind.ENDED, wire.LineEventKind.INTERRUPTED)
_MAX_TEXT = 200


class News:
    """The way to one actor's owner. `line_over(line_id)` is run on the I/O thread."""

    def __init__(
        self,
        outbox: Outbox,
        session: bytes,
        actor_id: int,
        curves: bool,
        frames: bool,
        line_over: Callable[[int], None],
    ) -> None:
        self._outbox = outbox
        self._session = session
        self._actor_id = actor_id
        self._curves = curves
        self._frames = frames
        self._line_over = line_over

    def shown(self, drawn: Drawn) -> None:
        """A frame was made: its doorbell and curves as wanted, and what happened with it."""
        if drawn.error is not None:
            self.error(0, wire.DataErrorCode.INTERNAL, held_message(drawn.error))
        if drawn.frame_id:
            self._ring_bell(drawn)
        self.happened(drawn.shot.happenings)

    def moved(self, shot: Shot) -> None:
        """Motion without a picture: its curves as wanted (frame 0), and what happened with it."""
        if self._curves:
            self._send_curves(shot, 0, int(shot.flags))
        self.happened(shot.happenings)

    def happened(self, happenings: Iterable[Happening]) -> None:
        """Lines began, ended, were interrupted, ran dry."""
        for h in happenings:
            if h.kind in _OVER:
                self._outbox.put(Errand(partial(self._line_over, h.line_id)))
            event = wire.LineEvent(DATA_VERSION, self._actor_id, h.line_id, h.kind, h.pts_us)
            self._send(event)

    def credit(self, line: Line) -> None:
        """How far a line's audio came, and how much more may be sent."""
        next_seq, limit_bytes = line.credit()
        self._send(wire.Credit(DATA_VERSION, self._actor_id, line.line_id, next_seq, limit_bytes))

    def error(
        self, line_id: int, code: wire.DataErrorCode, message: str, next_seq: int = 0
    ) -> None:
        """Something was refused or failed."""
        text = message[:_MAX_TEXT]
        self._send(wire.DataError(DATA_VERSION, self._actor_id, line_id, code, next_seq, text))

    def _ring_bell(self, drawn: Drawn) -> None:
        shot, frame_id, flags = drawn.shot, drawn.frame_id, int(drawn.flags)
        me, line, pts_us = self._actor_id, shot.line_id, shot.pts_us
        if self._frames:
            bell = wire.Doorbell(DATA_VERSION, me, frame_id, drawn.slot, line, pts_us, flags)
            self._outbox.put(DataOut(self._session, bell, losable=True))
        if self._curves:
            self._send_curves(shot, frame_id, flags)

    def _send_curves(self, shot: Shot, frame_id: int, flags: int) -> None:
        values = np.concatenate([shot.dynamics, shot.pose]).astype("<f4").tobytes()
        head = wire.Curves(DATA_VERSION, self._actor_id, frame_id, shot.pts_us, shot.line_id, flags)
        self._outbox.put(DataOut(self._session, head, values, losable=True))

    def _send(self, message: wire.DaemonMessage) -> None:
        self._outbox.put(DataOut(self._session, message))


def held_message(error: Exception) -> str:
    """What a client is told when a model fails on its actor."""
    return f"the actor is held: {type(error).__name__}: {error}"
