"""Networks run by OpenVINO on the CPU, a request for every bucket.

Knows compiling, threads and precision. Refuses to know networks: it is given a graph whose lanes
are open, built node by node or read from an ONNX file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.engine.executor import EngineError, Ports
from mien.models.motion.diffusion.quiet_openvino import ov

F32 = NDArray[np.float32]
PRECISIONS = ("f32", "bf16")


class OpenVinoExecutor:
    """See `Executor`. For one thread at a time."""

    name = "openvino"

    def __init__(
        self,
        build: Callable[[], ov.Model],
        ports: Ports,
        *,
        threads: int = 1,
        precision: str = "f32",
    ) -> None:
        """`build` makes the graph, its inputs named as the ports, its outputs in their order."""
        if precision not in PRECISIONS:
            raise EngineError(f"OpenVINO computes in {' or '.join(PRECISIONS)}, not '{precision}'")
        self.ports, self._build = ports, build
        self._core = ov.Core()
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,  # the other threads of the process need the cores too
        }
        self._requests: dict[int, ov.InferRequest] = {}

    def run(self, bucket: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """See `Executor.run`."""
        self.ports.check(bucket, inputs)
        request = self._request(bucket)
        for name, array in inputs.items():
            request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array, np.float32)))
        request.infer()
        outputs = zip(self.ports.outputs, request.output_tensors, strict=True)
        return {port.name: tensor.data for port, tensor in outputs}

    def host(self, value: Any) -> F32:
        """See `Executor.host`."""
        return np.asarray(value, np.float32)

    def _request(self, bucket: int) -> ov.InferRequest:
        if bucket not in self._requests:
            graph = self._build()
            graph.reshape({port.name: list(port.full(bucket)) for port in self.ports.inputs})
            compiled = self._core.compile_model(graph, "CPU", self._config)
            self._requests[bucket] = compiled.create_infer_request()
        return self._requests[bucket]
