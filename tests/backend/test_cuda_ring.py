"""The ring on a GPU: handles, events, frames of either kind, copies that stay on the GPU."""

import time

import numpy as np
import pytest
from cuda_pair import OTHER_GPU, draw
from in_memory_cuda import FIRST_GPU, Buffer
from ring_kinds import EPOCH, GEOMETRY, info_of

from mien.backend.rings import DevicePixels, DeviceRing, RingRequest
from mien.backend.rings.posix import PosixRings
from mien.protocol import cuda_pixels, cuda_ring
from mien.protocol.errors import (
    GpuLostError,
    InvalidArgumentError,
    RingError,
)
from mien.protocol.ring import RingState
from mien.protocol.wire import FrameFlag


@pytest.fixture
def ring(pair):
    return pair.make()


@pytest.fixture
def reader(pair, ring):
    reader = cuda_ring.open_ring(info_of(ring))
    yield reader
    reader.close()


# --- what is made -------------------------------------------------------------------------------


def test_an_actor_has_one_allocation_of_its_own_and_an_event_a_slot(pair, ring):
    info = info_of(ring)
    assert len(pair.gpu.allocations) == 1 and ring.device_bytes % (2 << 20) == 0
    assert len(info.cuda.memory_handle) == 64
    assert [len(handle) for handle in info.cuda.event_handles] == [64] * GEOMETRY.slots
    assert len(set(info.cuda.event_handles)) == GEOMETRY.slots
    assert (info.cuda.gpu_uuid, info.cuda.generation) == (FIRST_GPU, 1)
    assert info.cuda.slot_bytes == 4096 and info.cuda.grace_ms == 150
    assert info.size_bytes == 8192  # header and table alone
    assert isinstance(ring, DeviceRing)
    assert not isinstance(PosixRings, DeviceRing)


def test_a_ring_lies_on_the_gpu_that_draws(pair):
    assert info_of(pair.make(OTHER_GPU)).cuda.gpu_uuid == OTHER_GPU


def test_a_slot_is_an_array_for_every_library_of_the_gpu(ring):
    pixels = ring.begin_device(16)
    about = pixels.__cuda_array_interface__
    assert about["shape"] == (16, 16, 4) and about["strides"] == (128, 4, 1)
    assert about["typestr"] == "|u1" and about["data"] == (pixels.pointer, False)
    assert about["version"] == 3 and about["stream"] == pixels.stream != 0
    ring.abort()
    legacy = DevicePixels(1 << 40, 16, 16, 64, 0, 0)
    assert legacy.__cuda_array_interface__["stream"] == 1


@pytest.mark.parametrize(
    "call",
    ["cuMemAlloc", "cuStreamCreate", "cuEventCreate", "cuIpcGetMemHandle", "cuIpcGetEventHandle"],
)
def test_a_ring_that_cannot_be_made_leaves_nothing(pair, call):
    pair.machine.failing[call] = "CUDA_ERROR_NOT_SUPPORTED"
    with pytest.raises(GpuLostError, match=call):
        pair.make()
    pair.machine.failing.clear()
    assert pair.producer.left() == {}


def test_a_name_that_is_taken_leaves_nothing_on_the_gpu(pair, ring):
    with pytest.raises(RingError):
        pair.backend.create(RingRequest(ring.name, 2, EPOCH, GEOMETRY))
    assert pair.producer.left()["allocations"] == 1


# --- frames -------------------------------------------------------------------------------------


def test_what_the_gpu_draws_is_read_on_the_host(pair, ring, reader):
    frame_id, slot = draw(pair, ring, 5, pts_us=40_000)
    frame = reader.latest()
    assert (frame.pixels == 5).all() and frame.pixels.shape == (16, 32, 4)
    assert (frame.frame_id, frame.pts_us) == (frame_id, 40_000)
    assert reader.read(slot, frame_id) is frame


def test_drawn_and_uploaded_frames_and_sizes_mix(pair, ring, reader):
    draw(pair, ring, 1, 16)
    assert reader.latest().pixels.shape == (16, 16, 4)
    ring.begin()[...] = 2
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    assert (reader.latest().pixels == 2).all() and reader.latest().pixels.shape == (16, 32, 4)
    ring.hold(line_id=0, pts_us=0, flags=FrameFlag.HELD)
    assert (reader.latest().pixels == 2).all() and reader.latest().frame_id == 3


def test_a_frame_still_being_drawn_is_waited_for_and_not_for_ever(pair, ring, reader, monkeypatch):
    monkeypatch.setattr(cuda_pixels, "_PATIENCE_S", 0.02)
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    gpu = pair.gpu
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


def test_a_slot_drawn_into_while_it_is_copied_is_thrown_away(pair, ring, reader, monkeypatch):
    draw(pair, ring, 1)
    assert reader.latest().frame_id == 1
    draw(pair, ring, 2)
    mine = pair.consumer.open_device()
    copy = type(mine).copy
    laps = []

    def copy_late(self, plan, stream):
        if self is mine and len(laps) < 1:
            laps.append(1)
            for value in (3, 4, 5, 6):  # all the way round, while the copy is under way
                draw(pair, ring, value)
        copy(self, plan, stream)

    monkeypatch.setattr(type(mine), "copy", copy_late)
    frame = reader.latest()
    assert frame.frame_id == 6 and (frame.pixels == 6).all()


def test_a_new_frame_on_another_stream_waits_for_what_is_left_in_its_slot(pair, ring, reader):
    gpu = pair.gpu
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


def test_what_is_held_is_copied_when_it_is_drawn(pair, ring, reader):
    gpu = pair.gpu
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
def out(pair):
    made = Buffer(pair.consumer.open_device(), 32, 16)
    yield made
    made.driver.free(made.pointer)


@pytest.fixture
def stream(pair):
    mine = pair.consumer.open_device()
    made = mine.create_stream()
    yield made
    mine.destroy_stream(made)


def test_a_frame_gets_into_the_callers_memory_without_the_host(pair, ring, reader, out, stream):
    assert reader.latest_device(out, stream) is None
    draw(pair, ring, 7, pts_us=80_000)
    frame = reader.latest_device(out, stream)
    assert (out.pixels == 7).all()
    assert (frame.width_px, frame.height_px, frame.pts_us) == (32, 16, 80_000)
    out.pixels[...] = 0
    assert reader.latest_device(out, stream) is frame and not out.pixels.any()
    draw(pair, ring, 8, 16)
    small = reader.latest_device(out, stream)
    assert (small.width_px, small.height_px) == (16, 16)
    assert (out.pixels[:, :16] == 8).all() and not out.pixels[:, 16:].any()


def test_a_frame_handed_out_is_not_overwritten_before_the_caller_took_it(
    pair, ring, reader, out, stream, monkeypatch
):
    monkeypatch.setattr(cuda_pixels, "_PATIENCE_S", 0.02)
    mine = pair.consumer.open_device()
    draw(pair, ring, 1)
    mine.streams[stream].held = True  # a game busy with other things
    assert reader.latest_device(out, stream).frame_id == 1
    draw(pair, ring, 2)
    assert reader.latest_device(out, stream).frame_id == 1
    mine.streams[stream].held = False
    pair.machine.run()
    assert (out.pixels == 1).all()
    assert reader.latest_device(out, stream).frame_id == 2
    assert (out.pixels == 2).all()


def test_host_and_device_copies_of_one_ring_agree(pair, ring, reader, out, stream):
    draw(pair, ring, np.arange(64, dtype=np.uint8).reshape(16, 1, 4))
    reader.latest_device(out, stream)
    assert (reader.latest().pixels == out.pixels).all()


def test_a_ring_that_ends_leaves_the_callers_memory_alone(pair, ring, reader, out, stream):
    draw(pair, ring, 3)
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
