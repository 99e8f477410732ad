"""A painter on the CPU that draws, refuses and vanishes as it is told; and models that have one.

With `MIEN_TEST_TROUBLE=gpu` in the environment its device is gone once a mouth opens wide.
"""

import itertools
import os
import threading

import numpy as np
from tiny_models import JAW, TinyDecoder, TinyModels

from mien.backend.batch_drawing import CastDecoder, Painted
from mien.protocol.errors import GpuLostError

GPU_BLUE = 200  # of what it draws; TinyDecoder's is 7
TOOK_US = 400.0  # it says, of each picture


class TinyPainter:
    stream = 0

    def __init__(self, peek=None):
        self.peek = peek  # makes an array of a slot on a device
        self.batches = []  # (size px, handles), as drawn
        self.names = {}
        self.room = 64  # for so many pictures at once
        self.sick = set()  # handles that it cannot draw
        self.lost = None
        self.go = threading.Event()
        self.go.set()
        self._finished = []

    def paint(self, handles, dynamics, pose, outs):
        self.go.wait(20)
        self.check()
        assert dynamics.shape == (len(handles), 52) and pose.shape == (len(handles), 6)
        if os.environ.get("MIEN_TEST_TROUBLE") == "gpu" and dynamics[:, JAW].max() > 0.9:
            self.lost = GpuLostError("the GPU fell off the bus")
            raise self.lost
        if len(handles) > self.room:
            raise MemoryError(f"{len(handles)} pictures")
        if self.sick & set(handles):
            raise KeyError("a character that is not there")
        arrays = [out if isinstance(out, np.ndarray) else self.peek(out) for out in outs]
        assert len({array.shape for array in arrays}) == 1
        for handle, motion, array in zip(handles, dynamics, arrays, strict=True):
            red = sum(self.names.get(handle, "").encode()) % 256 or handle
            array[...] = (red, int(255 * motion[JAW]), GPU_BLUE, 255)
        self.batches.append((len(arrays[0]), list(handles)))
        self._finished.append(Painted(len(arrays[0]), len(handles), TOOK_US * len(handles)))

    def check(self):
        if self.lost is not None:
            raise self.lost

    def finished(self):
        made, self._finished = self._finished, []
        return made


class TinyModelsWithPainter(TinyModels):
    def __init__(self, profile="cpu", gpu_fallback=False):
        super().__init__(profile, gpu_fallback)
        self.painter = TinyPainter()
        self.handles = itertools.count(1)

    @property
    def gpu_uuid(self):
        gone = self.painter.lost is not None and self.fallback
        return "" if gone else "GPU-00000000-0000-0000-0000-000000000001"

    def decoder(self, character, size_px):
        own = TinyDecoder(character.body, size_px)
        if self.painter.lost is not None:
            return own
        handle = next(self.handles)
        self.painter.names[handle] = character.body
        return CastDecoder(handle, character, own if self.fallback else None)
