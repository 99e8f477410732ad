"""What a frame costs on its way through shared memory. Knows one writer and one reader."""

from __future__ import annotations

import os

import numpy as np

from mien.backend.bench.figures import Figure, Findings, time_ms
from mien.protocol.ring import Geometry, RingReader, RingWriter
from mien.protocol.wire import FrameFlag

RUNS = 300


def measure(findings: Findings) -> None:
    """Writing a frame, and reading the newest one."""
    name = f"/mien-bench-{os.getpid()}"
    writer = RingWriter(name, Geometry(), epoch=1)
    try:
        reader = RingReader.open(name, writer.size_bytes)
        pixels = np.full((512, 512, 4), 128, np.uint8)

        def write() -> None:
            writer.write(pixels, line_id=0, pts_us=0, flags=FrameFlag.IDLE)

        def write_and_read() -> None:
            write()
            reader.latest()

        writes_ms = time_ms(write, RUNS)
        both_ms = time_ms(write_and_read, RUNS)
        reader.close()
    finally:
        writer.close()
    findings.add(Figure.of("ring, write a frame", "ms", writes_ms))
    findings.add(Figure.of("ring, write a frame and read it", "ms", both_ms))
