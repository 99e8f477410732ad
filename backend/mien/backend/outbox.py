"""What the other threads want sent: the way to the I/O thread, which owns the sockets.

Knows how to hand messages over without waiting, and how to wake the I/O thread. Bounded: when the
I/O thread cannot keep up, the oldest doorbells and curves are lost, nothing else.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mien.protocol.control import ReplyBody
from mien.protocol.wire import DataMessage, Payload

_MAX_LOSABLE = 4096


@dataclass(frozen=True)
class Ticket:
    """Whom to answer: the routing id on the control socket, and the request's id."""

    routing: bytes
    request_id: int


@dataclass(frozen=True)
class Answer:
    """A reply that took another thread to find out."""

    ticket: Ticket
    body: ReplyBody


@dataclass(frozen=True)
class DataOut:
    """A data message to a session; a `losable` one may be dropped under pressure."""

    session: bytes
    message: DataMessage
    payload: Payload = b""
    losable: bool = False


@dataclass(frozen=True)
class Errand:
    """Something that must be done on the I/O thread, which owns the tables."""

    run: Callable[[], None]


Outgoing = Answer | DataOut | Errand


class Outbox:
    """Any thread puts, the I/O thread takes; `fileno` becomes readable when something is there."""

    def __init__(self) -> None:
        self._items: deque[Outgoing] = deque()
        self._lock = threading.Lock()
        self._losable = 0
        self.lost = 0  # messages dropped under pressure
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    @property
    def waker(self) -> socket.socket:
        """To be polled for reading."""
        return self._reader

    def put(self, item: Outgoing) -> None:
        """Hands a message over. Never waits."""
        with self._lock:
            if isinstance(item, DataOut) and item.losable:
                if self._losable >= _MAX_LOSABLE:
                    self._lose_oldest()
                self._losable += 1
            was_empty = not self._items
            self._items.append(item)
        if was_empty:
            self.wake()

    def _lose_oldest(self) -> None:
        """What is newest matters: the oldest message that may be lost makes room."""
        for i, item in enumerate(self._items):
            if isinstance(item, DataOut) and item.losable:
                del self._items[i]
                self._losable -= 1
                self.lost += 1
                return

    def wake(self) -> None:
        """Has the I/O thread look."""
        with contextlib.suppress(BlockingIOError, OSError):  # full: it is awake already
            self._writer.send(b"\0")

    def take_all(self) -> list[Outgoing]:
        """Everything that was put since."""
        with contextlib.suppress(BlockingIOError, OSError):
            while self._reader.recv(4096):
                pass
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._losable = 0
        return items

    def close(self) -> None:
        """Frees the waker."""
        self._reader.close()
        self._writer.close()
