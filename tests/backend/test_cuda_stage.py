"""Daemon and client with rings on a GPU, over real sockets: only the GPU is a stand-in.

Both live in one process here, so that both can use it; to it, a ring's sides are two processes.
"""

import logging
import time

import pytest
from in_memory_cuda import FIRST_GPU, Buffer, Machine
from stage_helpers import RawClient, wait_for

from mien.backend.config import DaemonConfig
from mien.backend.daemon import Daemon
from mien.backend.rings import choice
from mien.backend.rings.cuda import CudaRings
from mien.backend.rings.posix import PosixRings
from mien.protocol import control_pb2 as pb
from mien.protocol import cuda_ring
from mien.protocol.client import Client
from mien.protocol.errors import GpuMemoryFullError, GpuMismatchError, InvalidArgumentError

OTHER_GPU = "GPU-00000000-0000-0000-0000-000000000002"


class Theatre:
    def __init__(self, run_dir, monkeypatch):
        self.run_dir, self._patch = run_dir, monkeypatch
        self.machine = Machine([FIRST_GPU, OTHER_GPU])
        self.producer = self.machine.process([FIRST_GPU])
        self.be_consumer(self.machine.process())
        self.daemon = None

    def be_consumer(self, process):
        self.consumer = process
        self._patch.setattr(cuda_ring, "open_device", process.open_device)

    def start(self, models="TinyModelsOnGpu", **options):
        def backends(grace_s):
            producer = self.producer
            return [PosixRings(), CudaRings(grace_s, producer.open_device, producer.why_not)]

        self._patch.setattr(choice, "all_backends", backends)
        options = {"models": f"tiny_models:{models}", "frame_px": 64, "ring_grace_s": 0.2} | options
        self.daemon = Daemon(DaemonConfig(run_dir=self.run_dir, **options))
        self.daemon.start()
        return self.daemon


@pytest.fixture
def theatre(run_dir, monkeypatch):
    made = Theatre(run_dir, monkeypatch)
    yield made
    if made.daemon is not None:
        made.daemon.stop()
    made.machine.lost.clear()
    made.machine.failing.clear()
    assert made.machine.undefined == []
    assert made.consumer.left() == {}


@pytest.fixture
def client(theatre):
    theatre.start()
    with Client.connect(theatre.run_dir, name="test") as client:
        yield client


def several(actor, count=5):
    frames = []
    for frame in actor.frames(5.0):
        frames.append(frame)
        if len(frames) == count:
            return frames
    raise AssertionError("the actor ended")


def test_frames_reach_the_client_through_the_gpu(theatre, client, caplog):
    caplog.set_level(logging.INFO)
    actor = client.spawn(b"hero", ring="gpu")
    frames = several(actor)
    assert all((f.pixels[..., 0] == sum(b"hero") % 256).all() for f in frames)
    assert frames[0].pixels.shape == (64, 64, 4)
    assert theatre.producer.left()["allocations"] == 1
    assert actor.ring_reason.startswith("cuda-ipc: frames are drawn on GPU-")
    (stats,) = client.stats().actors
    assert stats.ring_kind == "cuda-ipc" and stats.ring_reason == actor.ring_reason[10:]
    said = [r.message for r in caplog.records if stats.ring_reason in r.message]
    assert len(said) == 2  # by the daemon, by the client
    actor.close()
    wait_for(lambda: theatre.producer.left() == {}, 0.15, "the ring's end, without a grace time")


def test_frames_stay_on_the_gpu_for_who_asks(theatre, client):
    actor = client.spawn(b"hero", ring="gpu")
    mine = theatre.consumer.open_device(FIRST_GPU)
    out, stream = Buffer(mine, 64, 64), mine.create_stream()
    frame = wait_for(lambda: actor.latest_device(out, stream), what="a frame")
    assert frame.width_px == 64 and (out.pixels[..., 0] == sum(b"hero") % 256).all()
    actor.close()
    mine.free(out.pointer)
    mine.destroy_stream(stream)


def test_host_memory_is_what_one_gets_without_a_wish_and_no_gpu_is_touched(theatre, client):
    actor = client.spawn(b"hero")
    assert several(actor) and actor.ring_reason.startswith("posix: ")
    with pytest.raises(InvalidArgumentError, match="not on a GPU: posix"):
        actor.latest_device(None)
    assert theatre.producer.left() == {} and theatre.consumer.left() == {}


def test_an_unknown_wish_is_refused_before_anything_is_asked(client):
    with pytest.raises(InvalidArgumentError, match="auto, gpu, posix, cuda_ipc"):
        client.spawn(b"hero", ring="tape")
    assert client.stats().actors == ()


def test_a_daemon_may_be_told_to_use_nothing_else(theatre):
    theatre.start(models="TinyModels", ring="cuda_ipc")
    with Client.connect(theatre.run_dir) as client:
        actor = client.spawn(b"hero")
        assert several(actor) and actor.ring_reason == "cuda-ipc: set for this daemon"


def test_frames_that_the_cpu_draws_stay_in_host_memory(theatre):
    theatre.start(models="TinyModels")
    with Client.connect(theatre.run_dir) as client:
        assert "drawn on the CPU" in client.spawn(b"hero", ring="gpu").ring_reason
        actor = client.spawn(b"hero", ring="cuda_ipc")
        assert "nothing else" in actor.ring_reason and several(actor)


def test_a_client_on_another_gpu_falls_back_to_host_memory_loudly(theatre, client, caplog):
    theatre.consumer.sees = [OTHER_GPU]
    actor = client.spawn(b"hero", ring="gpu")
    assert several(actor) and actor.ring_reason.startswith("posix: ")
    (warning,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert FIRST_GPU in warning and OTHER_GPU in warning
    assert len(client.stats().actors) == 1
    wait_for(lambda: theatre.producer.left() == {}, what="the end of the ring not taken")


def test_a_client_on_another_gpu_that_takes_nothing_else_is_told(theatre, client):
    theatre.consumer.sees = [OTHER_GPU]
    with pytest.raises(GpuMismatchError, match=OTHER_GPU):
        client.spawn(b"hero", ring="cuda_ipc")
    assert client.stats().actors == ()


def test_a_full_gpu_costs_one_actor_its_place_there_and_the_others_nothing(theatre, client):
    first = client.spawn(b"hero", ring="gpu")
    theatre.machine.capacity_bytes = theatre.machine.used_bytes(FIRST_GPU)
    second = client.spawn(b"zoe", ring="gpu")
    assert second.ring_reason.startswith("posix: cuda_ipc failed: the GPU has no room")
    assert several(first) and several(second)
    with pytest.raises(Exception, match="OUT_OF_MEMORY") as caught:
        client.spawn(b"max", ring="cuda_ipc")
    assert caught.value.code == GpuMemoryFullError.default_code
    assert several(first)


def test_a_gpu_that_vanishes_is_told_and_other_actors_live_on(theatre, client):
    on_gpu = client.spawn(b"hero", ring="gpu")
    on_host = client.spawn(b"zoe")
    assert several(on_gpu) and several(on_host)
    theatre.machine.lost.add(FIRST_GPU)
    trouble = wait_for(lambda: on_gpu.trouble, what="the error")
    assert "GpuLostError" in trouble.message and "DEVICE_UNAVAILABLE" in trouble.message
    assert wait_for(lambda: on_gpu.latest().stale, what="the stale frame")
    assert several(on_host)
    theatre.machine.lost.clear()
    theatre.consumer.kill()
    theatre.be_consumer(theatre.machine.process())
    again = client.spawn(b"max", ring="gpu")  # it is back
    assert several(again)


def test_the_memory_of_a_client_that_fell_silent_is_freed_after_its_lease_and_grace(theatre):
    theatre.start(lease_ms=300)
    with RawClient(theatre.daemon.endpoints) as raw:
        raw.hello()
        loaded = raw.ask(pb.LoadCharacter(data=b"hero"))
        ring = pb.RingPreferences(kinds=[pb.RING_KIND_CUDA_IPC])
        spawned = raw.ask(pb.SpawnActor(character_id=loaded.character_id, ring=ring))
        reader = cuda_ring.open_ring(spawned.ring)
        assert theatre.producer.left()["allocations"] == 1
        wait_for(lambda: reader.state.value == "closed", what="the end of the lease")
        assert theatre.producer.left()["allocations"] == 1  # the grace time
        wait_for(lambda: theatre.producer.left() == {}, what="the end of the grace time")
        reader.close()


def test_a_daemon_that_stops_gives_its_clients_time_to_let_go(theatre, client):
    actor = client.spawn(b"hero", ring="gpu")
    assert several(actor)
    started = time.monotonic()
    theatre.daemon.stop()
    assert theatre.producer.left() == {}
    assert time.monotonic() - started < 5
    assert actor.latest().stale
