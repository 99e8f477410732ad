"""What an executor of a network must do, and how batches of any size go through one.

Knows names, shapes and lanes. Refuses to know networks, devices and libraries. There are three
executors: `openvino` on the CPU, `torch` (CUDA graphs on a GPU, eager on the CPU), `tensorrt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.models.engine.buckets import bucket_for, cut, padded, pieces

F32 = NDArray[np.float32]


class EngineError(RuntimeError):
    """A network cannot be run as asked; the message says why, and what to do."""


@dataclass(frozen=True)
class Port:
    """One input or output of a network."""

    name: str
    shape: tuple[int, ...]  # without the lanes
    lanes: bool = True  # every lane has its own; else all share it
    axis: int = 0  # of the whole shape: the lanes
    kept: bool = False  # who changes it gives another array: the very same one is not copied again

    def full(self, bucket: int) -> tuple[int, ...]:
        """Its whole shape for a bucket."""
        if not self.lanes:
            return self.shape
        return (*self.shape[: self.axis], bucket, *self.shape[self.axis :])


@dataclass(frozen=True)
class Ports:
    """What goes into a network, and what comes out, in their order."""

    network: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def check(self, bucket: int, inputs: Mapping[str, Any]) -> None:
        """Raise EngineError unless `inputs` are all there, of the bucket's shapes."""
        wanted = {port.name: port.full(bucket) for port in self.inputs}
        found = {name: tuple(array.shape) for name, array in inputs.items()}
        if wanted != found:
            raise EngineError(
                f"network '{self.network}' at {bucket} lanes takes {_told(wanted)}; "
                f"it was given {_told(found)}"
            )


class Executor(Protocol):
    """Runs one network, at the shapes of one bucket at a time."""

    @property
    def name(self) -> str:
        """Who computes: openvino, torch, tensorrt."""

    @property
    def ports(self) -> Ports:
        """What goes in and comes out."""

    def run(self, bucket: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run the network on float32 inputs of the shapes of `bucket`.

        Takes NumPy's arrays, and what an executor of the same kind gave. What it gives stays where
        it was computed and is valid until the next run of this bucket; see `host`. Raises
        EngineError.
        """

    def host(self, value: Any) -> F32:
        """One output as NumPy's array, whole and readable."""


def run_lanes(executor: Executor, inputs: Mapping[str, F32]) -> dict[str, F32]:
    """Run any number of lanes, in pieces that fit a bucket each; arrays in and out are NumPy's."""
    own = {port.name: port.axis for port in executor.ports.inputs if port.lanes}
    axes = {port.name: port.axis for port in executor.ports.outputs}
    counts = {inputs[name].shape[axis] for name, axis in own.items() if name in inputs}
    if len(counts) != 1 or not own or 0 in counts:
        raise EngineError(
            f"network '{executor.ports.network}' wants as many lanes of every input, and one at "
            f"least, not {sorted(counts)}"
        )
    found: dict[str, list[F32]] = {port.name: [] for port in executor.ports.outputs}
    for part in pieces(counts.pop()):
        lanes = part.stop - part.start
        bucket = bucket_for(lanes)
        fitted = dict(inputs)
        for name, axis in own.items():
            fitted[name] = padded(cut(inputs[name], part, axis), bucket, axis)
        executor.ports.check(bucket, fitted)
        for name, value in executor.run(bucket, fitted).items():
            whole = executor.host(value)
            found[name].append(cut(whole, slice(lanes), axes[name]).copy())
    return {name: np.concatenate(parts, axes[name]) for name, parts in found.items()}


def run_masked(
    executor: Executor,
    inputs: Mapping[str, F32],
    mask: NDArray[np.bool_],
    rest: Mapping[str, F32],
) -> dict[str, F32]:
    """Run the lanes in `mask` [L] alone; the others come out as they are in `rest`."""
    if not mask.any():
        return dict(rest)
    lanes, some = np.flatnonzero(mask), dict(inputs)
    for port in (port for port in executor.ports.inputs if port.lanes):
        some[port.name] = cut(inputs[port.name], lanes, port.axis)
    found = run_lanes(executor, some)
    out = {name: whole.copy() for name, whole in rest.items()}
    for port in executor.ports.outputs:
        out[port.name][(slice(None),) * port.axis + (lanes,)] = found[port.name]
    return out


def _told(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in sorted(shapes.items()))
