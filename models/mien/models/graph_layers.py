"""Pieces of OpenVINO graphs that are built node by node from folded weights.

Knows operators. Refuses to know any network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.diffusion.quiet_openvino import op, ov

F32 = NDArray[np.float32]


class Layers:
    """Layers by their names in the weights file."""

    def __init__(self, tensors: Mapping[str, F32]) -> None:
        self.tensors = tensors

    def _constant(self, name: str, *shape: int) -> Any:
        array = self.tensors[name]
        return op.constant(array.reshape(shape) if shape else array)

    def conv(self, name: str, x: Any, stride: int = 1, relu: bool = True) -> Any:
        """A convolution that keeps the size (over `stride`)."""
        size = self.tensors[name + ".weight"].shape[-1]
        pads = [size // 2] * 2
        x = op.convolution(x, self._constant(name + ".weight"), [stride] * 2, pads, pads, [1, 1])
        x = op.add(x, self._constant(name + ".bias", 1, -1, 1, 1))
        return op.relu(x) if relu else x

    def residual(self, name: str, x: Any) -> Any:
        """Two convolutions beside a way past them."""
        y = self.conv(name + ".second", self.conv(name + ".first", x), relu=False)
        return op.relu(op.add(x, y))

    def linear(self, name: str, x: Any, relu: bool = False) -> Any:
        """A linear layer of the last axis."""
        x = op.matmul(x, self._constant(name + ".weight"), False, True)
        x = op.add(x, self._constant(name + ".bias"))
        return op.relu(x) if relu else x


def batched_input(name: str, *shape: int) -> Any:
    """An input [B, *shape] of any batch size."""
    node = op.parameter(ov.PartialShape([-1, *shape]), np.float32, name=name)
    node.output(0).set_names({name})
    return node


def flat(x: Any) -> Any:
    """[B, ...] to [B, N]."""
    return op.reshape(x, op.constant(np.array([0, -1], np.int64)), True)


def mean(x: Any) -> Any:
    """The mean over a map, [B, C]."""
    return op.reduce_mean(x, op.constant(np.array([2, 3], np.int64)), False)


def twice(x: Any) -> Any:
    """Every pixel of a map twice, in both directions."""
    scales = op.constant(np.array([2.0, 2.0], np.float32))
    axes = op.constant(np.array([2, 3], np.int64))
    return op.interpolate(
        x, scales, "nearest", "scales", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor", axes=axes,
    )  # fmt: skip
