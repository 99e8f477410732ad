"""Writes a ring until killed: `free` as fast as it can, `half` stops in the middle of a slot."""

from __future__ import annotations

import sys
import time

from mien.protocol.ring_layout import Geometry
from mien.protocol.ring_writer import RingWriter
from mien.protocol.wire import FrameFlag

name, mode, slots, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
writer = RingWriter(name, Geometry(slots, size, size), epoch=5)
print("made", flush=True)
number = 0
while True:
    number += 1
    pixels = writer.begin()
    pixels[: size // 2] = number & 255
    if mode == "half" and number == 4:
        print("half", flush=True)
        time.sleep(60)
    pixels[size // 2 :] = number & 255
    writer.commit(line_id=1, pts_us=number * 1000, flags=FrameFlag.SPEAKING)
