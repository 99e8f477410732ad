"""A daemon's process and a client's with a ring on a GPU between them, on a machine in memory."""

from in_memory_cuda import FIRST_GPU, Machine
from ring_kinds import EPOCH, GEOMETRY

from mien.backend.rings import RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.protocol import cuda_ring, shm
from mien.protocol.wire import FrameFlag

OTHER_GPU = "GPU-00000000-0000-0000-0000-000000000002"
GRACE_S = 0.15


class Pair:
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


def draw(pair, ring, value, size_px=None, pts_us=0, stream=None):
    """A frame that the GPU draws."""
    pixels = ring.begin_device(size_px, stream)
    pair.gpu.peek(pixels)[...] = value
    return ring.commit(line_id=0, pts_us=pts_us, flags=FrameFlag.IDLE)
