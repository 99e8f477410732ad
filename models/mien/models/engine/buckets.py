"""Buckets: the few batch sizes that networks are made ready for, and how any batch fits into them.

Knows sizes, padding and masks of lanes. Refuses to know networks and who computes them: a CUDA
graph, a TensorRT profile and an OpenVINO request are all made for one fixed size, and what asks
comes in any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
MOST_LANES = BUCKETS[-1]


def bucket_for(lanes: int) -> int:
    """The smallest bucket that holds `lanes`. Raises ValueError for none, or too many."""
    for bucket in BUCKETS:
        if 0 < lanes <= bucket:
            return bucket
    raise ValueError(f"a batch has 1 to {MOST_LANES} lanes, not {lanes}; larger ones go in pieces")


def pieces(lanes: int) -> Iterator[slice]:
    """Split a batch of any size into parts that fit a bucket each, the full ones first."""
    for start in range(0, lanes, MOST_LANES):
        yield slice(start, min(start + MOST_LANES, lanes))


def padded(array: Any, bucket: int) -> Any:
    """`array` [L, ...] as [bucket, ...], lanes that nobody has zero; itself where it fits.

    Takes NumPy's arrays and torch's tensors; a tensor stays on its device. Raises ValueError where
    there are more lanes than the bucket has.
    """
    lanes = len(array)
    if lanes == bucket:
        return array
    if lanes > bucket:
        raise ValueError(f"{lanes} lanes do not fit a bucket of {bucket}")
    shape = (bucket, *array.shape[1:])
    room = array.new_zeros(shape) if hasattr(array, "new_zeros") else np.zeros(shape, array.dtype)
    room[:lanes] = array
    return room


def taken(inputs: Mapping[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """The lanes of every input [L, ...] that are in `mask` [L], in their order."""
    lanes = np.flatnonzero(mask)
    return {name: array[lanes] for name, array in inputs.items()}


def put_back(part: Any, mask: NDArray[np.bool_], rest: Any) -> Any:
    """`rest` [L, ...] with the lanes in `mask` [L] replaced by those of `part`; `rest` is kept."""
    out = rest.clone() if hasattr(rest, "clone") else rest.copy()
    out[np.flatnonzero(mask)] = part
    return out
