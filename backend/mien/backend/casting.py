"""From a file to an actor: loading, enrolling, spawning.

Knows the slow requests: what is checked before, what the workshop does, and what is entered in the
tables when it comes back, if the client is still there. Characters that are the same file share
their memory. Refuses to know sockets and how frames are made. Methods run on the I/O thread; only
what is marked as the workshop's runs there.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mien.backend.config import DaemonConfig
from mien.backend.drawing import Canvas
from mien.backend.enrolling import Job
from mien.backend.leases import Leases, Session
from mien.backend.modelset import LoadedCharacter, ModelSet
from mien.backend.news import News
from mien.backend.outbox import Answer, Errand, Outbox, Ticket
from mien.backend.performance import Performance
from mien.backend.ring_journal import RingJournal
from mien.backend.rings import Ring, RingChooser, RingRequest
from mien.backend.rings.choice import Choice
from mien.backend.rings.none import NoDecoder, NoRing
from mien.backend.stage import Stage, StagedActor
from mien.backend.workshop import Bench, Workshop
from mien.models.motion.limits import PoseLimits
from mien.protocol import control, shm
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import of_message
from mien.protocol.errors import (
    InternalError,
    InvalidArgumentError,
    MienError,
    NotFoundError,
    ResourceExhaustedError,
)
from mien.protocol.ring_layout import Geometry

_READY_TIMEOUT_S = 60.0
_Made = TypeVar("_Made")


class Casting:
    """Makes characters and actors."""

    def __init__(
        self,
        server_id: str,
        epoch: int,
        config: DaemonConfig,
        models: ModelSet,
        outbox: Outbox,
        leases: Leases,
        stage: Stage,
        performance: Performance,
        rings: RingChooser,
        journal: RingJournal,
    ) -> None:
        self._server_id = server_id
        self._epoch = epoch
        self._config = config
        self._models = models
        self._outbox = outbox
        self._leases = leases
        self._stage = stage
        self._performance = performance
        self._rings = rings
        self._journal = journal
        self._workshop = Workshop(config.enrolment_timeout_s)
        self._loaded: weakref.WeakValueDictionary[str, LoadedCharacter] = (
            weakref.WeakValueDictionary()
        )

    @property
    def characters(self) -> int:
        """How many different ones are in memory."""
        return len(self._loaded)

    def close(self) -> None:
        """Ends all work."""
        self._workshop.close()

    def load(self, ticket: Ticket, session: Session, body: pb.LoadCharacter, local: bool) -> None:
        """Answers CharacterLoaded."""
        self._check_room(session)
        source = body.data if body.WhichOneof("source") == "data" else _path(body.path, local)

        def loaded(character: LoadedCharacter) -> control.ReplyBody:
            return pb.CharacterLoaded(
                character_id=self._keep(session, character),
                name=character.name,
                thumbnail_png=character.thumbnail_png,
                sha256=character.sha256,
            )

        self._job(self._workshop.quick, ticket, session, lambda: self._models.load(source), loaded)

    def enroll(self, ticket: Ticket, session: Session, body: pb.Enroll, local: bool) -> None:
        """Answers Enrolled."""
        self._check_room(session)
        by_path = body.WhichOneof("image") == "path"
        job = Job(
            path=str(_path(body.path, local)) if by_path else None,
            data=None if by_path else body.data,
            face=body.face if body.HasField("face") else None,
            name=body.name or None,
            consent=body.consent,
            output_path=str(_output_path(body.output_path, local)) if body.output_path else "",
        )

        def make() -> tuple[bytes, LoadedCharacter]:
            data = self._workshop.enrol(job)
            return data, self._models.load(data)

        def made(result: tuple[bytes, LoadedCharacter]) -> control.ReplyBody:
            data, character = result
            return pb.Enrolled(
                character_id=self._keep(session, character),
                name=character.name,
                data=data if body.return_data else b"",
                sha256=character.sha256,
                thumbnail_png=character.thumbnail_png,
            )

        self._job(self._workshop.slow, ticket, session, make, made)

    def spawn(self, ticket: Ticket, session: Session, body: pb.SpawnActor) -> None:
        """Answers ActorSpawned."""
        character = session.characters.get(body.character_id)
        if character is None:
            raise NotFoundError(f"character {body.character_id!r} was not loaded in this session")
        choice = (
            None if body.no_frames else self._rings.choose(body.ring.kinds, self._models.gpu_uuid)
        )
        detail = of_message(body.detail)
        shrinks = "frame_sizes" in session.capabilities
        size_px = body.ring.size_px or self._config.frame_px
        geometry = Geometry(body.ring.slots or self._config.ring_slots, size_px, size_px)
        actor_id = self._stage.reserve()
        news = News(
            self._outbox,
            session.key,
            actor_id,
            body.curves or body.no_frames,
            not body.no_frames,
            lambda line_id: self._stage.line_over(actor_id, line_id),
        )

        def give_up() -> None:
            self._stage.give_up()
            self._performance.post(lambda: self._performance.remove(actor_id), must=True)

        def prepare() -> Canvas:
            self._performance.wait_ready(_READY_TIMEOUT_S)
            drawn_px = 0 if choice is None else size_px
            self._performance.ask(
                lambda: self._performance.admit(actor_id, detail, drawn_px, shrinks)
            )
            retry_us = self._config.pacing.hold_retry_us
            if choice is None:
                return Canvas(actor_id, NoDecoder(), NoRing(), news.shown, retry_us)
            decoder = self._models.decoder(character, size_px)
            ring = self._make_ring(choice, actor_id, geometry)
            cost = self._performance.steward.drew
            return Canvas(actor_id, decoder, ring, news.shown, retry_us, cost)

        def enter(canvas: Canvas) -> control.ReplyBody:
            limits = PoseLimits.of(list(character.motion_limits))
            self._performance.post(lambda: self._performance.add(canvas, news, body.seed, limits))
            self._stage.enter(
                StagedActor(
                    actor_id,
                    session.key,
                    session.client_name,
                    character.name,
                    canvas,
                    news,
                )
            )
            ring = self._ring_info(canvas.ring) if choice else None
            return pb.ActorSpawned(actor_id=actor_id, ring=ring)

        try:
            self._job(
                self._workshop.quick,
                ticket,
                session,
                prepare,
                enter,
                lambda canvas: canvas.retire(),
                give_up,
            )
        except MienError:
            give_up()
            raise

    # --- parts --------------------------------------------------------------------------------

    def _job(
        self,
        bench: Bench,
        ticket: Ticket,
        session: Session,
        work: Callable[[], _Made],
        enter: Callable[[_Made], control.ReplyBody],
        undo: Callable[[_Made], None] = lambda made: None,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`work` in the workshop, then `enter` here and its answer; `undo` if nobody waits.

        `give_up` is run here when there was nothing to enter.
        """

        def finish(made: _Made) -> None:
            if self._leases.find(session.key) is None:
                undo(made)
                give_up()
                return
            try:
                answer = enter(made)
            except MienError as error:
                undo(made)
                give_up()
                answer = control.error_body(error)
            self._outbox.put(Answer(ticket, answer))

        def refuse(error: MienError) -> None:
            give_up()
            self._outbox.put(Answer(ticket, control.error_body(error)))

        def run() -> None:
            try:
                made = work()
            except MienError as raised:
                error = raised
                self._outbox.put(Errand(lambda: refuse(error)))
            except Exception as raised:
                fault = InternalError(f"a fault in the daemon: {type(raised).__name__}: {raised}")
                self._outbox.put(Errand(lambda: refuse(fault)))
                raise
            else:
                self._outbox.put(Errand(lambda: finish(made)))

        bench.put(run)

    def _make_ring(self, choice: Choice, actor_id: int, geometry: Geometry) -> Ring:
        """In the workshop. The name is noted before the memory is taken."""
        name = shm.segment_name(self._server_id, actor_id)
        self._journal.add(name)
        return choice.create(
            RingRequest(name, actor_id, self._epoch, geometry, self._models.gpu_uuid)
        )

    def _ring_info(self, ring: Ring) -> pb.RingInfo:
        info = pb.RingInfo(
            kind=ring.kind,
            name=ring.name,
            slots=ring.geometry.slots,
            width_px=ring.geometry.width_px,
            height_px=ring.geometry.height_px,
            epoch=self._epoch,
            size_bytes=ring.size_bytes,
            reason=ring.reason,
        )
        ring.describe(info)
        return info

    def _check_room(self, session: Session) -> None:
        most = self._config.max_characters_per_session
        if len(session.characters) >= most:
            raise ResourceExhaustedError(f"a client may have {most} characters loaded")

    def _keep(self, session: Session, character: LoadedCharacter) -> str:
        """The session holds the character; the same file twice is one in memory."""
        character_id = character.sha256.hex()[:16]
        shared = self._loaded.setdefault(character_id, character)
        if shared is character:  # nobody waits for it: enrolments may come first
            self._workshop.slow.put(lambda: self._models.prepare(character))
        session.characters[character_id] = shared
        return character_id


def _path(text: str, local: bool) -> Path:
    path = _allowed(text, local)
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}")
    return path


def _output_path(text: str, local: bool) -> Path:
    path = _allowed(text, local)
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no directory {path.parent}")
    return path


def _allowed(text: str, local: bool) -> Path:
    # Who connects over ipc or loopback has read the 0700 run directory or its key: it is the user
    # whose rights the daemon has. From elsewhere a path would lay this machine's files open.
    if not local:
        raise InvalidArgumentError("paths are for clients on this machine: send the data instead")
    path = Path(text)
    if not path.is_absolute():
        raise InvalidArgumentError(f"the path must be absolute, not {text!r}")
    return path
