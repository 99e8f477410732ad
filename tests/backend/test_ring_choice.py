"""Which ring an actor gets, and that the reason is said."""

import os
import sys

import pytest
from in_memory_cuda import FIRST_GPU
from ring_kinds import EPOCH, GEOMETRY

from mien.backend.rings import RingChooser, RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.backend.rings.posix import PosixRings
from mien.protocol import control_pb2 as pb
from mien.protocol import shm
from mien.protocol.errors import (
    GpuMemoryFullError,
    InvalidArgumentError,
)

GPU_FIRST = [pb.RING_KIND_CUDA_IPC, pb.RING_KIND_POSIX]


@pytest.fixture
def chooser(pair):
    return RingChooser(backends=[PosixRings(), pair.backend])


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


def test_forced_it_is_made_for_the_cpu_too_under_either_name(pair):
    for name in ("cuda_ipc", "cuda-ipc"):
        chooser = RingChooser(name, [PosixRings(), pair.backend])
        choice = chooser.choose([pb.RING_KIND_POSIX])
        assert choice.kind == pb.RING_KIND_CUDA_IPC and "set" in choice.reason


def test_a_machine_without_says_why(pair):
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


def test_a_gpu_without_room_gives_way_to_host_memory_loudly(pair, chooser, caplog):
    pair.machine.failing["cuMemAlloc"] = "CUDA_ERROR_OUT_OF_MEMORY"
    ring = make_by(chooser.choose(GPU_FIRST, FIRST_GPU), 3)
    assert ring.kind == pb.RING_KIND_POSIX
    assert "cuda_ipc failed" in ring.reason and "OUT_OF_MEMORY" in ring.reason
    loud = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(loud) == 1 and "actor 3" in loud[0].message and "OUT_OF_MEMORY" in loud[0].message
    ring.close()


def test_a_gpu_without_room_is_an_error_where_the_ring_was_forced(pair):
    pair.machine.failing["cuMemAlloc"] = "CUDA_ERROR_OUT_OF_MEMORY"
    with pytest.raises(GpuMemoryFullError):
        make_by(RingChooser("cuda_ipc", [PosixRings(), pair.backend]).choose())


def test_the_reason_is_on_the_ring(chooser, pair):
    ring = make_by(chooser.choose(GPU_FIRST, FIRST_GPU))
    pair.rings.append(ring)
    assert "drawn on" in ring.reason and ring.kind == pb.RING_KIND_CUDA_IPC
    assert os.path.exists(f"/dev/shm{ring.name}") or sys.platform != "linux"
