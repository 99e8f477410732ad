"""The rings that the conformance suite runs over, and readers of them here and elsewhere."""

import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from in_memory_cuda import Machine

from mien.backend.rings import RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.backend.rings.posix import PosixRings
from mien.protocol import control_pb2 as pb
from mien.protocol import cuda_bindings, cuda_ring, shm
from mien.protocol.ring import Geometry
from mien.protocol.spawning import open_ring

GEOMETRY = Geometry(slots=4, width_px=32, height_px=16)
EPOCH = 7
GRACE_S = 0.2


def info_of(ring, epoch=EPOCH):
    """What the daemon tells the client."""
    info = pb.RingInfo(
        kind=ring.kind,
        name=ring.name,
        slots=ring.geometry.slots,
        width_px=ring.geometry.width_px,
        height_px=ring.geometry.height_px,
        epoch=epoch,
        size_bytes=ring.size_bytes,
    )
    ring.describe(info)
    return info


class Elsewhere:
    """Readers in another process."""

    def __init__(self):
        script = str(Path(__file__).with_name("reader_process.py"))
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.numbers = itertools.count()

    def ask(self, number, name, *arguments):
        pickle.dump((number, name, arguments), self.process.stdin)
        self.process.stdin.flush()
        result = pickle.load(self.process.stdout)
        if isinstance(result, Exception):
            raise result
        return result

    def open(self, info):
        number = next(self.numbers)
        self.ask(number, "open", info.SerializeToString())
        return RemoteReader(self, number)

    def close(self):
        self.process.kill()
        self.process.communicate()


class RemoteReader:
    def __init__(self, elsewhere, number):
        self._elsewhere, self._number = elsewhere, number

    @property
    def state(self):
        return self._elsewhere.ask(self._number, "state")

    def __getattr__(self, name):
        return lambda *arguments: self._elsewhere.ask(self._number, name, *arguments)


class Kind:
    """One kind of ring with its readers. `leave` after a test says what is wrong."""

    def __init__(self, backend, open_reader):
        self.backend, self.open_reader = backend, open_reader
        self.rings = []

    def make(self, geometry=GEOMETRY):
        name = shm.segment_name("0123456789abcdef", 1)
        self.rings.append(self.backend.create(RingRequest(name, 1, EPOCH, geometry)))
        return self.rings[-1]

    def leave(self):
        for ring in self.rings:
            ring.close()
        self.backend.close()


def posix_here(monkeypatch):
    yield Kind(PosixRings(), open_ring)


def posix_elsewhere(monkeypatch):
    elsewhere = Elsewhere()
    yield Kind(PosixRings(), elsewhere.open)
    elsewhere.close()


def cuda_in_memory(monkeypatch):
    machine = Machine()
    producer, consumer = machine.process(), machine.process()
    monkeypatch.setattr(cuda_ring, "open_device", consumer.open_device)
    yield Kind(CudaRings(GRACE_S, producer.open_device, producer.why_not), open_ring)
    assert machine.undefined == []
    assert producer.left() == {} and consumer.left() == {}


def cuda_for_real(monkeypatch):
    why = cuda_bindings.why_not()
    if why is not None:
        pytest.skip(f"no ring on a GPU here: {why}")
    elsewhere = Elsewhere()
    yield Kind(CudaRings(GRACE_S), elsewhere.open)
    elsewhere.close()


KINDS = [
    pytest.param(posix_here, id="posix"),
    pytest.param(posix_elsewhere, id="posix, two processes"),
    pytest.param(cuda_in_memory, id="cuda_ipc, in memory"),
    pytest.param(cuda_for_real, id="cuda_ipc, two processes", marks=pytest.mark.gpu),
]
if sys.platform == "win32":
    KINDS = KINDS[2:]
