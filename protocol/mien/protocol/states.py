"""What can be expected of a connection, an actor and a line. Knows only the words."""

from __future__ import annotations

import enum


class LinkState(enum.Enum):
    """Whether the daemon can be reached."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"  # and being looked for
    CLOSED = "closed"


class ActorState(enum.Enum):
    """What can be expected of an actor."""

    LIVE = "live"
    AWAY = "away"  # the daemon cannot be reached at present
    LOST = "lost"  # the daemon has forgotten it: `respawn`
    CLOSED = "closed"


class LineState(enum.Enum):
    """Where a line is."""

    WAITING = "waiting"  # for its turn or its first sound
    SPEAKING = "speaking"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    LOST = "lost"  # with the actor or the daemon
    FAILED = "failed"  # see `error`
