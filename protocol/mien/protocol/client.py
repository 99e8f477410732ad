"""The client: connect to the daemon, load characters, put actors on the stage.

Knows what a game needs and keeps it alive over a restart of the daemon. Refuses to know sockets
(`link`), audio (`audio_in`) and shared memory (`ring`).

    with Client.connect() as client:
        actor = client.spawn("hero.mien")
        actor.say("line.wav")
        for frame in actor.frames():
            show(frame.pixels)
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mien.protocol import control, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.actor import ActorHandle
from mien.protocol.detail import Detail
from mien.protocol.errors import (
    ClosedError,
    ConnectionLostError,
    DaemonNotRunningError,
    GpuMemoryFullError,
    InvalidArgumentError,
    MienError,
    NotFoundError,
    RequestTimeoutError,
    RingError,
    RunDirectoryError,
    UnsupportedVersionError,
    WireError,
)
from mien.protocol.outbox import Outbox
from mien.protocol.spawning import SpawnOptions
from mien.protocol.states import LinkState
from mien.protocol.stats import Budget, Stats, stats_of

if TYPE_CHECKING:
    from mien.protocol.launch import Daemon

log = logging.getLogger("mien.client")

REQUEST_TIMEOUT_S = 10.0
ENROLMENT_TIMEOUT_S = 120.0
LOADING_TIMEOUT_S = 60.0  # a daemon's very first character may wait for its kernels
# Waiting does not cure these.
_HOPELESS: tuple[type[MienError], ...] = (
    UnsupportedVersionError,
    RunDirectoryError,
    InvalidArgumentError,
)
_Reply = TypeVar("_Reply", bound=control.ReplyBody)


@dataclass(frozen=True)
class CharacterRef:
    """A character that the daemon has loaded."""

    character_id: str  # valid in `session`
    name: str
    thumbnail_png: bytes  # 128 px
    sha256: bytes
    source: Path | bytes | None = field(default=None, repr=False)  # to load it from again
    session: bytes = field(default=b"", repr=False)


class Client:
    """A connection to the daemon; thread-safe. Make it with `connect`, end it with `close`.

    When the daemon goes away the client looks for it until it is back; meanwhile requests raise
    ConnectionLostError and actors hold their last frame. See `ActorHandle.respawn`.
    """

    def __init__(self, endpoint: str | Path | None, name: str, respawn: bool) -> None:
        """Use `connect`."""
        self.respawn = respawn
        self._actors: dict[int, ActorHandle] = {}
        self._lost: list[ActorHandle] = []
        self._lock = threading.Lock()
        self._daemon: Daemon | None = None
        # Only now: what only describes the wire should not pay for ZeroMQ.
        from mien.protocol.link import Link

        self._link = Link(endpoint, name, self)

    @classmethod
    def connect(
        cls,
        endpoint: str | Path | None = None,
        *,
        name: str = "mien-client",
        start: bool = False,
        wait: bool = False,
        respawn: bool = False,
        timeout_s: float = 10.0,
    ) -> Client:
        """Connects to the daemon of a run directory (None: the default one) or `tcp://HOST:PORT`.

        When none runs: `start` starts one and ends it on `close`, `wait` waits for one; otherwise
        that is an error at once. `respawn` brings actors back by itself after the daemon's restart.
        Raises DaemonNotRunningError, UnsupportedVersionError, RunDirectoryError,
        ConnectionLostError.
        """
        if start and isinstance(endpoint, str) and "://" in endpoint:
            raise InvalidArgumentError("start=True goes with a run directory, not with an address")
        client = cls(endpoint, name, respawn)
        try:
            if start:
                client._start_daemon(endpoint, timeout_s)
            hopeless = _HOPELESS if wait else (*_HOPELESS, DaemonNotRunningError)
            client._link.wait_connected(timeout_s, give_up_on=hopeless)
        except BaseException:
            client.close()
            raise
        return client

    @property
    def state(self) -> LinkState:
        """Whether the daemon can be reached."""
        return self._link.state

    @property
    def server_id(self) -> str:
        """16 hex digits, one value for each run of the daemon."""
        return self._welcome.server_id

    @property
    def epoch(self) -> int:
        """Grows with every start of the daemon."""
        return self._welcome.epoch

    @property
    def engine_profile(self) -> str:
        """What executes the networks in the daemon."""
        return self._welcome.engine_profile

    def wait_connected(self, timeout_s: float = 10.0) -> None:
        """Returns when the daemon can be reached again; raises the reason when it cannot."""
        self._link.wait_connected(timeout_s)

    def load(self, source: str | Path | bytes) -> CharacterRef:
        """Loads a character file (a path that the daemon can read, or its bytes).

        Raises CharacterFileInvalidError, NotFoundError, TooLargeError.
        """
        if isinstance(source, bytes):
            kept: Path | bytes = source
            body = pb.LoadCharacter(data=source)
        else:
            kept = Path(source).absolute()
            if not kept.exists() and not self._remote:
                raise NotFoundError(f"there is no file {kept}")
            body = pb.LoadCharacter(path=str(kept))
        session = self._welcome.session
        loaded = self._ask(body, pb.CharacterLoaded, LOADING_TIMEOUT_S)
        return CharacterRef(
            loaded.character_id, loaded.name, loaded.thumbnail_png, loaded.sha256, kept, session
        )

    def enroll(
        self,
        image: str | Path | bytes,
        *,
        face: int | None = None,
        name: str = "",
        consent: str = "",
        output: str | Path | None = None,
        timeout_s: float = ENROLMENT_TIMEOUT_S,
    ) -> CharacterRef:
        """Makes a portrait a character and loads it. `output` is where its file goes, if anywhere.

        Raises EnrolmentFailedError; with the code `several_faces` its `faces` lists them.
        """
        body = pb.Enroll(face=face, name=name, consent=consent)
        if isinstance(image, bytes):
            body.data = image
        else:
            body.path = str(Path(image).absolute())
        kept = Path(output).absolute() if output is not None else None
        if kept is not None:
            body.output_path = str(kept)
        body.return_data = kept is None  # so that the character can be loaded again
        session = self._welcome.session
        made = self._ask(body, pb.Enrolled, timeout_s)
        source = kept if kept is not None else made.data
        return CharacterRef(
            made.character_id, made.name, made.thumbnail_png, made.sha256, source, session
        )

    def spawn(
        self,
        character: CharacterRef | str | Path | bytes,
        *,
        slots: int = 0,
        size_px: int = 0,
        seed: int = 0,
        curves: bool = False,
        frames: bool = True,
        ring: str = "auto",
        detail: Detail | None = None,
    ) -> ActorHandle:
        """Puts a character on the stage; it idles until it has something to say.

        `slots` and `size_px` (0: the daemon's choice) shape its ring, `seed` its idle behaviour;
        `curves` asks for the coefficients behind each frame too, `frames=False` for nothing but
        them. `ring="gpu"` would rather have frames on the GPU, if the daemon draws them there
        (`ActorHandle.latest_device`), and takes host memory otherwise; "posix" and "cuda_ipc" take
        nothing else; `detail` says how much of it is seen at first (`ActorHandle.set_detail`).
        Raises StageFullError, SharedMemoryFullError, GpuMemoryFullError, RingError.
        """
        known = character if isinstance(character, CharacterRef) else self.load(character)
        options = SpawnOptions(
            slots, size_px, seed, curves or not frames, frames, ring, detail or Detail()
        )
        actor = ActorHandle(self, known, options)
        self.spawn_again(actor)
        return actor

    def stats(self) -> Stats:
        """How the daemon and everything on its stage are doing."""
        return stats_of(self._ask(pb.Stats(), pb.StatsReply))

    def set_budget(
        self,
        *,
        cpu_fraction: float | None = None,
        gpu_ms_per_frame: float | None = None,
        game_fps: float | None = None,
    ) -> Budget:
        """What the daemon may take of the machine beside this game; what is None stays as it is.

        `cpu_fraction` is of all cores (0.01 to 1), `gpu_ms_per_frame` of each of the game's
        `game_fps` frames a second. Returns what is in force: the tightest of all clients' wishes
        and the daemon's own setting. Raises InvalidArgumentError.
        """
        body = pb.SetBudget(
            cpu_fraction=cpu_fraction, gpu_ms_per_frame=gpu_ms_per_frame, game_fps=game_fps
        )
        done = self._ask(body, pb.BudgetSet)
        return Budget(done.cpu_fraction, done.gpu_ms_per_frame or None, done.game_fps)

    def shutdown(self) -> None:
        """Asks the daemon to stop, for all its clients."""
        self._ask(pb.Shutdown(), pb.Ack)

    def close(self) -> None:
        """Closes actors and connection, and ends the daemon if `connect` started it."""
        with self._lock:
            actors = [*self._actors.values(), *self._lost]
        for actor in actors:
            with contextlib.suppress(MienError):
                actor.close()
        if self._daemon is not None:
            with contextlib.suppress(MienError):
                self.shutdown()
        self._link.close()
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What actors call.

    def request(
        self,
        body: control.RequestBody,
        timeout_s: float | None = None,
        on_reply: Callable[[control.ReplyBody], None] | None = None,
    ) -> control.ReplyBody:
        """Asks the daemon and waits; raises what it answers as an error."""
        return self._link.request(body, timeout_s or REQUEST_TIMEOUT_S, on_reply)

    def pump(self, outbox: Outbox) -> None:
        """There is audio to send."""
        self._link.pump(outbox)

    def tell(self, actor_id: int, message: wire.Detail) -> None:
        """Sends what replaces all that was told of the actor before."""
        self._link.tell(actor_id, message)

    def forget(self, actor: ActorHandle) -> None:
        """The actor was closed."""
        with self._lock:
            self._actors.pop(actor.actor_id, None)
            if actor in self._lost:
                self._lost.remove(actor)

    def spawn_again(self, actor: ActorHandle) -> None:
        """Spawns an actor, or a lost one anew, loading its character first if need be."""
        actor.character = self._loaded(actor.character)
        kinds = actor.options.ring_kinds
        try:
            self._spawn_with(actor, kinds)
        except (RingError, GpuMemoryFullError) as error:
            hosts = [kind for kind in kinds if kind != pb.RING_KIND_CUDA_IPC]
            if hosts in ([], kinds):
                raise
            log.warning("no frames on the GPU, asking for host memory: %s", error)
            self._spawn_with(actor, hosts)

    def _spawn_with(self, actor: ActorHandle, kinds: list[pb.RingKind]) -> None:
        options = actor.options
        body = pb.SpawnActor(
            character_id=actor.character.character_id,
            ring=pb.RingPreferences(
                kinds=kinds,
                slots=options.slots,
                size_px=options.size_px,
            ),
            seed=options.seed,
            curves=options.curves,
            no_frames=not options.frames,
            detail=options.detail.message,
        )

        def spawned(reply: control.ReplyBody) -> None:
            if isinstance(reply, pb.ActorSpawned):
                actor.actor_id = reply.actor_id
                with self._lock:
                    self._actors[reply.actor_id] = actor
                    if actor in self._lost:
                        self._lost.remove(actor)

        reply = self.request(body, on_reply=spawned)
        if not isinstance(reply, pb.ActorSpawned):
            raise WireError(f"the daemon answered SpawnActor with {type(reply).__name__}")
        try:
            actor.attach(reply)
        except MienError:
            with contextlib.suppress(MienError):
                self.request(pb.Despawn(actor_id=reply.actor_id))
            self.forget(actor)
            raise
        with self._lock:
            still_there = self._actors.get(reply.actor_id) is actor
        if not still_there:
            actor.on_lost()
            raise ConnectionLostError("the daemon went away while the actor was spawned")

    # What the link's worker calls.

    def on_connected(self, welcome: pb.Welcome, resumed: bool) -> None:
        """A session is there."""
        with self._lock:
            actors = list(self._actors.values())
            if not resumed:
                self._lost.extend(actors)
                self._actors.clear()
        for actor in actors:
            if resumed:
                actor.on_back()
            else:
                actor.on_lost()
        if self.respawn and self._lost:
            threading.Thread(target=self._respawn_lost, name="mien-respawn", daemon=True).start()

    def on_lost(self, reason: MienError) -> None:
        """The daemon cannot be reached."""
        log.info("connection lost: %s", reason)
        with self._lock:
            actors = list(self._actors.values())
        for actor in actors:
            if isinstance(reason, ClosedError):
                actor.on_lost()
            else:
                actor.on_away()

    def on_data(self, message: wire.DaemonMessage, payload: wire.Payload) -> None:
        """Something came on the data plane."""
        with self._lock:
            actor = self._actors.get(message.actor)
        if actor is not None:
            actor.on_data(message, payload)
        elif isinstance(message, wire.DataError):
            log.warning("the daemon refused data: %s", message.message)

    def _respawn_lost(self) -> None:
        with self._lock:
            lost = list(self._lost)
        for actor in lost:
            try:
                actor.respawn()
            except (ConnectionLostError, RequestTimeoutError, ClosedError):
                return  # the next connection tries again
            except MienError as error:
                log.warning("cannot bring back %s: %s", actor.character.name, error)
                actor.abandon(error)

    def _loaded(self, character: CharacterRef) -> CharacterRef:
        """The character as this session knows it."""
        if character.session == self._welcome.session:
            return character
        if character.source is None:
            raise NotFoundError(
                f"{character.name} was loaded in an earlier session and cannot be loaded again: "
                "load its file"
            )
        fresh = self.load(character.source)
        return replace(fresh, source=character.source)

    def _ask(
        self, body: control.RequestBody, expected: type[_Reply], timeout_s: float | None = None
    ) -> _Reply:
        reply = self.request(body, timeout_s)
        if not isinstance(reply, expected):
            raise WireError(
                f"the daemon answered {type(body).__name__} with {type(reply).__name__}"
            )
        return reply

    def _start_daemon(self, endpoint: str | Path | None, timeout_s: float) -> None:
        """Starts a daemon unless one answers, and waits until it does."""
        try:
            hopeless = (*_HOPELESS, DaemonNotRunningError)
            self._link.wait_connected(timeout_s, give_up_on=hopeless)
        except DaemonNotRunningError:
            from mien.protocol import launch

            self._daemon = launch.Daemon(None if endpoint is None else Path(endpoint))
            deadline = time.monotonic() + max(timeout_s, launch.START_TIMEOUT_S)
            while self._link.state is not LinkState.CONNECTED:
                self._daemon.check()
                if time.monotonic() > deadline:
                    raise
                with contextlib.suppress(MienError):
                    self._link.wait_connected(0.25)

    @property
    def _remote(self) -> bool:
        return self._link.remote

    @property
    def _welcome(self) -> pb.Welcome:
        welcome = self._link.welcome
        if welcome is None:
            raise ConnectionLostError("there was no connection yet")
        return welcome
