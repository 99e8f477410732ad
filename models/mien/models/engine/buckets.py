"""Buckets: the few batch sizes that networks are made ready for, and how any batch fits into them.

Knows sizes and padding. Refuses to know networks and who computes them: a CUDA
graph, a TensorRT profile and an OpenVINO request are all made for one fixed size, and what asks
comes in any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

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


def cut(array: Any, lanes: Any, axis: int = 0) -> Any:
    """Some `lanes` (a slice, or their numbers) of an array whose `axis` they are."""
    return array[(slice(None),) * axis + (lanes,)]


def padded(array: Any, bucket: int, axis: int = 0) -> Any:
    """`array` with `bucket` lanes along `axis`, those that nobody has zero; itself where it fits.

    Takes NumPy's arrays and torch's tensors; a tensor stays on its device. Raises ValueError where
    there are more lanes than the bucket has.
    """
    lanes = array.shape[axis]
    if lanes == bucket:
        return array
    if lanes > bucket:
        raise ValueError(f"{lanes} lanes do not fit a bucket of {bucket}")
    shape = (*array.shape[:axis], bucket, *array.shape[axis + 1 :])
    room = array.new_zeros(shape) if hasattr(array, "new_zeros") else np.zeros(shape, array.dtype)
    room[(slice(None),) * axis + (slice(lanes),)] = array
    return room
