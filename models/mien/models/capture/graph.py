"""The motion encoder as OpenVINO graphs, built node by node from its folded weights.

Knows operators and shapes; needs no torch. Between the graphs (`runtime`) crops are cut and vectors
joined, which is easier to read in NumPy than as nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.models.capture.shapes import CROP_PX
from mien.models.capture.weights import EncoderModel
from mien.models.graph_layers import Layers, batched_input, flat, mean, twice
from mien.models.motion.diffusion.quiet_openvino import op, ov

SHARPNESS = 8.0


def _soft_argmax(maps: Any, height: int, width: int) -> Any:
    """As in `network`: [B, P, H, W] to [B, P, 2]."""
    across = (np.arange(width, dtype=np.float32) + 0.5) * (2.0 / width) - 1.0
    down = (np.arange(height, dtype=np.float32) + 0.5) * (2.0 / height) - 1.0
    places = np.stack([np.tile(across, height), np.repeat(down, width)], -1)
    flat = op.reshape(maps, op.constant(np.array([0, 0, -1], np.int64)), True)
    chance = op.softmax(op.multiply(flat, op.constant(np.float32(SHARPNESS))), 2)
    return op.matmul(chance, op.constant(places.astype(np.float32)), False, False)


def first_graph(model: EncoderModel) -> ov.Model:
    """picture [B, 3, CROP_PX, CROP_PX] to points, local maps, whole face and its mean."""
    w = Layers(model.tensors)
    picture = batched_input("picture", 3, CROP_PX, CROP_PX)
    fine = w.residual("fine.1", w.conv("fine.0", w.conv("stem", picture, 2), 2))
    middle = w.conv("middle.0", fine, 2)
    middle = w.residual("middle.2", w.residual("middle.1", middle))
    far = w.conv("far.0", middle, 2)
    far = w.residual("far.2", w.residual("far.1", far))
    x = op.add(twice(w.conv("up", far, relu=False)), middle)
    x = w.conv("merge", x)
    x = w.conv("near", op.add(twice(x), w.conv("side", fine, relu=False)))
    side = CROP_PX // 4
    points = _soft_argmax(w.conv("maps", x, relu=False), side, side)
    local = w.conv("local", x, relu=False)
    whole = flat(w.conv("whole", far))
    outputs = [op.result(node) for node in (points, local, whole, mean(far))]
    return ov.Model(outputs, [picture], "first look")


def second_graph(model: EncoderModel, name: str, size: tuple[int, int]) -> ov.Model:
    """part [B, 3, height, width] of `name` (eye, mouth) to points in -1..1 of it and features."""
    w = Layers(model.tensors)
    part = batched_input("part", 3, size[1], size[0])
    x = w.conv(f"{name}.enter.1", w.conv(f"{name}.enter.0", part, 2))
    x = w.residual(f"{name}.enter.2", x)
    inside = _soft_argmax(w.conv(f"{name}.maps", x, relu=False), size[1] // 2, size[0] // 2)
    deeper = w.residual(f"{name}.deeper.1", w.conv(f"{name}.deeper.0", x, 2))
    features = w.linear(f"{name}.leave", flat(w.conv(f"{name}.deeper.2", deeper)), relu=True)
    return ov.Model([op.result(inside), op.result(features)], [part], name)


def code_graph(model: EncoderModel) -> ov.Model:
    """What was seen [B, N], and of both eyes [B, 2 * seen], to code, turn, gaze, visibility."""
    w = Layers(model.tensors)
    width = model.tensors["gather.0.weight"].shape[1]
    seen = batched_input("seen", width)
    eyes = batched_input("eyes", 2 * model.shape.seen)
    code = w.linear("gather.1", w.linear("gather.0", seen, relu=True), relu=True)
    gaze = w.linear("gaze.1", w.linear("gaze.0", op.concat([code, eyes], 1), relu=True))
    outputs = [code, w.linear("turn", code), gaze, op.sigmoid(w.linear("visible", code))]
    return ov.Model([op.result(node) for node in outputs], [seen, eyes], "code")


def move_graph(model: EncoderModel) -> ov.Model:
    """Everything known of a face [B, N] to its coefficients [B, 52], 0..1."""
    w = Layers(model.tensors)
    known = batched_input("known", model.tensors["move.0.weight"].shape[1])
    x = w.linear("move.1", w.linear("move.0", known, relu=True), relu=True)
    return ov.Model([op.result(op.sigmoid(w.linear("move.2", x)))], [known], "move")
