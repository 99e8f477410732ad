"""Skin maps: what an expression does to the light on a skin and to where its pixels come from.

Knows the networks as torch modules. Refuses to know meshes. Once a character, a small U-Net
(Ronneberger et al., arXiv 1505.04597) makes feature maps of the skin in the canonical layout; a
frame's motion makes one matrix that mixes them into five maps: where a pixel is taken from (two,
in outer-eye distances) and the logarithm of its gain (three). At rest the matrix is zero, so that
the portrait stays what it is; between frames it changes as smoothly as the motion.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.codec.skin_maps import LEFT_SHARE, VIEWS, within_face

MOTION = 52 + 3  # coefficients and rotation vector
OWN, SHARED = 24, 24  # feature maps: this skin's, everybody's
CODE = 16
OUT = 5
SHIFT_IOD, GAIN = 0.06, 0.8  # the most that maps do
SIZE = 128


def _block(into: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride, 1), nn.GroupNorm(4, out), nn.SiLU(),
        nn.Conv2d(out, out, 3, 1, 1), nn.GroupNorm(4, out), nn.SiLU(),
    )  # fmt: skip


class SkinNetwork(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = _block(4, 16)
        self.down = nn.ModuleList([_block(16, 32, 2), _block(32, 48, 2), _block(48, 64, 2)])
        self.up = nn.ModuleList([_block(64 + 48, 48), _block(48 + 32, 32), _block(32 + 16, 24)])
        self.leave = nn.Conv2d(24, OWN, 1)
        self.code = nn.Linear(64, CODE)
        self.shared = nn.Parameter(0.1 * torch.randn(SHARED, SIZE // 2, SIZE // 2))
        self.mix = nn.Sequential(
            nn.Linear(MOTION + CODE, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(),
            nn.Linear(128, OUT * (OWN + SHARED)),
        )  # fmt: skip
        self.direct = nn.Linear(MOTION, OUT * (OWN + SHARED), bias=False)
        for last in (self.mix[-1], self.direct):
            nn.init.normal_(last.weight, std=0.01)  # type: ignore[arg-type]

    def features(self, skin: Tensor) -> tuple[Tensor, Tensor]:
        """Skin [B, 4, 128, 128] (RGB -1..1, seen 0..1) to maps [B, F, 64, 64] and code."""
        x = self.enter(skin)
        levels = [x]
        for part in self.down:
            x = part(x)
            levels.append(x)
        code = torch.tanh(self.code(x.mean((2, 3))))
        for part, beside in zip(self.up, levels[-2::-1], strict=True):
            x = part(torch.cat([functional.interpolate(x, scale_factor=2.0), beside], 1))
        shared = functional.interpolate(
            self.shared[None], scale_factor=2.0, mode="bilinear", align_corners=False
        )
        whole = torch.cat([self.leave(x), shared.expand(len(x), -1, -1, -1)], 1)
        return functional.avg_pool2d(whole, 2), code

    def matrix(self, motion: Tensor, code: Tensor) -> Tensor:
        """Motion [B, 55] and codes [B, CODE] to what mixes the maps, [B, OUT, F]."""
        rest = torch.cat([torch.zeros_like(motion), code], 1)
        mixed = self.mix(torch.cat([motion, code], 1)) - self.mix(rest) + self.direct(motion)
        return torch.as_tensor(mixed.unflatten(1, (OUT, OWN + SHARED)))

    def maps(self, features: Tensor, motion: Tensor, code: Tensor) -> Tensor:
        """Mixed maps [B, 5, 64, 64]: shift in iod, log gain; both bounded.

        Either half of the face sees its own side's coefficients alone.
        """
        left, right = (
            torch.einsum("bof,bfhw->bohw", self.matrix(motion[:, view], code), features)
            for view in VIEWS
        )
        share = torch.from_numpy(LEFT_SHARE)
        mixed = (share * left + (1.0 - share) * right) * torch.from_numpy(within_face())
        shift = SHIFT_IOD * torch.tanh(mixed[:, :2])
        return torch.cat([shift, GAIN * torch.tanh(mixed[:, 2:])], 1)
