"""The appearance encoder as an OpenVINO graph, built node by node from its folded weights."""

from __future__ import annotations

import numpy as np

from mien.models.appearance.shapes import PICTURE_PX
from mien.models.appearance.weights import AppearanceModel
from mien.models.graph_layers import Layers, batched_input, mean, twice
from mien.models.motion.diffusion.quiet_openvino import op, ov

_RESIDUALS = {"fine": 1, "middle": 1, "far": 2, "whole": 2}


def graph(model: AppearanceModel) -> ov.Model:
    """picture [B, 3, PICTURE_PX, PICTURE_PX] to shares of groups, depth [B, 1, h, w] and code."""
    w = Layers(model.tensors)
    picture = batched_input("picture", 3, PICTURE_PX, PICTURE_PX)
    levels = [w.conv("stem", picture, 2)]
    for name, residuals in _RESIDUALS.items():
        x = w.conv(name + ".0", levels[-1], 2)
        for place in range(1, residuals + 1):
            x = w.residual(f"{name}.{place}", x)
        levels.append(x)
    code = w.linear("who", mean(levels[-1]))
    x = levels[-1]
    for place, beside in enumerate(levels[-2::-1]):
        x = op.add(twice(w.conv(f"rise.{place}", x, relu=place > 0)), beside)
    x = w.conv("near", x)
    shares = op.softmax(w.conv("groups", x, relu=False), 1)
    code = op.divide(code, op.sqrt(op.reduce_sum(op.multiply(code, code), _axis(1), True)))
    outputs = (shares, w.conv("depth", x, relu=False), code)
    return ov.Model([op.result(node) for node in outputs], [picture], "appearance")


def _axis(axis: int) -> ov.Node:
    return op.constant(np.array([axis], np.int64))
