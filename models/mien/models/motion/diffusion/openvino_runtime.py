"""Both networks run by OpenVINO on the CPU: the way motion is made by default.

Knows devices, precision, threads and sizes of batches, and keeps what it has compiled. Refuses to
know the networks (`graph` builds them). Graphs with an open number of lanes serve any batch; one
lane and eight, which are run most, have graphs of their own that OpenVINO need not think about
anew. A set is compiled when it is first asked for (half a second) and kept (about 70 MB).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from math import prod

import numpy as np

from mien.models.motion.diffusion import graph
from mien.models.motion.diffusion.numpy_runtime import steering
from mien.models.motion.diffusion.quiet_openvino import ov
from mien.models.motion.diffusion.rings import Picked
from mien.models.motion.diffusion.runtime import BlockInput
from mien.models.motion.diffusion.sampler import Lips, Times
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

PRECISIONS = ("f32", "bf16")
MOST_LEVELS = 256  # noise levels whose steering is kept
CLOSED = (1, 8)
OPEN = -1  # instead of a number: graphs for any
EXACT, STRIDE = 8, 8  # up to EXACT lanes a batch is as large as they are, then in strides


def batch_size(lanes: int) -> int:
    """Return how many lanes are computed for `lanes`.

    A size that OpenVINO has not met costs some 10 ms the first time; few sizes are warm sooner.
    """
    return lanes if lanes <= EXACT else -(-lanes // STRIDE) * STRIDE


def best_precision(core: ov.Core) -> str:
    """Return bf16 where the processor computes in it, f32 elsewhere."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


class Request:
    """A compiled graph with arrays of its own to write inputs into.

    Where its sizes are `closed`, outputs stay where they are, and are looked up once.
    """

    def __init__(self, request: ov.InferRequest, closed: bool) -> None:
        self._request = request
        self._closed = closed
        self._outputs: list[F32] = []
        self._taken: set[str] = set()
        self._flat: dict[str, F32] = {}
        self._rooms: dict[str, F32] = {}

    def room(self, name: str, *shape: int) -> F32:
        """Return where to write the input called `name`; what was in it last may still be there."""
        room = self._rooms.get(name)
        if room is None or room.shape != shape:
            size = prod(shape)
            if name not in self._flat or self._flat[name].size < size:
                self._flat[name] = np.zeros(size, np.float32)
            room = self._rooms[name] = self._flat[name][:size].reshape(shape)
            self._request.set_tensor(name, ov.Tensor(room, shared_memory=True))
        return room

    def give(self, lanes: int, **inputs: F32) -> None:
        """Write inputs that have a lane first into a batch of `lanes`."""
        for name, array in inputs.items():
            room = self.room(name, lanes, *array.shape[1:])
            room[: len(array)] = array

    def take(self, name: str, source: Request, output: int) -> None:
        """Have an output of `source`, closed as this one is or not, as input; it is not copied."""
        if name not in self._taken:
            self._request.set_tensor(name, source._request.output_tensors[output])
            if self._closed:
                self._taken.add(name)

    def infer(self) -> list[F32]:
        """Return the outputs; they are overwritten by the next call."""
        self._request.infer()
        if not self._closed or not self._outputs:
            self._outputs = [tensor.data for tensor in self._request.output_tensors]
        return self._outputs


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
        self._requests: dict[tuple[str, int, int], Request] = {}  # graph, its size, CLOSED or OPEN
        self._steers: dict[float, F32] = {}  # by noise level
        self._lock = threading.Lock()

    def batches(self, most: int) -> list[int]:
        """See `MotionRuntime.batches`."""
        return sorted({batch_size(lanes) for lanes in range(1, most + 1)})

    def encode(self, slices: F32, recalled: Picked) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        lanes, count = slices.shape[:2]
        size = batch_size(lanes)
        with self._lock:
            ears = self._request("ears", count, size)
            ears.give(size, slices=slices)
            rows, width = len(recalled.rows), recalled.source.shape[-1]
            recalled.into(ears.room("recalled", rows, size, width))
            features, after = ears.infer()
            return features[:lanes].copy(), after[:, :lanes].copy()

    def remember(self, history: F32) -> F32:
        """See `MotionRuntime.remember`."""
        lanes = len(history)
        size = batch_size(lanes)
        with self._lock:
            memory = self._request("memory", history.shape[1] - 2, size)
            memory.give(size, history=history)
            return memory.infer()[0][:lanes].copy()

    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`."""
        lanes, variants = block.heard.shape[:2]
        size, model = batch_size(lanes), self.model
        with self._lock:
            given = self._request("given", variants, size)
            step = self._request("step", variants, size)
            given.give(size, newest=block.newest, heard=block.heard, wishes=block.wishes)
            given.infer()
            step.take("given", given, 0)
            step.take("carried", given, 1)
            parts, *of_a_lane = model.about.transformer.seen_of_a_lane
            for i in range(parts):
                part = Picked(block.seen.source, block.seen.rows[i])
                part.into(step.room(f"seen{i}", size, *of_a_lane))
            step.give(size, reach=block.reach)
            step.room("mix", variants)[:] = block.mix
            x, lips = block.noise, Lips(block.noise)
            for now, then in pairwise(times):
                step.give(size, noisy=x)
                steer = self._steering(now)
                step.room("steer", *steer.shape)[:] = steer
                step.room("left", 1)[:] = then / now
                if model.about.objective == "flow":
                    step.room("now", 1)[:] = now
                x = lips.held(step.infer()[0][:lanes].copy(), then)
        return x

    def _request(self, name: str, size: int, lanes: int) -> Request:
        key = name, size, lanes if lanes in CLOSED else OPEN
        if key not in self._requests:
            built = _BUILT[name](self.model, size)
            if key[2] != OPEN:
                built.reshape(
                    {port: _closed(port.get_partial_shape(), lanes) for port in built.inputs}
                )
            compiled = self._core.compile_model(built, "CPU", self._config)
            self._requests[key] = Request(compiled.create_infer_request(), key[2] != OPEN)
        return self._requests[key]

    def _steering(self, time: float) -> F32:
        if time not in self._steers:
            if len(self._steers) >= MOST_LEVELS:
                self._steers.clear()
            self._steers[time] = steering(self.model, time)
        return self._steers[time]


_BUILT: dict[str, Callable[[MotionModel, int], ov.Model]] = {
    "ears": graph.encoder_graph,
    "memory": graph.memory_graph,
    "given": graph.given_graph,
    "step": graph.step_graph,
}


def _closed(shape: ov.PartialShape, lanes: int) -> ov.PartialShape:
    """Return `shape` with the number of lanes in the place that was left open."""
    return ov.PartialShape([lanes if d.is_dynamic else d.get_length() for d in shape])
