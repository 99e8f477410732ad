"""Rings: where a stream's newest past stands in arrays that never move.

Knows which rows of the encoder's and the transformer's memory are read and written for the next
block. What is remembered stays where it was written until something newer takes its place, so that
a block costs the rows it hears and not the whole memory. Refuses to know what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.diffusion.shapes import EncoderShape
from mien.models.motion.lanes import I64, Index
from mien.models.motion.types import F32

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Picked:
    """Rows of an array that were chosen and not copied yet."""

    source: F32  # [n, ...]
    rows: Rows  # [..., L] into `source`, the lanes last

    def array(self) -> F32:
        """Return them as an array of their own, [..., L, ...]."""
        return np.take(self.source, self.rows, axis=0)

    def into(self, room: F32) -> None:
        """Write them into `room` [..., at least L, ...]; lanes that are left over repeat one."""
        rows, more = self.rows, room.shape[self.rows.ndim - 1] - self.rows.shape[-1]
        if more:
            rows = np.concatenate([rows, rows[..., :1].repeat(more, -1)], -1)
        np.take(self.source, rows, axis=0, out=room, mode="clip")  # "raise" would copy twice


def tap_counts(shape: EncoderShape, slices: int) -> list[tuple[int, int]]:
    """Return how many of the slices two and one dilations back are remembered, for each block.

    The rest of the `slices` that a block taps there are new themselves.
    """
    return [(min(slices, 2 * reach), min(slices, reach)) for reach in shape.dilations]


def kept_counts(shape: EncoderShape, slices: int) -> list[int]:
    """Return how many of the newest `slices` are worth remembering, for each block."""
    return [min(slices, 2 * reach) for reach in shape.dilations]


class EncoderRings:
    """The rings of all blocks of an encoder, one after another in `memory_slices` rows a lane.

    A block of dilation d has a ring of 2 d rows; slice t stands in row t mod 2 d of it.
    """

    def __init__(self, shape: EncoderShape, slices: int) -> None:
        """`slices` come at a time."""
        self._memory = shape.memory_slices
        self._slices = slices
        read, write, at = [], [], 0
        counts = zip(tap_counts(shape, slices), kept_counts(shape, slices), strict=True)
        for reach, ((far, near), kept) in zip(shape.dilations, counts, strict=True):
            read += [(at, 2 * reach, s - 2 * reach) for s in range(far)]
            read += [(at, 2 * reach, s - reach) for s in range(near)]
            write += [(at, 2 * reach, s) for s in range(slices - kept, slices)]
            at += 2 * reach
        self._read, self._write = np.array(read), np.array(write)  # [rows, 3]

    def recalled(self, memory: F32, lanes: Index, blocks: I64) -> Picked:
        """Return what the next slices tap of `memory` [C, memory_slices, W], [R, L, W].

        For `lanes` [L] that have heard `blocks` [L] times `slices`. For each block of the encoder
        the slices two dilations back, then those one dilation back; see `tap_counts`.
        """
        flat = memory.reshape(-1, memory.shape[-1])
        return Picked(flat, self._rows(self._read, lanes, blocks))

    def keep(self, memory: F32, lanes: Index, blocks: I64, after: F32) -> None:
        """Write `after` [N, L, W], see `kept_counts`, into `memory`."""
        flat = memory.reshape(-1, memory.shape[-1])
        flat[self._rows(self._write, lanes, blocks)] = after

    def _rows(self, places: NDArray[np.int64], lanes: Index, blocks: I64) -> Rows:
        start, size, offset = places.T[..., None]
        time = (blocks * self._slices)[None]
        return np.asarray(lanes * self._memory + start + (time + offset) % size, np.intp)


def seen_rows(seen: F32, lanes: Index) -> Picked:
    """Return all that the transformer sees of the past, [2 * layers, L, heads, M, W / heads].

    `seen` [C, 2 * layers, heads, M, W / heads] holds a ring over M in every lane.
    """
    count, parts = seen.shape[:2]
    rows = lanes * parts + np.arange(parts)[:, None]
    return Picked(seen.reshape(count * parts, *seen.shape[2:]), rows)


def keep_seen(seen: F32, lanes: Index, blocks: I64, newest: F32) -> None:
    """Write the frames before the next block, `newest` [L, b, 2 * layers, heads, W / heads]."""
    frames = newest.shape[1]
    slots = ((blocks - 1)[:, None] * frames + np.arange(frames)) % seen.shape[3]
    seen[lanes[:, None], :, :, slots] = newest


def oldest_slot(seen: F32, blocks: I64, frames: int) -> I64:
    """Return where in its ring each lane's oldest frame stands, [L], after `keep_seen`."""
    return np.asarray((blocks * frames) % seen.shape[3])
