"""A small daemon of flat colour: an honest protocol peer, run as a process of its own.

It follows SPEC.md over real sockets and real rings, but performs nothing: a frame is its own
number, and sound is kept byte for byte in `<run dir>/line-<id>.pcm`. Options make it a bad network.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from mien.protocol import checks, control, rundir, shm, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import (
    MienError,
    NotFoundError,
    StageFullError,
    UnknownSessionError,
    UnsupportedVersionError,
)
from mien.protocol.ring_layout import Geometry
from mien.protocol.ring_writer import RingWriter
from mien.protocol.wire import DataErrorCode, FrameFlag, LineEventKind

FRAME_S = 0.02


@dataclass
class Line:
    say: pb.Say
    line_id: int
    window: int
    pcm: bytearray = field(default_factory=bytearray)
    spoken: int = 0
    next_seq: int = 0
    samples: int = 0
    ended: bool = False
    started: bool = False
    starved: bool = False

    @property
    def frame_bytes(self) -> int:
        return checks.SAMPLE_BYTES[self.say.sample_format] * self.say.channels

    @property
    def limit(self) -> int:
        return self.spoken + self.window


@dataclass
class Actor:
    actor_id: int
    session: bytes
    ring: RingWriter
    curves: bool
    lines: list[Line] = field(default_factory=list)
    last_line_id: int = 0
    frames: int = 0


class Peer:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.directory = rundir.open_run_dir(Path(options.run_dir), create=True)
        self.server_id, self.epoch = rundir.new_server_id(), time.time_ns() // 1000
        self.sessions: dict[bytes, float] = {}
        self.actors: dict[int, Actor] = {}
        self.next_actor = 1
        self.audio_seen = 0
        self.stopping = False
        self.context = zmq.Context()
        self.control = self._bind("control.sock", options.tcp)
        self.data = self._bind("data.sock", options.tcp and options.tcp + 1)
        self.data.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.data.setsockopt(zmq.ROUTER_HANDOVER, 1)
        key = rundir.read_curve_keys(self.directory, "server").public if options.tcp else ""
        rundir.write_endpoints(
            self.directory,
            rundir.Endpoints(
                pid=os.getpid(),
                server_id=self.server_id,
                epoch=self.epoch,
                control=self.control.getsockopt_string(zmq.LAST_ENDPOINT),
                data=self.data.getsockopt_string(zmq.LAST_ENDPOINT),
                curve_public_key=key,
            ),
        )

    def _bind(self, name: str, port: int | None) -> zmq.Socket:
        made = self.context.socket(zmq.ROUTER)
        made.setsockopt(zmq.LINGER, 200)
        if port is None:
            (self.directory / name).unlink(missing_ok=True)
            made.bind(rundir.ipc_endpoint(self.directory, name))
            return made
        keys = rundir.make_curve_keys(self.directory, "server")
        client = rundir.make_curve_keys(self.directory, "client")
        if not hasattr(self, "auth"):
            from zmq.auth.thread import ThreadAuthenticator

            self.auth = ThreadAuthenticator(self.context)
            self.auth.start()
            provider = _OneKey(client.public)
            self.auth.configure_curve_callback("mien", provider)
        made.setsockopt_string(zmq.ZAP_DOMAIN, "mien")
        made.setsockopt(zmq.CURVE_SERVER, 1)
        made.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
        made.bind(f"tcp://127.0.0.1:{port}")
        return made

    def run(self) -> None:
        poller = zmq.Poller()
        poller.register(self.control, zmq.POLLIN)
        poller.register(self.data, zmq.POLLIN)
        due = time.monotonic()
        while not self.stopping:
            came = dict(poller.poll(max(0, (due - time.monotonic()) * 1000)))
            if self.control in came:
                routing_id, body = self.control.recv_multipart()
                self.control.send_multipart([routing_id, self.answer(body)])
            if self.data in came:
                session, *frames = self.data.recv_multipart()
                self.hear(session, frames)
            if time.monotonic() >= due:
                due = time.monotonic() + FRAME_S
                self.perform()
        for actor in self.actors.values():
            actor.ring.close()
        rundir.remove_endpoints(self.directory)
        self.control.close()
        self.data.close()
        if hasattr(self, "auth"):
            self.auth.stop()
        self.context.term()

    def answer(self, data: bytes) -> bytes:
        request_id = 0
        try:
            request, body = control.decode_request(data)
            request_id = request.id
            checks.check_request(body)
            if not isinstance(body, pb.Hello) and request.session not in self.sessions:
                raise UnknownSessionError("say Hello")
            self.sessions[request.session] = time.monotonic()
            return control.encode_reply(request_id, self.reply(request.session, body))
        except MienError as error:
            return control.encode_reply(request_id, control.error_body(error))

    def reply(self, session: bytes, body: control.RequestBody) -> control.ReplyBody:
        if isinstance(body, pb.Hello):
            if body.protocol_version != self.options.version:
                raise UnsupportedVersionError("other version", 9, 9)
            fresh = rundir.new_session()
            self.sessions[fresh] = time.monotonic()
            return pb.Welcome(
                protocol_version=1,
                server_id=self.server_id,
                epoch=self.epoch,
                session=fresh,
                lease_ms=self.options.lease_ms,
                engine_profile="flat",
            )
        if isinstance(body, pb.LoadCharacter):
            return pb.CharacterLoaded(character_id=f"c{self.epoch}", name="Flat", sha256=bytes(32))
        if isinstance(body, pb.SpawnActor):
            return self.spawn(session, body)
        if isinstance(body, pb.Stats):
            actors = [
                pb.ActorStats(actor_id=a.actor_id, frames=a.frames, ring_kind=pb.RING_KIND_POSIX)
                for a in self.actors.values()
            ]
            return pb.StatsReply(uptime_us=1, actors=actors, sessions=len(self.sessions))
        if isinstance(body, pb.Shutdown):
            self.stopping = True
            return pb.Ack()
        if isinstance(body, pb.Heartbeat):
            return pb.Ack()
        return self.reply_for_actor(session, body)

    def reply_for_actor(self, session: bytes, body: control.RequestBody) -> control.ReplyBody:
        actor = self.actors.get(body.actor_id)
        if actor is None or actor.session != session:
            raise NotFoundError(f"there is no actor {body.actor_id}")
        if isinstance(body, pb.Say):
            if body.replace:
                self.interrupt(actor)
            actor.last_line_id = body.line_id or actor.last_line_id + 1
            actor.lines.append(Line(body, actor.last_line_id, self.options.window))
            return pb.LineStarted(line_id=actor.last_line_id, credit_bytes=self.options.window)
        if isinstance(body, pb.Interrupt):
            return self.interrupt(actor)
        if isinstance(body, pb.Despawn):
            del self.actors[body.actor_id]
            actor.ring.close()
        return pb.Ack()

    def spawn(self, session: bytes, body: pb.SpawnActor) -> pb.ActorSpawned:
        if len(self.actors) >= self.options.max_actors:
            raise StageFullError("the stage is full")
        if body.character_id != f"c{self.epoch}":
            raise NotFoundError(f"there is no character {body.character_id}")
        actor_id, self.next_actor = self.next_actor, self.next_actor + 1
        geometry = Geometry(body.ring.slots or 8, body.ring.size_px or 64, body.ring.size_px or 64)
        name = shm.segment_name(self.server_id, actor_id)
        ring = RingWriter(name, geometry, self.epoch)
        self.actors[actor_id] = Actor(actor_id, session, ring, body.curves)
        info = pb.RingInfo(
            kind=pb.RING_KIND_POSIX,
            name=name,
            slots=geometry.slots,
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            epoch=self.epoch,
            size_bytes=geometry.size_bytes,
        )
        return pb.ActorSpawned(actor_id=actor_id, ring=info)

    def interrupt(self, actor: Actor) -> pb.Interrupted:
        dropped, actor.lines = actor.lines, []
        for line in dropped:
            self.tell(actor, wire.LineEvent(1, actor.actor_id, line.line_id,
                                            LineEventKind.INTERRUPTED, 0))  # fmt: skip
        return pb.Interrupted(line_id=dropped[0].line_id if dropped else 0)

    def hear(self, session: bytes, frames: list[bytes]) -> None:
        self.audio_seen += 1
        if self.options.lose_every and self.audio_seen % self.options.lose_every == 0:
            return
        audio, payload = wire.decode_from_client(frames)
        actor = self.actors.get(audio.actor)
        line = next((x for x in actor.lines if x.line_id == audio.line), None) if actor else None
        if actor is None or line is None:
            return
        if audio.seq > line.next_seq:
            self.refuse(actor, line, DataErrorCode.SEQUENCE)
        elif audio.seq == line.next_seq and len(line.pcm) + len(payload) > line.limit:
            self.refuse(actor, line, DataErrorCode.BACKPRESSURE)
        else:
            if audio.seq == line.next_seq:
                wire.check_audio_bytes(audio, len(payload), line.frame_bytes)
                assert audio.first_sample == line.samples
                line.pcm += payload
                line.samples += audio.n_samples
                line.next_seq += 1
                line.ended = line.ended or bool(audio.flags & wire.AudioFlag.END)
            if line.ended or audio.seq < line.next_seq - 1:
                self.credit(actor, line)

    def refuse(self, actor: Actor, line: Line, code: DataErrorCode) -> None:
        error = wire.DataError(1, actor.actor_id, line.line_id, code, line.next_seq, code.name)
        self.tell(actor, error)

    def credit(self, actor: Actor, line: Line) -> None:
        credit = wire.Credit(1, actor.actor_id, line.line_id, line.next_seq, line.limit)
        self.tell(actor, credit)

    def perform(self) -> None:
        for actor in self.actors.values():
            actor.frames += 1
            line = actor.lines[0] if actor.lines else None
            flags, line_id, pts = FrameFlag.IDLE, 0, actor.frames * 20_000
            if line is not None and (line.pcm or line.ended):
                flags, line_id = FrameFlag.SPEAKING, line.line_id
                pts = line.spoken // line.frame_bytes * 1_000_000 // line.say.sample_rate_hz
                self.speak(actor, line)
            pixels = actor.ring.begin()
            pixels[:] = (actor.frames & 255, actor.actor_id & 255, 0, 255)
            frame_id, slot = actor.ring.commit(line_id=line_id, pts_us=pts, flags=flags)
            bell = wire.Doorbell(1, actor.actor_id, frame_id, slot, line_id, pts, int(flags))
            self.tell(actor, bell)
            if actor.curves:
                head = wire.Curves(1, actor.actor_id, frame_id, pts, line_id, int(flags))
                self.tell(actor, head, bytes(58 * 4))

    def speak(self, actor: Actor, line: Line) -> None:
        """Takes a step of sound; faster than life, so that tests are quick."""
        if not line.started:
            line.started = True
            self.event(actor, line, LineEventKind.STARTED)
        there = len(line.pcm) - line.spoken
        step = min(there, self.options.step)
        line.spoken += step
        if step:
            self.credit(actor, line)
        if there == 0 and not line.ended and not line.starved:
            self.event(actor, line, LineEventKind.UNDERRUN)
        line.starved = there == 0 and not line.ended
        if line.ended and line.spoken == len(line.pcm):
            (self.directory / f"line-{line.line_id}.pcm").write_bytes(line.pcm)
            self.event(actor, line, LineEventKind.ENDED)
            actor.lines.remove(line)

    def event(self, actor: Actor, line: Line, kind: LineEventKind) -> None:
        self.tell(actor, wire.LineEvent(1, actor.actor_id, line.line_id, kind, 0))

    def tell(self, actor: Actor, message: wire.DataMessage, payload: bytes = b"") -> None:
        # Nobody there, or too slow: SPEC.md, section 2.
        with contextlib.suppress(zmq.ZMQError):
            frames = [actor.session, *wire.encode(message, payload)]
            self.data.send_multipart(frames, zmq.DONTWAIT)


class _OneKey:
    def __init__(self, public: str) -> None:
        self.public = public

    def callback(self, domain: str, key: bytes) -> bool:
        return key.decode() == self.public


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir")
    parser.add_argument("--tcp", type=int)
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--window", type=int, default=256 * 1024)
    parser.add_argument("--step", type=int, default=256 * 1024)
    parser.add_argument("--lose-every", type=int, default=0)
    parser.add_argument("--lease-ms", type=int, default=3000)
    parser.add_argument("--max-actors", type=int, default=4)
    Peer(parser.parse_args()).run()
