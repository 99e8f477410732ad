"""An actor as the client holds it: lines to say, cues to give, frames to show.

Knows its ring and its lines, and what is left of them when the daemon goes away. Refuses to know
sockets: requests go through the stage that spawned it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mien.protocol import control, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.audio_in import AudioFormat, AudioSource, SampleFormat, open_audio
from mien.protocol.cues import Cue
from mien.protocol.detail import Detail
from mien.protocol.errors import (
    ActorLostError,
    ClosedError,
    ConnectionLostError,
    InternalError,
    InvalidArgumentError,
    MienError,
    NotFoundError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedVersionError,
    WireError,
)
from mien.protocol.frames import Curves, DeviceFrame, Frame
from mien.protocol.limits import DEFAULT_FADE_MS, MIN_CREDIT_BYTES
from mien.protocol.line import LineHandle
from mien.protocol.outbox import Outbox
from mien.protocol.spawning import SpawnOptions, open_ring
from mien.protocol.states import ActorState, LineState
from mien.protocol.stats import RING_NAMES
from mien.protocol.wire import FrameFlag

if TYPE_CHECKING:
    from mien.protocol.client import CharacterRef
    from mien.protocol.cuda_ring import DeviceArray
    from mien.protocol.ring import RingReader

log = logging.getLogger("mien.client")

_DOORBELLS = 64
_KEPT_CURVES = 64
_LOOK_S = 0.2  # without a doorbell for this long, the ring itself is looked at


class Stage(Protocol):
    """What an actor needs of its client."""

    @property
    def respawn(self) -> bool:
        """Whether lost actors are brought back without being asked."""

    def request(
        self,
        body: control.RequestBody,
        timeout_s: float | None = None,
        on_reply: Callable[[control.ReplyBody], None] | None = None,
    ) -> control.ReplyBody:
        """Asks the daemon and waits."""

    def pump(self, outbox: Outbox) -> None:
        """There is audio to send."""

    def tell(self, actor_id: int, message: wire.Detail) -> None:
        """Sends what replaces all that was told of the actor before."""

    def spawn_again(self, actor: ActorHandle) -> None:
        """Loads the character and spawns the actor anew."""

    def forget(self, actor: ActorHandle) -> None:
        """The actor was closed."""


class ActorHandle:
    """A character live in the daemon. Made by `Client.spawn`; may be used from several threads."""

    def __init__(self, stage: Stage, character: CharacterRef, options: SpawnOptions) -> None:
        self.character = character
        self.options = options
        self.actor_id = 0
        self.ring: pb.RingInfo | None = None  # as the daemon gave it, to be handed on
        self.trouble: MienError | None = None  # the last thing that went wrong besides lines
        self._stage = stage
        self._changed = threading.Condition()
        self._respawning = threading.Lock()
        self._abandoned = False
        self._state = ActorState.LOST
        self._reader: RingReader | None = None
        self._ring_reason = ""
        self._last: Frame | None = None  # of the ring of before
        self._curves: Curves | None = None
        self._new_curves: deque[Curves] = deque(maxlen=_KEPT_CURVES)  # the oldest go first
        self._doorbells: deque[wire.Doorbell] = deque(maxlen=_DOORBELLS)
        self._lines: dict[int, LineHandle] = {}

    @property
    def state(self) -> ActorState:
        """What can be expected of the actor now."""
        return self._state

    def say(
        self,
        source: AudioSource,
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        sample_format: SampleFormat | None = None,
        cues: Iterable[Cue] = (),
        seed: int = 0,
        replace_current: bool = False,
        start_pts_us: int = 0,
        lead_s: float = 0.0,
    ) -> LineHandle:
        """Says a WAV file (path), PCM (bytes, int16/float32 array), or pieces of PCM as they come.

        Returns as soon as the daemon has opened the line; the sound follows in the background.
        Bytes and their iterators need `sample_rate` in Hz, and `channels` and `sample_format`
        ("s16", "f32") unless they are mono 16-bit. Lines of an actor are spoken in turn;
        `replace_current` interrupts first. With `lead_s` a line whose sound is there is performed
        up to so much ahead, so that playback never starves: then ask for frames by `at`, since
        `latest` is ahead of the sound. Raises AudioError, ActorLostError, or what the daemon
        answers.
        """
        audio = open_audio(source, sample_rate, channels, sample_format)
        line = self._open_line(
            audio.format, cues, seed, replace_current, start_pts_us, audio.total_samples, lead_s
        )
        threading.Thread(
            target=line.feed, args=(audio.chunks,), name=f"mien-line-{line.line_id}", daemon=True
        ).start()
        return line

    def stream(
        self,
        *,
        sample_rate: int,
        channels: int = 1,
        sample_format: SampleFormat = "s16",
        cues: Iterable[Cue] = (),
        seed: int = 0,
        replace_current: bool = False,
        start_pts_us: int = 0,
    ) -> LineHandle:
        """Opens a line of unknown length: `write` sound to it, then `end` it."""
        audio_format = AudioFormat(sample_rate, channels, sample_format)
        return self._open_line(audio_format, cues, seed, replace_current, start_pts_us, None, 0.0)

    @property
    def detail(self) -> Detail:
        """What was wished for last."""
        return self.options.detail

    def set_detail(self, detail: Detail) -> None:
        """How much of the actor is seen from now on. Cheap: may be called for every game frame.

        Sent at once and only if it changed; kept over a restart of the daemon.
        """
        if detail == self.options.detail:
            return
        self.options = replace(self.options, detail=detail)
        if self._state is ActorState.LIVE:
            self._stage.tell(self.actor_id, detail.header(self.actor_id))

    def cue(self, cue: Cue, line: LineHandle | None = None) -> None:
        """Gives a cue: on a line's clock, or without a line from now on."""
        self._check_live()
        line_id = line.line_id if line else 0
        self._stage.request(pb.GiveCue(actor_id=self.actor_id, line_id=line_id, cue=cue.message))

    def interrupt(self, fade_ms: int = DEFAULT_FADE_MS) -> None:
        """Stops talking: the mouth closes within `fade_ms`, lines that wait are dropped."""
        self._check_live()
        with self._changed:
            lines = list(self._lines.values())
        self._stage.request(pb.Interrupt(actor_id=self.actor_id, fade_ms=fade_ms))
        for line in lines:
            line.finish(LineState.INTERRUPTED)

    def latest(self) -> Frame | None:
        """The newest frame, at once; None before the first. The same object until there is a newer.

        While nobody makes frames, the last good one with `stale=True`.
        """
        reader = self._reader
        return self._seen(reader.latest() if reader else None)

    def latest_device(self, out: DeviceArray, stream: int = 0) -> DeviceFrame | None:
        """Copies the newest frame into `out` [H, W, 4] u8 on the GPU, on `stream` (a CUstream).

        `out` is anything with a __cuda_array_interface__ (torch, CuPy, Numba), of the ring's size
        or larger. What belongs to the frame is returned; the same object again, and nothing is
        copied, until there is a newer one; None before the first. Raises InvalidArgumentError
        where the ring is not on a GPU (`ring_reason` says why) or `out` does not fit.
        """
        from mien.protocol.cuda_ring import CudaRingReader

        reader = self._reader
        if not isinstance(reader, CudaRingReader):
            raise InvalidArgumentError(f"the actor's ring is not on a GPU: {self._ring_reason}")
        return reader.latest_device(out, stream)

    @property
    def ring_reason(self) -> str:
        """Which kind of ring the actor has, and why."""
        return self._ring_reason

    def at(self, pts_us: int, line: LineHandle | None = None) -> Frame | None:
        """The frame to show at `pts_us` of a line (default: of the newest frame's), at once.

        None while the ring holds no frame of that line.
        """
        reader = self._reader
        if reader is None or self._state is not ActorState.LIVE:
            return self._seen(None)
        return self._seen(reader.at(pts_us, line.line_id if line else None), hold=False)

    def frames(self, timeout_s: float | None = None) -> Iterator[Frame]:
        """Every frame from now on, as it comes, but for those that were overwritten meanwhile.

        Ends when the actor is closed, or lost and not brought back by its client. Raises
        RequestTimeoutError when no frame comes for `timeout_s`, InvalidArgumentError where the
        actor was spawned without frames.
        """
        if not self.options.frames:
            raise InvalidArgumentError("the actor was spawned without frames: use watch_curves()")
        shown = 0
        shown_by: RingReader | None = None
        with self._changed:
            self._doorbells.clear()
        waited_since = time.monotonic()
        while self._expected():
            reader = self._reader
            frame = self._next_frame(reader)
            if frame and not frame.stale and (frame.frame_id > shown or reader is not shown_by):
                shown, shown_by = frame.frame_id, reader
                yield frame
                waited_since = time.monotonic()
            elif timeout_s is not None and time.monotonic() - waited_since > timeout_s:
                raise RequestTimeoutError(f"no frame came for {timeout_s} s")

    @property
    def curves(self) -> Curves | None:
        """The newest coefficients and pose, if the actor was spawned with `curves=True`."""
        return self._curves

    def watch_curves(self, timeout_s: float | None = None) -> Iterator[Curves]:
        """Coefficients and pose of every frame from now on, as they come.

        Who is slower than frames come misses the oldest. Ends as `frames` does. Raises
        RequestTimeoutError when nothing comes for `timeout_s`, InvalidArgumentError unless the
        actor was spawned with `curves=True` or `frames=False`.
        """
        if not self.options.curves:
            raise InvalidArgumentError("the actor was spawned without curves=True")
        with self._changed:
            self._new_curves.clear()
        waited_since = time.monotonic()
        while self._expected():
            with self._changed:
                if not self._new_curves:
                    self._changed.wait(_LOOK_S)
                found = self._new_curves.popleft() if self._new_curves else None
            if found is not None:
                yield found
                waited_since = time.monotonic()
            elif timeout_s is not None and time.monotonic() - waited_since > timeout_s:
                raise RequestTimeoutError(f"no curves came for {timeout_s} s")

    def respawn(self) -> None:
        """Brings a lost actor back: loads its character and spawns it. Harmless when it lives."""
        if self._state is ActorState.CLOSED:
            raise ClosedError("the actor is closed: spawn another one")
        with self._respawning:
            if self._state in (ActorState.LOST, ActorState.AWAY):
                self._abandoned = False
                self._stage.spawn_again(self)

    def close(self) -> None:
        """Despawns. The last frame stays available through `latest`. Harmless when repeated."""
        if self._state is ActorState.CLOSED:
            return
        was = self._state
        self._leave(ActorState.CLOSED)
        self._stage.forget(self)
        # Before Despawn: upon that the daemon frees what the ring has on a GPU.
        if self._reader is not None:
            self._last = self._reader.last
            self._reader.close()
        if was is ActorState.LIVE:
            # Without an answer the lease ends it.
            with contextlib.suppress(ConnectionLostError, ClosedError, RequestTimeoutError):
                self._stage.request(pb.Despawn(actor_id=self.actor_id))

    def __enter__(self) -> ActorHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Called by the client, from its worker but for `attach`.

    def attach(self, spawned: pb.ActorSpawned) -> None:
        """Opens the ring of the actor just spawned, if it wants frames.

        Raises RingError, GpuMemoryFullError.
        """
        reader = open_ring(spawned.ring) if self.options.frames else None
        if reader is not None:
            self.ring = spawned.ring
            kind = RING_NAMES.get(spawned.ring.kind, str(spawned.ring.kind))
            self._ring_reason = f"{kind}: {spawned.ring.reason}"
            log.info("actor %d has a ring %s", spawned.actor_id, self._ring_reason)
        with self._changed:
            old, self._reader = self._reader, reader
            if old is not None:
                self._last = old.last
            self._state = ActorState.LIVE
            self._changed.notify_all()
        if old is not None:
            old.close()

    def on_data(self, message: wire.DaemonMessage, payload: wire.Payload) -> None:
        """Something about this actor came in."""
        if isinstance(message, wire.Doorbell):
            with self._changed:
                self._doorbells.append(message)
                self._changed.notify_all()
        elif isinstance(message, wire.Curves):
            flags = FrameFlag(message.flags)
            curves = Curves(message.frame_id, message.pts_us, bytes(payload), message.line, flags)
            with self._changed:
                self._curves = curves
                self._new_curves.append(curves)
                self._changed.notify_all()
        else:
            self._on_line_message(message)

    def on_away(self) -> None:
        """The daemon cannot be reached."""
        if self._state is ActorState.LIVE:
            self._become(ActorState.AWAY)

    def on_back(self) -> None:
        """The daemon is back and has forgotten nothing."""
        if self._state is ActorState.AWAY:
            self._become(ActorState.LIVE)

    def on_lost(self) -> None:
        """The daemon has forgotten the actor, or will not come back."""
        if self._state is not ActorState.CLOSED:
            self._leave(ActorState.LOST)

    def abandon(self, error: MienError) -> None:
        """The client could not bring the actor back and will not try again."""
        self.trouble = error
        self._abandoned = True

    def _on_line_message(self, message: wire.LineEvent | wire.DataError | wire.Credit) -> None:
        with self._changed:
            line = self._lines.get(message.line)
        if line is None:
            if isinstance(message, wire.DataError):
                self.trouble = _error_of(message)
                log.warning("actor %d: %s", self.actor_id, message.message)
            return
        if isinstance(message, wire.Credit):
            line.outbox.on_credit(message.next_seq, message.limit_bytes)
            self._stage.pump(line.outbox)
        elif isinstance(message, wire.LineEvent):
            line.on_event(message)
        elif message.code in (wire.DataErrorCode.BACKPRESSURE, wire.DataErrorCode.SEQUENCE):
            line.outbox.on_refused(message.code, message.next_seq)
            self._stage.pump(line.outbox)
        else:
            line.finish(LineState.FAILED, _error_of(message))
        if line.over:
            with self._changed:
                self._lines.pop(message.line, None)

    def _open_line(
        self,
        audio_format: AudioFormat,
        cues: Iterable[Cue],
        seed: int,
        replace_current: bool,
        start_pts_us: int,
        total_samples: int | None,
        lead_s: float,
    ) -> LineHandle:
        self._check_live()
        line = LineHandle(audio_format, lambda line: self._stage.pump(line.outbox), total_samples)
        say = pb.Say(
            actor_id=self.actor_id,
            seed=seed,
            sample_rate_hz=audio_format.sample_rate_hz,
            channels=audio_format.channels,
            sample_format="SAMPLE_FORMAT_S16LE"
            if audio_format.sample_format == "s16"
            else "SAMPLE_FORMAT_F32LE",
            cues=[cue.message for cue in cues],
            start_pts_us=start_pts_us,
            total_samples=total_samples,
            replace=replace_current,
            lead_us=round(lead_s * 1e6),
        )

        def opened(reply: control.ReplyBody) -> None:
            # In the worker, so that no event of the line can come before it is known.
            if isinstance(reply, pb.LineStarted):
                line.line_id = reply.line_id
                credit = max(reply.credit_bytes, MIN_CREDIT_BYTES)
                line.outbox.open(say.actor_id, reply.line_id, credit)
                with self._changed:
                    self._lines[reply.line_id] = line

        reply = self._stage.request(say, on_reply=opened)
        if not isinstance(reply, pb.LineStarted):
            raise WireError(f"the daemon answered Say with {type(reply).__name__}")
        return line

    def _next_frame(self, reader: RingReader | None) -> Frame | None:
        """The frame that the next doorbell announces; without one, the newest in the ring."""
        with self._changed:
            if not self._doorbells:
                self._changed.wait(_LOOK_S)
            bell = self._doorbells.popleft() if self._doorbells else None
        if reader is None or reader is not self._reader:
            return None
        return reader.read(bell.slot, bell.frame_id) if bell else reader.latest()

    def _seen(self, frame: Frame | None, *, hold: bool = True) -> Frame | None:
        """What is handed out: held over a lost ring, and marked stale unless the actor lives."""
        if frame is None and hold:
            frame = self._reader.last if self._reader else None
            frame = frame or self._last
            if frame is not None and not frame.stale:
                frame = replace(frame, stale=True)
        if frame is not None and not frame.stale and self._state is not ActorState.LIVE:
            frame = replace(frame, stale=True)
        return frame

    def _expected(self) -> bool:
        """Whether more frames may come."""
        if self._state is ActorState.LOST:
            return self._stage.respawn and not self._abandoned
        return self._state is not ActorState.CLOSED

    def _check_live(self) -> None:
        if self._state is ActorState.CLOSED:
            raise ClosedError("the actor is closed: spawn another one")
        if self._state is ActorState.LOST:
            raise ActorLostError("the daemon has forgotten this actor: call respawn()")
        if self._state is ActorState.AWAY:
            raise ConnectionLostError("the daemon cannot be reached at present")

    def _leave(self, state: ActorState) -> None:
        with self._changed:
            lines = list(self._lines.values())
            self._lines.clear()
            self._doorbells.clear()
        self._become(state)
        if self._reader is not None:
            self._reader.end()
        for line in lines:
            line.finish(LineState.LOST)

    def _become(self, state: ActorState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()


def _error_of(message: wire.DataError) -> MienError:
    kinds: dict[wire.DataErrorCode, type[MienError]] = {
        wire.DataErrorCode.NOT_FOUND: NotFoundError,
        wire.DataErrorCode.INVALID: InvalidArgumentError,
        wire.DataErrorCode.TOO_LARGE: TooLargeError,
        wire.DataErrorCode.UNSUPPORTED_VERSION: UnsupportedVersionError,
    }
    return kinds.get(message.code, InternalError)(message.message)
