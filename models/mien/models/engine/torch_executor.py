"""Networks run by torch: a CUDA graph for every bucket on a GPU, eager on the CPU.

Knows streams, graphs, buffers and memory layouts. Refuses to know networks. On a CUDA device a
bucket's first run warms the network up on a side stream and captures it with fixed buffers; from
then on a run is one copy an input and one replay, on the executor's own stream. (The way that
torch's documentation gives for whole networks, "CUDA Graphs".)

The road through CUDA was written against that documentation and NOT RUN by its authors, who had no
GPU; its test is marked `gpu`. The eager road, with all that both share, is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.models.engine.executor import EngineError, Ports

F32 = NDArray[np.float32]
WARM_UP_RUNS = 3  # libraries choose and load their kernels in the first ones


class TorchExecutor:
    """See `Executor`. For one thread at a time."""

    name = "torch"

    def __init__(
        self, module: nn.Module, ports: Ports, device: str = "cpu", stream: Any = None
    ) -> None:
        """`module` takes the inputs in their order and returns the outputs in theirs.

        `stream`: a torch.cuda.Stream to share with others; None: one of its own.
        """
        self.ports, self.device = ports, torch.device(device)
        self._module = module.to(self.device).eval().requires_grad_(False)
        self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stream, self._pool = stream, None
        if self.device.type == "cuda":
            self.stream = stream or torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
            self._pool = torch.cuda.graph_pool_handle()
        self._graphs: dict[int, _Captured] = {}

    def run(self, bucket: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """See `Executor.run`; outputs are tensors of the device.

        Work that the caller's stream is given afterwards waits for this run.
        """
        self.ports.check(bucket, inputs)
        if self.stream is None:
            return self._eager({name: self._tensor(value) for name, value in inputs.items()})
        if bucket not in self._graphs:
            self._graphs[bucket] = self._captured(bucket, inputs)
        graph, before = self._graphs[bucket], torch.cuda.current_stream(self.device)
        self.stream.wait_stream(before)
        with torch.cuda.stream(self.stream):
            graph.take(inputs)
            graph.graph.replay()
        before.wait_stream(self.stream)
        return dict(graph.outputs)

    def host(self, value: Any) -> F32:
        """See `Executor.host`; waits for the device."""
        out: F32 = value.detach().float().cpu().numpy()
        return out

    @torch.no_grad()
    def _eager(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given = self._module(*(inputs[port.name] for port in self.ports.inputs))
        outputs = (given,) if isinstance(given, Tensor) else tuple(given)
        if len(outputs) != len(self.ports.outputs):
            raise EngineError(f"network '{self.ports.network}' gave {len(outputs)} outputs")
        return {p.name: value for p, value in zip(self.ports.outputs, outputs, strict=True)}

    def _tensor(self, value: Any) -> Tensor:
        if not isinstance(value, Tensor):
            value = torch.from_numpy(np.ascontiguousarray(value, np.float32))
        tensor: Tensor = value.to(self.device, non_blocking=True)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _captured(self, bucket: int, inputs: Mapping[str, Any]) -> _Captured:
        fixed = {name: self._tensor(value).clone() for name, value in inputs.items()}
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UP_RUNS):
                self._eager(fixed)
        self.stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # What other threads do meanwhile (a ring is made, a character joins) is no fault of this.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self.stream, capture_error_mode="thread_local"
        ):
            outputs = self._eager(fixed)
        kept = frozenset(port.name for port in self.ports.inputs if port.kept)
        return _Captured(graph, fixed, outputs, kept)


@dataclass(eq=False)
class _Captured:
    """One bucket's graph and the buffers that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    kept: frozenset[str]
    last: dict[str, Any] = field(default_factory=dict)

    def take(self, inputs: Mapping[str, Any]) -> None:
        """Copy what is new into the graph's own buffers."""
        for name, value in inputs.items():
            if name in self.kept and self.last.get(name) is value:
                continue
            given = value if isinstance(value, Tensor) else torch.from_numpy(value)
            self.inputs[name].copy_(given, non_blocking=True)
            if name in self.kept:
                self.last[name] = value
