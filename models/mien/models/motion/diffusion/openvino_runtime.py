"""Both networks run by OpenVINO on the CPU: the way motion is made by default.

Knows devices, precision and threads, and keeps what it has compiled. Refuses to know the networks
(`graph` builds them). There is a set of graphs for every number of variants, compiled when it is
first asked for (half a second) and kept (about 90 MB); any number of lanes and steps shares it.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np

from mien.models.motion.diffusion import graph
from mien.models.motion.diffusion.numpy_runtime import steering
from mien.models.motion.diffusion.quiet_openvino import ov
from mien.models.motion.diffusion.runtime import BlockInput
from mien.models.motion.diffusion.sampler import Lips, Times
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

PRECISIONS = ("f32", "bf16")
MOST_LEVELS = 256  # noise levels whose steering is kept


def best_precision(core: ov.Core) -> str:
    """Return bf16 where the processor computes in it, f32 elsewhere."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


class OpenVinoRuntime:
    """See `MotionRuntime`. May be called from several threads; they take turns."""

    name = "openvino"

    def __init__(
        self, model: MotionModel, *, threads: int = 1, precision: str | None = None
    ) -> None:
        """`threads` per inference; `precision` f32 or bf16, None: what the processor does best."""
        if precision is not None and precision not in PRECISIONS:
            raise ValueError(f"a precision is f32 or bf16, not '{precision}'")
        self.model = model
        self._core = ov.Core()
        self.precision = precision or best_precision(self._core)
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,
            "ENABLE_CPU_PINNING": False,  # the other threads of the process need the cores too
        }
        self._ears: dict[int, ov.InferRequest] = {}  # by slices
        self._movers: dict[int, tuple[ov.InferRequest, ov.InferRequest]] = {}  # by variants
        self._steers: dict[float, F32] = {}  # by noise level
        layers = model.about.transformer.layers
        self._shared = ["given", "carried", *(f"seen{i}" for i in range(2 * layers))]
        self._lock = threading.Lock()

    def encode(self, slices: F32, memory: F32) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        count = slices.shape[1]
        with self._lock:
            if count not in self._ears:
                self._ears[count] = self._request(graph.encoder_graph(self.model, count))
            ears = self._ears[count]
            _give(ears, slices=slices, memory=memory)
            ears.infer()
            features, after = (tensor.data.copy() for tensor in ears.output_tensors)
        return features, after

    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`."""
        count = block.heard.shape[1]
        with self._lock:
            if count not in self._movers:
                built = graph.given_graph(self.model, count), graph.step_graph(self.model, count)
                self._movers[count] = self._request(built[0]), self._request(built[1])
            given, step = self._movers[count]
            _give(given, history=block.history, heard=block.heard, wishes=block.wishes)
            given.infer()
            for name, tensor in zip(self._shared, given.output_tensors, strict=True):
                step.set_tensor(name, tensor)  # not copied
            _give(step, mix=block.mix)
            x, lips = block.noise, Lips(block.noise)
            for now, then in pairwise(times):
                left = np.array([then / now], np.float32)
                _give(step, noisy=x, steer=self._steering(now), left=left)
                if self.model.about.objective == "flow":
                    _give(step, now=np.array([now], np.float32))
                step.infer()
                x = lips.held(step.output_tensors[0].data.copy(), then)
        return x

    def _request(self, built: ov.Model) -> ov.InferRequest:
        return self._core.compile_model(built, "CPU", self._config).create_infer_request()

    def _steering(self, time: float) -> F32:
        if time not in self._steers:
            if len(self._steers) >= MOST_LEVELS:
                self._steers.clear()
            self._steers[time] = steering(self.model, time)
        return self._steers[time]


def _give(request: ov.InferRequest, **inputs: F32) -> None:
    for name, array in inputs.items():
        request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array, np.float32)))
