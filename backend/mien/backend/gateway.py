"""The I/O thread: between the sockets and everything else.

Knows the loop: wait for messages, for the outbox and for the next lease to run out; hand in, send
out. It owns the sockets, and the tables of sessions and actors are touched here alone. Refuses to
know what messages mean. Never waits for a client: what cannot be sent is lost, as SPEC.md says.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import zmq

from mien.backend.clock import now_us
from mien.backend.control_plane import ControlPlane
from mien.backend.data_plane import DataPlane
from mien.backend.leases import Leases
from mien.backend.outbox import Answer, DataOut, Errand, Outbox, Outgoing
from mien.backend.sockets import Sockets, receive, send
from mien.protocol import control, wire

_LOG = logging.getLogger(__name__)
_BATCH = 64  # messages taken from one socket before the other has its turn


class Gateway:
    """Runs in a thread of its own from `start` to `stop`."""

    def __init__(
        self,
        sockets: Sockets,
        outbox: Outbox,
        leases: Leases,
        control_plane: ControlPlane,
        data_plane: DataPlane,
    ) -> None:
        self._sockets = sockets
        self._outbox = outbox
        self._leases = leases
        self._control_plane = control_plane
        self._data_plane = data_plane
        self._stopping = False
        self.undelivered = 0
        self._thread = threading.Thread(target=self._run, name="mien-io", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Sends what waits and ends the thread."""
        self._stopping = True
        self._outbox.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)

    def flush(self) -> None:
        """Sends and does everything that is in the outbox."""
        for item in self._outbox.take_all():
            try:
                self._do(item)
            except Exception:  # one message must not cost the others
                _LOG.exception("an outgoing message failed")

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._sockets.control, zmq.POLLIN)
        poller.register(self._sockets.data, zmq.POLLIN)
        poller.register(self._outbox.waker.fileno(), zmq.POLLIN)
        if self._sockets.zap is not None:
            poller.register(self._sockets.zap, zmq.POLLIN)
        while not self._stopping:
            try:
                self._turn(dict(poller.poll(self._timeout_ms())))
            except Exception:  # a fault of ours must not leave all clients alone
                _LOG.exception("a turn of the I/O thread failed")
        self.flush()

    def _turn(self, ready: Mapping[object, int]) -> None:
        if self._sockets.zap in ready:
            self._sockets.answer_zap()
        if self._sockets.control in ready:
            self._take_control()
        if self._sockets.data in ready:
            self._take_data()
        self._control_plane.expire()
        self.flush()

    def _timeout_ms(self) -> int | None:
        expiry_us = self._leases.next_expiry_us()
        return None if expiry_us is None else max(expiry_us - now_us(), 0) // 1000 + 1

    def _take_control(self) -> None:
        for _ in range(_BATCH):
            message = receive(self._sockets.control)
            if message is None:
                return
            if len(message.frames) == 1:
                self._control_plane.handle(message.routing, message.frames[0], message.local)

    def _take_data(self) -> None:
        for _ in range(_BATCH):
            message = receive(self._sockets.data)
            if message is None:
                return
            self._data_plane.handle(message.routing, message.frames)

    def _do(self, item: Outgoing) -> None:
        if isinstance(item, Errand):
            item.run()
        elif isinstance(item, Answer):
            data = control.encode_reply(item.ticket.request_id, item.body)
            self._count(send(self._sockets.control, [item.ticket.routing, data]))
        elif isinstance(item, DataOut):
            parts = wire.encode(item.message, item.payload)
            self._count(send(self._sockets.data, [item.session, *parts]))

    def _count(self, sent: bool) -> None:
        if not sent:
            self.undelivered += 1
            _LOG.debug("a message could not be delivered")
