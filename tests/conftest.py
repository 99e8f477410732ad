"""Helpers that tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Triton asks once, when it is imported. Without a GPU its kernels go through the interpreter.
HAS_GPU = Path("/dev/nvidiactl").exists()
if not HAS_GPU:
    os.environ["TRITON_INTERPRET"] = "1"


class OnnxExecutor:
    """A network's ONNX file run by onnxruntime on the CPU."""

    name = "onnxruntime"

    def __init__(self, network: Any) -> None:
        import onnxruntime

        from mien.models.engine.onnx_export import OPSET, exported

        written = exported(network.module(), network.ports)
        self.opset, self.ports = OPSET, network.ports
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            written, options, providers=["CPUExecutionProvider"]
        )

    def run(self, bucket: int, inputs: Any) -> dict[str, Any]:
        self.ports.check(bucket, inputs)
        names = [port.name for port in self.ports.outputs]
        taken = {one.name for one in self.session.get_inputs()}
        given = {name: array for name, array in inputs.items() if name in taken}
        return dict(zip(names, self.session.run(names, given), strict=True))

    def host(self, value: Any) -> np.ndarray:
        return np.asarray(value)


@pytest.fixture(scope="session")
def onnx_executor() -> Callable[[Any], OnnxExecutor]:
    """Exports a `Network` and runs it by onnxruntime; kept for the session."""
    kept: dict[str, OnnxExecutor] = {}

    def make(network: Any) -> OnnxExecutor:
        key = network.ports.network + network.weights + str(network.ports)
        if key not in kept:
            kept[key] = OnnxExecutor(network)
        return kept[key]

    return make
