"""Writes a ring on the real GPU until its input ends: prints its RingInfo, then what it did."""

import sys
import threading
import time

from ring_kinds import EPOCH, info_of

from mien.backend.rings import RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.protocol import shm
from mien.protocol.ring import Geometry
from mien.protocol.wire import FrameFlag


def main():
    grace_s, pause_s = float(sys.argv[1]), float(sys.argv[2])
    backend = CudaRings(grace_s)
    name = shm.segment_name("0123456789abcdef", 1)
    ring = backend.create(RingRequest(name, 1, EPOCH, Geometry(3, 256, 256)))
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    print(info_of(ring).SerializeToString().hex(), flush=True)
    number = 0
    while not stopped.is_set():
        number += 1
        ring.begin()[...] = number & 255
        ring.commit(line_id=1, pts_us=number, flags=FrameFlag.SPEAKING)
        if pause_s:
            time.sleep(pause_s)
    ring.close()
    kept = len(backend.grace)
    backend.close()
    print(f"kept {kept}, then {len(backend.grace)}", flush=True)


if __name__ == "__main__":
    main()
