"""The motion encoder as OpenVINO graphs, built node by node from its folded weights.

Knows operators and shapes; needs no torch. Between the graphs (`reader`) crops are cut and vectors
joined, which is easier to read in NumPy than as nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.models.capture.points import POINTS
from mien.models.capture.shapes import CROP_PX, MAP_PX
from mien.models.capture.weights import EncoderModel
from mien.models.graph_layers import Layers, batched_input, flat, mean, twice
from mien.models.motion.diffusion.quiet_openvino import op, ov

SHARPNESS = 8.0


def _soft_argmax(maps: Any, size: int) -> Any:
    """As in `network`: [B, P, size, size] to [B, P, 2]."""
    along = (np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0
    places = np.stack([np.tile(along, size), np.repeat(along, size)], -1)
    flat = op.reshape(maps, op.constant(np.array([0, 0, -1], np.int64)), True)
    chance = op.softmax(op.multiply(flat, op.constant(np.float32(SHARPNESS))), 2)
    return op.matmul(chance, op.constant(places.astype(np.float32)), False, False)


def first_graph(model: EncoderModel) -> ov.Model:
    """picture [B, 3, CROP_PX, CROP_PX] to points [B, P, 2] and the chance that each is seen."""
    w = Layers(model.tensors)
    picture = batched_input("picture", 3, CROP_PX, CROP_PX)
    fine, middle, far = _pyramid(w, "first", w.conv("first.stem", picture, 2), (1, 2, 2))
    x = op.add(twice(w.conv("first.up", far, relu=False)), middle)
    x = twice(w.conv("first.merge", x))
    x = w.conv("first.near", op.add(x, w.conv("first.side", fine, relu=False)))
    points = _soft_argmax(w.conv("first.maps", x, relu=False), MAP_PX)
    visible = op.sigmoid(w.linear("first.visible", mean(far)))
    return ov.Model([op.result(points), op.result(visible)], [picture], "first look")


def second_graph(model: EncoderModel, name: str, size: int) -> ov.Model:
    """part [B, 3, size, size] of `name` (eye, mouth) to points in -1..1 of it and features."""
    w = Layers(model.tensors)
    part = batched_input("part", 3, size, size)
    enter = w.conv(f"{name}.enter", part, 2)
    fine, middle, far = _pyramid(w, name, enter, (1, 2, 1))
    x = op.add(twice(w.conv(f"{name}.up_far", far, relu=False)), middle)
    x = op.add(twice(w.conv(f"{name}.merge", x)), fine)
    x = op.add(twice(w.conv(f"{name}.up", x, relu=False)), enter)
    inside = _soft_argmax(w.conv(f"{name}.maps", w.conv(f"{name}.near", x), relu=False), size // 2)
    features = w.linear(f"{name}.leave", flat(w.conv(f"{name}.deeper", far)), relu=True)
    return ov.Model([op.result(inside), op.result(features)], [part], name)


def _pyramid(w: Layers, name: str, x: Any, residuals: tuple[int, int, int]) -> list[Any]:
    """Maps at a half, a quarter and an eighth of the size of `x`."""
    found = []
    for part, count in zip(("fine", "middle", "far"), residuals, strict=True):
        x = w.conv(f"{name}.{part}.0", x, 2)
        for k in range(count):
            x = w.residual(f"{name}.{part}.{k + 1}", x)
        found.append(x)
    return found


def code_graph(model: EncoderModel) -> ov.Model:
    """Points as they stand [B, 2P] and features [B, 3 * seen] (left, right, mouth).

    Gives code, turn and gaze.
    """
    w = Layers(model.tensors)
    seen = model.shape.seen
    stand, features = batched_input("stand", 2 * POINTS), batched_input("features", 3 * seen)
    code = w.linear("gather.0", op.concat([stand, features], 1), relu=True)
    code = w.linear("gather.1", code, relu=True)
    turn = w.linear("turn", op.concat([stand, code], 1))
    first, last, step = (op.constant(np.array([v], np.int64)) for v in (0, 2 * seen, 1))
    eyes = op.slice(features, first, last, step, op.constant(np.array([1], np.int64)))
    gaze = w.linear("gaze.1", w.linear("gaze.0", op.concat([code, eyes], 1), relu=True))
    return ov.Model([op.result(node) for node in (code, turn, gaze)], [stand, features], "code")


def move_graph(model: EncoderModel) -> ov.Model:
    """Everything told of a face [B, N] to its coefficients [B, 52], 0..1."""
    w = Layers(model.tensors)
    told = batched_input("told", model.tensors["move.0.weight"].shape[1])
    x = w.linear("move.1", w.linear("move.0", told, relu=True), relu=True)
    x = op.add(w.linear("move.2", x), w.linear("straight", told))
    return ov.Model([op.result(op.sigmoid(x))], [told], "move")
