"""The client's two sockets of one connection, and how its thread is woken. Knows ZeroMQ options;
refuses to know messages."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Collection
from types import TracebackType

import zmq

from mien.protocol.address import Address
from mien.protocol.errors import ConnectionLostError
from mien.protocol.limits import CONTROL_FRAMES, MAX_UPLOAD_BYTES, MIB

_EVENT = struct.Struct("=HI")
_BROKEN = zmq.EVENT_DISCONNECTED
_REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


class Waker:
    """Lets other threads end a wait of the worker. A socket pair, since that works everywhere."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)

    def wake(self) -> None:
        """Ends the wait that is under way, or the next one."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits
            self._writer.send(b"\0")

    def drain(self) -> None:
        """Forgets the calls so far."""
        with contextlib.suppress(BlockingIOError):
            while self.reader.recv(4096):
                pass

    def sleep(self, seconds: float) -> None:
        """Waits until woken, or for `seconds`."""
        poller = zmq.Poller()
        poller.register(self.reader.fileno(), zmq.POLLIN)
        poller.poll(int(seconds * 1000) + 1)
        self.drain()

    def close(self) -> None:
        """Ends both ends."""
        self.reader.close()
        self._writer.close()


class Sockets:
    """Control and data DEALER of one connection; a context manager that closes them."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: Address) -> None:
        self.address = address
        self.pid = os.getpid()
        self._context = context
        self._poller = zmq.Poller()
        self.control = self._socket(MAX_UPLOAD_BYTES)
        self.data: zmq.Socket[bytes] | None = None
        self._monitor = self.control.get_monitor_socket(_BROKEN | _REFUSED)
        self._poller.register(self.control, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def __enter__(self) -> Sockets:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.control.disable_monitor()
        for opened in (self._monitor, self.control, self.data):
            if opened is not None:
                opened.close(linger=0)

    def open_control(self) -> None:
        """Connects the control socket."""
        self.control.connect(self.address.control)

    def open_data(self, session: bytes) -> None:
        """Connects the data socket; the session is its routing id."""
        self.data = self._socket(2 * MIB)
        self.data.setsockopt(zmq.ROUTING_ID, session)
        self.data.connect(self.address.data)
        self._poller.register(self.data, zmq.POLLIN)

    def poll(self, seconds: float, waker: Waker) -> Collection[object]:
        """Waits for messages, for room (if wanted), for `waker`, or for `seconds`."""
        self._poller.register(waker.reader.fileno(), zmq.POLLIN)
        came = dict(self._poller.poll(int(seconds * 1000) + (seconds > 0)))
        if waker.reader.fileno() in came:
            waker.drain()
        return came.keys()

    def check_monitor(self) -> None:
        """Raises ConnectionLostError when the control connection broke or was refused."""
        while self._monitor.poll(0):
            frames = self._monitor.recv_multipart()
            event, _ = _EVENT.unpack_from(frames[0])
            if event & _REFUSED:
                raise ConnectionLostError("the daemon refused this client's key")
            if event & _BROKEN:
                raise ConnectionLostError("the daemon closed the connection")

    def send_control(self, data: bytes) -> None:
        """Raises ConnectionLostError when the daemon takes nothing any more."""
        try:
            self.control.send(data, zmq.DONTWAIT)
        except zmq.Again:
            raise ConnectionLostError("the daemon reads no requests") from None

    def receive_control(self) -> bytes | None:
        """The next reply, None when there is none now."""
        with contextlib.suppress(zmq.Again):
            while True:
                frames = self.control.recv_multipart(zmq.DONTWAIT)
                if len(frames) == CONTROL_FRAMES:
                    return frames[0]
        return None

    def send_data(self, frames: list[bytes | memoryview]) -> bool:
        """Whether there was room."""
        assert self.data is not None
        try:
            self.data.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def receive_data(self) -> list[bytes] | None:
        """The next data message, None when there is none now."""
        assert self.data is not None
        with contextlib.suppress(zmq.Again):
            return self.data.recv_multipart(zmq.DONTWAIT)
        return None

    def want_data_room(self, wanted: bool) -> None:
        """Whether `poll` also ends when the data socket can take more."""
        if self.data is not None:
            self._poller.register(self.data, zmq.POLLIN | (zmq.POLLOUT if wanted else 0))

    def _socket(self, max_message_bytes: int) -> zmq.Socket[bytes]:
        made = self._context.socket(zmq.DEALER)
        try:
            self._configure(made, max_message_bytes)
        except (zmq.ZMQError, UnicodeError):
            made.close(linger=0)
            raise
        return made

    def _configure(self, made: zmq.Socket[bytes], max_message_bytes: int) -> None:
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.MAXMSGSIZE, max_message_bytes)
        # A daemon that was stopped (not killed) keeps its sockets: only these find out.
        made.setsockopt(zmq.HEARTBEAT_IVL, 500)
        made.setsockopt(zmq.HEARTBEAT_TIMEOUT, 2000)
        keys = self.address.client_keys
        if keys is not None:
            made.setsockopt(zmq.CURVE_SERVERKEY, self.address.server_key.encode("ascii"))
            made.setsockopt(zmq.CURVE_PUBLICKEY, keys.public.encode("ascii"))
            made.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode("ascii"))
