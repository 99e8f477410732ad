"""Both networks as OpenVINO graphs, built node by node from the weights.

Knows operators and shapes; needs no torch and no model converter. The number of lanes stays open,
all else is fixed. A block takes the transformer in two graphs: what its steps share (`given_graph`:
sound, wishes, and what every layer sees of the past), and a single step (`step_graph`), which takes
the noise level as data. So any number of lanes and steps runs on the same two graphs, and a lane
comes out the same to the last bit whoever is beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.models.motion.diffusion.guidance import reach_of
from mien.models.motion.diffusion.quiet_openvino import op, ov
from mien.models.motion.diffusion.shapes import CONDITIONS, LEVELS, SLICE
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

ANY = -1  # number of lanes


class Weights:
    """The weights of one network as graph constants, each made once."""

    def __init__(self, arrays: dict[str, F32]) -> None:
        self.arrays = arrays
        self._nodes: dict[str, ov.Node] = {}

    def __getitem__(self, name: str) -> ov.Node:
        if name not in self._nodes:
            self._nodes[name] = constant(self.arrays[name])
        return self._nodes[name]

    def linear(self, name: str, x: ov.Node) -> ov.Node:
        """A linear layer of the last axis; without a bias where there is none."""
        out = op.matmul(x, self[name + ".weight"], False, True)
        return op.add(out, self[name + ".bias"]) if name + ".bias" in self.arrays else out


def constant(array: F32 | float) -> ov.Node:
    """A float32 constant."""
    return op.constant(np.asarray(array, np.float32))


def _sizes(values: Sequence[int]) -> ov.Node:
    return op.constant(np.array(values, np.int64))


def _input(name: str, *shape: int) -> ov.Node:
    node = op.parameter(ov.PartialShape(list(shape)), np.float32, name=name)
    node.output(0).set_names({name})
    return node


def _reshaped(x: ov.Node, *shape: int) -> ov.Node:
    return op.reshape(x, _sizes(shape), False)


def _size(x: Any, axis: int) -> int:
    return int(x.get_output_partial_shape(0)[axis].get_length())


def _part(x: ov.Node, axis: int, start: int, end: int) -> ov.Node:
    return op.slice(x, _sizes([start]), _sizes([end]), _sizes([1]), _sizes([axis]))


def _normed(x: ov.Node) -> ov.Node:
    return op.mvn(x, _sizes([-1]), True, 1e-5, "INSIDE_SQRT")


def _gelu(x: ov.Node) -> ov.Node:
    return op.gelu(x, "TANH")


def encoder_graph(model: MotionModel, slices: int) -> ov.Model:
    """slices [L, S, SLICE] and memory [L, memory_slices, W] to features [L, S, F] and memory."""
    shape, w = model.about.encoder, Weights(model.part("encoder"))
    heard = _input("slices", ANY, slices, SLICE)
    memory = _input("memory", ANY, shape.memory_slices, shape.width)
    past = op.variadic_split(memory, _sizes([1]), _sizes([2 * d for d in shape.dilations]))
    x, after = w.linear("enter", heard), []
    for i, reach in enumerate(shape.dilations):
        y = _affine(w, f"blocks.{i}.norm", _normed(x))
        y = op.concat([past.output(i), y], 1)
        taps = op.concat([_part(y, 1, k * reach, k * reach + slices) for k in range(3)], 2)
        taps = _gelu(w.linear(f"blocks.{i}.taps", taps))
        x = op.add(x, w.linear(f"blocks.{i}.mix", taps))
        after.append(_part(y, 1, slices, slices + 2 * reach))
    features = op.tanh(w.linear("leave", _affine(w, "norm", _normed(x))))
    return ov.Model([op.result(features), op.result(op.concat(after, 1))], [heard, memory], "ears")


def _affine(w: Weights, name: str, x: ov.Node) -> ov.Node:
    return op.add(op.multiply(x, w[name + ".weight"]), w[name + ".bias"])


def given_graph(model: MotionModel, variants: int) -> ov.Model:
    """What the steps of a block share; inputs by their names in `BlockInput`.

    Gives what is added to the noisy tokens [L, V, b, W], what of the newest token is carried over
    [L, 1, TOKEN], and key and value of each layer in turn, [L, heads, history_frames, W / heads].
    """
    shape, w = model.about.transformer, Weights(model.part("transformer"))
    b, width, frames = shape.block_frames, shape.width, shape.history_frames
    history = _input("history", ANY, frames + 2, TOKEN)
    heard = _input("heard", ANY, variants, shape.heard_slices, shape.features + LEVELS)
    wishes = _input("wishes", ANY, variants, b, CONDITIONS)
    near = op.concat([_part(history, 1, k, k + frames) for k in range(3)], 2)
    past = w.linear("remember.2", _gelu(w.linear("remember.0", near)))
    seen: list[Any] = []
    for i in range(shape.layers):
        seen += _heads(w.linear(f"layers.{i}.past", past), frames, shape.heads, 2)
    newest = _reshaped(_part(history, 1, frames, frames + 2), ANY, 1, 2 * TOKEN)
    width_heard = shape.heard_slices * (shape.features + LEVELS)
    sound = w.linear("hear", _reshaped(heard, ANY, variants, width_heard))
    wish = w.linear("wish.2", op.swish(w.linear("wish.0", wishes)))
    given = op.add(_reshaped(sound, ANY, variants, b, width), wish)
    given = op.add(given, _reshaped(w.linear("before", newest), ANY, 1, 1, width))
    given = op.add(given, w["place"])
    carried = op.multiply(_part(newest, 2, TOKEN, 2 * TOKEN), w["carry"])
    return ov.Model(
        [op.result(node) for node in (given, carried, *seen)], [history, heard, wishes], "given"
    )


def step_graph(model: MotionModel, variants: int) -> ov.Model:
    """One step: `noisy` [L, b, TOKEN] at noise level `now` [1] to where `left` [1] of it is left.

    `given`, `carried` and `seen0`, `seen1`, ... are as `given_graph` gives them, `steer`
    [layers, 6, W] as `steering`, `mix` [V] as in `BlockInput`.
    """
    shape, w = model.about.transformer, Weights(model.part("transformer"))
    b, width, heads = shape.block_frames, shape.width, shape.heads
    noisy = _input("noisy", ANY, b, TOKEN)
    given = _input("given", ANY, variants, b, width)
    carried = _input("carried", ANY, 1, TOKEN)
    seen = [
        _input(f"seen{i}", ANY, heads, shape.history_frames, width // heads)
        for i in range(2 * shape.layers)
    ]
    steer = _input("steer", shape.layers, 6, width)
    now, left, mix = _input("now", 1), _input("left", 1), _input("mix", variants)
    rows = op.variadic_split(
        _reshaped(steer, 1, 6 * shape.layers, width), _sizes([1]), _sizes([1] * 6 * shape.layers)
    ).outputs()
    reach = constant(reach_of(w.arrays["reach"], variants))

    x = op.add(given, _reshaped(w.linear("enter", noisy), ANY, 1, b, width))
    x = _reshaped(x, ANY, variants * b, width)
    for i in range(shape.layers):
        past = (seen[2 * i], seen[2 * i + 1])
        x = _layer(w, f"layers.{i}.", x, past, rows[6 * i : 6 * i + 6], reach, heads)
    out = _reshaped(w.linear("leave", _normed(x)), ANY, variants, b, TOKEN)
    out = op.reduce_sum(op.multiply(out, _reshaped(mix, 1, variants, 1, 1)), _sizes([1]), False)
    out = op.add(out, carried)
    if model.about.objective == "flow":
        out = op.subtract(noisy, op.multiply(out, now))
    out = op.add(out, op.multiply(op.subtract(noisy, out), left))
    inputs = [noisy, given, carried, *seen, steer, left, mix]
    inputs += [now] if model.about.objective == "flow" else []
    return ov.Model([op.result(out)], inputs, "step")


def _heads(x: Any, count: int, heads: int, parts: int) -> list[Any]:
    """[L, N, parts * W] to `parts` of [L, heads, N, W / heads]."""
    size = _size(x, 2) // (parts * heads)
    turned = op.transpose(_reshaped(x, -1, count, parts * heads, size), _sizes([0, 2, 1, 3]))
    split: list[Any] = op.variadic_split(turned, _sizes([1]), _sizes([heads] * parts)).outputs()
    return split


def _layer(
    w: Weights, name: str, x: Any, past: tuple[Any, Any], steer: list[Any], reach: Any, heads: int
) -> Any:
    """As MotionLayer in `network`, with key and value of the past given."""
    shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = steer
    count, width = (_size(x, axis) for axis in (1, 2))
    far_key, far_value = past
    y = _steered(x, scale_a, shift_a)
    query, key, value = _heads(w.linear(name + "query", y), count, heads, 3)
    query = op.multiply(query, constant((width // heads) ** -0.5))
    keys, values = op.concat([far_key, key], 2), op.concat([far_value, value], 2)
    chance = op.softmax(op.add(op.matmul(query, keys, False, True), reach), 3)
    seen = op.matmul(chance, values, False, False)
    seen = _reshaped(op.transpose(seen, _sizes([0, 2, 1, 3])), ANY, count, width)
    x = op.add(x, op.multiply(w.linear(name + "out", seen), gate_a))
    y = _gelu(w.linear(name + "up", _steered(x, scale_b, shift_b)))
    return op.add(x, op.multiply(w.linear(name + "down", y), gate_b))


def _steered(x: Any, scale: Any, shift: Any) -> Any:
    return op.add(op.multiply(_normed(x), op.add(scale, constant(1.0))), shift)
