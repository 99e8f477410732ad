"""The ring on a GPU in trouble: grace, the death of either side, liars, a GPU that goes."""

import struct
import subprocess
import sys
import time

import pytest
from cuda_pair import GRACE_S, OTHER_GPU, draw
from in_memory_cuda import FIRST_GPU
from ring_kinds import EPOCH, GEOMETRY, info_of
from stage_helpers import wait_for

from mien.backend.rings import RingRequest
from mien.backend.rings.grace import Grace
from mien.backend.rings.posix import PosixRings
from mien.protocol import cuda_ring, shm
from mien.protocol.errors import (
    GpuLostError,
    GpuMemoryFullError,
    GpuMismatchError,
    ResourceExhaustedError,
    RingError,
)
from mien.protocol.ring import RingReader, RingState
from mien.protocol.wire import FrameFlag


@pytest.fixture
def ring(pair):
    return pair.make()


@pytest.fixture
def reader(pair, ring):
    reader = cuda_ring.open_ring(info_of(ring))
    yield reader
    reader.close()


# --- grace, and the death of either side ---------------------------------------------------------


def test_memory_outlives_the_ring_until_its_reader_had_time_to_let_go(pair, ring, reader):
    draw(pair, ring, 1)
    reader.latest()
    ring.close()
    assert pair.producer.left()["allocations"] == 1  # the reader has it open
    assert reader.latest().stale  # it noticed, and let go
    assert pair.consumer.left() == {}
    wait_for(lambda: pair.producer.left() == {}, what="the end of the grace time")


def test_memory_is_freed_at_once_when_the_client_has_let_go(pair, ring, reader):
    reader.close()
    ring.let_go()
    ring.close()
    assert pair.producer.left() == {}


def test_a_consumer_that_is_killed_costs_the_producer_a_grace_time(pair, ring):
    reader = cuda_ring.open_ring(info_of(ring))
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    cuda_ring._watch._readers.discard(reader)  # it dies, too
    pair.consumer.kill()
    draw(pair, ring, 2)  # nobody is waited for
    ring.close()  # its lease ran out
    assert pair.producer.left()["allocations"] == 1
    wait_for(lambda: pair.producer.left() == {}, what="the end of the grace time")
    reader._memory.close()  # all that is left of it in the process of this test


def test_a_consumer_that_never_lets_go_has_what_cuda_leaves_undefined(pair, ring):
    # Another implementation, one that breaks SPEC.md. The stand-in notices, which is the point.
    reader = cuda_ring.open_ring(info_of(ring))
    cuda_ring._watch._readers.discard(reader)
    ring.close()
    wait_for(lambda: pair.producer.left() == {}, what="the end of the grace time")
    assert pair.machine.undefined == ["memory freed that another process has open"]
    pair.machine.undefined.clear()
    reader.close()


def test_a_reader_lets_go_in_time_though_nobody_asks_it_for_frames(pair, ring, reader):
    ring.close()
    wait_for(lambda: pair.consumer.left() == {}, GRACE_S, "letting go")
    wait_for(lambda: pair.producer.left() == {}, what="the end of the grace time")


def test_a_reader_that_cannot_be_watched_does_not_end_the_watch(pair, ring, monkeypatch):
    odd = cuda_ring.open_ring(info_of(ring))
    monkeypatch.setattr(odd, "_look", lambda: 1 / 0)
    other = pair.make()
    reader = cuda_ring.open_ring(info_of(other))
    wait_for(lambda: odd not in cuda_ring._watch._readers, what="giving up on the odd one")
    other.close()
    wait_for(lambda: reader._ended, GRACE_S, "letting go of the other")
    monkeypatch.undo()
    odd.close()
    reader.close()


def test_a_reader_lets_go_when_the_writer_is_dead(pair, ring):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    struct.pack_into("<Q", ring._table._memory.segment.view, 64, dead.pid)
    reader = cuda_ring.open_ring(info_of(ring))
    assert reader.state is RingState.WRITER_GONE
    assert pair.consumer.left() == {}
    reader.close()


def test_a_reader_told_of_the_end_lets_go(pair, ring, reader):
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    reader.end()
    assert pair.consumer.left() == {} and reader.latest().stale


def test_closed_rings_are_kept_in_bounded_number(pair):
    pair.backend.grace = Grace(GRACE_S, most=2)
    for _ in range(2):
        pair.make().close()
    with pytest.raises(ResourceExhaustedError, match="2 closed rings"):
        pair.make()
    wait_for(lambda: not len(pair.backend.grace), what="the end of the grace time")
    pair.make()


def test_the_daemon_stops_when_the_grace_time_is_over(pair, ring):
    ring.close()
    started = time.monotonic()
    pair.backend.close()
    assert pair.producer.left() == {}
    assert time.monotonic() - started < 10 * GRACE_S


def test_what_cannot_be_freed_does_not_keep_the_rest():
    freed = []
    grace = Grace(0.01)
    grace.keep(lambda: 1 / 0)
    grace.keep(lambda: freed.append(1))
    grace.close()
    assert freed == [1] and len(grace) == 0


# --- trouble --------------------------------------------------------------------------------------


def test_a_full_gpu_is_a_typed_error_and_the_others_live_on(pair, ring, reader):
    pair.machine.capacity_bytes = pair.machine.used_bytes(FIRST_GPU)
    with pytest.raises(GpuMemoryFullError, match="OUT_OF_MEMORY"):
        pair.make()
    draw(pair, ring, 3)
    assert (reader.latest().pixels == 3).all()


def test_a_gpu_that_vanishes_ends_the_ring_for_both_sides(pair, ring, reader):
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    pair.machine.lost.add(FIRST_GPU)
    with pytest.raises(GpuLostError, match="DEVICE_UNAVAILABLE"):
        ring.begin_device()
    with pytest.raises(GpuLostError, match="despawn"):
        ring.begin()
    assert ring.hold(line_id=0, pts_us=0, flags=FrameFlag.HELD) is None
    assert reader.latest().stale and reader.state is RingState.CLOSED
    ring.close()
    pair.backend.close()
    pair.machine.lost.clear()
    pair.producer.kill()  # what a lost device took along


def test_a_gpu_that_vanishes_under_the_reader_leaves_it_the_last_frame(pair, ring, reader):
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    draw(pair, ring, 2)
    pair.machine.failing["cuStreamWaitEvent"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    held = reader.latest()
    assert (held.frame_id, held.stale) == (1, True)
    assert reader.state is RingState.BROKEN
    pair.machine.failing.clear()


def test_a_consumer_on_another_gpu_is_told_both_names(pair, ring):
    pair.be_consumer(pair.machine.process(sees=[OTHER_GPU]))
    with pytest.raises(GpuMismatchError) as caught:
        cuda_ring.open_ring(info_of(ring))
    assert FIRST_GPU in caught.value.message and OTHER_GPU in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        lambda cuda: cuda.event_handles.pop(),
        lambda cuda: cuda.event_handles.append(b"x" * 64),
        lambda cuda: setattr(cuda, "memory_handle", b"short"),
        lambda cuda: setattr(cuda, "memory_handle", b"x" * 64),
        lambda cuda: cuda.event_handles.__setitem__(0, b"x" * 64),
        lambda cuda: setattr(cuda, "generation", 2),
        lambda cuda: setattr(cuda, "slot_bytes", 8192),
    ],
    ids=["an event less", "one more", "short", "unknown", "foreign event", "generation", "slots"],
)
def test_a_ring_that_is_not_what_it_was_said_to_be_is_refused_and_let_go(pair, ring, change):
    info = info_of(ring)
    change(info.cuda)
    with pytest.raises(RingError):
        cuda_ring.open_ring(info)
    assert pair.consumer.left() == {}


def test_device_memory_smaller_than_said_is_refused(pair, ring):
    info = info_of(ring)
    gpu = pair.gpu
    small = gpu.allocate(4096)
    info.cuda.memory_handle = gpu.export_memory(small)
    with pytest.raises(RingError, match="4096 bytes"):
        cuda_ring.open_ring(info)
    assert pair.consumer.left() == {}
    gpu.free(small)


@pytest.mark.parametrize(
    "call", ["cuIpcOpenMemHandle", "cuIpcOpenEventHandle", "cuStreamCreate", "cuMemHostAlloc"]
)
def test_a_ring_that_cannot_be_opened_is_let_go_of(pair, ring, call):
    pair.machine.failing[call] = "CUDA_ERROR_MAP_FAILED"
    with pytest.raises(GpuLostError, match=call):
        cuda_ring.open_ring(info_of(ring))
    pair.machine.failing.clear()
    assert pair.consumer.left() == {}


def test_each_reader_refuses_the_other_kinds_ring(pair, ring):
    with pytest.raises(RingError, match="on a GPU"):
        RingReader.open(ring.name, ring.size_bytes, EPOCH)
    host = PosixRings().create(
        RingRequest(shm.segment_name("0123456789abcdef", 2), 1, EPOCH, GEOMETRY)
    )
    info = info_of(ring)
    info.name, info.size_bytes = host.name, host.size_bytes
    with pytest.raises(RingError, match="shared memory"):
        cuda_ring.open_ring(info)
    host.close()
    assert pair.consumer.left() == {}
