"""Shorter numbers where they pay: the linear layers of a network in bfloat16 or float16.

Knows one replacement. What is added up between layers, normalised or compared stays float32: near
rest motion is a difference of almost equal numbers. It holds for torch and, exported, for TensorRT,
which computes what the graph says (strongly typed networks).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.engine.executor import EngineError

FORMATS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class ShortLinear(nn.Module):
    """A linear layer that takes and gives float32 and multiplies shorter numbers."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().to(dtype), requires_grad=False)
        bias = None if layer.bias is None else layer.bias.detach().float()
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Linear`."""
        out = functional.linear(x.to(self.weight.dtype), self.weight).float()
        return out if self.bias is None else out + self.bias


def shortened(module: nn.Module, name: str) -> nn.Module:
    """`module` with its linear layers in the format called `name`, changed in place."""
    if name not in FORMATS:
        raise EngineError(f"there is no number format '{name}'; there are {', '.join(FORMATS)}")
    if name != "f32":
        for at, child in module.named_children():
            if isinstance(child, nn.Linear):
                setattr(module, at, ShortLinear(child, FORMATS[name]))
            else:
                shortened(child, name)
    return module
