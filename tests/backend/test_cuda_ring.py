"""The ring on a GPU: handles, events, grace, the death of either side, liars, a GPU that goes."""

import os
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from in_memory_cuda import FIRST_GPU, Buffer, Machine
from ring_kinds import EPOCH, GEOMETRY, info_of
from stage_helpers import wait_for

from mien.backend.rings import DeviceRing, RingChooser, RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.backend.rings.grace import Grace
from mien.backend.rings.posix import PosixRings
from mien.protocol import control_pb2 as pb
from mien.protocol import cuda_pixels, cuda_ring, shm
from mien.protocol.errors import (
    GpuLostError,
    GpuMemoryFullError,
    GpuMismatchError,
    InvalidArgumentError,
    ResourceExhaustedError,
    RingError,
)
from mien.protocol.ring import RingReader, RingState
from mien.protocol.wire import FrameFlag

OTHER_GPU = "GPU-00000000-0000-0000-0000-000000000002"
GRACE_S = 0.15


class Stage:
    """A daemon's process and a client's, on one machine."""

    def __init__(self, monkeypatch):
        self.machine = Machine([FIRST_GPU, OTHER_GPU])
        self.producer = self.machine.process()
        self.backend = CudaRings(GRACE_S, self.producer.open_device, self.producer.why_not)
        self._patch = monkeypatch
        self.be_consumer(self.machine.process())
        self.rings = []

    def be_consumer(self, process):
        self.consumer = process
        self._patch.setattr(cuda_ring, "open_device", process.open_device)

    def make(self, gpu_uuid=""):
        name = shm.segment_name("0123456789abcdef", 1)
        self.rings.append(self.backend.create(RingRequest(name, 1, EPOCH, GEOMETRY, gpu_uuid)))
        return self.rings[-1]

    @property
    def gpu(self):
        return self.producer.open_device()

    def leave(self):
        for ring in self.rings:
            ring.close()
        self.backend.close()


@pytest.fixture
def stage(monkeypatch):
    made = Stage(monkeypatch)
    yield made
    made.leave()
    assert made.machine.undefined == []
    if made.producer.alive:
        assert made.producer.left() == {}


@pytest.fixture
def ring(stage):
    return stage.make()


@pytest.fixture
def reader(stage, ring):
    reader = cuda_ring.open_ring(info_of(ring))
    yield reader
    reader.close()


def draw(stage, ring, value, size_px=None, pts_us=0, stream=None):
    """A frame that the GPU draws."""
    pixels = ring.begin_device(size_px, stream)
    stage.gpu.peek(pixels)[...] = value
    return ring.commit(line_id=0, pts_us=pts_us, flags=FrameFlag.IDLE)


# --- what is made -------------------------------------------------------------------------------


def test_an_actor_has_one_allocation_of_its_own_and_an_event_a_slot(stage, ring):
    info = info_of(ring)
    assert len(stage.gpu.allocations) == 1 and ring.device_bytes % (2 << 20) == 0
    assert len(info.cuda.memory_handle) == 64
    assert [len(handle) for handle in info.cuda.event_handles] == [64] * GEOMETRY.slots
    assert len(set(info.cuda.event_handles)) == GEOMETRY.slots
    assert (info.cuda.gpu_uuid, info.cuda.generation) == (FIRST_GPU, 1)
    assert info.cuda.slot_bytes == 4096 and info.cuda.grace_ms == 150
    assert info.size_bytes == 8192  # header and table alone
    assert isinstance(ring, DeviceRing)
    assert not isinstance(PosixRings, DeviceRing)


def test_a_ring_lies_on_the_gpu_that_draws(stage):
    assert info_of(stage.make(OTHER_GPU)).cuda.gpu_uuid == OTHER_GPU


def test_a_slot_is_an_array_for_every_library_of_the_gpu(ring):
    pixels = ring.begin_device(16)
    about = pixels.__cuda_array_interface__
    assert about["shape"] == (16, 16, 4) and about["strides"] == (128, 4, 1)
    assert about["typestr"] == "|u1" and about["data"] == (pixels.pointer, False)
    assert about["version"] == 3 and about["stream"] == pixels.stream != 0
    ring.abort()


@pytest.mark.parametrize(
    "call",
    ["cuMemAlloc", "cuStreamCreate", "cuEventCreate", "cuIpcGetMemHandle", "cuIpcGetEventHandle"],
)
def test_a_ring_that_cannot_be_made_leaves_nothing(stage, call):
    stage.machine.failing[call] = "CUDA_ERROR_NOT_SUPPORTED"
    with pytest.raises(GpuLostError, match=call):
        stage.make()
    stage.machine.failing.clear()
    assert stage.producer.left() == {}


def test_a_name_that_is_taken_leaves_nothing_on_the_gpu(stage, ring):
    with pytest.raises(RingError):
        stage.backend.create(RingRequest(ring.name, 2, EPOCH, GEOMETRY))
    assert stage.producer.left()["allocations"] == 1


# --- frames -------------------------------------------------------------------------------------


def test_what_the_gpu_draws_is_read_on_the_host(stage, ring, reader):
    frame_id, slot = draw(stage, ring, 5, pts_us=40_000)
    frame = reader.latest()
    assert (frame.pixels == 5).all() and frame.pixels.shape == (16, 32, 4)
    assert (frame.frame_id, frame.pts_us) == (frame_id, 40_000)
    assert reader.read(slot, frame_id) is frame


def test_drawn_and_uploaded_frames_and_sizes_mix(stage, ring, reader):
    draw(stage, ring, 1, 16)
    assert reader.latest().pixels.shape == (16, 16, 4)
    ring.begin()[...] = 2
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    assert (reader.latest().pixels == 2).all() and reader.latest().pixels.shape == (16, 32, 4)
    ring.hold(line_id=0, pts_us=0, flags=FrameFlag.HELD)
    assert (reader.latest().pixels == 2).all() and reader.latest().frame_id == 3


def test_a_frame_still_being_drawn_is_waited_for_and_not_for_ever(stage, ring, reader, monkeypatch):
    monkeypatch.setattr(cuda_pixels, "_PATIENCE_S", 0.02)
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    gpu = stage.gpu
    stream = gpu.create_stream()
    gpu.streams[stream].held = True
    pixels = ring.begin_device(stream=stream)
    gpu._put("a kernel", stream, lambda: gpu.peek(pixels).fill(2) is None)
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    started = time.monotonic()
    assert reader.latest().frame_id == 1  # published, not done
    assert time.monotonic() - started < 1
    gpu.streams[stream].held = False
    assert (reader.latest().pixels == 2).all()
    gpu.destroy_stream(stream)


def test_a_slot_drawn_into_while_it_is_copied_is_thrown_away(stage, ring, reader, monkeypatch):
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    draw(stage, ring, 2)
    mine = stage.consumer.open_device()
    copy = type(mine).copy
    laps = []

    def copy_late(self, plan, stream):
        if self is mine and len(laps) < 1:
            laps.append(1)
            for value in (3, 4, 5, 6):  # all the way round, while the copy is under way
                draw(stage, ring, value)
        copy(self, plan, stream)

    monkeypatch.setattr(type(mine), "copy", copy_late)
    frame = reader.latest()
    assert frame.frame_id == 6 and (frame.pixels == 6).all()


def test_a_new_frame_on_another_stream_waits_for_what_is_left_in_its_slot(stage, ring, reader):
    gpu = stage.gpu
    slow = gpu.create_stream()
    gpu.streams[slow].held = True
    pixels = ring.begin_device(stream=slow)
    gpu._put("a kernel", slow, lambda: gpu.peek(pixels).fill(9) is None)
    ring.abort()  # slot 0 is to be used again, but work on it is under way
    again = ring.begin_device()
    assert again.pointer == pixels.pointer
    gpu._put("a kernel", again.stream, lambda: gpu.peek(again).fill(1) is None)
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    gpu.streams[slow].held = False
    assert (reader.latest().pixels == 1).all()
    gpu.destroy_stream(slow)


def test_what_is_held_is_copied_when_it_is_drawn(stage, ring, reader):
    gpu = stage.gpu
    slow = gpu.create_stream()
    gpu.streams[slow].held = True
    pixels = ring.begin_device(stream=slow)
    gpu._put("a kernel", slow, lambda: gpu.peek(pixels).fill(6) is None)
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    ring.hold(line_id=0, pts_us=40_000, flags=FrameFlag.HELD)
    gpu.streams[slow].held = False
    assert reader.latest().frame_id == 2 and (reader.latest().pixels == 6).all()
    gpu.destroy_stream(slow)


# --- copies that stay on the GPU ----------------------------------------------------------------


@pytest.fixture
def out(stage):
    made = Buffer(stage.consumer.open_device(), 32, 16)
    yield made
    made.driver.free(made.pointer)


@pytest.fixture
def stream(stage):
    mine = stage.consumer.open_device()
    made = mine.create_stream()
    yield made
    mine.destroy_stream(made)


def test_a_frame_gets_into_the_callers_memory_without_the_host(stage, ring, reader, out, stream):
    assert reader.latest_device(out, stream) is None
    draw(stage, ring, 7, pts_us=80_000)
    frame = reader.latest_device(out, stream)
    assert (out.pixels == 7).all()
    assert (frame.width_px, frame.height_px, frame.pts_us) == (32, 16, 80_000)
    out.pixels[...] = 0
    assert reader.latest_device(out, stream) is frame and not out.pixels.any()
    draw(stage, ring, 8, 16)
    small = reader.latest_device(out, stream)
    assert (small.width_px, small.height_px) == (16, 16)
    assert (out.pixels[:, :16] == 8).all() and not out.pixels[:, 16:].any()


def test_a_frame_handed_out_is_not_overwritten_before_the_caller_took_it(
    stage, ring, reader, out, stream, monkeypatch
):
    monkeypatch.setattr(cuda_pixels, "_PATIENCE_S", 0.02)
    mine = stage.consumer.open_device()
    draw(stage, ring, 1)
    mine.streams[stream].held = True  # a game busy with other things
    assert reader.latest_device(out, stream).frame_id == 1
    draw(stage, ring, 2)
    assert reader.latest_device(out, stream).frame_id == 1
    mine.streams[stream].held = False
    stage.machine.run()
    assert (out.pixels == 1).all()
    assert reader.latest_device(out, stream).frame_id == 2
    assert (out.pixels == 2).all()


def test_host_and_device_copies_of_one_ring_agree(stage, ring, reader, out, stream):
    draw(stage, ring, np.arange(64, dtype=np.uint8).reshape(16, 1, 4))
    reader.latest_device(out, stream)
    assert (reader.latest().pixels == out.pixels).all()


def test_a_ring_that_ends_leaves_the_callers_memory_alone(stage, ring, reader, out, stream):
    draw(stage, ring, 3)
    reader.latest_device(out, stream)
    ring.close()
    held = reader.latest_device(out, stream)
    assert held.stale and held.frame_id == 1 and (out.pixels == 3).all()
    assert reader.state is RingState.CLOSED


class Array:
    def __init__(self, **about):
        self.__cuda_array_interface__ = {
            "shape": (16, 32, 4), "typestr": "|u1", "data": (1 << 40, False), **about
        }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((16, 32, 4), np.uint8),
        Array(shape=(16, 32, 3)),
        Array(shape=(16, 32)),
        Array(shape=(8, 32, 4)),
        Array(typestr="<f4"),
        Array(data=(1 << 40, True)),
        Array(strides=(4, 64, 1)),
        Array(strides=(64, 4, 1)),
        Array(data=None),
    ],
    ids=["host", "rgb", "flat", "small", "f4", "read-only", "columns", "overlap", "no data"],
)
def test_memory_of_another_form_is_refused(reader, wrong):
    with pytest.raises(InvalidArgumentError, match="out"):
        reader.latest_device(wrong)


# --- grace, and the death of either side ---------------------------------------------------------


def test_memory_outlives_the_ring_until_its_reader_had_time_to_let_go(stage, ring, reader):
    draw(stage, ring, 1)
    reader.latest()
    ring.close()
    assert stage.producer.left()["allocations"] == 1  # the reader has it open
    assert reader.latest().stale  # it noticed, and let go
    assert stage.consumer.left() == {}
    wait_for(lambda: stage.producer.left() == {}, what="the end of the grace time")


def test_memory_is_freed_at_once_when_the_client_has_let_go(stage, ring, reader):
    reader.close()
    ring.let_go()
    ring.close()
    assert stage.producer.left() == {}


def test_a_consumer_that_is_killed_costs_the_producer_a_grace_time(stage, ring):
    reader = cuda_ring.open_ring(info_of(ring))
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    cuda_ring._watch._readers.discard(reader)  # it dies, too
    stage.consumer.kill()
    draw(stage, ring, 2)  # nobody is waited for
    ring.close()  # its lease ran out
    assert stage.producer.left()["allocations"] == 1
    wait_for(lambda: stage.producer.left() == {}, what="the end of the grace time")
    reader._memory.close()  # all that is left of it in the process of this test


def test_a_consumer_that_never_lets_go_has_what_cuda_leaves_undefined(stage, ring):
    # Another implementation, one that breaks SPEC.md. The stand-in notices, which is the point.
    reader = cuda_ring.open_ring(info_of(ring))
    cuda_ring._watch._readers.discard(reader)
    ring.close()
    wait_for(lambda: stage.producer.left() == {}, what="the end of the grace time")
    assert stage.machine.undefined == ["memory freed that another process has open"]
    stage.machine.undefined.clear()
    reader.close()


def test_a_reader_lets_go_in_time_though_nobody_asks_it_for_frames(stage, ring, reader):
    ring.close()
    wait_for(lambda: stage.consumer.left() == {}, GRACE_S, "letting go")
    wait_for(lambda: stage.producer.left() == {}, what="the end of the grace time")


def test_a_reader_that_cannot_be_watched_does_not_end_the_watch(stage, ring, monkeypatch):
    odd = cuda_ring.open_ring(info_of(ring))
    monkeypatch.setattr(odd, "_look", lambda: 1 / 0)
    other = stage.make()
    reader = cuda_ring.open_ring(info_of(other))
    wait_for(lambda: odd not in cuda_ring._watch._readers, what="giving up on the odd one")
    other.close()
    wait_for(lambda: reader._ended, GRACE_S, "letting go of the other")
    monkeypatch.undo()
    odd.close()
    reader.close()


def test_a_reader_lets_go_when_the_writer_is_dead(stage, ring):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    struct.pack_into("<Q", ring._table._memory.segment.view, 64, dead.pid)
    reader = cuda_ring.open_ring(info_of(ring))
    assert reader.state is RingState.WRITER_GONE
    assert stage.consumer.left() == {}
    reader.close()


def test_a_reader_told_of_the_end_lets_go(stage, ring, reader):
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    reader.end()
    assert stage.consumer.left() == {} and reader.latest().stale


def test_closed_rings_are_kept_in_bounded_number(stage):
    stage.backend.grace = Grace(GRACE_S, most=2)
    for _ in range(2):
        stage.make().close()
    with pytest.raises(ResourceExhaustedError, match="2 closed rings"):
        stage.make()
    wait_for(lambda: not len(stage.backend.grace), what="the end of the grace time")
    stage.make()


def test_the_daemon_stops_when_the_grace_time_is_over(stage, ring):
    ring.close()
    started = time.monotonic()
    stage.backend.close()
    assert stage.producer.left() == {}
    assert time.monotonic() - started < 10 * GRACE_S


def test_what_cannot_be_freed_does_not_keep_the_rest():
    freed = []
    grace = Grace(0.01)
    grace.keep(lambda: 1 / 0)
    grace.keep(lambda: freed.append(1))
    grace.close()
    assert freed == [1] and len(grace) == 0


# --- trouble --------------------------------------------------------------------------------------


def test_a_full_gpu_is_a_typed_error_and_the_others_live_on(stage, ring, reader):
    stage.machine.capacity_bytes = stage.machine.used_bytes(FIRST_GPU)
    with pytest.raises(GpuMemoryFullError, match="OUT_OF_MEMORY"):
        stage.make()
    draw(stage, ring, 3)
    assert (reader.latest().pixels == 3).all()


def test_a_gpu_that_vanishes_ends_the_ring_for_both_sides(stage, ring, reader):
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    stage.machine.lost.add(FIRST_GPU)
    with pytest.raises(GpuLostError, match="DEVICE_UNAVAILABLE"):
        ring.begin_device()
    with pytest.raises(GpuLostError, match="despawn"):
        ring.begin()
    assert ring.hold(line_id=0, pts_us=0, flags=FrameFlag.HELD) is None
    assert reader.latest().stale and reader.state is RingState.CLOSED
    ring.close()
    stage.backend.close()
    stage.machine.lost.clear()
    stage.producer.kill()  # what a lost device took along


def test_a_gpu_that_vanishes_under_the_reader_leaves_it_the_last_frame(stage, ring, reader):
    draw(stage, ring, 1)
    assert reader.latest().frame_id == 1
    draw(stage, ring, 2)
    stage.machine.failing["cuStreamWaitEvent"] = "CUDA_ERROR_ILLEGAL_ADDRESS"
    held = reader.latest()
    assert (held.frame_id, held.stale) == (1, True)
    assert reader.state is RingState.BROKEN
    stage.machine.failing.clear()


def test_a_consumer_on_another_gpu_is_told_both_names(stage, ring):
    stage.be_consumer(stage.machine.process(sees=[OTHER_GPU]))
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
def test_a_ring_that_is_not_what_it_was_said_to_be_is_refused_and_let_go(stage, ring, change):
    info = info_of(ring)
    change(info.cuda)
    with pytest.raises(RingError):
        cuda_ring.open_ring(info)
    assert stage.consumer.left() == {}


def test_device_memory_smaller_than_said_is_refused(stage, ring):
    info = info_of(ring)
    gpu = stage.gpu
    small = gpu.allocate(4096)
    info.cuda.memory_handle = gpu.export_memory(small)
    with pytest.raises(RingError, match="4096 bytes"):
        cuda_ring.open_ring(info)
    assert stage.consumer.left() == {}
    gpu.free(small)


@pytest.mark.parametrize(
    "call", ["cuIpcOpenMemHandle", "cuIpcOpenEventHandle", "cuStreamCreate", "cuMemHostAlloc"]
)
def test_a_ring_that_cannot_be_opened_is_let_go_of(stage, ring, call):
    stage.machine.failing[call] = "CUDA_ERROR_MAP_FAILED"
    with pytest.raises(GpuLostError, match=call):
        cuda_ring.open_ring(info_of(ring))
    stage.machine.failing.clear()
    assert stage.consumer.left() == {}


def test_each_reader_refuses_the_other_kinds_ring(stage, ring):
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
    assert stage.consumer.left() == {}


# --- choosing -------------------------------------------------------------------------------------

GPU_FIRST = [pb.RING_KIND_CUDA_IPC, pb.RING_KIND_POSIX]


@pytest.fixture
def chooser(stage):
    return RingChooser(backends=[PosixRings(), stage.backend])


def test_frames_drawn_on_the_gpu_stay_there_for_who_wants_them(chooser):
    choice = chooser.choose(GPU_FIRST, FIRST_GPU)
    assert choice.kind == pb.RING_KIND_CUDA_IPC and FIRST_GPU in choice.reason


def test_frames_drawn_on_the_cpu_do_not_go_there_by_themselves(chooser):
    choice = chooser.choose(GPU_FIRST)
    assert choice.kind == pb.RING_KIND_POSIX and "CPU" in choice.reason


def test_who_takes_nothing_else_gets_it_anyhow(chooser):
    choice = chooser.choose([pb.RING_KIND_CUDA_IPC])
    assert choice.kind == pb.RING_KIND_CUDA_IPC and "nothing else" in choice.reason


@pytest.mark.parametrize("wishes", [[], [pb.RING_KIND_POSIX], [pb.RING_KIND_POSIX, *GPU_FIRST]])
def test_who_does_not_ask_for_it_first_does_not_get_it(chooser, wishes):
    assert chooser.choose(wishes, FIRST_GPU).kind == pb.RING_KIND_POSIX


def test_forced_it_is_made_for_the_cpu_too_under_either_name(stage):
    for name in ("cuda_ipc", "cuda-ipc"):
        chooser = RingChooser(name, [PosixRings(), stage.backend])
        choice = chooser.choose([pb.RING_KIND_POSIX])
        assert choice.kind == pb.RING_KIND_CUDA_IPC and "set" in choice.reason


def test_a_machine_without_says_why(stage):
    blind = CudaRings(why_not=lambda: "the NVIDIA driver says CUDA_ERROR_NO_DEVICE")
    with pytest.raises(InvalidArgumentError, match="NO_DEVICE"):
        RingChooser("cuda_ipc", [PosixRings(), blind])
    chooser = RingChooser(backends=[PosixRings(), blind])
    assert chooser.kinds == [pb.RING_KIND_POSIX]
    assert "NO_DEVICE" in chooser.choose(GPU_FIRST, FIRST_GPU).reason
    with pytest.raises(InvalidArgumentError, match="NO_DEVICE"):
        chooser.choose([pb.RING_KIND_CUDA_IPC])


def make_by(choice, actor_id=1):
    name = shm.segment_name("0123456789abcdef", actor_id)
    return choice.create(RingRequest(name, actor_id, EPOCH, GEOMETRY, FIRST_GPU))


def test_a_gpu_without_room_gives_way_to_host_memory_loudly(stage, chooser, caplog):
    stage.machine.failing["cuMemAlloc"] = "CUDA_ERROR_OUT_OF_MEMORY"
    ring = make_by(chooser.choose(GPU_FIRST, FIRST_GPU), 3)
    assert ring.kind == pb.RING_KIND_POSIX
    assert "cuda_ipc failed" in ring.reason and "OUT_OF_MEMORY" in ring.reason
    loud = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(loud) == 1 and "actor 3" in loud[0].message and "OUT_OF_MEMORY" in loud[0].message
    ring.close()


def test_a_gpu_without_room_is_an_error_where_the_ring_was_forced(stage):
    stage.machine.failing["cuMemAlloc"] = "CUDA_ERROR_OUT_OF_MEMORY"
    with pytest.raises(GpuMemoryFullError):
        make_by(RingChooser("cuda_ipc", [PosixRings(), stage.backend]).choose())


def test_the_reason_is_on_the_ring(chooser, stage):
    ring = make_by(chooser.choose(GPU_FIRST, FIRST_GPU))
    stage.rings.append(ring)
    assert "drawn on" in ring.reason and ring.kind == pb.RING_KIND_CUDA_IPC
    assert os.path.exists(f"/dev/shm{ring.name}") or sys.platform != "linux"
