"""Both networks as OpenVINO graphs, built node by node from the weights.

Knows operators and shapes; needs no torch and no model converter. The number of lanes stays open,
all else is fixed. A block takes the transformer in three graphs: what every layer sees of the
newest frames (`memory_graph`), what its steps share (`given_graph`: sound and wishes), and a single
step (`step_graph`), which takes the noise level as data: any number of steps runs on the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.models.motion.diffusion.quiet_openvino import op, ov
from mien.models.motion.diffusion.rings import kept_counts, tap_counts
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
    """By tanh, in pieces.

    As a single node it would be fused into the matrix product before it, and OpenVINO computes
    products with something fused to them by another kernel, at half the speed.
    """
    root = float(np.sqrt(2 / np.pi))
    cubic = op.add(op.multiply(op.multiply(x, x), constant(0.044715 * root)), constant(root))
    return op.multiply(
        op.multiply(x, constant(0.5)), op.add(op.tanh(op.multiply(x, cubic)), constant(1.0))
    )


def encoder_graph(model: MotionModel, slices: int) -> ov.Model:
    """slices [L, S, SLICE] and recalled [R, L, W] to features [L, S, F] and what to keep [N, L, W].

    See `MotionRuntime.encode`. Time leads and lanes follow, so that rows that lie together in time
    lie together in memory, and joining or cutting them copies nothing.
    """
    shape, w = model.about.encoder, Weights(model.part("encoder"))
    heard = _input("slices", ANY, slices, SLICE)
    counts = [n for both in tap_counts(shape, slices) for n in both]
    recalled = _input("recalled", sum(counts), ANY, shape.width)
    past = op.variadic_split(recalled, _sizes([0]), _sizes(counts)).outputs()
    x, after = w.linear("enter", op.transpose(heard, _sizes([1, 0, 2]))), []
    for i, kept in enumerate(kept_counts(shape, slices)):
        y = _affine(w, f"blocks.{i}.norm", _normed(x))
        taps = [_filled(past[k], y, slices - counts[k]) for k in (2 * i, 2 * i + 1)]
        taps = _gelu(w.linear(f"blocks.{i}.taps", op.concat([*taps, y], 2)))
        x = op.add(x, w.linear(f"blocks.{i}.mix", taps))
        after.append(_part(y, 0, slices - kept, slices))
    features = op.tanh(w.linear("leave", _affine(w, "norm", _normed(x))))
    features = op.transpose(features, _sizes([1, 0, 2]))
    kept = op.result(op.concat(after, 0))
    return ov.Model([op.result(features), kept], [heard, recalled], "ears")


def _filled(old: Any, new: Any, missing: int) -> Any:
    """What is remembered, and the first `missing` rows of what is new."""
    return op.concat([old, _part(new, 0, 0, missing)], 0) if missing else old


def _affine(w: Weights, name: str, x: ov.Node) -> ov.Node:
    return op.add(op.multiply(x, w[name + ".weight"]), w[name + ".bias"])


def memory_graph(model: MotionModel, frames: int) -> ov.Model:
    """history [L, T + 2, TOKEN] of T `frames` to keys and values; see `MotionRuntime.remember`."""
    shape, arrays = model.about.transformer, model.part("transformer")
    past = np.concatenate([arrays[f"layers.{i}.past.weight"] for i in range(shape.layers)])
    w = Weights(arrays | {"past.weight": past})
    parts, heads, _, size = shape.seen_of_a_lane
    history = _input("history", ANY, frames + 2, TOKEN)
    near = op.concat([_part(history, 1, k, k + frames) for k in range(3)], 2)
    known = w.linear("remember.2", _gelu(w.linear("remember.0", near)))
    rows = _reshaped(w.linear("past", known), ANY, frames, parts, heads, size)
    return ov.Model([op.result(rows)], [history], "memory")


def given_graph(model: MotionModel, variants: int) -> ov.Model:
    """What the steps of a block share; inputs by their names in `BlockInput`.

    Gives what is added to the noisy tokens [L, V, b, W], and what of the newest token is carried
    over [L, 1, TOKEN].
    """
    shape, w = model.about.transformer, Weights(model.part("transformer"))
    b, width = shape.block_frames, shape.width
    newest = _input("newest", ANY, 2, TOKEN)
    heard = _input("heard", ANY, variants, shape.heard_slices, shape.features + LEVELS)
    wishes = _input("wishes", ANY, variants, b, CONDITIONS)
    width_heard = shape.heard_slices * (shape.features + LEVELS)
    sound = w.linear("hear", _reshaped(heard, ANY, variants, width_heard))
    wish = w.linear("wish.2", op.swish(w.linear("wish.0", wishes)))
    before = w.linear("before", _reshaped(newest, ANY, 1, 1, 2 * TOKEN))
    given = op.add(op.add(_reshaped(sound, ANY, variants, b, width), wish), before)
    given = op.add(given, w["place"])
    carried = op.multiply(_part(newest, 1, 1, 2), w["carry"])
    return ov.Model([op.result(given), op.result(carried)], [newest, heard, wishes], "given")


def step_graph(model: MotionModel, variants: int) -> ov.Model:
    """One step: `noisy` [L, b, TOKEN] at noise level `now` [1] to where `left` [1] of it is left.

    `given` and `carried` are as `given_graph` gives them, `seen0`, `seen1`, ... [L, heads, M,
    W / heads], `reach` and `mix` as in `BlockInput`, `steer` [layers, 6, W] as `steering`.
    """
    shape, w = model.about.transformer, Weights(model.part("transformer"))
    b, width, heads = shape.block_frames, shape.width, shape.heads
    noisy = _input("noisy", ANY, b, TOKEN)
    given = _input("given", ANY, variants, b, width)
    carried = _input("carried", ANY, 1, TOKEN)
    parts, *of_a_lane = shape.seen_of_a_lane
    seen = [_input(f"seen{i}", ANY, *of_a_lane) for i in range(parts)]
    rows = variants * b
    reach = _input("reach", ANY, heads, rows, shape.history_frames + rows)
    steer = _input("steer", shape.layers, 6, width)
    now, left, mix = _input("now", 1), _input("left", 1), _input("mix", variants)
    steers = op.variadic_split(
        _reshaped(steer, 1, 6 * shape.layers, width), _sizes([1]), _sizes([1] * 6 * shape.layers)
    ).outputs()

    x = op.add(given, _reshaped(w.linear("enter", noisy), ANY, 1, b, width))
    x = _reshaped(x, ANY, rows, width)
    for i in range(shape.layers):
        past = (seen[2 * i], seen[2 * i + 1])
        x = _layer(w, f"layers.{i}.", x, past, steers[6 * i : 6 * i + 6], reach, heads)
    out = _reshaped(w.linear("leave", _normed(x)), ANY, variants, b, TOKEN)
    out = op.reduce_sum(op.multiply(out, _reshaped(mix, 1, variants, 1, 1)), _sizes([1]), False)
    out = op.add(out, carried)
    if model.about.objective == "flow":
        out = op.subtract(noisy, op.multiply(out, now))
    out = op.add(out, op.multiply(op.subtract(noisy, out), left))
    inputs = [noisy, given, carried, *seen, reach, steer, left, mix]
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
    # The past is not joined with the block: copying it would cost more than attending to it.
    scores = [op.matmul(query, keys, False, True) for keys in (far_key, key)]
    chance = op.softmax(op.add(op.concat(scores, 3), reach), 3)
    sizes = _sizes([_size(far_key, 2), count])
    far, near = op.variadic_split(chance, _sizes([3]), sizes).outputs()
    seen = op.add(op.matmul(far, far_value, False, False), op.matmul(near, value, False, False))
    seen = _reshaped(op.transpose(seen, _sizes([0, 2, 1, 3])), ANY, count, width)
    x = op.add(x, op.multiply(w.linear(name + "out", seen), gate_a))
    y = _gelu(w.linear(name + "up", _steered(x, scale_b, shift_b)))
    return op.add(x, op.multiply(w.linear(name + "down", y), gate_b))


def _steered(x: Any, scale: Any, shift: Any) -> Any:
    return op.add(op.multiply(_normed(x), op.add(scale, constant(1.0))), shift)
