"""Rings on a real GPU between real processes, and what is left when either is killed."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ring_kinds import EPOCH, GEOMETRY, Elsewhere, info_of
from stage_helpers import wait_for

from mien.backend.rings import RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.protocol import control_pb2 as pb
from mien.protocol import cuda_bindings, cuda_ring, shm
from mien.protocol.ring import RingState
from mien.protocol.wire import FrameFlag

pytestmark = pytest.mark.gpu
WRITER = Path(__file__).with_name("cuda_ring_process.py")
GRACE_S = 1.0


@pytest.fixture(autouse=True)
def gpu():
    why = cuda_bindings.why_not()
    if why is not None:
        pytest.skip(f"no ring on a GPU here: {why}")
    return cuda_bindings.open_device()


@contextlib.contextmanager
def a_writer(pause_s=0.0):
    command = [sys.executable, str(WRITER), str(GRACE_S), str(pause_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        info = pb.RingInfo.FromString(bytes.fromhex(process.stdout.readline()))
        try:
            yield process, info
        finally:
            process.kill()
            with contextlib.suppress(Exception):
                shm.unlink(info.name)


def test_no_read_is_torn_while_a_writer_runs_freely(gpu):
    seen = set()
    with a_writer() as (_, info):
        reader = cuda_ring.open_ring(info)
        stop = time.monotonic() + 2.0
        while time.monotonic() < stop:
            frame = reader.latest()
            if frame is not None:
                assert (frame.pixels == frame.frame_id & 255).all()
                seen.add(frame.frame_id)
        reader.close()
    assert len(seen) > 20


def test_a_writer_that_is_killed_is_noticed_and_its_memory_let_go(gpu):
    with a_writer(0.01) as (process, info):
        reader = cuda_ring.open_ring(info)
        assert wait_for(reader.latest, what="a frame")
        process.kill()
        process.wait()
        wait_for(lambda: reader.state is RingState.WRITER_GONE, what="noticing")
        assert reader.latest().stale
        assert (reader.latest().pixels == reader.latest().frame_id & 255).all()
        assert reader._pixels._base == 0  # closed
        reader.close()


def test_a_reader_that_is_killed_costs_the_writer_a_grace_time_and_no_frame(gpu):
    with a_writer(0.01) as (process, info):
        elsewhere = Elsewhere()
        killed = elsewhere.open(info)
        reader = cuda_ring.open_ring(info)
        before = wait_for(killed.latest, what="a frame").frame_id
        elsewhere.close()
        wait_for(lambda: reader.latest().frame_id > before + 20, what="frames")
        reader.close()
        process.stdin.close()
        assert process.stdout.readline() == "kept 1, then 0\n"


def test_torch_draws_into_a_slot_in_place(gpu):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU")
    backend, elsewhere = CudaRings(GRACE_S), Elsewhere()
    name = shm.segment_name("0123456789abcdef", 1)
    ring = backend.create(RingRequest(name, 1, EPOCH, GEOMETRY))
    reader = elsewhere.open(info_of(ring))
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    pixels = ring.begin_device(16)
    with torch.cuda.stream(torch.cuda.ExternalStream(pixels.stream)):
        view = torch.as_tensor(pixels, device=f"cuda:{pixels.ordinal}")
        view.copy_(torch.from_numpy(picture))
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    assert (wait_for(reader.latest, what="the frame").pixels == picture).all()
    reader.close()
    ring.let_go()
    ring.close()
    elsewhere.close()
