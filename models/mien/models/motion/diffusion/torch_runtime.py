"""Both networks run by torch, as they are trained.

Knows how arrays go in and out. Refuses to know architectures. Imports torch, so it is itself
imported only where that runtime is asked for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from mien.models.motion.diffusion.network import (
    HeardBlock,
    MotionTransformer,
    Seen,
    SpeechEncoder,
)
from mien.models.motion.diffusion.rings import Picked, kept_counts, tap_counts
from mien.models.motion.diffusion.runtime import BlockInput
from mien.models.motion.diffusion.sampler import Lips, Times
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.types import F32


class TorchRuntime:
    """See `MotionRuntime`; on the CPU unless told otherwise."""

    name = "torch"

    def __init__(self, model: MotionModel, device: str = "cpu") -> None:
        self.model = model
        self._device = torch.device(device)
        self._encoder = SpeechEncoder(model.about.encoder)
        self._transformer = MotionTransformer(model.about.transformer)
        networks: dict[str, nn.Module] = {
            "encoder": self._encoder, "transformer": self._transformer
        }  # fmt: skip
        for name, network in networks.items():
            state = {k: torch.from_numpy(v.copy()) for k, v in model.part(name).items()}
            network.load_state_dict(state)
            network.to(self._device).eval().requires_grad_(False)

    def batches(self, most: int) -> list[int]:
        """See `MotionRuntime.batches`: any number is as good as another."""
        del most
        return [1]

    @torch.no_grad()
    def encode(self, slices: F32, recalled: Picked) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        network, count = self._encoder, slices.shape[1]
        taps = [n for both in tap_counts(network.shape, count) for n in both]
        past = torch.split(self._tensor(recalled.array()), taps)
        x = network.enter(self._tensor(slices)).transpose(0, 1)  # [S, L, W]
        after = []
        for i, kept in enumerate(kept_counts(network.shape, count)):
            block = cast(HeardBlock, network.blocks[i])
            y = block.norm(x)
            far, near = (torch.cat([old, y[: count - len(old)]]) for old in past[2 * i : 2 * i + 2])
            x = block.added(x, far, near, y)
            after.append(y[count - kept :])
        features = torch.tanh(network.leave(network.norm(x)))
        return _array(features.transpose(0, 1)), _array(torch.cat(after))

    @torch.no_grad()
    def remember(self, history: F32) -> F32:
        """See `MotionRuntime.remember`."""
        network = self._transformer
        layers = network.remembered(self._tensor(history))
        seen = torch.stack([part for layer in layers for part in layer])  # [2 * layers, L, heads, T
        return _array(seen.permute(1, 3, 0, 2, 4))

    @torch.no_grad()
    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`."""
        network, count = self._transformer, block.heard.shape[1]
        heard, wishes, reach = map(self._tensor, (block.heard, block.wishes, block.reach))
        mix = self._tensor(block.mix)[:, None, None]
        seen = self._tensor(block.seen.array())
        past: Seen = list(zip(seen[0::2], seen[1::2], strict=True))
        newest = self._tensor(block.newest)[:, None].flatten(2).expand(-1, count, -1)
        x = self._tensor(block.noise)
        lips = Lips(x.clone())
        for now, then in pairwise(times):
            noisy = x[:, None].expand(-1, count, -1, -1)
            level = torch.full((len(x),), now, device=self._device)
            out = network.denoise(noisy, level, past, newest, heard, wishes, reach)
            if self.model.about.objective == "flow":
                out = noisy - now * out
            x0 = (mix * out).sum(1)
            x = lips.held(x0 + (then / now) * (x - x0), then)
        return _array(x)

    def _tensor(self, array: F32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)


def _array(tensor: Tensor) -> F32:
    out: F32 = tensor.detach().cpu().numpy()
    return out
