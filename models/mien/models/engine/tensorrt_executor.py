"""Networks run by TensorRT: engines built from ONNX, kept on disk, one profile for every bucket.

Knows TensorRT's builder, runtime and contexts, and takes the device's memory from torch. Refuses to
judge its own numbers: `self_check.Guarded` does, against torch, before any frame is made with it.

NOT RUN by its authors, who had no GPU: TensorRT cannot even be imported without its libraries. It
is written against the Python API documented for TensorRT 10.12 to 11 (Builder, OnnxParser,
IBuilderConfig, IExecutionContext.execute_async_v3). What can be tested without it is: keys, cache,
ONNX files, self-check and falling back.

Networks are strongly typed: number formats are those of the ONNX graph, as TensorRT 11 demands and
10.12 recommends; float32 products may use TF32, which is the builder's default.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mien.models.engine.buckets import BUCKETS
from mien.models.engine.cache import EngineCache, EngineKey
from mien.models.engine.executor import EngineError, Ports

F32 = NDArray[np.float32]
OLDEST = (10, 12)
WORKSPACE_BYTES = 1 << 30
_LOG = logging.getLogger(__name__)
_DRIVER_FILE = Path("/proc/driver/nvidia/version")


def library() -> Any:
    """The TensorRT library. Raises EngineError where it is not installed, or too old."""
    try:
        import tensorrt
    except ImportError as problem:
        raise EngineError(
            f"TensorRT is not installed here ({problem}); pip install 'mien[tensorrt]'"
        ) from None
    version = tuple(int(part) for part in tensorrt.__version__.split(".")[:2])
    if version < OLDEST:
        least = ".".join(map(str, OLDEST))
        raise EngineError(f"TensorRT {tensorrt.__version__} is too old; it takes {least} or newer")
    return tensorrt


def driver_version(file: Path = _DRIVER_FILE) -> str:
    """The display driver's own version line; empty where the system does not tell."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip()
    except OSError:
        return ""


def key_for(
    ports: Ports, weights: str, graph: bytes, precision: str, device: torch.device, builder: str,
    buckets: Sequence[int] = BUCKETS,
) -> EngineKey:  # fmt: skip
    """The key of the engine that this very machine would build."""
    gpu = torch.cuda.get_device_properties(device)
    return EngineKey(
        network=ports.network,
        weights=weights,
        graph=hashlib.sha256(graph).hexdigest(),
        gpu_name=gpu.name,
        gpu_uuid=str(gpu.uuid),
        compute_capability=f"{gpu.major}.{gpu.minor}",
        driver=f"{driver_version()} CUDA {torch.version.cuda}",
        builder=builder,
        precision=precision,
        buckets=tuple(buckets),
    )


def build(trt: Any, graph: bytes, ports: Ports, buckets: Sequence[int]) -> bytes:
    """Build an engine from an ONNX graph (minutes). Raises EngineError with the parser's words."""
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    strongly = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(strongly)  # batches are explicit in every TensorRT since 10
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        said = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(f"TensorRT cannot read the network '{ports.network}': {said}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    for bucket in buckets:
        profile = builder.create_optimization_profile()
        for port in (port for port in ports.inputs if port.lanes):  # the others' sizes are fixed
            profile.set_shape(port.name, *[port.full(bucket)] * 3)  # least, usual, most
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"TensorRT could not build the network '{ports.network}'; see its log")
    return bytes(plan)


class TensorRtExecutor:
    """See `Executor`. For one thread at a time."""

    name = "tensorrt"

    def __init__(
        self, graph: bytes, ports: Ports, *, weights: str, precision: str, device: str,
        cache: EngineCache, buckets: Sequence[int] = BUCKETS, stream: Any = None,
    ) -> None:  # fmt: skip
        """`graph`: an ONNX file's bytes; `weights`: their digest; `precision` is told in the key.

        Loads the engine from `cache` or builds it and keeps it there. Raises EngineError.
        """
        trt = library()
        if not torch.cuda.is_available():
            raise EngineError("TensorRT needs a CUDA device, and there is none")
        self.ports, self.device, self._buckets = ports, torch.device(device), tuple(buckets)
        builder = f"tensorrt {trt.__version__}"
        with torch.cuda.device(self.device):
            key = key_for(ports, weights, graph, precision, self.device, builder, buckets)
            plan = cache.load(key)
            if plan is None:
                _LOG.warning("building the engine '%s': this takes minutes, once", key.filename)
                plan = build(trt, graph, ports, self._buckets)
                cache.store(key, plan)
            self._runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise EngineError(f"TensorRT does not take the engine '{key.filename}'; delete it")
        self.stream = stream or torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        self._ready: dict[int, tuple[Any, dict[str, torch.Tensor]]] = {}

    def run(self, bucket: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """See `Executor.run`; outputs are tensors of the device, and the caller's stream waits."""
        self.ports.check(bucket, inputs)
        before = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(before)
        with torch.cuda.stream(self.stream):
            context, outputs = self._context(bucket)
            given = {name: self._tensor(value) for name, value in inputs.items()}
            for name, tensor in (given | outputs).items():
                if not context.set_tensor_address(name, tensor.data_ptr()):
                    raise EngineError(f"TensorRT does not take the tensor '{name}'")
            if not context.execute_async_v3(self.stream.cuda_stream):
                raise EngineError(f"TensorRT could not run the network '{self.ports.network}'")
            for tensor in given.values():
                tensor.record_stream(self.stream)  # its memory is in use until then
        before.wait_stream(self.stream)
        return dict(outputs)

    def host(self, value: Any) -> F32:
        """See `Executor.host`; waits for the device."""
        out: F32 = value.float().cpu().numpy()
        return out

    def _context(self, bucket: int) -> tuple[Any, dict[str, torch.Tensor]]:
        """The bucket's own execution context, its shapes set, and its output buffers."""
        if bucket not in self._ready:
            if bucket not in self._buckets:
                raise EngineError(f"the engine was built for {self._buckets} lanes, not {bucket}")
            context = self._engine.create_execution_context()
            profile = self._buckets.index(bucket)
            chosen = context.set_optimization_profile_async(profile, self.stream.cuda_stream)
            shaped = [context.set_input_shape(p.name, p.full(bucket)) for p in self.ports.inputs]
            if not chosen or not all(shaped):
                raise EngineError(f"TensorRT takes no {bucket} lanes of '{self.ports.network}'")
            outputs = {
                port.name: torch.empty(port.full(bucket), device=self.device)
                for port in self.ports.outputs
            }
            self._ready[bucket] = context, outputs
        return self._ready[bucket]

    def _tensor(self, value: Any) -> torch.Tensor:
        if not isinstance(value, torch.Tensor):
            value = torch.from_numpy(np.ascontiguousarray(value, np.float32))
        tensor: torch.Tensor = value.to(self.device, torch.float32, non_blocking=True)
        return tensor.contiguous()
