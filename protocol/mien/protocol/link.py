"""The worker thread that owns the sockets: requests, heartbeats, audio out, data in, reconnecting.

Knows ZeroMQ, sessions and time-outs. Refuses to know characters, actors and lines: what comes in
goes to a `Listener`, audio comes out of outboxes. Only this thread touches a socket; all others
leave work in queues and wake it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import zmq

from mien.protocol import control, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.address import locate
from mien.protocol.checks import check_request
from mien.protocol.errors import (
    ClosedError,
    ConnectionLostError,
    MienError,
    RequestTimeoutError,
    UnknownSessionError,
)
from mien.protocol.limits import CLIENT_CAPABILITIES, PROTOCOL_VERSION, SESSION_BYTES
from mien.protocol.outbox import Outbox
from mien.protocol.sockets import Sockets, Waker
from mien.protocol.states import LinkState

log = logging.getLogger("mien.client")

_HELLO_S = 2.0
_PAUSE_S = (0.05, 1.0)
_SILENCE_S = 10.0  # of the daemon's program while its sockets live: it hangs
_PROBE_EVERY_S = 0.5
_SENDS_A_TURN = 64


class Listener(Protocol):
    """Who is told what happens. All calls come from the worker thread and must be quick."""

    def on_connected(self, welcome: pb.Welcome, resumed: bool) -> None:
        """A session is there; `resumed`: the one of before, nothing was lost."""

    def on_lost(self, reason: MienError) -> None:
        """The daemon cannot be reached at present."""

    def on_data(self, message: wire.DaemonMessage, payload: wire.Payload) -> None:
        """Something came on the data plane."""


class _Pending:
    """A request that waits for its reply."""

    def __init__(
        self, request_id: int, data: bytes, on_reply: Callable[[control.ReplyBody], None] | None
    ) -> None:
        self.request_id = request_id
        self.data = data
        self.on_reply = on_reply
        self.done = threading.Event()
        self.reply: control.ReplyBody | None = None
        self.error: MienError | None = None

    def settle(self, reply: control.ReplyBody | None, error: MienError | None = None) -> None:
        if reply is not None and not isinstance(reply, pb.Error) and self.on_reply is not None:
            self.on_reply(reply)
        self.reply, self.error = reply, error
        self.done.set()


class Link:
    """A connection to the daemon that comes back when the daemon does."""

    def __init__(self, endpoint: str | Path | None, client_name: str, listener: Listener) -> None:
        """Starts the worker; `wait_connected` tells how it went."""
        self.welcome: pb.Welcome | None = None
        self.reason: MienError | None = None  # why there is no connection
        self._endpoint = endpoint
        self._client_name = client_name
        self._listener = listener
        self._state = LinkState.CONNECTING
        self._changed = threading.Condition()
        self._closing = False
        self._next_id = 1
        self._queued: deque[_Pending] = deque()
        self._pending: dict[int, _Pending] = {}
        self._ready: deque[Outbox] = deque()
        self._outboxes: dict[Outbox, None] = {}
        self._told: dict[int, wire.Detail] = {}  # by actor: only the newest is worth sending
        self._heartbeat: tuple[int, float] | None = None  # unanswered: id, since when
        self._waker = Waker()
        self._context = zmq.Context()
        self._thread = threading.Thread(target=self._run, name="mien-link", daemon=True)
        self._thread.start()

    @property
    def state(self) -> LinkState:
        """Whether the daemon can be reached, as far as is known."""
        return self._state

    @property
    def remote(self) -> bool:
        """Whether the daemon was named by an address, so that it may see other files."""
        return isinstance(self._endpoint, str) and "://" in self._endpoint

    def wait_connected(
        self, timeout_s: float, *, give_up_on: tuple[type[MienError], ...] = ()
    ) -> None:
        """Returns when connected. Raises the reason why not, at once for those in `give_up_on`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._state is not LinkState.CONNECTED:
                if self._state is LinkState.CLOSED:
                    raise ClosedError("the client is closed")
                left = deadline - time.monotonic()
                if self.reason is not None and (left <= 0 or isinstance(self.reason, give_up_on)):
                    raise self.reason
                if left <= 0:
                    raise RequestTimeoutError(f"no answer from the daemon within {timeout_s} s")
                self._changed.wait(left)

    def request(
        self,
        body: control.RequestBody,
        timeout_s: float,
        on_reply: Callable[[control.ReplyBody], None] | None = None,
    ) -> control.ReplyBody:
        """Sends a request and waits for the reply; raises what the daemon answers as an error.

        `on_reply` runs in the worker, before anything that the daemon sent later is looked at.
        Raises ConnectionLostError at once when there is no connection.
        """
        check_request(body)
        with self._changed:
            if self._state is LinkState.CLOSED:
                raise ClosedError("the client is closed")
            if self._state is not LinkState.CONNECTED or self.welcome is None:
                raise ConnectionLostError(f"the daemon cannot be reached: {self.reason}")
            request_id, self._next_id = self._next_id, self._next_id + 1
            session = self.welcome.session
        pending = _Pending(request_id, control.encode_request(request_id, session, body), on_reply)
        with self._changed:
            if self._state is not LinkState.CONNECTED or self.welcome.session != session:
                raise ConnectionLostError("the daemon went away")
            self._queued.append(pending)
        self._waker.wake()
        if not pending.done.wait(timeout_s):
            with self._changed:
                self._pending.pop(request_id, None)
            raise RequestTimeoutError(
                f"no answer to {type(body).__name__} within {timeout_s} s: is the daemon busy?"
            )
        if pending.error is not None:
            raise pending.error
        if isinstance(pending.reply, pb.Error):
            control.raise_error(pending.reply)
        assert pending.reply is not None
        return pending.reply

    def pump(self, outbox: Outbox) -> None:
        """`outbox` has something to send, perhaps; from any thread."""
        self._ready.append(outbox)
        self._waker.wake()

    def tell(self, actor_id: int, message: wire.Detail) -> None:
        """Sends `message` in place of any other about the actor that still waits; any thread."""
        with self._changed:
            waits = actor_id in self._told
            self._told[actor_id] = message
        if not waits:
            self._waker.wake()

    def close(self) -> None:
        """Ends the worker and closes the sockets. Harmless when repeated."""
        self._closing = True
        self._waker.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    # The worker, from here on.

    def _run(self) -> None:
        pause_s = _PAUSE_S[0]
        while not self._closing:
            try:
                with Sockets(self._context, locate(self._endpoint)) as sockets:
                    sockets.open_control()
                    self._greet(sockets)
                    pause_s = _PAUSE_S[0]
                    self._serve(sockets)
            except MienError as error:
                self._lose(error)
            except (zmq.ZMQError, UnicodeError) as error:
                self._lose(ConnectionLostError(f"the daemon cannot be connected to: {error}"))
            except Exception as error:
                log.exception("fault in the client's worker")
                self._lose(MienError(f"fault in the client: {error!r}"))
            if not self._closing:
                self._waker.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_S[1])
        self._lose(ClosedError("the client is closed"), LinkState.CLOSED)
        self._context.term()
        self._waker.close()

    def _greet(self, sockets: Sockets) -> None:
        """Resumes the session of before, or opens one."""
        resumed = self._resume(sockets)
        if not resumed:
            hello = pb.Hello(
                protocol_version=PROTOCOL_VERSION,
                client_name=self._client_name,
                capabilities=CLIENT_CAPABILITIES,
                pid=sockets.pid,
            )
            reply = self._ask(sockets, b"", hello)
            if not isinstance(reply, pb.Welcome) or len(reply.session) != SESSION_BYTES:
                raise ConnectionLostError("the daemon's answer to Hello is no Welcome")
            self.welcome = reply
        assert self.welcome is not None
        sockets.open_data(self.welcome.session)
        self._heartbeat = None
        with self._changed:
            self.reason = None
            self._state = LinkState.CONNECTED
        self._listener.on_connected(self.welcome, resumed)
        with self._changed:
            self._changed.notify_all()

    def _resume(self, sockets: Sockets) -> bool:
        if self.welcome is None or sockets.address.epoch not in (None, self.welcome.epoch):
            return False
        try:
            return isinstance(self._ask(sockets, self.welcome.session, pb.Heartbeat()), pb.Ack)
        except UnknownSessionError:
            return False

    def _ask(
        self, sockets: Sockets, session: bytes, body: control.RequestBody
    ) -> control.ReplyBody:
        """A request while no others are under way."""
        sockets.control.send(control.encode_request(0, session, body))
        deadline = time.monotonic() + _HELLO_S
        while not self._closing:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise ConnectionLostError(
                    f"nobody answers at {sockets.address.control}: is the daemon hanging?"
                )
            sockets.poll(left_s, self._waker)
            if (data := sockets.receive_control()) is not None:
                _, reply = control.decode_reply(data)
                if isinstance(reply, pb.Error):
                    control.raise_error(reply)
                return reply
            sockets.check_monitor()
        raise ClosedError("the client is closed")

    def _serve(self, sockets: Sockets) -> None:
        assert self.welcome is not None
        every_s = max(0.05, self.welcome.lease_ms / 3000)
        heartbeat_s = probe_s = time.monotonic()
        while not self._closing:
            now = time.monotonic()
            if now >= heartbeat_s:
                self._send_heartbeat(sockets, now)
                heartbeat_s = now + every_s
            if now >= probe_s:
                self._probe()
                probe_s = now + _PROBE_EVERY_S
            self._send_requests(sockets)
            self._send_told(sockets)
            more = self._send_audio(sockets)
            wait_until = min(heartbeat_s, probe_s) if self._outboxes else heartbeat_s
            wait_s = 0.0 if more else max(0.0, wait_until - time.monotonic())
            came = sockets.poll(wait_s, self._waker)
            # A daemon's last words come before the news that it is gone.
            self._receive_replies(sockets)
            if sockets.data in came:
                self._receive_data(sockets)
            sockets.check_monitor()

    def _send_heartbeat(self, sockets: Sockets, now: float) -> None:
        if self._heartbeat is not None:
            if now - self._heartbeat[1] > _SILENCE_S:
                raise ConnectionLostError(f"the daemon has not answered for {_SILENCE_S:.0f} s")
            return
        assert self.welcome is not None
        with self._changed:
            request_id, self._next_id = self._next_id, self._next_id + 1
        self._heartbeat = (request_id, now)
        beat = control.encode_request(request_id, self.welcome.session, pb.Heartbeat())
        sockets.send_control(beat)

    def _send_requests(self, sockets: Sockets) -> None:
        while self._queued:
            with self._changed:
                pending = self._queued.popleft()
                self._pending[pending.request_id] = pending
            sockets.send_control(pending.data)

    def _send_told(self, sockets: Sockets) -> None:
        while self._told:
            with self._changed:
                actor_id, message = next(iter(self._told.items()))
                del self._told[actor_id]
            if not sockets.send_data(wire.encode(message)):
                with self._changed:
                    self._told.setdefault(actor_id, message)
                sockets.want_data_room(True)
                return

    def _send_audio(self, sockets: Sockets) -> bool:
        """Sends what credit and socket allow. Whether there is more to send at once."""
        for _ in range(_SENDS_A_TURN):
            if not self._ready:
                sockets.want_data_room(False)
                return False
            outbox = self._ready[0]
            chunk = outbox.next_chunk()
            if chunk is None:
                self._ready.popleft()
                self._outboxes.pop(outbox, None)
                if not outbox.done:
                    self._outboxes[outbox] = None
                continue
            header, payload = chunk
            if not sockets.send_data(wire.encode(header, payload)):
                sockets.want_data_room(True)
                return False
            outbox.sent(header)
            self._ready.rotate(-1)  # the lines take turns
        return True

    def _probe(self) -> None:
        for outbox in list(self._outboxes):
            if outbox.done:
                del self._outboxes[outbox]
            elif outbox.probe():
                self._ready.append(outbox)

    def _receive_replies(self, sockets: Sockets) -> None:
        while (data := sockets.receive_control()) is not None:
            try:
                request_id, reply = control.decode_reply(data)
            except MienError as error:
                log.warning("a reply of the daemon could not be read: %s", error)
                continue
            if self._heartbeat is not None and request_id == self._heartbeat[0]:
                self._heartbeat = None
            with self._changed:
                pending = self._pending.pop(request_id, None)
            if pending is not None:
                pending.settle(reply)
            if isinstance(reply, pb.Error) and reply.code == pb.ERROR_CODE_UNKNOWN_SESSION:
                raise ConnectionLostError("the daemon has forgotten this client (lease run out)")

    def _receive_data(self, sockets: Sockets) -> None:
        while (frames := sockets.receive_data()) is not None:
            try:
                message, payload = wire.decode_from_daemon(frames)
            except MienError as error:
                log.warning("a data message of the daemon could not be read: %s", error)
                continue
            self._listener.on_data(message, payload)

    def _lose(self, reason: MienError, state: LinkState = LinkState.LOST) -> None:
        with self._changed:
            was = self._state
            self._state = state
            self.reason = reason
            waiting = [*self._queued, *self._pending.values()]
            self._told.clear()
            self._queued.clear()
            self._pending.clear()
            self._changed.notify_all()
        for pending in waiting:
            pending.settle(None, ConnectionLostError(f"the daemon went away: {reason.message}"))
        if was is LinkState.CONNECTED:
            self._listener.on_lost(reason)
            with self._changed:
                self._changed.notify_all()
