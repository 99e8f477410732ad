"""The daemon's two ROUTER sockets, and who may connect to them.

Knows ZeroMQ: where to bind, limits of size and number, CURVE and ZAP over tcp. Refuses to know what
the messages say. The I/O thread's own after `bind`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85

from mien.protocol.errors import InvalidArgumentError, ResourceExhaustedError
from mien.protocol.limits import CONTROL_PORT, DATA_PORT, MAX_UPLOAD_BYTES, MIB
from mien.protocol.rundir import (
    CONTROL_SOCKET,
    DATA_SOCKET,
    CurveKeys,
    ipc_endpoint,
    make_curve_keys,
)

_LOG = logging.getLogger(__name__)
_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_ZAP_DOMAIN = b"mien"
_MAX_FRAMES = 4  # with the routing id; what has more is read to its end and dropped
_LOCAL = ("localhost", "127.", "::1", "::ffff:127.")


@dataclass(frozen=True)
class Received:
    """A message: who sent it, what is in it, and whether from this machine."""

    routing: bytes
    frames: list[bytes]
    local: bool


class Sockets:
    """Both ROUTERs, and the ZAP handler when there are keys."""

    def __init__(self, run_dir: Path, tcp: str | None) -> None:
        self.context = zmq.Context()
        self.keys: CurveKeys | None = None
        self._allowed = b""
        self.zap: zmq.Socket[bytes] | None = None
        if tcp is not None:
            self._prepare_curve(run_dir)
        # Queues are short: what does not fit waits with the sender, where it belongs.
        self.control = self._router(MAX_UPLOAD_BYTES, receive=16, send=1000)
        self.data = self._router(2 * MIB, receive=64, send=1000)
        try:
            self._bind(run_dir, tcp)
        except zmq.ZMQError as error:
            self.close()
            where = "the run directory" if tcp is None else tcp
            raise ResourceExhaustedError(f"cannot listen at {where}: {error}") from error

    @property
    def endpoints(self) -> tuple[str, str]:
        """Where clients connect: control, data."""
        return self._address(self.control), self._address(self.data)

    @property
    def public_key(self) -> str:
        """The server's, Z85; empty without CURVE."""
        return self.keys.public if self.keys else ""

    def answer_zap(self) -> None:
        """Lets the one known client key in, and nobody else."""
        if self.zap is None:
            return
        request = self.zap.recv_multipart()
        version, sequence = request[0], request[1]
        key = request[6] if len(request) > 6 else b""
        welcome = request[5:6] == [b"CURVE"] and key == self._allowed
        if not welcome:
            _LOG.warning("refused a client with a foreign key")
        status, text = (b"200", b"OK") if welcome else (b"400", b"unknown key")
        self.zap.send_multipart([version, sequence, status, text, b"mien", b""])

    def close(self) -> None:
        """Sends what is still to be sent for a moment, then closes."""
        for made in (self.control, self.data, self.zap):
            if made is not None:
                made.close(linger=300)
        self.context.term()

    def _prepare_curve(self, run_dir: Path) -> None:
        self.keys = make_curve_keys(run_dir, "server")
        client = make_curve_keys(run_dir, "client")
        self._allowed = z85.decode(client.public)
        self.zap = self.context.socket(zmq.REP)
        self.zap.bind(_ZAP_ADDRESS)

    def _router(self, max_frame_bytes: int, receive: int, send: int) -> zmq.Socket[bytes]:
        router = self.context.socket(zmq.ROUTER)
        router.setsockopt(zmq.MAXMSGSIZE, max_frame_bytes)
        router.setsockopt(zmq.RCVHWM, receive)
        router.setsockopt(zmq.SNDHWM, send)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        router.setsockopt(zmq.LINGER, 300)
        # A stopped peer is noticed only so; its lease runs out anyway, this frees its queues.
        router.setsockopt(zmq.HEARTBEAT_IVL, 1000)
        router.setsockopt(zmq.HEARTBEAT_TIMEOUT, 5000)
        if self.keys is not None:
            router.setsockopt(zmq.CURVE_SERVER, 1)
            router.setsockopt(zmq.CURVE_SECRETKEY, self.keys.secret.encode("ascii"))
            router.setsockopt(zmq.CURVE_PUBLICKEY, self.keys.public.encode("ascii"))
            router.setsockopt(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
        return router

    def _bind(self, run_dir: Path, tcp: str | None) -> None:
        if tcp is None:
            self.control.bind(ipc_endpoint(run_dir, CONTROL_SOCKET))
            self.data.bind(ipc_endpoint(run_dir, DATA_SOCKET))
            return
        host, port = parse_tcp(tcp)
        data_port = port + 1 if port else 0
        self.control.bind(f"tcp://{host}:{port or '*'}")
        self.data.bind(f"tcp://{host}:{data_port or '*'}")

    @staticmethod
    def _address(router: zmq.Socket[bytes]) -> str:
        endpoint = router.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint, bytes)
        return endpoint.rstrip(b"\0").decode()


def receive(router: zmq.Socket[bytes]) -> Received | None:
    """The next message. None when there is none, or when it had too many frames (then dropped)."""
    try:
        first = router.recv(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None
    frames: list[bytes] = []
    more = first.more
    while more:
        frame = router.recv(zmq.DONTWAIT, copy=False)
        more = frame.more
        if len(frames) < _MAX_FRAMES:
            frames.append(frame.bytes)
    return Received(first.bytes, frames, _is_local(first))


def send(router: zmq.Socket[bytes], parts: list[bytes | memoryview]) -> bool:
    """Sends without waiting; False when the peer is gone or its queue is full."""
    try:
        router.send_multipart(parts, zmq.DONTWAIT)
    except zmq.ZMQError as error:
        if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
            return False
        raise
    return True


def _is_local(frame: zmq.Frame) -> bool:
    """Whether a frame came over ipc (the address is "localhost:user:group:process") or loopback."""
    try:
        address = str(frame.get("Peer-Address"))
    except (KeyError, zmq.ZMQError):
        return False
    return address.startswith(_LOCAL)


def parse_tcp(text: str) -> tuple[str, int]:
    """ "[HOST:]PORT" or "" → host and control port (0: any). Raises InvalidArgumentError."""
    host, colon, port = text.rpartition(":")
    host = host if colon else "127.0.0.1"
    port = port or str(CONTROL_PORT)
    if not port.isdigit() or int(port) > 65_534 or not host:
        raise InvalidArgumentError(f"give --tcp [HOST:]PORT, not {text!r}")
    return host, int(port)


assert DATA_PORT == CONTROL_PORT + 1
