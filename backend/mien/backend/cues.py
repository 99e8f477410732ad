"""Cues of the wire become wishes for the motion generator.

Knows two clocks: a line's own, and an actor's, on which standing cues hold whatever is said. A
line's cue outranks a standing one of its kind. What a face cannot do is limited here, silently.
Refuses to know how wishes are eased: that is `mien.models.motion.controls`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mien.backend.config import FRAME_US
from mien.models.motion import cues as motion
from mien.models.motion.controls import CueTrack
from mien.models.motion.types import Controls
from mien.protocol.control_pb2 import Cue
from mien.protocol.errors import ResourceExhaustedError
from mien.protocol.limits import MAX_CUES_PER_LINE

_FIELDS: dict[type[motion.Cue], str] = {
    motion.GazeCue: "gaze_rad",
    motion.DistanceCue: "distance",
    motion.EmotionCue: "emotion",
    motion.HeadCue: "head",
}
_SETTLED_US = 800_000  # longer than any easing: a cue this old is as it will be
_MANY_STANDING = 64  # from here on the old ones are looked through
_MAX_STANDING = 256


def _within(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _motion_cue(cue: Cue, start_us: int) -> motion.Cue | None:
    """The models' cue, beginning at `start_us` of its track; None if it is over before 0."""
    duration_us = min(cue.duration_us, motion.MAX_TIME_US)
    if start_us < 0:
        if duration_us and start_us + duration_us <= 0:
            return None
        duration_us += start_us if duration_us else 0
        start_us = 0
    start_us = min(start_us, motion.MAX_TIME_US)
    kind = cue.WhichOneof("control")
    if kind == "emotion":
        weights = tuple(cue.emotion.weights)
        return motion.EmotionCue(start_us, duration_us, None, weights, cue.emotion.intensity)
    if kind == "gaze":
        theta = _within(cue.gaze.theta_rad, motion.MAX_GAZE_RAD)
        phi = _within(cue.gaze.phi_rad, motion.MAX_GAZE_RAD)
        return motion.GazeCue(start_us, duration_us, None, theta, phi)
    if kind == "distance":
        low, high = motion.DISTANCE_RANGE
        return motion.DistanceCue(start_us, duration_us, None, min(max(cue.distance, low), high))
    if kind == "head":
        x, y, z = (
            _within(a, motion.MAX_HEAD_RAD)
            for a in (cue.head.x_rad, cue.head.y_rad, cue.head.z_rad)
        )
        return motion.HeadCue(start_us, duration_us, None, (x, y, z))
    return motion.BlinkCue(start_us, duration_us, None, cue.blink)


class LineCues:
    """A line's cues; its frame 0 is at `start_pts_us`."""

    def __init__(self, start_pts_us: int, cues: Sequence[Cue] = ()) -> None:
        self._start_us = start_pts_us
        made = (_motion_cue(cue, cue.pts_us - start_pts_us) for cue in cues)
        self._track = CueTrack(cue for cue in made if cue is not None)

    def add(self, cue: Cue, pts_us: int | None = None) -> None:
        """One more, at its own or another time. Raises ResourceExhaustedError for too many."""
        if len(self._track) >= MAX_CUES_PER_LINE:
            raise ResourceExhaustedError(f"a line takes {MAX_CUES_PER_LINE} cues")
        at_us = cue.pts_us if pts_us is None else pts_us
        made = _motion_cue(cue, at_us - self._start_us)
        if made is not None:
            self._track = self._track.with_cue(made)

    def over(self, standing: Controls, frame: int) -> Controls:
        """What is wished for at `frame` of the line, where `standing` is wished for otherwise."""
        if not self._track.cues:
            return standing
        mine = self._track(frame, 1)
        given = {type(cue) for cue in self._track.cues}
        kept = {
            field: getattr(standing, field) for kind, field in _FIELDS.items() if kind not in given
        }
        if motion.BlinkCue not in given:
            kept["blink"] = standing.blink
        return replace(mine, **kept)


class StandingCues:
    """An actor's cues on its own clock: what holds while it idles, and under its lines."""

    def __init__(self) -> None:
        self._cues: list[tuple[int, Cue]] = []  # start on the actor's clock
        self._base_us = 0
        self._track = CueTrack()

    def add(self, cue: Cue, now_us: int) -> None:
        """One more, counted from `now_us` of the actor's clock."""
        start_us = now_us + max(cue.pts_us, 0)
        self._cues.append((start_us, cue))
        # Games steer the gaze many times a second, for hours: what is long over must go.
        far = start_us - self._base_us > motion.MAX_TIME_US // 2
        if far or not 0 < len(self._track) < _MANY_STANDING:
            self._rebuild(now_us)
            return
        added = _motion_cue(cue, start_us - self._base_us)
        if added is not None:
            self._track = self._track.with_cue(added)

    def _rebuild(self, now_us: int) -> None:
        self._base_us = now_us - _SETTLED_US
        self._cues = [c for c in self._cues if not self._over(*c)][-_MAX_STANDING:]
        made = (_motion_cue(cue, start_us - self._base_us) for start_us, cue in self._cues)
        self._track = CueTrack(m for m in made if m is not None)

    def at_frame(self, clock_frame: int) -> Controls:
        """What is wished for at a frame of the actor's clock."""
        return self._track((clock_frame * FRAME_US - self._base_us) // FRAME_US, 1)

    def _over(self, start_us: int, cue: Cue) -> bool:
        """Whether a cue can never be seen again."""
        kind = cue.WhichOneof("control")
        if cue.duration_us or kind == "blink":
            return start_us + max(cue.duration_us, FRAME_US) < self._base_us
        return any(
            start_us < start < self._base_us
            for start, other in self._cues
            if other.WhichOneof("control") == kind and not other.duration_us
        )
