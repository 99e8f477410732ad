"""The networks of motion cut as engines take them: hearing, what a block's steps share, one step.

Knows which part of the transformer runs when, as `graph` does for OpenVINO. Refuses to know
architectures (`network` does). Imports torch, so it is itself imported only where torch is asked
for.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from mien.models.motion.diffusion.guidance import reach_of
from mien.models.motion.diffusion.network import MotionTransformer, SpeechEncoder
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32

Network = TypeVar("Network", bound=nn.Module)


def _with_weights(network: Network, tensors: dict[str, F32]) -> Network:
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
    return network.eval().requires_grad_(False)


class Hearing(nn.Module):
    """`encoder_graph` in torch."""

    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        encoder = SpeechEncoder(model.about.encoder)
        self.encoder = _with_weights(encoder, model.part("encoder"))
        self._sizes = [2 * reach for reach in model.about.encoder.dilations]

    def forward(self, slices: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Features [L, S, F] of slices [L, S, SLICE], and the memory [L, memory_slices, W] after."""
        features, after = self.encoder(slices, list(torch.split(memory, self._sizes, dim=1)))
        return features, torch.cat(after, dim=1)


class Given(nn.Module):
    """`given_graph` in torch."""

    def __init__(self, model: MotionModel, variants: int) -> None:
        super().__init__()
        transformer = MotionTransformer(model.about.transformer)
        self.transformer = _with_weights(transformer, model.part("transformer"))
        self._variants = variants

    def forward(self, history: Tensor, heard: Tensor, wishes: Tensor) -> tuple[Tensor, ...]:
        """What is added to noisy tokens, what is carried over, key and value of each layer."""
        network = self.transformer
        newest = history[:, None, -2:].flatten(2)  # [L, 1, 2 * TOKEN]
        given = network.given(newest.expand(-1, self._variants, -1), heard, wishes)
        past = network.remembered(history)
        seen = [one for layer in network.layers for one in layer.seen(past)]  # type: ignore[operator]
        return given, network.carry * newest[..., -TOKEN:], *seen


class Step(nn.Module):
    """`step_graph` in torch: `now` is there only where the objective wants it."""

    def __init__(self, model: MotionModel, variants: int) -> None:
        super().__init__()
        transformer = MotionTransformer(model.about.transformer)
        self.transformer = _with_weights(transformer, model.part("transformer"))
        self._variants, self._flow = variants, model.about.objective == "flow"
        reach = reach_of(model.part("transformer")["reach"], variants)
        self.register_buffer("reach", torch.from_numpy(reach))

    def forward(self, noisy: Tensor, given: Tensor, carried: Tensor, *rest: Tensor) -> Tensor:
        """One step; `rest`: key and value of each layer, steer, left, mix, and now."""
        layers = self.transformer.layers
        seen, (steer, left, mix, *now) = rest[: 2 * len(layers)], rest[2 * len(layers) :]
        x = (given + self.transformer.enter(noisy)[:, None]).flatten(1, 2)  # [L, V * b, W]
        for i, layer in enumerate(layers):
            past = seen[2 * i], seen[2 * i + 1]
            x = layer.moved(x, *past, steer[i][None], self.reach)  # type: ignore[operator]
        out = self.transformer.changed(x).unflatten(1, (self._variants, -1))
        out = (out * mix[:, None, None]).sum(1) + carried
        if self._flow:
            out = noisy - now[0] * out
        return out + left * (noisy - out)
