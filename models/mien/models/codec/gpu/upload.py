"""One copy a batch: everything that a frame's numbers need, side by side in one piece of memory.

Knows sections and alignment, and not to overwrite what is still on its way. Refuses to know what
the numbers mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNED = 16  # bytes
IN_FLIGHT = 2  # batches: one is copied while the next one is worked out
_TORCH = {"float32": torch.float32, "int64": torch.int64, "int32": torch.int32}


class Upload:
    """Named sections of numbers, written on the host and read on the device."""

    def __init__(
        self, sections: Mapping[str, tuple[tuple[int, ...], str]], device: torch.device
    ) -> None:
        """`sections`: shapes, and float32, int64 or int32."""
        self._on_gpu = device.type == "cuda"
        spans, end = {}, 0
        for name, (shape, kind) in sections.items():
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            spans[name] = slice(end, end + size)
            end += -(-size // ALIGNED) * ALIGNED
        self._device = torch.zeros(end, dtype=torch.uint8, device=device)
        self._hosts = [
            torch.zeros(end, dtype=torch.uint8, pin_memory=self._on_gpu) for _ in range(IN_FLIGHT)
        ]
        self._sent: list[Any] = [None] * IN_FLIGHT
        self._turn = 0
        self.device: dict[str, Tensor] = {
            name: self._device[span].view(_TORCH[sections[name][1]]).view(sections[name][0])
            for name, span in spans.items()
        }
        self._views: list[dict[str, NDArray[Any]]] = [
            {
                name: host.numpy()[span].view(sections[name][1]).reshape(sections[name][0])
                for name, span in spans.items()
            }
            for host in self._hosts
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that a batch copies."""
        return self._device.nbytes

    def begin(self) -> dict[str, NDArray[Any]]:
        """The sections to write, free to be written."""
        self._turn = (self._turn + 1) % IN_FLIGHT
        if self._sent[self._turn] is not None:
            self._sent[self._turn].synchronize()
        return self._views[self._turn]

    def send(self) -> dict[str, Tensor]:
        """Copy what was written, on the current stream; returns the device's sections."""
        self._device.copy_(self._hosts[self._turn], non_blocking=True)
        if self._on_gpu:
            self._sent[self._turn] = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._sent[self._turn].record()
        return self.device
