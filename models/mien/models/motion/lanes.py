"""Memory of a batch of streams: dataclasses of fixed-size arrays with the lane first.

Knows how to copy chosen lanes out of such a dataclass and back. Refuses to know what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


class LaneArrays:
    """Base of dataclasses whose fields are arrays [lanes, ...] or further `LaneArrays`."""

    def _items(self) -> Iterator[tuple[str, LaneArrays | NDArray[np.generic]]]:
        for field in fields(self):  # type: ignore[arg-type]
            yield field.name, getattr(self, field.name)

    def take(self, lanes: Index) -> Self:
        """Return a copy of the chosen lanes."""
        copies = {
            name: item.take(lanes) if isinstance(item, LaneArrays) else item[lanes]
            for name, item in self._items()
        }
        return type(self)(**copies)

    def put(self, lanes: Index, source: LaneArrays) -> None:
        """Write `source`, which holds just the chosen lanes, back into them."""
        for name, item in self._items():
            other = getattr(source, name)
            if isinstance(item, LaneArrays):
                item.put(lanes, other)
            else:
                item[lanes] = other

    @property
    def lane_bytes(self) -> int:
        """Bytes of memory that one lane takes."""
        return sum(
            item.lane_bytes if isinstance(item, LaneArrays) else item.nbytes // max(len(item), 1)
            for _, item in self._items()
        )
