"""Requests and their answers.

Knows every request of the control plane: checks it, does at once what is quick, and sends the rest
to the workshop or the performance with a ticket. Refuses to know sockets: bytes in, and answers
through the outbox. The I/O thread's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from mien.backend.casting import Casting
from mien.backend.clock import now_us
from mien.backend.config import DaemonConfig
from mien.backend.figures import Figures
from mien.backend.leases import Leases, Session
from mien.backend.modelset import ModelSet
from mien.backend.outbox import Answer, Errand, Outbox, Ticket
from mien.backend.performance import Performance
from mien.backend.rings import RingChooser
from mien.backend.scheduling.budget import Budget
from mien.backend.stage import Stage
from mien.protocol import control
from mien.protocol import control_pb2 as pb
from mien.protocol.checks import check_request
from mien.protocol.errors import InternalError, MienError, UnsupportedVersionError
from mien.protocol.limits import (
    CAPABILITIES,
    DEFAULT_FADE_MS,
    DEFAULT_GAME_FPS,
    MAX_AUDIO_CHUNK_BYTES,
    MAX_CONTROL_BYTES,
    MAX_SLOTS,
    MAX_UPLOAD_BYTES,
    PROTOCOL_VERSION,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Which daemon this is."""

    server_id: str
    epoch: int
    models: ModelSet  # what performs: the profile and the GPU change when that is lost


class ControlPlane:
    """Answers requests."""

    def __init__(
        self,
        identity: Identity,
        config: DaemonConfig,
        outbox: Outbox,
        leases: Leases,
        stage: Stage,
        casting: Casting,
        performance: Performance,
        rings: RingChooser,
        stop: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._config = config
        self._outbox = outbox
        self._leases = leases
        self._stage = stage
        self._casting = casting
        self._performance = performance
        self._rings = rings
        self._stop = stop
        self._figures = Figures(config, leases, stage, casting, performance)

    def handle(self, routing: bytes, data: bytes, local: bool) -> None:
        """One message; `local` tells whether the peer is on this machine. Always answers."""
        ticket = Ticket(routing, 0)
        try:
            request, body = control.decode_request(data)
            ticket = Ticket(routing, request.id)
            check_request(body)
            answer = self._answer(ticket, request.session, body, local)
        except MienError as error:
            _LOG.debug("refused: %s", error.message)
            answer = control.error_body(error)
        except Exception:  # a fault of ours costs one request, not the daemon
            _LOG.exception("a request failed")
            answer = control.error_body(InternalError("a fault in the daemon; its log has more"))
        if answer is not None:
            self._outbox.put(Answer(ticket, answer))

    def expire(self) -> None:
        """Frees what belonged to clients that fell silent."""
        for session in self._leases.expire(now_us()):
            freed = self._stage.leave_all(session.key)
            self._performance.steward.budgets.forget(session.key)
            _LOG.info("lease of %s ran out; %d actors freed", session.label, freed)

    def _answer(
        self, ticket: Ticket, key: bytes, body: control.RequestBody, local: bool
    ) -> control.ReplyBody | None:
        """The reply, or None when it comes later."""
        if isinstance(body, pb.Hello):
            return self._hello(body)
        session = self._leases.renew(key, now_us())
        match body:
            case pb.SetBudget():
                return self._set_budget(session, body)
            case pb.Heartbeat():
                return pb.Ack()
            case pb.LoadCharacter():
                self._casting.load(ticket, session, body, local)
            case pb.Enroll():
                self._casting.enroll(ticket, session, body, local)
            case pb.SpawnActor():
                self._casting.spawn(ticket, session, body)
            case pb.Say():
                return self._say(session, body)
            case pb.GiveCue():
                self._cue(ticket, session, body)
            case pb.Interrupt():
                self._interrupt(ticket, session, body)
            case pb.Despawn():
                actor = self._stage.own(body.actor_id, session.key)
                actor.canvas.ring.let_go()  # SPEC.md: a client closes the ring before it asks
                self._stage.leave(actor)
                return pb.Ack()
            case pb.Stats():
                return self._stats(ticket)
            case pb.Shutdown():
                _LOG.info("%s asks the daemon to stop", session.label)
                self._stop()
                return pb.Ack()
        return None

    def _hello(self, hello: pb.Hello) -> pb.Welcome:
        if hello.protocol_version != PROTOCOL_VERSION:
            raise UnsupportedVersionError(
                f"the client speaks protocol version {hello.protocol_version}, this daemon "
                f"{PROTOCOL_VERSION}: use the same release of mien on both sides",
                PROTOCOL_VERSION,
                PROTOCOL_VERSION,
            )
        session = self._leases.open(hello.client_name, hello.pid, now_us(), hello.capabilities)
        _LOG.info("hello from %s", session.label)
        return pb.Welcome(
            protocol_version=PROTOCOL_VERSION,
            server_id=self._identity.server_id,
            epoch=self._identity.epoch,
            session=session.key,
            lease_ms=self._config.lease_ms,
            limits=self._limits(),
            gpu_uuid=self._identity.models.gpu_uuid,
            engine_profile=self._identity.models.profile,
            ring_kinds=self._rings.kinds,
            capabilities=CAPABILITIES,
        )

    def _limits(self) -> pb.Limits:
        config = self._config
        return pb.Limits(
            max_control_bytes=MAX_CONTROL_BYTES,
            max_upload_bytes=MAX_UPLOAD_BYTES,
            max_audio_chunk_bytes=MAX_AUDIO_CHUNK_BYTES,
            max_actors=config.max_actors,
            max_lines_per_actor=config.max_lines_per_actor,
            max_ring_slots=MAX_SLOTS,
            max_frame_px=config.frame_px,
        )

    def _set_budget(self, session: Session, body: pb.SetBudget) -> pb.BudgetSet:
        names = ("cpu_fraction", "gpu_ms_per_frame", "game_fps")
        given = {name: getattr(body, name) for name in names if body.HasField(name)}
        force = self._performance.steward.budgets.wish(session.key, Budget(**given))
        _LOG.info("budget of %s: %s", session.label, given or "as before")
        return pb.BudgetSet(
            cpu_fraction=1.0 if force.cpu_fraction is None else force.cpu_fraction,
            gpu_ms_per_frame=force.gpu_ms_per_frame or 0.0,
            game_fps=force.game_fps or DEFAULT_GAME_FPS,
        )

    def _say(self, session: Session, body: pb.Say) -> pb.LineStarted:
        line = self._stage.say(self._stage.own(body.actor_id, session.key), body)
        return pb.LineStarted(line_id=line.line_id, credit_bytes=self._config.line_window_bytes)

    def _cue(self, ticket: Ticket, session: Session, body: pb.GiveCue) -> None:
        self._stage.own(body.actor_id, session.key)

        def give() -> control.ReplyBody:
            self._performance.actor(body.actor_id).cue(body.line_id, body.cue)
            return pb.Ack()

        self._later(ticket, give)

    def _interrupt(self, ticket: Ticket, session: Session, body: pb.Interrupt) -> None:
        # Its lines are over from here on, though it takes a moment until that is told.
        self._stage.own(body.actor_id, session.key).lines.clear()
        fade_us = (body.fade_ms if body.HasField("fade_ms") else DEFAULT_FADE_MS) * 1000

        def interrupt() -> control.ReplyBody:
            line_id, pts_us = self._performance.interrupt(body.actor_id, fade_us)
            return pb.Interrupted(line_id=line_id, pts_us=pts_us)

        self._later(ticket, interrupt)

    def _later(self, ticket: Ticket, work: Callable[[], control.ReplyBody]) -> None:
        """Has `work` done on the performance thread, and its result or error answered."""

        def note() -> None:
            try:
                answer = work()
            except MienError as error:
                answer = control.error_body(error)
            self._outbox.put(Answer(ticket, answer))

        self._performance.post(note)

    def _stats(self, ticket: Ticket) -> pb.StatsReply | None:
        ids = [actor.actor_id for actor in self._stage]
        if not ids:
            return self._figures.reply({})

        def look() -> None:
            looks = {actor_id: self._performance.look(actor_id) for actor_id in ids}
            self._outbox.put(
                Errand(lambda: self._outbox.put(Answer(ticket, self._figures.reply(looks))))
            )

        self._performance.post(look)
        return None
