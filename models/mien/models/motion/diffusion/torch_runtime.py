"""Both networks run by torch, as they are trained.

Knows how arrays go in and out. Refuses to know architectures. Imports torch, so it is itself
imported only where that runtime is asked for.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from mien.models.motion.diffusion.guidance import reach_of
from mien.models.motion.diffusion.network import MotionTransformer, SpeechEncoder
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
        self._sizes = [2 * reach for reach in model.about.encoder.dilations]

    @torch.no_grad()
    def encode(self, slices: F32, memory: F32) -> tuple[F32, F32]:
        """See `MotionRuntime.encode`."""
        past = list(torch.split(self._tensor(memory), self._sizes, dim=1))
        features, after = self._encoder(self._tensor(slices), past)
        return _array(features), _array(torch.cat(after, dim=1))

    @torch.no_grad()
    def sample(self, block: BlockInput, times: Times) -> F32:
        """See `MotionRuntime.sample`."""
        network, count = self._transformer, block.heard.shape[1]
        history, heard, wishes = map(self._tensor, (block.history, block.heard, block.wishes))
        mix = self._tensor(block.mix)[:, None, None]
        reach = self._tensor(reach_of(_array(network.reach), count))
        past = network.remembered(history)
        newest = history[:, None, -2:].flatten(2).expand(-1, count, -1)
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
