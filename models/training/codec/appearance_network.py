"""The appearance encoder: a portrait to its relief, its parts and a code of who it is.

Knows the network as a torch module. Refuses to know pictures. A U-Net (Ronneberger et al., arXiv
1505.04597) that adds instead of joining, so that it stays small.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from mien.models.appearance.shapes import CODE, GROUPS, WIDTHS
from training.codec.network import Residual, conv


class Read(NamedTuple):
    """What the encoder says of portraits; maps are half as wide as the pictures."""

    groups: Tensor  # [B, GROUPS, h, w] logits
    depth: Tensor  # [B, h, w] iod behind the point between the eyes
    code: Tensor  # [B, CODE] of unit length


class AppearanceEncoder(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stem = conv(3, a, 5, 2)
        self.fine = nn.Sequential(conv(a, b, 3, 2), Residual(b))
        self.middle = nn.Sequential(conv(b, c, 3, 2), Residual(c))
        self.far = nn.Sequential(conv(c, d, 3, 2), Residual(d), Residual(d))
        self.whole = nn.Sequential(conv(d, e, 3, 2), Residual(e), Residual(e))
        self.rise = nn.ModuleList([nn.Conv2d(e, d, 1), conv(d, c), conv(c, b), conv(b, a)])
        self.near = conv(a, a)
        self.groups = nn.Conv2d(a, len(GROUPS), 1)
        self.depth = nn.Conv2d(a, 1, 1)
        self.who = nn.Linear(e, CODE)

    def forward(self, pictures: Tensor) -> Read:
        """Read portraits [B, 3, PICTURE_PX, PICTURE_PX] in -1..1."""
        levels = [self.stem(pictures)]
        for part in (self.fine, self.middle, self.far, self.whole):
            levels.append(part(levels[-1]))
        code = functional.normalize(self.who(levels[-1].mean((2, 3))), dim=1)
        x = levels[-1]
        for part, beside in zip(self.rise, levels[-2::-1], strict=True):
            x = functional.interpolate(part(x), scale_factor=2.0) + beside
        x = self.near(x)
        return Read(self.groups(x), self.depth(x)[:, 0], code)
