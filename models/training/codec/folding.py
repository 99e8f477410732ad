"""From a trained torch network to the tensors of its weights file: batch norms go into layers.

Knows how a norm is folded (W' = W g / sqrt(v + e)). Refuses to know what the network is for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]


def folded(name: str, layer: nn.Conv2d | nn.Linear, norm: nn.Module | None = None) -> Tensors:
    """Return weight and bias of a layer, with the batch norm that follows it folded in."""
    weight = layer.weight.detach()
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        assert norm.running_var is not None and norm.running_mean is not None
        scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        weight = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
        bias = (bias - norm.running_mean) * scale + norm.bias.detach()
    return {f"{name}.weight": weight, f"{name}.bias": bias}


def chain(name: str, layers: nn.Sequential) -> Tensors:
    """The layers of a sequence, numbered without norms, activations and dropout."""
    out: Tensors = {}
    kept, count = list(layers), 0
    for i, layer in enumerate(kept):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            out |= folded(f"{name}.{count}", layer, kept[i + 1] if i + 1 < len(kept) else None)
            count += 1
    return out


def network(module: nn.Module, prefix: str = "") -> Tensors:
    """Every layer below `module`, named as the weights file names them.

    A sequence of one convolution counts as that layer; other sequences number their parts.
    """
    out: Tensors = {}
    for name, part in module.named_children():
        full = prefix + name
        if isinstance(part, nn.Conv2d | nn.Linear):
            out |= folded(full, part)
        elif isinstance(part, nn.Sequential) and isinstance(part[0], nn.Conv2d):
            out |= folded(full, part[0], part[1])
        elif isinstance(part, nn.Sequential) and isinstance(part[0], nn.Linear):
            out |= chain(full, part)
        elif isinstance(part, nn.Module) and any(True for _ in part.children()):
            out |= network(part, full + ".")
    return out
