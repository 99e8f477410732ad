"""One utterance on its way: PCM in from the I/O thread, hops of 16 kHz out to the performance.

Knows order, credit and arrival times of a line's audio, and when all of it is there. Refuses to
know actors, sockets and how sound is resampled (an `Ears` does that). The only object that two
threads touch while a line runs: the I/O thread calls `append` and `credit`, the performance thread
the rest; a lock guards the few fields between them. Audio is converted piece by piece when it is
needed, so that a minute sent at once costs no actor a frame.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mien.models.motion.types import F32, HOP_SAMPLES, SAMPLE_RATE_HZ
from mien.protocol.control_pb2 import Cue
from mien.protocol.errors import WireError
from mien.protocol.wire import Audio, AudioFlag, DataErrorCode, check_audio_bytes

_PIECE_BYTES = 8 * 1024  # converted at a time: 85 ms at 48 kHz, a millisecond or two of work
_MAX_SAMPLES = 2**46


class Ears(Protocol):
    """PCM bytes in one format → mono f32 at 16 kHz, with memory between pieces."""

    @property
    def not_finite(self) -> int:
        """Samples so far that were no numbers and were taken as silence."""

    def push(self, pcm: bytes) -> F32:
        """What comes out for `pcm`, whole samples of all channels."""

    def flush(self) -> F32:
        """The rest, once; nothing may be pushed after."""


@dataclass(frozen=True)
class PcmFormat:
    """How a line's samples are written."""

    sample_rate_hz: int
    channels: int
    is_float: bool  # f32le, else s16le

    @property
    def frame_bytes(self) -> int:
        """One sample of all channels."""
        return self.channels * (4 if self.is_float else 2)


@dataclass(frozen=True)
class LineSpec:
    """What a client announced."""

    line_id: int
    pcm: PcmFormat
    seed: int = 0
    start_pts_us: int = 0
    total_samples: int | None = None
    cues: Sequence[Cue] = ()
    lead_us: int = 0  # how far ahead it may be performed


@dataclass(frozen=True)
class Verdict:
    """What became of a chunk: refused with a code and a message, or not; whether to credit."""

    refused: DataErrorCode | None = None
    message: str = ""
    credit: bool = False


class Line:
    """A line's audio and how far it got."""

    def __init__(self, spec: LineSpec, ears: Ears, window_bytes: int) -> None:
        self.spec = spec
        self._ears = ears
        self._window_bytes = window_bytes
        self._lock = threading.Lock()
        self._chunks: deque[bytes] = deque()
        self._marks: deque[tuple[int, int]] = deque()  # samples received by then, arrival
        self._received_bytes = 0
        self._received_samples = 0
        self._next_seq = 0
        self._told_bytes, self._told_limit = 0, window_bytes
        self._ended = spec.total_samples == 0
        self._discarded = False
        self._waiting = True  # the performance wants to hear of new audio at once
        # From here on the performance thread's own.
        self._consumed_bytes = 0
        self._ready = np.zeros(0, np.float32)  # 16 kHz, not yet taken
        self._taken_hops = 0
        self._total_frames: int | None = None

    # --- the I/O thread ---------------------------------------------------------------------

    def append(self, chunk: Audio, payload: bytes, now_us: int) -> Verdict:
        """Takes a chunk, or says why not. A chunk that came before is ignored but credited."""
        with self._lock:
            if self._discarded:
                return Verdict()
            if chunk.seq < self._next_seq:
                return Verdict(credit=True)
            if self._ended and chunk.seq == self._next_seq and not payload:
                self._next_seq += 1  # says once more what total_samples had said
                return Verdict(credit=True)
            refusal = self._refuse(chunk, payload)
            if refusal is not None:
                return refusal
            self._accept(chunk, payload, now_us)
            return Verdict(credit=self._ended or self._credit_due())

    def _refuse(self, chunk: Audio, payload: bytes) -> Verdict | None:
        if self._ended:
            return Verdict(DataErrorCode.INVALID, "the line has ended")
        if chunk.seq > self._next_seq:
            return Verdict(DataErrorCode.SEQUENCE, f"chunk {self._next_seq} is missing")
        try:
            check_audio_bytes(chunk, len(payload), self.spec.pcm.frame_bytes)
        except WireError as error:
            return Verdict(DataErrorCode.INVALID, error.message)
        if chunk.first_sample != self._received_samples:
            expected = self._received_samples
            return Verdict(DataErrorCode.INVALID, f"first_sample must be {expected}")
        end = self._received_samples + chunk.n_samples
        if end > min(self.spec.total_samples or _MAX_SAMPLES, _MAX_SAMPLES):
            return Verdict(DataErrorCode.INVALID, "more samples than total_samples announced")
        if self._received_bytes + len(payload) > self._limit_bytes():
            return Verdict(DataErrorCode.BACKPRESSURE, "no room: wait for credit")
        return None

    def _accept(self, chunk: Audio, payload: bytes, now_us: int) -> None:
        self._next_seq += 1
        self._received_bytes += len(payload)
        self._received_samples += chunk.n_samples
        if payload:
            size = _PIECE_BYTES // self.spec.pcm.frame_bytes * self.spec.pcm.frame_bytes
            self._chunks.extend(payload[at : at + size] for at in range(0, len(payload), size))
            self._marks.append((self._received_samples, now_us))
        complete = self._received_samples == self.spec.total_samples
        self._ended = complete or bool(chunk.flags & AudioFlag.END)

    def credit(self) -> tuple[int, int]:
        """The next chunk expected and the payload bytes that may be sent in all; to be told."""
        with self._lock:
            self._told_bytes, self._told_limit = self._received_bytes, self._limit_bytes()
            return self._next_seq, self._told_limit

    @property
    def credit_due(self) -> bool:
        """Whether a quarter of the window was taken, or became free, since it was last told."""
        with self._lock:
            return not self._discarded and self._credit_due()

    def _credit_due(self) -> bool:
        taken = self._received_bytes - self._told_bytes
        free = self._limit_bytes() - self._told_limit
        return max(taken, free) * 4 >= self._window_bytes

    def _limit_bytes(self) -> int:
        return self._consumed_bytes + self._window_bytes

    @property
    def waiting(self) -> bool:
        """Whether the performance should be woken for new audio."""
        return self._waiting

    @property
    def ended(self) -> bool:
        """Whether the client has sent all it wants to."""
        return self._ended

    @property
    def next_seq(self) -> int:
        """The chunk that is expected next."""
        return self._next_seq

    # --- the performance thread -------------------------------------------------------------

    @property
    def line_id(self) -> int:
        """Unique within the actor."""
        return self.spec.line_id

    @property
    def total_frames(self) -> int | None:
        """How many frames the line has; None until all its audio was heard."""
        return self._total_frames

    @property
    def not_finite(self) -> int:
        """Samples so far that were no numbers and were taken as silence."""
        return self._ears.not_finite

    def wait(self, waiting: bool) -> None:
        """Asks for a wake-up with the next chunk, or not to be disturbed."""
        self._waiting = waiting

    def hops_ready(self, wanted: int) -> int:
        """How many hops can be taken, converting no more than is needed to know up to `wanted`.

        Once everything was heard the answer is `wanted`: the rest is silence.
        """
        while len(self._ready) < wanted * HOP_SAMPLES and self._total_frames is None:
            if not self._convert_piece():
                break
        if self._total_frames is not None:
            return wanted
        return min(len(self._ready) // HOP_SAMPLES, wanted)

    def take_hop(self) -> F32:
        """The next hop [640], filled up with silence past the end."""
        hop = np.zeros(HOP_SAMPLES, np.float32)
        there = self._ready[:HOP_SAMPLES]
        hop[: len(there)] = there
        self._ready = self._ready[HOP_SAMPLES:]
        self._taken_hops += 1
        return hop

    @property
    def all_taken(self) -> bool:
        """Whether every hop with sound in it was taken."""
        return self._total_frames is not None and self._taken_hops >= self._total_frames

    def frame_pts_us(self, frame: int) -> int:
        """When frame `frame` is shown, on the line's clock."""
        return self.spec.start_pts_us + frame * HOP_SAMPLES * 1_000_000 // SAMPLE_RATE_HZ

    @property
    def end_pts_us(self) -> int:
        """When the line's last sample has sounded."""
        played_us = self._received_samples * 1_000_000 // self.spec.pcm.sample_rate_hz
        return self.spec.start_pts_us + played_us

    def arrival_us(self, hop: int) -> int | None:
        """When the last sample of hop `hop` came in; None if unknown. Ask in rising order."""
        sample = (hop + 1) * HOP_SAMPLES * self.spec.pcm.sample_rate_hz // SAMPLE_RATE_HZ
        with self._lock:
            while len(self._marks) > 1 and self._marks[0][0] < sample:
                self._marks.popleft()
            return self._marks[0][1] if self._marks else None

    @property
    def buffered_bytes(self) -> int:
        """Audio that waits to be spoken, as it was sent."""
        return self._received_bytes - self._consumed_bytes

    @property
    def buffered_us(self) -> int:
        """The same as time."""
        pcm = self.spec.pcm
        raw_us = self.buffered_bytes * 1_000_000 // (pcm.frame_bytes * pcm.sample_rate_hz)
        return raw_us + len(self._ready) * 1_000_000 // SAMPLE_RATE_HZ

    def discard(self) -> None:
        """Throws away what is there and whatever still comes."""
        with self._lock:
            self._discarded = self._ended = True
            self._chunks.clear()
            self._consumed_bytes = self._received_bytes
            self._waiting = False
        self._ready = self._ready[:0]

    def _convert_piece(self) -> bool:
        """Moves one piece from raw to ready, or the resampler's rest; False if neither is there."""
        with self._lock:
            piece = self._chunks.popleft() if self._chunks else b""
            self._consumed_bytes += len(piece)
            all_here = self._ended and not self._chunks
        if piece:
            self._add(self._ears.push(piece))
            return True
        if all_here:
            self._add(self._ears.flush())
            samples = self._taken_hops * HOP_SAMPLES + len(self._ready)
            self._total_frames = -(-samples // HOP_SAMPLES)
        return all_here

    def _add(self, sound: F32) -> None:
        if len(sound):
            self._ready = np.concatenate([self._ready, sound.astype(np.float32, copy=False)])
