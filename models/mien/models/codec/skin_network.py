"""Skin maps: what an expression does to the light on a skin and to where its pixels come from.

Knows the networks as torch modules, as they are trained and as a GPU runs them. Refuses to know
meshes and files. Imports torch, so it is itself imported only where torch is asked for. Once a
character, a small U-Net (Ronneberger et al., arXiv 1505.04597) makes feature maps of the skin in
the canonical layout; a frame's motion makes one matrix that mixes them into five maps: where a
pixel is taken from (two, in outer-eye distances) and the logarithm of its gain (three). At rest the
matrix is zero, so that the portrait stays what it is; between frames it changes as smoothly as the
motion.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.skin_shape import (
    GAIN,
    MOTION,
    NARROW,
    OUT,
    SEEN,
    SHARED_PX,
    SHIFT_IOD,
    VIEWS,
    SkinShape,
    left_share,
    within_face,
)


def _block(into: int, out: int, groups: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride, 1), nn.GroupNorm(groups, out), nn.SiLU(),
        nn.Conv2d(out, out, 3, 1, 1), nn.GroupNorm(groups, out), nn.SiLU(),
    )  # fmt: skip


class SkinNetwork(nn.Module):
    """See the module."""

    def __init__(self, shape: SkinShape = NARROW) -> None:
        super().__init__()
        self.shape = shape
        groups, blocks = shape.groups, shape.blocks
        self.enter = _block(SEEN, shape.widths[0], groups)
        self.down = nn.ModuleList([_block(*blocks[f"down.{i}"], groups, 2) for i in range(3)])
        self.up = nn.ModuleList([_block(*blocks[f"up.{i}"], groups) for i in range(3)])
        self.leave = nn.Conv2d(shape.leave, shape.own, 1)
        self.code = nn.Linear(shape.widths[3], shape.code)
        self.shared = nn.Parameter(0.1 * torch.randn(shape.shared, SHARED_PX, SHARED_PX))
        hidden, width = shape.hidden, OUT * shape.features
        self.mix = nn.Sequential(
            nn.Linear(MOTION + shape.code, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, width),
        )  # fmt: skip
        self.direct = nn.Linear(MOTION, width, bias=False)
        for last in (self.mix[-1], self.direct):
            nn.init.normal_(last.weight, std=0.01)  # type: ignore[arg-type]

    def features(self, skin: Tensor) -> tuple[Tensor, Tensor]:
        """Skin [B, 4, 128, 128] (RGB -1..1, seen 0..1) to maps [B, F, map_px, map_px] and code."""
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
        if self.shape.map_px < CANONICAL_PX:
            whole = functional.avg_pool2d(whole, 2)
        return whole, code

    def matrix(self, motion: Tensor, code: Tensor) -> Tensor:
        """Motion [B, 55] and codes [B, CODE] to what mixes the maps, [B, OUT, F]."""
        rest = torch.cat([torch.zeros_like(motion), code], 1)
        mixed = self.mix(torch.cat([motion, code], 1)) - self.mix(rest) + self.direct(motion)
        return torch.as_tensor(mixed.unflatten(1, (OUT, self.shape.features)))

    def maps(self, features: Tensor, motion: Tensor, code: Tensor) -> Tensor:
        """Mixed maps [B, 5, map_px, map_px]: shift in iod, log gain; both bounded.

        `features` [P, F, map_px, map_px] of P people, `motion` [B, 55] and `code` [B, CODE] of as
        many frames of each, one person after the other. Either half of the face sees its own side's
        coefficients alone.
        """
        size = self.shape.map_px
        both = torch.cat([self.matrix(motion[:, view], code) for view in VIEWS], 1)
        both = both.reshape(len(features), -1, self.shape.features)
        mixed = torch.bmm(both, features.flatten(2)).reshape(len(motion), 2, OUT, size, size)
        share = torch.from_numpy(left_share(size))
        within = torch.from_numpy(within_face(size))
        whole = (share * mixed[:, 0] + (1.0 - share) * mixed[:, 1]) * within
        shift = SHIFT_IOD * torch.tanh(whole[:, :2])
        return torch.cat([shift, GAIN * torch.tanh(whole[:, 2:])], 1)
