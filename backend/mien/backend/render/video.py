"""Writes H.264 and AAC into mp4, with the presentation times it is given.

Knows PyAV, colour tags and time bases. Refuses to know where frames come from, and never makes
up a time: a frame that was late or missing shows as the one before it standing longer.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from mien.backend.render.sound import Sound

VIDEO_TICKS_HZ = 90_000  # 40 ms is exactly 3,600 ticks
MIN_AAC_RATE_HZ, MAX_AAC_RATE_HZ = 16_000, 48_000
AUDIO_CHUNK_SAMPLES = 4_800


class VideoWriter:
    """One mp4 file: RGBA frames and, if there is any, the sound they belong to.

    Straight alpha is laid over `background` (RGB), since H.264 carries none. Colours are tagged
    BT.709, limited range. Sound is written alongside the frames, so that the file streams.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        *,
        sound: Sound | None = None,
        frame_rate_hz: int = 25,
        background: tuple[int, int, int] = (24, 24, 28),
        preset: str = "veryfast",
        crf: int = 18,
    ) -> None:
        self.frames = 0
        self._background = np.asarray(background, np.float32)
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        video = self._container.add_stream(
            "libx264", rate=frame_rate_hz, options={"crf": str(crf), "preset": preset}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        context = video.codec_context
        context.time_base = Fraction(1, VIDEO_TICKS_HZ)
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        self._video = video
        self._frame_us = 1_000_000 // frame_rate_hz
        self._sound = _SoundTrack(self._container, sound) if sound is not None else None

    def write(self, frame: NDArray[np.uint8], pts_us: int) -> None:
        """Append a frame [H, W, 4] RGBA at `pts_us`, later than every frame before it."""
        picture = av.VideoFrame.from_ndarray(self._flatten(frame), format="rgb24")
        picture = picture.reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts = pts_us * VIDEO_TICKS_HZ // 1_000_000
        picture.time_base = Fraction(1, VIDEO_TICKS_HZ)
        # Without a duration the muxer would guess the last frame's, and guesses zero.
        picture.duration = self._frame_us * VIDEO_TICKS_HZ // 1_000_000
        self._container.mux(self._video.encode(picture))
        self.frames += 1
        if self._sound is not None:
            self._sound.write_until(pts_us + self._frame_us)

    def close(self) -> None:
        """Finish the file. Sound ends with the last frame, even where there is more of it."""
        self._container.mux(self._video.encode(None))
        if self._sound is not None:
            self._sound.finish()
        self._container.close()

    def _flatten(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGBA with straight alpha over the background, [H, W, 3]."""
        alpha = frame[..., 3:]
        if alpha.min() == 255:
            return np.ascontiguousarray(frame[..., :3])
        weight = alpha.astype(np.float32) / 255.0
        mixed = frame[..., :3] * weight + self._background * (1.0 - weight)
        return (mixed + 0.5).astype(np.uint8)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _SoundTrack:
    """AAC from a `Sound`, written up to a time or to its end."""

    def __init__(self, container: av.container.OutputContainer, sound: Sound) -> None:
        rate = min(max(sound.sample_rate_hz, MIN_AAC_RATE_HZ), MAX_AAC_RATE_HZ)
        self._sound = sound.resampled(rate).at_most_stereo()
        self._container = container
        stream = container.add_stream("aac", rate=rate)
        self._layout = "mono" if self._sound.channels == 1 else "stereo"
        stream.layout = self._layout
        stream.bit_rate = 96_000 * self._sound.channels
        self._stream = stream
        self._written = 0

    def write_until(self, time_us: int) -> None:
        """Write the samples before `time_us`."""
        last = min(time_us * self._sound.sample_rate_hz // 1_000_000, len(self._sound))
        while self._written < last:
            end = min(self._written + AUDIO_CHUNK_SAMPLES, last)
            chunk = self._sound.samples[self._written : end]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(chunk.T), format="fltp", layout=self._layout
            )
            frame.sample_rate = self._sound.sample_rate_hz
            frame.pts = self._written
            frame.time_base = Fraction(1, self._sound.sample_rate_hz)
            self._container.mux(self._stream.encode(frame))
            self._written += len(chunk)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
