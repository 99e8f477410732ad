"""Frames of a video file, upright, with their times.

Knows PyAV. Refuses to know faces. A file is a stranger's: sizes and counts are bounded before
anything is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
MOST_SIDE_PX = 1280  # frames are shrunk to this
MOST_PIXELS = 8192 * 8192
MOST_SECONDS = 3600.0


class VideoError(ValueError):
    """A video cannot be used; the message says why and what to do."""


def video_seconds(path: Path) -> float | None:
    """How long the file says it is, s; None where it does not say. Raises VideoError."""
    with _opened(path) as container:
        return None if container.duration is None else container.duration / av.time_base


def video_frames(path: Path) -> Iterator[tuple[int, U8]]:
    """Yield (time in microseconds from the first frame on, RGB [H, W, 3]).

    Frames whose time does not rise are left out. Raises VideoError for what is no video, has no
    picture, is too large or longer than an hour.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        first, last = None, -1
        try:
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                first = frame.time if first is None else first
                time_us = round(1e6 * (frame.time - first))
                if time_us <= last:
                    continue
                if time_us > 1e6 * MOST_SECONDS:
                    raise VideoError(f"'{path.name}' is longer than an hour; cut it into pieces")
                last = time_us
                yield time_us, _upright(frame)
        except av.FFmpegError as error:
            if last < 0:
                raise VideoError(f"'{path.name}' cannot be decoded: {error.strerror}") from None
        if last < 0:
            raise VideoError(f"'{path.name}' holds no picture")


def _opened(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise VideoError(f"there is no video '{path}'")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"'{path.name}' is no video that can be read: {reason}") from None
    if not container.streams.video:
        container.close()
        raise VideoError(f"'{path.name}' has sound only; a picture is needed")
    codec = container.streams.video[0].codec_context
    if codec.width * codec.height > MOST_PIXELS:
        container.close()
        raise VideoError(f"'{path.name}' is {codec.width}×{codec.height}; make it smaller")
    return container


def _upright(frame: av.VideoFrame) -> U8:
    shrink = min(1.0, MOST_SIDE_PX / max(frame.width, frame.height))
    width, height = (max(2, round(shrink * side / 2) * 2) for side in (frame.width, frame.height))
    picture = frame.reformat(width, height, "rgb24").to_ndarray()
    quarter = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarter))
