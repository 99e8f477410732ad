"""Which moments of an actor's motion become pictures.

Knows a rate of pictures, and how to make moments between two frames of motion: by interpolation,
once the later one is known, so that such a rate lies up to one frame of motion behind. At 25 a
second every frame of motion is a picture, at once; at half of that every second one. A line's first
and last frame are always shown. Refuses to know costs and when anything is drawn.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from mien.backend.config import FRAME_US
from mien.backend.shot import Shot
from mien.protocol.wire import FrameFlag, LineEventKind

_APART_US = 3 * FRAME_US  # frames further apart than this do not belong together


class Shutter:
    """One actor's. `expose` is told every frame of motion, in order."""

    def __init__(self) -> None:
        self._interval_us = FRAME_US
        self._before: Shot | None = None
        self._next_us = 0  # when the next picture is due
        self._skipped = 0
        self._owed: list[Shot] = []  # skipped, with something to tell

    @property
    def interval_us(self) -> int:
        """Between two pictures."""
        return self._interval_us

    @property
    def behind_us(self) -> int:
        """How far pictures lie behind the frames of motion that they need."""
        return FRAME_US - gcd(self._interval_us, FRAME_US)

    def take_rate(self, fps: float) -> None:
        """From now on so many pictures a second."""
        interval_us = round(1_000_000 / fps)
        if interval_us != self._interval_us:
            self._interval_us, self._skipped = interval_us, 0

    def close(self) -> list[Shot]:
        """No pictures for a while. Returns frames whose news are still to be told."""
        owed, self._owed, self._before = self._owed, [], None
        return owed

    def expose(self, frame: Shot) -> list[Shot]:
        """The pictures that `frame` completes, in order; their `release_us` may lie ahead."""
        before, self._before = self._before, frame
        together = before is not None and _belong(before, frame)
        if self._interval_us % FRAME_US == 0:
            return self._every_nth(frame, together)
        shots = self._between(before, frame) if before is not None and together else []
        if not together or (_must_show(frame) and not (shots and shots[-1].due_us == frame.due_us)):
            shots.append(frame)
            self._next_us = frame.due_us + self._interval_us
        if not shots:
            self._owe(frame)
            return []
        delayed = [_later(shot, self.behind_us) for shot in shots]
        return [self._with_debts(delayed[0]), *delayed[1:]]

    def _every_nth(self, frame: Shot, together: bool) -> list[Shot]:
        self._skipped += 1
        if together and not _must_show(frame) and self._skipped * FRAME_US < self._interval_us:
            self._owe(frame)
            return []
        self._skipped, self._next_us = 0, frame.due_us + self._interval_us
        return [self._with_debts(frame)]

    def _between(self, before: Shot, frame: Shot) -> list[Shot]:
        """The moments after `before`, up to `frame`, at which a picture is due."""
        span_us = frame.due_us - before.due_us
        if not before.due_us < self._next_us <= before.due_us + self._interval_us:
            self._next_us = before.due_us + self._interval_us
        shots = []
        while self._next_us <= frame.due_us:
            shots.append(_mixed(before, frame, (self._next_us - before.due_us) / span_us))
            self._next_us += self._interval_us
        if shots and shots[-1].due_us < frame.due_us:  # what is told belongs to what is shown
            told, shots[-1] = frame.happenings, replace(shots[-1], happenings=frame.happenings)
            self._before = replace(frame, happenings=()) if told else frame
        return shots

    def _owe(self, frame: Shot) -> None:
        if frame.happenings:
            self._owed.append(frame)

    def _with_debts(self, shot: Shot) -> Shot:
        if not self._owed:
            return shot
        told = tuple(h for owed in self._owed for h in owed.happenings)
        self._owed = []
        return replace(shot, happenings=(*told, *shot.happenings))


def _belong(before: Shot, frame: Shot) -> bool:
    """Whether there is anything between the two."""
    return (
        before.line_id == frame.line_id
        and 0 < frame.pts_us - before.pts_us <= _APART_US
        and 0 < frame.due_us - before.due_us <= _APART_US
        and not (before.flags | frame.flags) & FrameFlag.HELD
    )


def _must_show(frame: Shot) -> bool:
    started = any(h.kind is LineEventKind.STARTED for h in frame.happenings)
    return started or bool(frame.flags & FrameFlag.LINE_END)


def _mixed(before: Shot, frame: Shot, share: float) -> Shot:
    if share >= 1.0:
        return frame
    due_us = round(before.due_us + share * (frame.due_us - before.due_us))
    return replace(
        frame,
        dynamics=before.dynamics + share * (frame.dynamics - before.dynamics),
        pose=before.pose + share * (frame.pose - before.pose),
        pts_us=round(before.pts_us + share * (frame.pts_us - before.pts_us)),
        due_us=due_us,
        release_us=frame.release_us + due_us - frame.due_us,
        flags=frame.flags & ~FrameFlag.LINE_END,
        happenings=(),
    )


def _later(shot: Shot, by_us: int) -> Shot:
    return replace(
        shot,
        due_us=shot.due_us + by_us,
        release_us=shot.release_us + by_us,
    )
