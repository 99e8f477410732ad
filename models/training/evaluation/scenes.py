"""Longer stretches made of lines: several with pauses between, and silence.

Knows how sound and phones are joined. Refuses to know motion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.models.motion.types import SAMPLE_RATE_HZ
from training.evaluation.lines import Line
from training.evaluation.timeline import SILENCE
from training.speech.phones import Segment


def joined(name: str, lines: Sequence[Line]) -> Line:
    """Lines one after another; the quiet at their ends makes the pauses."""
    segments: list[Segment] = []
    start_s = 0.0
    for line in lines:
        segments += [s.moved(start_s) for s in line.segments]
        start_s += line.seconds
    audio = np.concatenate([line.audio for line in lines])
    return Line(name, lines[0].voice, audio, tuple(_merged(segments)))


def _merged(segments: Sequence[Segment]) -> list[Segment]:
    """Silences that touch become one."""
    done: list[Segment] = []
    for segment in segments:
        if done and done[-1].viseme == segment.viseme == SILENCE:
            done[-1] = Segment(done[-1].start_s, segment.end_s, SILENCE)
        else:
            done.append(segment)
    return done


def scenes(lines: Sequence[Line], seconds: float = 20.0) -> list[Line]:
    """Lines of one voice joined to at least so many seconds each; what is left over is dropped."""
    done: list[Line] = []
    waiting: list[Line] = []
    for line in lines:
        if waiting and waiting[0].voice != line.voice:
            waiting = []
        waiting.append(line)
        if sum(each.seconds for each in waiting) >= seconds:
            done.append(joined(f"scene {len(done) + 1}", waiting))
            waiting = []
    return done


def lasting(name: str, lines: Sequence[Line], seconds: float) -> Line:
    """Lines joined, over and over where need be, cut at so many seconds."""
    chosen: list[Line] = []
    while sum(line.seconds for line in chosen) < seconds:
        chosen.append(lines[len(chosen) % len(lines)])
    whole = joined(name, chosen)
    kept = [
        Segment(s.start_s, min(s.end_s, seconds), s.viseme, s.stress)
        for s in whole.segments
        if s.start_s < seconds
    ]
    return Line(name, whole.voice, whole.audio[: round(seconds * SAMPLE_RATE_HZ)], tuple(kept))


def silence(seconds: float) -> Line:
    """Nothing to hear."""
    quiet = np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)
    return Line("silence", "nobody", quiet, (Segment(0.0, seconds, SILENCE),))
