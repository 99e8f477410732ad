"""What the demo measured, as figures and as lines for a person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mien.backend.demo.speaker import Speaker
from mien.backend.demo.strand import LineRecord


@dataclass(frozen=True)
class LineFigures:
    """One line, seen from the client. Times are of frames being complete in the ring."""

    character: str
    seconds: float
    frames: int
    frames_expected: int
    frames_dropped: int
    fps: float
    first_frame_ms: float  # from asking to the line's first frame
    latency_p50_ms: float  # from sending the sound of a frame to the frame, look-ahead included
    latency_p95_ms: float
    underruns: int

    @classmethod
    def of(cls, character: str, speaker: Speaker, record: LineRecord | None) -> LineFigures:
        """Compare what was sent with what came."""
        times_us = sorted(record.written_us.items()) if record is not None else []
        waits_us = [
            written_us - speaker.sent_us[pts_us // 40_000]
            for pts_us, written_us in times_us
            if pts_us // 40_000 < len(speaker.sent_us)
        ]
        p50, p95 = np.percentile(waits_us, (50, 95)) / 1e3 if waits_us else (0.0, 0.0)
        span_us = times_us[-1][1] - times_us[0][1] if times_us else 0
        expected = speaker.expected_frames
        return cls(
            character=character,
            seconds=round(speaker.sound.seconds, 2),
            frames=len(times_us),
            frames_expected=expected,
            frames_dropped=max(expected - len(times_us), 0),
            fps=round((len(times_us) - 1) * 1e6 / span_us, 2) if span_us else 0.0,
            first_frame_ms=round((times_us[0][1] - speaker.asked_us) / 1e3, 1) if times_us else 0.0,
            latency_p50_ms=round(float(p50), 1),
            latency_p95_ms=round(float(p95), 1),
            underruns=speaker.line.underruns,
        )


@dataclass
class DemoFigures:
    """The whole demo."""

    daemon_start_s: float = 0.0
    enrolment_s: dict[str, float] = field(default_factory=dict)
    attach_ms: dict[str, float] = field(default_factory=dict)  # spawn to first frame
    lines: list[LineFigures] = field(default_factory=list)
    actors_live: int = 1  # at once
    frames_dropped_by_daemon: int = 0
    daemon_memory_mib: int = 0
    motion: str = ""  # what moved the faces, and whether it kept up
    video: str = ""
    video_seconds: float = 0.0
    sheet: str = ""
    left_behind: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> str:
        """The three figures that people ask for first."""
        if not self.lines:
            return "no line was spoken"
        fps = min(line.fps for line in self.lines)
        first = max(line.first_frame_ms for line in self.lines)
        latency = max(line.latency_p95_ms for line in self.lines)
        dropped = sum(line.frames_dropped for line in self.lines)
        return (
            f"{fps:.1f} frames a second, {dropped} dropped of "
            f"{sum(line.frames_expected for line in self.lines)}, first frame after "
            f"{first:.0f} ms, sound to frame {latency:.0f} ms (p95, look-ahead included)"
        )
