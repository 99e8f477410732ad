"""A network and its three forms, and which executor runs it under a profile.

Knows the profiles' names and who falls back on whom. Refuses to know networks themselves: codec and
motion describe theirs (`codec.frame_networks`, `motion.diffusion.networks`). Heavy libraries are
imported when a profile asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mien.models.engine.buckets import BUCKETS
from mien.models.engine.executor import EngineError, Executor, Ports
from mien.models.engine.self_check import Guarded, Probe, Tolerance

PROFILES = ("openvino", "torch", "tensorrt")


@dataclass(frozen=True)
class Network:
    """One network: what goes in and out, and how each form of it is made."""

    ports: Ports
    weights: str  # see `cache.weights_digest`
    module: Callable[[], Any]  # () → torch.nn.Module on the CPU, float32
    openvino: Callable[[], Any] | None = None  # () → ov.Model with open lanes
    probe: Probe | None = None  # inputs that a self-check asks with; None: normal ones


def make_executor(
    network: Network, profile: str, *, device: str | None = None, precision: str | None = None,
    threads: int = 1, cache: Path | None = None, buckets: Sequence[int] = BUCKETS,
    stream: Any = None,
) -> Executor:  # fmt: skip
    """The executor of `network` under `profile`. Raises EngineError where it cannot be had.

    `precision`: f32, bf16 or f16 of what is multiplied; None: bf16 on a GPU, f32 on the CPU.
    `cache`: the folder of TensorRT's engines, which that profile needs. TensorRT that cannot be
    had, or errs by more than half formats do, leaves the work to torch and says so in the log.
    """
    if profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise EngineError(f"there is no engine profile '{profile}'; there are {known}")
    if profile == "openvino":
        return _openvino(network, threads, precision or "f32")
    if find_spec("torch") is None:
        raise EngineError(
            f"the engine profile '{profile}' needs torch, which is not installed; "
            "pip install 'mien[gpu]', or take the profile 'openvino'"
        )
    import torch

    from mien.models.engine.number_formats import shortened
    from mien.models.engine.torch_executor import TorchExecutor

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = precision or ("f32" if device == "cpu" else "bf16")
    reference = TorchExecutor(shortened(network.module(), precision), network.ports, device, stream)
    if profile == "torch":
        return reference
    if cache is None:
        raise EngineError("the engine profile 'tensorrt' needs a folder to keep engines in")

    def fast() -> Executor:
        from mien.models.engine.cache import EngineCache
        from mien.models.engine.tensorrt_executor import TensorRtExecutor, library

        library()
        from mien.models.engine.onnx_export import exported

        graph = exported(shortened(network.module(), precision), network.ports)
        return TensorRtExecutor(
            graph, network.ports, weights=network.weights, precision=precision, device=device,
            cache=EngineCache(cache), buckets=buckets, stream=stream,
        )  # fmt: skip

    return Guarded(
        fast, reference, "TensorRT", by=Tolerance(), probe=network.probe, buckets=buckets
    )


def _openvino(network: Network, threads: int, precision: str) -> Executor:
    from mien.models.engine.openvino_executor import OpenVinoExecutor

    if network.openvino is None:
        raise EngineError(
            f"the network '{network.ports.network}' has no OpenVINO form; NumPy runs it on the CPU"
        )
    return OpenVinoExecutor(network.openvino, network.ports, threads=threads, precision=precision)
