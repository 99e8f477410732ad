"""The networks of motion cut as engines take them: hearing, remembering, and denoising.

Knows which part of the networks runs when, as `graph` does for OpenVINO. Refuses to know
architectures (`network` does). Imports torch, so it is itself imported only where torch is asked
for.
"""

from __future__ import annotations

from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.motion.diffusion.network import (
    HeardBlock,
    MotionLayer,
    MotionTransformer,
    SpeechEncoder,
)
from mien.models.motion.diffusion.rings import kept_counts, tap_counts
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

Network = TypeVar("Network", bound=nn.Module)


def _with_weights(network: Network, tensors: dict[str, F32]) -> Network:
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
    return network.eval().requires_grad_(False)


def _transformer(model: MotionModel) -> MotionTransformer:
    return _with_weights(MotionTransformer(model.about.transformer), model.part("transformer"))


class Hearing(nn.Module):
    """`encoder_graph` in torch."""

    def __init__(self, model: MotionModel, slices: int) -> None:
        super().__init__()
        shape = model.about.encoder
        self.encoder = _with_weights(SpeechEncoder(shape), model.part("encoder"))
        self._taps = [n for both in tap_counts(shape, slices) for n in both]
        self._kept, self._slices = kept_counts(shape, slices), slices

    def forward(self, slices: Tensor, recalled: Tensor) -> tuple[Tensor, Tensor]:
        """Features [L, S, F] of slices [L, S, SLICE] and recalled [R, L, W]; what to keep."""
        network, past = self.encoder, torch.split(recalled, self._taps)
        x = network.enter(slices).transpose(0, 1)  # [S, L, W]
        after = []
        for i, kept in enumerate(self._kept):
            block = cast(HeardBlock, network.blocks[i])
            y = block.norm(x)
            taps = zip(past[2 * i : 2 * i + 2], self._taps[2 * i : 2 * i + 2], strict=True)
            far, near = (torch.cat([old, y[: self._slices - count]]) for old, count in taps)
            x = block.added(x, far, near, y)
            after.append(y[self._slices - kept :])
        features = torch.tanh(network.leave(network.norm(x)))
        return features.transpose(0, 1), torch.cat(after)


class Remembering(nn.Module):
    """`memory_graph` in torch."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.transformer = _transformer(model)

    def forward(self, history: Tensor) -> Tensor:
        """Keys and values [L, T, 2 * layers, heads, W / heads] of history [L, T + 2, TOKEN]."""
        seen = [part for layer in self.transformer.remembered(history) for part in layer]
        return torch.stack(seen, 1).permute(0, 3, 1, 2, 4).contiguous()


class Given(nn.Module):
    """`given_graph` in torch."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.transformer = _transformer(model)

    def forward(self, newest: Tensor, heard: Tensor, wishes: Tensor) -> tuple[Tensor, Tensor]:
        """What is added to noisy tokens [L, V, b, W], and what is carried over [L, 1, TOKEN]."""
        network, shape = self.transformer, self.transformer.shape
        sound = network.hear(heard.flatten(-2))
        sound = sound.reshape(*sound.shape[:2], shape.block_frames, shape.width)
        before = network.before(newest.flatten(1))[:, None, None]
        given = before + sound + network.wish(wishes) + network.place
        return given, network.carry * newest[:, -1:]


class Step(nn.Module):
    """`step_graph` in torch: `now` is there only where the objective wants it."""

    def __init__(self, model: MotionModel, variants: int) -> None:
        super().__init__()
        self.transformer = _transformer(model)
        self._variants, self._flow = variants, model.about.objective == "flow"

    def forward(self, noisy: Tensor, given: Tensor, carried: Tensor, *rest: Tensor) -> Tensor:
        """One step; `rest`: key and value of each layer, reach, steer, left, mix, and now."""
        layers = self.transformer.layers
        seen, (reach, steer, left, mix, *now) = rest[: 2 * len(layers)], rest[2 * len(layers) :]
        x = (given + self.transformer.enter(noisy)[:, None]).flatten(1, 2)  # [L, V * b, W]
        for i, module in enumerate(layers):
            layer = cast(MotionLayer, module)
            own = (steer[i] - layer.steer)[None]  # a layer adds its own, which `steering` has added
            x = layer(x, (seen[2 * i], seen[2 * i + 1]), own, reach)
        out = self.transformer.leave(functional.layer_norm(x, x.shape[-1:]))
        out = out.reshape(len(out), self._variants, -1, TOKEN)
        out = (out * mix[:, None, None]).sum(1) + carried
        if self._flow:
            out = noisy - now[0] * out
        moved: Tensor = out + left * (noisy - out)
        return moved
