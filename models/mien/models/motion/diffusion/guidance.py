"""Classifier-free guidance: what is asked for, exaggerated.

Knows which variants of a block's conditions are needed and how their answers are mixed:
x0 = full + sum over c of w_c (full - without c). (Ho and Salimans, arXiv 2207.12598.) Variants go
through the network side by side, as further blocks that do not see one another; a weight of 0
costs nothing.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.diffusion.wishes import columns_of
from mien.models.motion.source import Guidance
from mien.models.motion.types import F32

_CLOSED = np.float32(-1e9)


def guided(guidance: Guidance) -> tuple[str, ...]:
    """Return the names of the conditions with a weight, in a fixed order."""
    return tuple(name for name in ("audio", "gaze", "emotion") if getattr(guidance, name) != 0.0)


def mix(guidance: Guidance) -> F32:
    """Return how much each variant counts, [V]; the first is the full one. Their sum is 1."""
    weights = [getattr(guidance, name) for name in guided(guidance)]
    return np.array([1.0 + sum(weights), *(-w for w in weights)], np.float32)


def variants(guidance: Guidance, heard: F32, wishes: F32) -> tuple[F32, F32]:
    """Return `heard` [L, V, S, F] and `wishes` [L, V, b, C]: all given, then without each.

    Takes them as [L, S, F] and [L, b, C].
    """
    sounds, asked = [heard], [wishes]
    for name in guided(guidance):
        sounds.append(np.zeros_like(heard) if name == "audio" else heard)
        dropped = wishes
        if name != "audio":
            dropped = wishes.copy()
            dropped[..., columns_of(name)] = 0.0
        asked.append(dropped)
    return np.stack(sounds, 1), np.stack(asked, 1)


def turned(reach: F32) -> F32:
    """Return the biases [heads, N, M + N] for every place of the oldest frame in a ring of M.

    The first axis of [M, heads, N, M + N] is that place: the past stands in a ring, not in order.
    """
    past = reach.shape[2] - reach.shape[1]
    slots = np.arange(past)
    order = (slots - slots[:, None]) % past  # [M, M]: how old what stands in each slot is
    far = reach[..., :past][..., order].transpose(2, 0, 1, 3)
    near = np.broadcast_to(reach[..., past:], (past, *reach[..., past:].shape))
    return np.concatenate([far, near], axis=-1)


def reach_of(reach: F32, count: int) -> F32:
    """Return attention biases [heads, V * b, M + V * b] of `count` variants.

    `reach` [heads, b, M + b]. Each sees the whole past and, of the rest, only itself.
    """
    heads, block, columns = reach.shape
    past = columns - block
    out = np.full((heads, count, block, past + count * block), _CLOSED, np.float32)
    out[..., :past] = reach[:, None, :, :past]
    for i in range(count):
        own = past + i * block
        out[:, i, :, own : own + block] = reach[:, :, past:]
    return out.reshape(heads, count * block, -1)
