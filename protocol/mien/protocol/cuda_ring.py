"""A ring whose pixels are on a GPU, for the client.

Knows how the ring of ActorSpawned is attached to on the right device, and how a frame gets into
memory of the caller without leaving the GPU. Refuses to know CUDA's calls (`cuda_bindings`) and the
seqlock (`ring`).
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from dataclasses import replace
from typing import Any, Protocol

from mien.protocol import control_pb2 as pb
from mien.protocol import shm
from mien.protocol.cuda_bindings import open_device
from mien.protocol.cuda_pixels import CudaPixels
from mien.protocol.errors import InvalidArgumentError
from mien.protocol.frames import DeviceFrame
from mien.protocol.ring import RingReader, RingState
from mien.protocol.ring_layout import BYTES_PER_PIXEL, Header, SlotEntry
from mien.protocol.wire import FrameFlag

_LOG = logging.getLogger("mien.client")
_LOOKS_A_GRACE = 4
_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S = 0.5, 0.02


class DeviceArray(Protocol):
    """What torch, CuPy and Numba tensors on a GPU are."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3 of the CUDA array interface."""


def open_ring(info: pb.RingInfo) -> CudaRingReader:
    """Attaches to the ring of an ActorSpawned.

    Raises GpuMismatchError when its GPU is not among those of this process, GpuLostError without
    CUDA, GpuMemoryFullError, RingError.
    """
    driver = open_device(info.cuda.gpu_uuid)
    view = shm.attach(info.name, info.size_bytes)
    pixels: list[CudaPixels] = []

    def find_pixels(header: Header) -> CudaPixels:
        pixels.append(CudaPixels(driver, header, info.cuda))
        return pixels[0]

    try:
        reader = CudaRingReader(view, info.epoch, find_pixels)
        _watch.add(reader, info.cuda.grace_ms / 1000)
        return reader
    except BaseException:
        for opened in pixels:
            opened.release()
        view.close()
        raise


class CudaRingReader(RingReader):
    """`latest` and `at` give copies on the host, as every ring's do; `latest_device` does not."""

    _last_device: DeviceFrame | None = None

    def latest_device(self, out: DeviceArray, stream: int = 0) -> DeviceFrame | None:
        """Copies the newest frame into `out` [H, W, 4] u8 on `stream` (a CUstream's handle).

        `out` may be larger than the frame, which then lies in its upper left. Only whole frames
        get there: when there is none, or no newer one than the last that was handed out, `out` is
        left alone, and the last one's description is returned once more (None before any), stale
        when no more can come. The copy is on the stream when this returns, not yet done. Raises
        InvalidArgumentError for an `out` of another form, GpuMemoryFullError.
        """
        pointer, pitch, width, height = _target(out)
        if width < self.header.width_px or height < self.header.height_px:
            raise InvalidArgumentError(
                f"out is {width}x{height} px; frames of this ring may have "
                f"{self.header.width_px}x{self.header.height_px}"
            )
        pixels = self._pixels
        assert isinstance(pixels, CudaPixels)
        with self._lock, self._minding():
            if self._ended is None:
                shown = self._last_device.frame_id if self._last_device else 0
                found = self._newest(shown, pixels.keep)
                if found is not None:
                    frame = _described(found[0], self.header)
                    pixels.hand_out(pointer, pitch, frame.width_px, frame.height_px, stream)
                    self._last_device = frame
                self._look()
        if self._ended is not None and self._last_device is not None:
            self._last_device = replace(self._last_device, stale=True)
        return self._last_device


class _Watch:
    """Sees to it that rings which ended are let go of, also when nobody asks for frames.

    The daemon frees its memory a grace time after it marked the ring closed, and what happens to
    who has it open then is undefined. One thread for all readers, while there are any.
    """

    def __init__(self) -> None:
        self._readers: weakref.WeakSet[CudaRingReader] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._pause_s = _LONGEST_PAUSE_S
        self._running = False

    def add(self, reader: CudaRingReader, grace_s: float) -> None:
        """Looks at the ring several times a grace time."""
        pause_s = max(grace_s / _LOOKS_A_GRACE, _SHORTEST_PAUSE_S)
        with self._lock:
            self._readers.add(reader)
            self._pause_s = min(self._pause_s, pause_s)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="mien-ring-watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                readers = list(self._readers)
                if not readers:
                    self._running, self._pause_s = False, _LONGEST_PAUSE_S
                    return
                pause_s = self._pause_s
            over = [reader for reader in readers if _is_over(reader)]
            with self._lock:
                self._readers.difference_update(over)
            del readers, over  # a pause must not keep what its owner dropped
            time.sleep(pause_s)


def _is_over(reader: CudaRingReader) -> bool:
    """Whether there is nothing left to watch; a fault with one ring must not end the watch."""
    try:
        return reader.state is not RingState.LIVE
    except Exception:
        _LOG.exception("a ring cannot be watched")
        return True


_watch = _Watch()


def _described(entry: SlotEntry, header: Header) -> DeviceFrame:
    width_px, height_px = entry.size_in(header) or (header.width_px, header.height_px)
    return DeviceFrame(
        width_px,
        height_px,
        entry.frame_id,
        entry.line_id,
        entry.pts_us,
        FrameFlag(entry.flags & sum(FrameFlag)),
        entry.written_us,
    )


def _target(out: DeviceArray) -> tuple[int, int, int, int]:
    """(pointer, bytes from row to row, width, height) of an array to copy into."""
    try:
        about = out.__cuda_array_interface__
        shape, kind = tuple(about["shape"]), about["typestr"]
        pointer, read_only = about["data"]
        strides = about.get("strides") or (shape[1] * BYTES_PER_PIXEL, BYTES_PER_PIXEL, 1)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidArgumentError("out must have a __cuda_array_interface__") from error
    rows_fit = len(strides) == 3 and strides[0] >= shape[1] * BYTES_PER_PIXEL
    right = len(shape) == 3 and shape[2] == BYTES_PER_PIXEL and kind == "|u1"
    if not right or not rows_fit or tuple(strides[1:]) != (BYTES_PER_PIXEL, 1) or read_only:
        raise InvalidArgumentError(
            f"out must be a writable [H, W, 4] array of u8 with whole rows, not {shape} {kind}"
        )
    return int(pointer), int(strides[0]), int(shape[1]), int(shape[0])
