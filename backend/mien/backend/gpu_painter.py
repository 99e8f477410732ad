"""`Painter` over the codec's `BatchDecoder`: a cast of characters on a GPU, drawn in batches.

Knows torch's streams, events and errors, how pixels get from the device to the host's memory, and
that characters join from one thread while another one draws. Refuses to know actors and rings. A
CUDA device is what it is for; NOT RUN on one by its authors, who had none. On torch's CPU the same
road goes through Triton's interpreter, at twenty seconds a frame: for a test.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.backend.batch_drawing import Painted
from mien.models.motion.types import F32
from mien.protocol.errors import GpuLostError, GpuMemoryFullError

if TYPE_CHECKING:
    from torch import Tensor

    from mien.models.character import Character
    from mien.models.codec.gpu.batch_decoder import BatchDecoder

_LOG = logging.getLogger(__name__)
_FRAME_PX = 512  # that is drawn; smaller ones are shrunk
_MOST_UNDER_WAY = 2  # batches that the device has not finished


@dataclass(frozen=True)
class Gpu:
    """A device that draws."""

    device: str  # as torch calls it
    uuid: str  # as nvidia-smi writes it


def find_gpu() -> Gpu:
    """The first CUDA device that this process sees. Raises GpuLostError with what is missing."""
    remedy = "take --profile cpu, or --gpu-fallback to have the CPU draw where there is no GPU"
    for package in ("torch", "triton"):
        if find_spec(package) is None:
            raise GpuLostError(
                f"--profile gpu needs {package}, which is not installed: "
                f"pip install 'mien[gpu]' (Triton is there for Linux alone); or {remedy}"
            )
    import torch

    if not torch.cuda.is_available():
        built = "" if torch.version.cuda else ", and this torch was built without CUDA"
        raise GpuLostError(
            f"--profile gpu needs a CUDA device; torch sees none{built}. `mien doctor` and "
            f"nvidia-smi tell what is here; {remedy}"
        )
    return Gpu("cuda:0", f"GPU-{torch.cuda.get_device_properties(0).uuid}")


def make_painter(device: str) -> GpuPainter:
    """A painter with the weights of the profile `gpu`, its kernels compiled. Takes a while.

    Raises what a device does that cannot draw: RuntimeError, EngineError, GpuLostError.
    """
    from mien.models.codec import harmony
    from mien.models.codec.gpu.batch_decoder import BatchDecoder, Parts
    from mien.models.codec.skin_weights import shipped_model
    from mien.models.codec.warm import stand_in

    parts = Parts(shipped_model(wide=True), harmony.shipped_model())
    painter = GpuPainter(BatchDecoder(parts, device))
    handle = painter.add(stand_in())
    rest = np.zeros((1, 52), np.float32), np.zeros((1, 6), np.float32)
    painter.paint([handle], *rest, [np.empty((_FRAME_PX, _FRAME_PX, 4), np.uint8)])
    painter.finished()  # what compiling took is no measure
    painter.forget(handle)
    return painter


class GpuPainter:
    """See `Painter`."""

    def __init__(self, decoder: BatchDecoder) -> None:
        self.lost: GpuLostError | None = None
        self._decoder = decoder
        self._on_gpu = decoder.device.type == "cuda"
        self.stream = int(decoder.stream.cuda_stream) if self._on_gpu else 0
        self._preparing, self._lock = threading.Lock(), threading.Lock()
        self._left: deque[int] = deque()  # handles that nobody uses any more
        self._under_way: deque[_Batch] = deque()
        self._finished: list[Painted] = []
        self._rooms: dict[bool, Tensor] = {}  # on the device, and pinned on the host

    def add(self, character: Character) -> int:
        """Takes a character into the cast; returns its handle. From any thread.

        Raises GpuLostError, GpuMemoryFullError.
        """
        try:
            with self._preparing:  # takes a second, in which others are drawn
                member = self._trying(lambda: self._decoder.prepare(character))
            with self._lock:
                return int(self._trying(lambda: self._decoder.add(member)))
        except MemoryError as error:
            raise GpuMemoryFullError(f"no room for a character: {error}") from error

    def forget(self, handle: int) -> None:
        """A character is used no more; it goes before the next batch. From any thread, any time."""
        self._left.append(handle)  # no lock: a collector of garbage calls from anywhere

    def paint(self, handles: Sequence[int], dynamics: F32, pose: F32, outs: Sequence[Any]) -> None:
        """See `Painter.paint`; outs of 512 px or smaller."""
        with self._lock:
            self._trying(lambda: self._paint(handles, dynamics, pose, outs))

    def check(self) -> None:
        """See `Painter.check`."""
        with self._lock:
            self._trying(self._settle)

    def finished(self) -> list[Painted]:
        """See `Painter.finished`."""
        with self._lock:
            if self.lost is None:
                self._trying(lambda: self._collect(_MOST_UNDER_WAY))
            made, self._finished = self._finished, []
            return made

    # --- with a lock held ---------------------------------------------------------------------

    def _trying(self, step: Callable[[], Any]) -> Any:
        if self.lost is not None:
            raise self.lost
        try:
            return step()
        except Exception as raised:
            error = what_it_means(raised, self._settle)
            if isinstance(error, GpuLostError):
                self.lost = error
            if error is raised:
                raise
            raise error from raised

    def _settle(self) -> None:
        """Waits for all that is under way; a device that is gone throws here."""
        if self._on_gpu:
            self._decoder.stream.synchronize()

    def _paint(self, handles: Sequence[int], dynamics: F32, pose: F32, outs: Sequence[Any]) -> None:
        import torch

        self._let_go()
        self._collect(_MOST_UNDER_WAY - 1)
        size_px = _size_px(outs[0])
        whole = _FRAME_PX % size_px == 0
        straight = [whole and (not self._on_gpu or not isinstance(out, np.ndarray)) for out in outs]
        drawn_px = size_px if whole else _FRAME_PX
        staged = straight.count(False)
        batch = _Batch(size_px, len(outs), self._on_gpu)
        with torch.cuda.stream(self._decoder.stream):  # of None: does nothing
            room = self._room(staged, drawn_px, pinned=False)
            rows = iter(room)
            places = [
                _view(out) if s else next(rows) for out, s in zip(outs, straight, strict=True)
            ]
            self._decoder.decode(handles, dynamics, pose, places, batch.begin)
            if staged:
                aside = [out for out, s in zip(outs, straight, strict=True) if not s]
                self._deliver(_shrunk(room, size_px), aside)
            batch.end()
        self._under_way.append(batch)

    def _deliver(self, rows: Tensor, outs: Sequence[Any]) -> None:
        """Frames [B, n, n, 4] of the device to where they belong."""
        hosts = [i for i, out in enumerate(outs) if isinstance(out, np.ndarray)]
        for i, out in enumerate(outs):
            if not isinstance(out, np.ndarray):
                self._slot_view(out).copy_(rows[i])
        if not hosts:
            return
        if self._on_gpu:
            pinned = self._room(len(hosts), rows.shape[1], pinned=True)
            for place, i in zip(pinned, hosts, strict=True):
                place.copy_(rows[i], non_blocking=True)
            self._decoder.stream.synchronize()
        else:
            pinned = rows[hosts]
        for place, i in zip(pinned, hosts, strict=True):
            outs[i][...] = place.numpy()

    def _slot_view(self, slot: Any) -> Tensor:
        """A tensor over a slot on the device, by the CUDA array interface."""
        import torch

        return torch.as_tensor(slot, device=self._decoder.device)

    def _room(self, count: int, size_px: int, *, pinned: bool) -> Tensor:
        """Memory [count, n, n, 4] that is used for batch after batch."""
        import torch

        wanted = count * size_px * size_px * 4
        kept = self._rooms.get(pinned)
        if kept is None or len(kept) < wanted:
            self._rooms.pop(pinned, None)
            device = torch.device("cpu") if pinned else self._decoder.device
            kept = torch.empty(wanted, dtype=torch.uint8, device=device, pin_memory=pinned)
            self._rooms[pinned] = kept
        return kept[:wanted].view(count, size_px, size_px, 4)

    def _let_go(self) -> None:
        """Removes who left, when nothing of theirs is being drawn."""
        if self._left:
            self._settle()
        while self._left:
            self._decoder.remove(self._left.popleft())

    def _collect(self, most_under_way: int) -> None:
        """Takes what is finished off the list, and waits until no more than so many are not."""
        while self._under_way:
            batch = self._under_way[0]
            if len(self._under_way) <= most_under_way and not batch.over:
                return
            self._finished.append(batch.wait())
            self._under_way.popleft()


class _Batch:
    """When a batch began and ended: by the device's clock, or by the thread's where it draws."""

    def __init__(self, size_px: int, pictures: int, on_gpu: bool) -> None:
        self._size_px, self._pictures, self._on_gpu = size_px, pictures, on_gpu
        self._marks: list[Any] = []

    def begin(self) -> None:
        """The device begins, when it comes to this."""
        self._mark()

    def end(self) -> None:
        """… and ends."""
        self._mark()

    @property
    def over(self) -> bool:
        """Whether the end is known."""
        return not self._on_gpu or bool(self._marks[1].query())

    def wait(self) -> Painted:
        """What it took; waits for the end."""
        began, ended = self._marks
        if not self._on_gpu:
            return Painted(self._size_px, self._pictures, (ended - began) / 1000.0)
        ended.synchronize()
        return Painted(self._size_px, self._pictures, began.elapsed_time(ended) * 1000.0)

    def _mark(self) -> None:
        if not self._on_gpu:
            self._marks.append(time.thread_time_ns())
            return
        import torch

        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._marks.append(event)


def what_it_means(error: Exception, settle: Callable[[], None]) -> Exception:
    """MemoryError, GpuLostError, or the error itself, where the device is not to blame.

    CUDA's own errors come as RuntimeError, and so do others. A device that still answers to
    `settle` is not lost: what a kernel broke in a context is thrown from there ever after.
    """
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError):
        return MemoryError(_first_line(error))
    if not isinstance(error, RuntimeError):
        return error
    try:
        settle()
    except RuntimeError as broken:
        return GpuLostError(f"the GPU failed: {_first_line(broken)}")
    # Triton's launcher has no class of its own for want of memory.
    return MemoryError(_first_line(error)) if "out of memory" in str(error) else error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _size_px(out: Any) -> int:
    return len(out) if isinstance(out, np.ndarray) else int(out.height_px)


def _view(out: Any) -> Any:
    """As `BatchDecoder` takes it: a slot on the device as it is, the host's memory as a tensor."""
    import torch

    return torch.from_numpy(out) if isinstance(out, np.ndarray) else out


def _shrunk(frames: Tensor, size_px: int) -> Tensor:
    """Frames [B, N, N, 4] u8 at a size that is no whole part of theirs, by mean of area."""
    from torch.nn.functional import interpolate

    if frames.shape[1] == size_px:
        return frames
    planes = frames.permute(0, 3, 1, 2).float()
    small = interpolate(planes, (size_px, size_px), mode="area")
    return small.round().to(frames.dtype).permute(0, 2, 3, 1).contiguous()
