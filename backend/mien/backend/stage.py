"""The stage: all actors, as the I/O thread sees them.

Knows who owns which actor, which lines it was given, and how many there may be. Refuses to know how
an actor performs: that goes on in the performance thread, to which it passes the wishes. The I/O
thread's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from mien.backend.config import DaemonConfig
from mien.backend.drawing import Canvas
from mien.backend.line import Line, LineSpec, PcmFormat
from mien.backend.modelset import ModelSet
from mien.backend.news import News
from mien.backend.performance import Performance
from mien.backend.ring_journal import RingJournal
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail
from mien.protocol.errors import (
    InvalidArgumentError,
    NotFoundError,
    NotOwnerError,
    ResourceExhaustedError,
    StageFullError,
)

_REMEMBERED = 256


@dataclass
class StagedActor:
    """An actor and what the I/O thread must know of it."""

    actor_id: int
    owner: bytes
    client_name: str
    character_name: str
    canvas: Canvas
    news: News
    lines: dict[int, Line] = field(default_factory=dict)  # not over yet
    last_line_id: int = 0
    detail: Detail | None = None  # on its way to the performance


class Stage:
    """The table of actors."""

    def __init__(
        self,
        performance: Performance,
        models: ModelSet,
        journal: RingJournal,
        config: DaemonConfig,
    ) -> None:
        self._performance = performance
        self._models = models
        self._journal = journal
        self._config = config
        self._actors: dict[int, StagedActor] = {}
        self._coming = 0  # places promised to actors that are being made
        self._last_actor_id = 0
        self._gone: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        return len(self._actors)

    def __iter__(self) -> Iterator[StagedActor]:
        return iter(self._actors.values())

    def reserve(self) -> int:
        """A place and an actor id for `enter` or `give_up`. Raises StageFullError."""
        if len(self._actors) + self._coming >= self._config.max_actors:
            raise StageFullError(
                f"the stage holds {self._config.max_actors} actors: despawn one first"
            )
        self._coming += 1
        self._last_actor_id += 1
        return self._last_actor_id

    def give_up(self) -> None:
        """A reserved place is not needed."""
        self._coming -= 1

    def enter(self, actor: StagedActor) -> None:
        """The actor takes its reserved place."""
        self._coming -= 1
        self._actors[actor.actor_id] = actor

    def own(self, actor_id: int, session: bytes) -> StagedActor:
        """An actor of this session. Raises NotFoundError or NotOwnerError."""
        actor = self._actors.get(actor_id)
        if actor is None:
            raise NotFoundError(f"there is no actor {actor_id}")
        if actor.owner != session:
            raise NotOwnerError(f"actor {actor_id} belongs to another client")
        return actor

    def left(self, actor_id: int, session: bytes) -> bool:
        """Whether it was this session's until lately: what still comes for it is no mistake."""
        return (actor_id, session) in self._gone

    def leave(self, actor: StagedActor) -> None:
        """The actor goes, and its lines, ring and lane with it."""
        self._actors.pop(actor.actor_id, None)
        self._gone.append((actor.actor_id, actor.owner))
        for line in actor.lines.values():
            line.discard()
        self._performance.post(lambda: self._performance.remove(actor.actor_id), must=True)
        if actor.canvas.ring.name:
            self._journal.forget(actor.canvas.ring.name)

    def leave_all(self, session: bytes) -> int:
        """All actors of a session go. Returns how many."""
        mine = [actor for actor in self if actor.owner == session]
        for actor in mine:
            self.leave(actor)
        return len(mine)

    def close(self) -> None:
        """Frees every ring, after the performance has stopped."""
        for actor in self:
            actor.canvas.retire()
        self._actors.clear()

    def say(self, actor: StagedActor, say: pb.Say) -> Line:
        """A new line; its audio follows. Raises InvalidArgumentError or ResourceExhaustedError."""
        line_id = say.line_id if say.HasField("line_id") else actor.last_line_id + 1
        if line_id <= actor.last_line_id:
            raise InvalidArgumentError(f"line_id must be greater than {actor.last_line_id}")
        if say.replace:
            actor.lines.clear()
        elif len(actor.lines) >= self._config.max_lines_per_actor:
            raise ResourceExhaustedError(
                f"the actor has {len(actor.lines)} lines to speak already: wait or interrupt"
            )
        is_float = say.sample_format == pb.SAMPLE_FORMAT_F32LE
        pcm = PcmFormat(say.sample_rate_hz, say.channels, is_float)
        total = say.total_samples if say.HasField("total_samples") else None
        spec = LineSpec(
            line_id, pcm, say.seed, say.start_pts_us, total, tuple(say.cues), say.lead_us
        )
        line = Line(spec, self._models.ears(pcm), self._config.line_window_bytes)
        actor.lines[line_id] = line
        actor.last_line_id = line_id
        self._performance.post(lambda: self._performance.say(actor.actor_id, line, say.replace))
        return line

    def line_over(self, actor_id: int, line_id: int) -> None:
        """The performance is done with a line."""
        actor = self._actors.get(actor_id)
        if actor is not None:
            actor.lines.pop(line_id, None)
