"""What the models cost by themselves, without a daemon.

Knows how to time decode, enrolment and loading on one core. Refuses to know transport.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.backend.bench.figures import Figure, Findings, time_ms
from mien.models.character import Character, load
from mien.models.codec.decoder import SIZES_PX, Decoder
from mien.models.enrolment import enroll
from mien.models.motion import Motion

FRAMES = 300
ENROLMENTS = 3
MOST_MS = {512: 10.0, 256: 4.0}  # a frame may take, by its size


@contextmanager
def one_core() -> Iterator[None]:
    """Hold this process to one core, where the system can do that."""
    if sys.platform != "linux":
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def measure(findings: Findings, portrait: Path, motion: Motion) -> Character:
    """Enrolment, loading and decode; returns the character for what comes next."""
    first_s, taken_s, character = _enrolments(portrait)
    findings.add(Figure.of("enrolment, first in a process", "s", [first_s]))
    findings.add(Figure.of("enrolment, afterwards", "s", taken_s))
    _file(findings, character)
    with one_core():
        _decode(findings, character, motion)
    return character


def _enrolments(portrait: Path) -> tuple[float, list[float], Character]:
    taken_s = []
    for _ in range(1 + ENROLMENTS):
        started = time.perf_counter()
        character = enroll(portrait)
        taken_s.append(time.perf_counter() - started)
    return taken_s[0], taken_s[1:], character


def _file(findings: Findings, character: Character) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.mien"
        character.save(path)
        size_mb = path.stat().st_size / 1e6
        loads_ms = time_ms(lambda: load(path), 30)
    findings.add(Figure.of("character file", "MB", [size_mb], 6.0))
    findings.add(Figure.of("character file, load", "ms", loads_ms, 50.0))


def _decode(findings: Findings, character: Character, motion: Motion) -> None:
    started = time.perf_counter()
    decoder = Decoder(character)
    findings.add(Figure.of("decoder, preparation", "ms", [(time.perf_counter() - started) * 1e3]))
    for size in reversed(SIZES_PX):
        frame = decoder.decode(motion.dynamics[0], motion.pose[0], size_px=size)
        times_ms = []
        for i in range(FRAMES):
            k = i % len(motion)
            started_ns = time.perf_counter_ns()
            decoder.decode(motion.dynamics[k], motion.pose[k], out=frame)
            times_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
        most_ms = MOST_MS.get(size)
        findings.add(Figure.of(f"decode, {size}×{size}, one core", "ms", times_ms, most_ms))
    findings.add(Figure.of("decoder state of an actor", "MB", [decoder.state_bytes / 1e6]))
    shared_mb = decoder.shared_bytes / 1e6
    findings.add(Figure.of("decoder of a character, all sizes", "MB", [shared_mb]))
