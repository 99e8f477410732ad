"""What several tests need: sound, waiting, a client that may say anything."""

import time

import numpy as np
import zmq

from mien.protocol import control, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.limits import DATA_VERSION, PROTOCOL_VERSION


def tone(seconds, rate=16_000, amplitude=0.5):
    """s16le PCM of a tone whose level is the same in every frame."""
    t = np.arange(round(seconds * rate)) / rate
    return (amplitude * 32767 * np.sin(2 * np.pi * 200 * t)).astype("<i2").tobytes()


def wait_for(condition, timeout_s=5.0, what="it", every_s=0.01):
    """The condition's first true value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every_s)
    raise AssertionError(f"{what} did not happen within {timeout_s} s")


class RawClient:
    """Speaks the protocol by hand, rightly or wrongly."""

    def __init__(self, endpoints):
        self.context = zmq.Context()
        self.sockets = []
        self.control = self._dealer(endpoints.control)
        self.data_endpoint = endpoints.data
        self.session = b""
        self.data = None
        self.next_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for socket in self.sockets:
            socket.close(linger=0)
        self.context.term()

    def _dealer(self, endpoint, routing_id=None):
        socket = self.context.socket(zmq.DEALER)
        self.sockets.append(socket)
        socket.setsockopt(zmq.LINGER, 0)
        if routing_id:
            socket.setsockopt(zmq.ROUTING_ID, routing_id)
        socket.connect(endpoint)
        return socket

    def reply(self, timeout_s=5.0):
        assert self.control.poll(timeout_s * 1000), "the daemon does not answer"
        return control.decode_reply(self.control.recv())

    def ask(self, body, session=None):
        """The reply's body; an Error is one like others."""
        self.next_id += 1
        session = self.session if session is None else session
        self.control.send(control.encode_request(self.next_id, session, body))
        request_id, reply = self.reply()
        assert request_id == self.next_id
        return reply

    def hello(self, version=PROTOCOL_VERSION):
        reply = self.ask(pb.Hello(protocol_version=version, client_name="raw", pid=1), b"")
        if isinstance(reply, pb.Welcome):
            self.session = reply.session
            self.data = self._dealer(self.data_endpoint, self.session)
        return reply

    def spawn(self, name=b"hero"):
        loaded = self.ask(pb.LoadCharacter(data=name))
        spawned = self.ask(pb.SpawnActor(character_id=loaded.character_id))
        assert isinstance(spawned, pb.ActorSpawned), spawned
        return spawned

    def say(self, actor_id, **fields):
        given = {"sample_rate_hz": 16_000, "channels": 1, "sample_format": 1, **fields}
        return self.ask(pb.Say(actor_id=actor_id, **given))

    def audio(self, actor, line, seq, first, pcm, flags=0, n_samples=None):
        count = len(pcm) // 2 if n_samples is None else n_samples
        header = wire.Audio(DATA_VERSION, actor, line, seq, first, count, flags)
        self.data.send_multipart([wire.encode_header(header), pcm])

    def news(self, kind, timeout_s=5.0):
        """The next data message of a kind."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if self.data.poll(left * 1000):
                message, _ = wire.decode_from_daemon(self.data.recv_multipart())
                if isinstance(message, kind):
                    return message
        raise AssertionError(f"no {kind.__name__} came")
