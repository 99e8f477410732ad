"""A wide network that begins as a narrow one: what is new answers to nothing yet.

Knows which weights of the wide network are the narrow one's. Refuses to train. In the manner of
Net2Net (Chen et al., arXiv 1511.05641), but new units are fresh instead of copies: with whole
groups of normalisation added, old groups see what they saw, and what leaves a new unit is zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mien.models.codec.skin_network import SkinNetwork
from mien.models.codec.skin_shape import OUT, SkinShape

Places = list[int]
_MIXERS = ("mix.4.weight", "direct.weight")


@torch.no_grad()
def grow(wide: SkinNetwork, narrow: SkinShape, tensors: Mapping[str, Tensor]) -> None:
    """Give `wide` the weights of a `narrow` network: it computes the same, but for its maps' size.

    Raises ValueError where the narrow network does not fit into it.
    """
    shape = wide.shape
    levels = [*zip(narrow.widths, shape.widths, strict=True), (narrow.leave, shape.leave)]
    if any(old * shape.groups != new * narrow.groups for old, new in levels):
        raise ValueError("groups of normalisation must be of one size in both networks")
    if narrow.code != shape.code or narrow.own > shape.own or narrow.shared > shape.shared:
        raise ValueError("codes must be of one size, and feature maps no fewer than they were")
    state = wide.state_dict()
    for name, old in tensors.items():
        new, rows = state[name], torch.tensor(_rows(name, len(old), narrow, shape))
        if old.ndim == 1 or name == "shared":
            new[rows] = old
            continue
        new[rows] = 0.0  # nothing that is new is heard by what is old …
        if name in _MIXERS:
            new.zero_()  # … and new maps are not mixed in
        columns = torch.tensor(_columns(name, old.shape[1], narrow, shape))
        new[rows[:, None], columns[None]] = old


def _rows(name: str, count: int, narrow: SkinShape, wide: SkinShape) -> Places:
    """Where the narrow network's outputs lie among the wide one's."""
    if name in _MIXERS or name == "mix.4.bias":
        maps = _joined(narrow.own, wide.own, narrow.shared)
        return [o * wide.features + f for o in range(OUT) for f in maps]
    return list(range(count))


def _columns(name: str, count: int, narrow: SkinShape, wide: SkinShape) -> Places:
    """Where its inputs lie: in front, save where a level of the U-Net joins two."""
    part, *place = name.split(".")
    if part != "up" or place[1] != "0":
        return list(range(count))
    below = 3 - int(place[0])
    first = narrow.widths[below]
    return _joined(first, wide.widths[below], count - first)


def _joined(first: int, wide_first: int, second: int) -> Places:
    """Places of two joined lists of channels whose first one has grown."""
    return [*range(first), *range(wide_first, wide_first + second)]
