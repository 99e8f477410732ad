"""Sessions and how long they last.

Knows who said Hello, and that everything of a client is freed when it falls silent. Refuses to know
what a client owns (the stage does) and sockets. The I/O thread's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mien.backend.modelset import LoadedCharacter
from mien.protocol.errors import ResourceExhaustedError, UnknownSessionError
from mien.protocol.limits import CLIENT_CAPABILITIES
from mien.protocol.rundir import new_session


@dataclass
class Session:
    """One client. `key` is its secret, and the routing id of its data socket."""

    key: bytes
    client_name: str
    pid: int
    expires_us: int
    characters: dict[str, LoadedCharacter]
    capabilities: frozenset[str] = frozenset()  # of ours, what its Hello said it understands

    @property
    def label(self) -> str:
        """For logs: never the key."""
        return f"{self.client_name or 'client'} (pid {self.pid})"


class Leases:
    """All sessions."""

    def __init__(self, lease_ms: int, max_sessions: int) -> None:
        self._lease_us = lease_ms * 1000
        self._max_sessions = max_sessions
        self._sessions: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(
        self, client_name: str, pid: int, now_us: int, capabilities: Iterable[str] = ()
    ) -> Session:
        """A new session. Raises ResourceExhaustedError when there are too many."""
        if len(self._sessions) >= self._max_sessions:
            raise ResourceExhaustedError(f"the daemon has {self._max_sessions} clients already")
        key = new_session()
        known = frozenset(CLIENT_CAPABILITIES).intersection(capabilities)
        session = Session(key, client_name, pid, now_us + self._lease_us, {}, known)
        self._sessions[key] = session
        return session

    def renew(self, key: bytes, now_us: int) -> Session:
        """A sign of life. Raises UnknownSessionError."""
        session = self.find(key)
        if session is None:
            raise UnknownSessionError("the session is unknown or its lease ran out: say Hello")
        session.expires_us = now_us + self._lease_us
        return session

    def find(self, key: bytes) -> Session | None:
        """The session, without renewing its lease."""
        return self._sessions.get(key)

    def expire(self, now_us: int) -> list[Session]:
        """Takes away and returns those whose lease ran out."""
        over = [s for s in self._sessions.values() if s.expires_us <= now_us]
        for session in over:
            del self._sessions[session.key]
        return over

    def next_expiry_us(self) -> int | None:
        """When the next lease may run out."""
        return min((s.expires_us for s in self._sessions.values()), default=None)
