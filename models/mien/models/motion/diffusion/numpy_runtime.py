"""Both networks in numpy: the slow twin, written to be read.

Knows the arithmetic and nothing of speed. The fast runtimes are compared with it, and the clock is
read here for them too: what depends on the noise level alone is a constant of a compiled graph.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mien.models.motion.diffusion.rings import Picked, kept_counts, tap_counts
from mien.models.motion.diffusion.runtime import BlockInput
from mien.models.motion.diffusion.sampler import Lips, Times
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

Weights = dict[str, F32]


def linear(weights: Weights, name: str, x: F32) -> F32:
    """Return a linear layer's output; without a bias where there is none."""
    out = x @ weights[name + ".weight"].T
    bias = weights.get(name + ".bias")
    return out if bias is None else out + bias


def gelu(x: F32) -> F32:
    """Hendrycks and Gimpel (arXiv 1606.08415), by tanh."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), x.dtype)


def silu(x: F32) -> F32:
    """x times its sigmoid."""
    return np.asarray(x / (1 + np.exp(-x)), x.dtype)


def normed(x: F32) -> F32:
    """Bring the last axis to mean 0 and variance 1 (Ba et al., arXiv 1607.06450)."""
    centred = x - x.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5), x.dtype)


def softmax(x: F32) -> F32:
    """Over the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True), x.dtype)


def steering(model: MotionModel, time: float) -> F32:
    """Return shift, scale and gate, twice, of every layer at a noise level: [layers, 6, W]."""
    weights, shape = model.part("transformer"), model.about.transformer
    turns = np.exp(np.linspace(0.0, np.log(200.0), 32, dtype=np.float32))
    angle = (np.float32(time) * turns * np.float32(np.pi)).astype(np.float32)
    face = np.concatenate([np.sin(angle), np.cos(angle)])
    steer = linear(weights, "clock.2", silu(linear(weights, "clock.0", face))).reshape(6, -1)
    return np.stack([steer + weights[f"layers.{i}.steer"] for i in range(shape.layers)])


class NumpyRuntime:
    """See `MotionRuntime`."""

    name = "numpy"

    def __init__(self, model: MotionModel) -> None:
        self.model = model
        self._ears = model.part("encoder")
        self._mover = model.part("transformer")

    def batches(self, most: int) -> list[int]:
        """See `MotionRuntime.batches`: any number is as good as another."""
        del most
        return [1]

    def encode(self, slices: F32, recalled: Picked) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        w, shape, count = self._ears, self.model.about.encoder, slices.shape[1]
        taps = tap_counts(shape, count)
        past = np.split(recalled.array(), np.cumsum([n for both in taps for n in both])[:-1])
        x = linear(w, "enter", slices).swapaxes(0, 1)  # [S, L, W]
        after = []
        for i, kept in enumerate(kept_counts(shape, count)):
            norm = f"blocks.{i}.norm."
            y = normed(x) * w[norm + "weight"] + w[norm + "bias"]
            far, near = (
                np.concatenate([old, y[: count - len(old)]]) for old in past[2 * i : 2 * i + 2]
            )
            heard = gelu(linear(w, f"blocks.{i}.taps", np.concatenate([far, near, y], axis=-1)))
            x = x + linear(w, f"blocks.{i}.mix", heard)
            after.append(y[count - kept :])
        x = normed(x) * w["norm.weight"] + w["norm.bias"]
        return np.tanh(linear(w, "leave", x)).swapaxes(0, 1), np.concatenate(after)

    def remember(self, history: F32) -> F32:
        """See `MotionRuntime.remember`."""
        w, shape = self._mover, self.model.about.transformer
        near = np.concatenate([history[:, :-2], history[:, 1:-1], history[:, 2:]], axis=-1)
        past = linear(w, "remember.2", gelu(linear(w, "remember.0", near)))
        layers = [linear(w, f"layers.{i}.past", past) for i in range(shape.layers)]
        parts, heads, _, size = shape.seen_of_a_lane
        return np.concatenate(layers, axis=-1).reshape(*past.shape[:2], parts, heads, size)

    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`."""
        x, lips = block.noise, Lips(block.noise)
        for now, then in pairwise(times):
            x0 = self.predict(block, x, now)
            x = lips.held(x0 + np.float32(then / now) * (x - x0), then)
        return x

    def predict(self, block: BlockInput, noisy: F32, time: float) -> F32:
        """Return x0 [L, b, TOKEN] as guided, of `noisy` [L, b, TOKEN] at noise level `time`."""
        w, shape = self._mover, self.model.about.transformer
        lanes, count = block.heard.shape[:2]
        newest = block.newest.reshape(lanes, 1, 1, -1)
        sound = linear(w, "hear", block.heard.reshape(lanes, count, -1))
        sound = sound.reshape(lanes, count, shape.block_frames, shape.width)
        wish = linear(w, "wish.2", silu(linear(w, "wish.0", block.wishes)))
        x = linear(w, "enter", noisy)[:, None] + linear(w, "before", newest) + sound + wish
        x = (x + w["place"]).reshape(lanes, -1, shape.width)
        seen = block.seen.array()
        for i, steer in enumerate(steering(self.model, time)):
            past = seen[2 * i], seen[2 * i + 1]
            x = self._layer(f"layers.{i}.", x, past, steer, block.reach)
        change = linear(w, "leave", normed(x)).reshape(lanes, count, shape.block_frames, TOKEN)
        out = change + w["carry"] * newest[..., -TOKEN:]
        if self.model.about.objective == "flow":
            out = noisy[:, None] - np.float32(time) * out
        return np.asarray(np.einsum("v,lvbt->lbt", block.mix, out), np.float32)

    def _layer(self, name: str, x: F32, past: tuple[F32, F32], steer: F32, reach: F32) -> F32:
        w = self._mover
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = steer
        y = normed(x) * (1 + scale_a) + shift_a
        query, key, value = self._split(linear(w, name + "query", y), 3)
        keys, values = (np.concatenate(p, axis=2) for p in zip(past, (key, value), strict=True))
        scores = query @ keys.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
        seen = softmax(scores + reach) @ values  # [L, heads, N, W / heads]
        x = x + gate_a * linear(w, name + "out", seen.swapaxes(1, 2).reshape(x.shape))
        y = normed(x) * (1 + scale_b) + shift_b
        out: F32 = x + gate_b * linear(w, name + "down", gelu(linear(w, name + "up", y)))
        return out

    def _split(self, x: F32, parts: int) -> F32:
        """[L, N, parts * W] to [parts, L, heads, N, W / heads]."""
        heads = self.model.about.transformer.heads
        shaped = x.reshape(*x.shape[:2], parts, heads, -1)
        split: F32 = shaped.transpose(2, 0, 3, 1, 4)
        return split
