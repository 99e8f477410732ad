"""A line being said: its audio going out, and what the daemon tells about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from mien.protocol.audio_in import AudioFormat, Pcm, to_pcm
from mien.protocol.errors import ActorLostError, ClosedError, MienError, RequestTimeoutError
from mien.protocol.outbox import Outbox
from mien.protocol.states import LineState
from mien.protocol.wire import LineEvent, LineEventKind

_FINAL = {LineState.ENDED, LineState.INTERRUPTED, LineState.LOST, LineState.FAILED}


class LineHandle:
    """A line of an actor. `write` sound and `end` it, `wait` until it was spoken."""

    def __init__(
        self,
        audio_format: AudioFormat,
        wake: Callable[[LineHandle], None],
        total_samples: int | None = None,
    ) -> None:
        """Made by `ActorHandle.say` and `ActorHandle.stream`."""
        self.format = audio_format
        self.line_id = 0
        self.error: MienError | None = None
        self.underruns = 0  # how often the sound came too late
        self.outbox = Outbox(audio_format.frame_bytes, total_samples)
        self._wake = wake
        self._state = LineState.WAITING
        self._changed = threading.Condition()

    @property
    def state(self) -> LineState:
        """Where the line is now."""
        return self._state

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to the line."""
        return self._state in _FINAL

    def write(self, pcm: Pcm, timeout_s: float | None = None) -> None:
        """Adds sound in the line's format; waits while the daemon has enough.

        Raises AudioError, ClosedError (ended or interrupted), ActorLostError, RequestTimeoutError.
        """
        data = to_pcm(pcm, self.format)
        piece_bytes = 1024 * self.format.frame_bytes * 16
        for start in range(0, len(data), piece_bytes):
            try:
                self.outbox.put(data[start : start + piece_bytes], timeout_s)
            finally:
                self._wake(self)

    def end(self) -> None:
        """No sound follows. Harmless when repeated."""
        self.outbox.end()
        self._wake(self)

    def wait(self, timeout_s: float | None = None) -> LineState:
        """Waits until the line is over; ENDED or INTERRUPTED.

        Raises ActorLostError, RequestTimeoutError, or what made the line fail.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._state in _FINAL, timeout_s):
                raise RequestTimeoutError(f"the line was not over after {timeout_s} s")
        if self.error is not None:
            raise self.error
        return self._state

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Writes all of `pieces` and ends the line; an error in them becomes the line's."""
        try:
            for piece in pieces:
                self.write(piece)
        except MienError as error:
            if self._state not in _FINAL:
                self._fail_later(error)
        except Exception as error:
            self._fail_later(MienError(f"the line's sound broke off: {error!r}"))
        self.end()

    def on_event(self, event: LineEvent) -> None:
        """What the daemon tells; called by the client's worker."""
        if event.kind == LineEventKind.UNDERRUN:
            self.underruns += 1
        elif event.kind == LineEventKind.STARTED:
            self._become(LineState.SPEAKING)
        elif event.kind == LineEventKind.ENDED:
            self.finish(LineState.FAILED if self.error else LineState.ENDED)
        else:
            self.finish(LineState.INTERRUPTED)

    def finish(self, state: LineState, error: MienError | None = None) -> None:
        """The line is over for the reason given; called by the client's worker."""
        if state is LineState.LOST and error is None:
            error = ActorLostError("the daemon went away while the line was spoken")
        closing = error or ClosedError(f"the line is over: {state.value}")
        if self._become(state, error):
            self.outbox.close(closing)

    def _fail_later(self, error: MienError) -> None:
        """What was written is still spoken; `wait` then raises."""
        with self._changed:
            self.error = self.error or error

    def _become(self, state: LineState, error: MienError | None = None) -> bool:
        with self._changed:
            if self._state in _FINAL:
                return False
            self._state = state
            self.error = self.error or error
            self._changed.notify_all()
            return True
