"""Frames into ring slots on the device: RGBA8 rows at any stride, at the frame's size or a part.

The twin is a copy, or the mean of blocks of pixels, rounded. Refuses to know rings: it writes where
it is told to, in memory that somebody else owns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK, INTERPRETED_BLOCK = 1024, 65536


@triton.jit
def pack_kernel(
    frames: tl.tensor, slots: tl.tensor, size: tl.tensor, SHRINK: tl.constexpr, BLOCK: tl.constexpr
) -> None:
    """A block of one slot's pixels; `slots` [B, 2]: address, bytes from row to row."""
    actor = tl.program_id(1).to(tl.int64)
    wide = size // SHRINK
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = place < wide * wide
    x, y = place % wide, place // wide
    frames += actor * size * size
    if SHRINK == 1:
        pixel = tl.load(frames + y * size + x, mask=mask, other=0)
    else:
        r, g, b = place * 0, place * 0, place * 0
        for dy in tl.static_range(SHRINK):
            for dx in tl.static_range(SHRINK):
                at = (y * SHRINK + dy) * size + x * SHRINK + dx
                one = tl.load(frames + at, mask=mask, other=0)
                r += one & 255
                g += (one >> 8) & 255
                b += (one >> 16) & 255
        half, count = SHRINK * SHRINK // 2, SHRINK * SHRINK
        r, g, b = (r + half) // count, (g + half) // count, (b + half) // count
        pixel = r | (g << 8) | (b << 16) | -16777216  # 255 in the highest byte
    out = tl.load(slots + actor * 2).to(tl.pointer_type(tl.int32))
    stride = tl.load(slots + actor * 2 + 1)
    tl.store(out + y * (stride // 4) + x, pixel, mask=mask)


def slot_of(out: Any, device: torch.device) -> tuple[int, int, int]:
    """Address, bytes from row to row, and width px of a slot [n, n, 4] uint8 on the device.

    Takes torch's tensors and whatever has `__cuda_array_interface__`. Raises ValueError for other
    shapes, kinds of memory, and rows that do not begin at whole pixels.
    """
    if isinstance(out, Tensor):
        shape, strides = tuple(out.shape), tuple(out.stride())
        fits, address = out.dtype == torch.uint8 and out.device.type == device.type, out.data_ptr()
    else:
        about = getattr(out, "__cuda_array_interface__", None)
        if about is None or device.type != "cuda":
            raise ValueError(f"a frame cannot be put into {type(out).__name__} on {device.type}")
        shape, address = tuple(about["shape"]), int(about["data"][0])
        strides = about.get("strides") or (shape[1] * 4, 4, 1)
        fits = np.dtype(about["typestr"]) == np.uint8 and not about["data"][1]
    if not fits or len(shape) != 3 or shape[0] != shape[1] or shape[2] != 4:
        raise ValueError(f"a slot is writable uint8 [n, n, 4] on {device.type}, not {list(shape)}")
    if strides[1:] != (4, 1) or strides[0] % 4 or strides[0] < 4 * shape[1] or address % 4:
        raise ValueError(f"a slot's pixels lie together in rows of whole pixels, not at {strides}")
    return address, int(strides[0]), int(shape[0])


def pack(frames: Tensor, slots: Tensor, size_px: int) -> None:
    """Put `frames` [B, S, S] int32 into slots of `size_px`, S or a whole part of it.

    `slots` [B, 2] int64: address and bytes from row to row, see `slot_of`.
    """
    size = frames.shape[1]
    if size_px < 1 or size % size_px:
        raise ValueError(f"frames of {size} px shrink to whole parts of that, not to {size_px} px")
    block = BLOCK if frames.is_cuda else INTERPRETED_BLOCK
    blocks = -(-size_px * size_px // block)
    pack_kernel[(blocks, len(frames))](
        frames, slots, size, SHRINK=size // size_px, BLOCK=block
    )  # fmt: skip
