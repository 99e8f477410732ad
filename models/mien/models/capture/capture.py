"""Performance capture: a talking video to motion.

Knows how a face is found, followed and found again. Refuses to know networks and files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.crops import Crop, around
from mien.models.capture.performance import perform
from mien.models.capture.reader import FaceReader, Look
from mien.models.enrolment.landmarks import find_faces
from mien.models.motion.types import Motion

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
SEEN = 0.5  # mean visibility of points below which a face counts as lost
JUMP = 0.5  # of the crop's side that a face may move in a frame
SEARCH_EVERY = 10  # frames, while nobody is to be seen


class CaptureError(ValueError):
    """No performance can be read from a video; the message says why and what to do."""


@dataclass(frozen=True)
class Captured:
    """What was read."""

    motion: Motion
    frames: int
    lost: int  # frames without a face, for which the last look stands


class Follower:
    """Keeps an eye on one face through a video."""

    def __init__(self, reader: FaceReader) -> None:
        self.reader = reader
        self.lost = 0
        self._last: Look | None = None
        self._blind = 0  # frames since a face was last seen

    def look(self, picture: U8) -> Look | None:
        """Look at the next frame [H, W, 3]; the last look where the face is gone, None at first."""
        if self._last is not None and self._blind == 0:
            now = self.reader.look(picture, self._last.points, passes=1)
            if self._plausible(now):
                self._last = now
                return now
        if self._blind % SEARCH_EVERY == 0:
            found = self._find(picture)
            if found is not None:
                self._last, self._blind = found, 0
                return found
        self._blind += 1
        self.lost += 1
        return self._last

    def _plausible(self, now: Look) -> bool:
        assert self._last is not None
        before, here = around(self._last.points), around(now.points)
        moved = np.hypot(here.x - before.x, here.y - before.y)
        size = here.side / before.side
        return bool(moved < JUMP * before.side and 0.6 < size < 1.6 and now.visible.mean() > SEEN)

    def _find(self, picture: U8) -> Look | None:
        faces = find_faces(picture)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.eye_distance_px)
        return self.reader.look(picture, crop_of(largest.landmarks), passes=3)


def crop_of(landmarks: NDArray[np.float32]) -> Crop:
    """The crop around a face whose landmarks [478, 3] px are known."""
    from mien.models.capture.points import LANDMARKS

    return around(landmarks[list(LANDMARKS), :2].astype(np.float64))


def capture(
    frames: Iterable[tuple[int, U8]], reader: FaceReader,
    tell: Callable[[int], None] = lambda _: None,
) -> Captured:  # fmt: skip
    """Read the performance of the largest face in `frames`: times us and pictures [H, W, 3].

    `tell` hears the time of every frame done. Frames before a face is first seen stand as it is
    seen then. Raises CaptureError where no face, or hardly any, is seen.
    """
    follower, looks, times = Follower(reader), [], []
    for time_us, picture in frames:
        looks.append(follower.look(picture))
        times.append(time_us)
        tell(time_us)
    seen = [look for look in looks if look is not None]
    if not seen:
        raise CaptureError(
            "no face was found in the video; it has to be in full view, at least 64 px wide"
        )
    if follower.lost > len(looks) / 2:
        raise CaptureError(
            f"the face was out of sight in {follower.lost} of {len(looks)} frames; use a video "
            "that shows it most of the time"
        )
    whole = [look or seen[0] for look in looks]
    return Captured(perform(whole, times, reader), len(looks), follower.lost)
