"""The mouth's light as a torch module, as it is trained and as a GPU runs it.

Knows the network. Refuses to know mouths and files. Imports torch, so it is itself imported only
where torch is asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.codec.harmony import (
    BRIGHTEN,
    COLUMNS,
    DARKEN,
    HIDDEN,
    ROWS,
    TEETH,
    TINGE,
    TOLD,
)


class HarmonyNetwork(nn.Sequential):
    """What is told to log gains; numbered as the weights file has it."""

    def __init__(self) -> None:
        last = nn.Linear(HIDDEN, 4 * ROWS * COLUMNS)
        super().__init__(nn.Linear(TOLD, HIDDEN), nn.Linear(HIDDEN, HIDDEN), last)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)

    def forward(self, told: Tensor) -> Tensor:
        """Log gains [B, 4, ROWS, COLUMNS]: of flesh's red, green and blue, and of teeth."""
        x = functional.silu(self[1](functional.silu(self[0](told))))
        both = torch.tanh(self[2](x)).reshape(-1, 4, ROWS, COLUMNS)
        bright = torch.where(both[:, :1] > 0, BRIGHTEN, DARKEN) * both[:, :1]
        return torch.cat([bright + TINGE * both[:, 1:], TEETH * bright], 1)
