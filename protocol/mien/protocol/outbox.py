"""A line's audio on its way out: cut into chunks, paced by credit, kept until it has arrived.

Knows the rules of SPEC.md, "Audio is never dropped". Refuses to know sockets and threads, but for
one thing: `put` waits while too much is on its way. All else is called from the link's thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from mien.protocol.errors import ClosedError, MienError, RequestTimeoutError
from mien.protocol.limits import DATA_VERSION, KIB, MIB
from mien.protocol.wire import Audio, AudioFlag, DataErrorCode

MAX_WAITING_BYTES = 4 * MIB
_CHUNK_BYTES = 64 * KIB
_PROBE_S = 2.0
_REWIND_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class _Chunk:
    header: Audio
    payload: bytes
    end_bytes: int  # of the line's payload, with this chunk


class Outbox:
    """The audio of one line that the daemon has not acknowledged yet."""

    def __init__(self, frame_bytes: int, total_samples: int | None = None) -> None:
        """`total_samples`, if known, ends the line with its last sample."""
        self._frame_bytes = frame_bytes
        self._total_samples = total_samples
        self._changed = threading.Condition()
        self._chunks: deque[_Chunk] = deque()
        self._unsent = 0  # index in _chunks of the next one to send
        self._waiting_bytes = 0
        self._actor_id = self._line_id = 0
        self._seq = self._samples = self._bytes = 0
        self._limit_bytes = 0
        self._chunk_bytes = _CHUNK_BYTES
        self._refused = False  # until the next Credit
        self._forced = False  # one chunk may go beyond the limit, to hear what is
        self._rewound: tuple[int, float] = (-1, 0.0)
        self._heard_s = time.monotonic()
        self._ended = False
        self._closed: MienError | None = None

    def open(self, actor_id: int, line_id: int, credit_bytes: int) -> None:
        """LineStarted came: now chunks can be made and sent."""
        self._actor_id, self._line_id = actor_id, line_id
        self._limit_bytes = credit_bytes
        self._heard_s = time.monotonic()
        quarter = credit_bytes // 4 // self._frame_bytes * self._frame_bytes
        whole = _CHUNK_BYTES // self._frame_bytes * self._frame_bytes
        self._chunk_bytes = max(self._frame_bytes, min(quarter, whole))

    def put(self, pcm: bytes, timeout_s: float | None = None) -> None:
        """Takes PCM, a whole number of samples; waits while more than 4 MiB are on their way.

        Raises RequestTimeoutError (what was taken so far is sent), or the reason of `close`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        view = memoryview(pcm)
        for start in range(0, len(view), self._chunk_bytes):
            piece = bytes(view[start : start + self._chunk_bytes])
            with self._changed:
                self._wait_for_room(deadline)
                self._append(piece, AudioFlag(0))

    def end(self) -> None:
        """Nothing follows. Harmless when repeated."""
        with self._changed:
            if not self._ended and self._closed is None:
                self._append(b"", AudioFlag.END)
            self._ended = True

    def close(self, reason: MienError) -> None:
        """The line is over: drops what is left, and wakes who waits in `put`."""
        with self._changed:
            if self._closed is None:
                self._closed = reason
                self._chunks.clear()
                self._unsent = self._waiting_bytes = 0
                self._changed.notify_all()

    @property
    def done(self) -> bool:
        """Everything including the end has arrived, or the line is over."""
        with self._changed:
            return self._closed is not None or (self._ended and not self._chunks)

    def next_chunk(self) -> tuple[Audio, bytes] | None:
        """The next chunk that may be sent now, without taking it: see `sent`."""
        with self._changed:
            if self._refused or self._unsent >= len(self._chunks):
                return None
            chunk = self._chunks[self._unsent]
            if chunk.end_bytes > self._limit_bytes and not self._forced:
                return None
            return chunk.header, chunk.payload

    def sent(self, header: Audio) -> None:
        """The chunk that `next_chunk` gave has gone out."""
        with self._changed:
            self._forced = False
            if self._unsent < len(self._chunks):
                # In between an acknowledgement may have taken it away already.
                if self._chunks[self._unsent].header.seq == header.seq:
                    self._unsent += 1
                if self._unsent == 1:
                    self._heard_s = time.monotonic()

    def on_credit(self, next_seq: int, limit_bytes: int) -> None:
        """The daemon has everything before `next_seq` and takes up to `limit_bytes`."""
        with self._changed:
            self._heard_s = time.monotonic()
            self._refused = False
            self._limit_bytes = max(self._limit_bytes, limit_bytes)
            while self._chunks and self._chunks[0].header.seq < min(next_seq, self._seq):
                self._waiting_bytes -= len(self._chunks.popleft().payload)
                self._unsent = max(0, self._unsent - 1)
            self._changed.notify_all()

    def on_refused(self, code: DataErrorCode, next_seq: int) -> None:
        """BACKPRESSURE or SEQUENCE: go back to `next_seq`."""
        with self._changed:
            now = time.monotonic()
            self._refused = code == DataErrorCode.BACKPRESSURE
            # All chunks in flight behind a gap are refused: going back once is enough.
            if self._rewound[0] == next_seq and now - self._rewound[1] < _REWIND_PAUSE_S:
                return
            self._rewound = (next_seq, now)
            for index, chunk in enumerate(self._chunks):
                if chunk.header.seq >= next_seq:
                    self._unsent = min(self._unsent, index)
                    break

    def probe(self) -> bool:
        """Whether a chunk should go out only because nothing was heard for 2 s.

        The last one sent, again; or if all have arrived the next one, whatever the limit.
        """
        with self._changed:
            now = time.monotonic()
            if not self._chunks or now - self._heard_s < _PROBE_S:
                return False
            self._heard_s = now
            self._refused = False
            self._forced = True
            self._unsent = max(0, self._unsent - 1)
            return True

    def _append(self, piece: bytes, flags: AudioFlag) -> None:
        n_samples = len(piece) // self._frame_bytes
        if self._samples + n_samples == self._total_samples:
            flags, self._ended = AudioFlag.END, True
        header = Audio(
            DATA_VERSION,
            self._actor_id,
            self._line_id,
            self._seq,
            self._samples,
            n_samples,
            int(flags),
        )
        self._seq += 1
        self._samples += n_samples
        self._bytes += len(piece)
        self._waiting_bytes += len(piece)
        self._chunks.append(_Chunk(header, piece, self._bytes))

    def _wait_for_room(self, deadline: float | None) -> None:
        while True:
            if self._closed is not None:
                raise self._closed
            if self._ended:
                raise ClosedError("the line has ended: say another one")
            if self._waiting_bytes < MAX_WAITING_BYTES:
                return
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise RequestTimeoutError("the daemon took no more audio in time")
            self._changed.wait(left)
