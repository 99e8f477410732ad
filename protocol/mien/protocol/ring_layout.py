"""The bytes of a ring in shared memory: header, slot table, pixel slots. SPEC.md, "Ring".

Knows every offset, and what makes a header believable. Refuses to know how the memory was mapped,
and to believe any number in it before it was compared with the memory's real size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mien.protocol.errors import InvalidArgumentError, RingError, UnsupportedVersionError
from mien.protocol.limits import (
    DEFAULT_FRAME_PX,
    DEFAULT_SLOTS,
    MAX_FRAME_PX,
    MAX_SLOTS,
    MIN_FRAME_PX,
    MIN_SLOTS,
)

MAGIC = b"MIENRING"
RING_VERSION = 1
HEADER_BYTES = 4096
TABLE_OFFSET = HEADER_BYTES
SLOT_ENTRY_BYTES = 64
ALIGNMENT_BYTES = 4096
FORMAT_RGBA8 = 1  # straight alpha, sRGB
FORMAT_RGBA8_ON_DEVICE = 2  # the same, in slots on a GPU: none in the segment
BYTES_PER_PIXEL = 4

_HEADER = struct.Struct("<8sIIQQIIIIIIQQQQI")
_ENTRY = struct.Struct("<QQQqIIqII8x")

# Offsets of the fields that change while the ring lives, in bytes.
EPOCH_OFFSET = 16
GENERATION_OFFSET = 24
LATEST_FRAME_OFFSET = 72
LATEST_SLOT_OFFSET = 80
CLOSED_OFFSET = 88
# Within a slot's entry.
SEQUENCE_OFFSET = 0


def align_up(size_bytes: int) -> int:
    """The next multiple of 4096."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True)
class Geometry:
    """How many slots of which picture size, and what follows from it. All sizes in bytes."""

    slots: int = DEFAULT_SLOTS
    width_px: int = DEFAULT_FRAME_PX
    height_px: int = DEFAULT_FRAME_PX
    on_device: bool = False  # the pixel slots lie on a GPU, not behind the table

    def __post_init__(self) -> None:
        if not MIN_SLOTS <= self.slots <= MAX_SLOTS:
            raise InvalidArgumentError(f"a ring has {MIN_SLOTS}..{MAX_SLOTS} slots")
        for side in (self.width_px, self.height_px):
            if not MIN_FRAME_PX <= side <= MAX_FRAME_PX:
                raise InvalidArgumentError(f"a frame has {MIN_FRAME_PX}..{MAX_FRAME_PX} px a side")

    @property
    def stride_bytes(self) -> int:
        """From one row of pixels to the next."""
        return self.width_px * BYTES_PER_PIXEL

    @property
    def slot_bytes(self) -> int:
        """From one pixel slot to the next."""
        return align_up(self.stride_bytes * self.height_px)

    @property
    def pixels_offset(self) -> int:
        """Where the first pixel slot begins."""
        return align_up(TABLE_OFFSET + SLOT_ENTRY_BYTES * self.slots)

    @property
    def size_bytes(self) -> int:
        """Of the whole segment."""
        return self.pixels_offset + (0 if self.on_device else self.slots * self.slot_bytes)


@dataclass(frozen=True)
class Header:
    """A ring's header, as numbers."""

    epoch: int
    generation: int
    slot_count: int
    slot_bytes: int
    width_px: int
    height_px: int
    stride_bytes: int
    size_bytes: int
    writer_pid: int
    latest_frame_id: int = 0
    latest_slot: int = 0
    closed: int = 0
    format: int = FORMAT_RGBA8

    @classmethod
    def of(cls, geometry: Geometry, epoch: int, generation: int, writer_pid: int) -> Header:
        """The header of a new ring."""
        return cls(
            epoch=epoch,
            generation=generation,
            slot_count=geometry.slots,
            slot_bytes=geometry.slot_bytes,
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            stride_bytes=geometry.stride_bytes,
            size_bytes=geometry.size_bytes,
            writer_pid=writer_pid,
            format=FORMAT_RGBA8_ON_DEVICE if geometry.on_device else FORMAT_RGBA8,
        )

    @property
    def pixels_offset(self) -> int:
        """Where the first pixel slot begins; with pixels on a device, where the segment ends."""
        return align_up(TABLE_OFFSET + SLOT_ENTRY_BYTES * self.slot_count)

    @property
    def on_device(self) -> bool:
        """Whether the pixel slots lie on a GPU."""
        return self.format == FORMAT_RGBA8_ON_DEVICE


def pack_header(header: Header) -> bytes:
    """The header's 4096 bytes."""
    fields = _HEADER.pack(
        MAGIC,
        RING_VERSION,
        HEADER_BYTES,
        header.epoch,
        header.generation,
        header.slot_count,
        header.slot_bytes,
        header.width_px,
        header.height_px,
        header.stride_bytes,
        header.format,
        header.size_bytes,
        header.writer_pid,
        header.latest_frame_id,
        header.latest_slot,
        header.closed,
    )
    return fields.ljust(HEADER_BYTES, b"\0")


def unpack_header(data: bytes | memoryview, mapped_bytes: int) -> Header:
    """Reads a *copy* of a header and checks every number against `mapped_bytes`.

    Raises RingError when the header cannot be true, UnsupportedVersionError when it is newer.
    """
    if len(data) < HEADER_BYTES:
        raise RingError(f"a ring's header has {HEADER_BYTES} bytes, not {len(data)}")
    magic, version, header_bytes, epoch, generation, *sizes = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise RingError("the shared memory holds no ring of mien")
    if version != RING_VERSION:
        raise UnsupportedVersionError(
            f"ring version {version}; this side reads {RING_VERSION}", RING_VERSION, RING_VERSION
        )
    slots, slot_bytes, width, height, stride, pixel_format, size, pid, *latest, closed = sizes
    header = Header(
        epoch=epoch,
        generation=generation,
        slot_count=slots,
        slot_bytes=slot_bytes,
        width_px=width,
        height_px=height,
        stride_bytes=stride,
        size_bytes=size,
        writer_pid=pid,
        latest_frame_id=latest[0],
        latest_slot=latest[1],
        closed=closed,
        format=pixel_format,
    )
    _refuse(header_bytes != HEADER_BYTES, "header size", header_bytes)
    _check(header, mapped_bytes)
    return header


def _check(header: Header, mapped_bytes: int) -> None:
    known = header.format in (FORMAT_RGBA8, FORMAT_RGBA8_ON_DEVICE)
    _refuse(not known, "pixel format", header.format)
    _refuse(not MIN_SLOTS <= header.slot_count <= MAX_SLOTS, "slot count", header.slot_count)
    for side in (header.width_px, header.height_px):
        _refuse(not MIN_FRAME_PX <= side <= MAX_FRAME_PX, "picture size", side)
    row_bytes = header.width_px * BYTES_PER_PIXEL
    stride_wrong = header.stride_bytes < row_bytes or header.stride_bytes % BYTES_PER_PIXEL != 0
    _refuse(stride_wrong, "stride", header.stride_bytes)
    slot_wrong = (
        header.slot_bytes < header.stride_bytes * header.height_px
        or header.slot_bytes % ALIGNMENT_BYTES != 0
    )
    _refuse(slot_wrong, "slot size", header.slot_bytes)
    pixel_bytes = 0 if header.on_device else header.slot_count * header.slot_bytes
    needed = header.pixels_offset + pixel_bytes
    size_wrong = header.size_bytes != needed or header.size_bytes > mapped_bytes
    _refuse(size_wrong, "segment size", header.size_bytes)
    _refuse(header.latest_slot >= header.slot_count, "latest slot", header.latest_slot)
    _refuse(header.writer_pid == 0, "writer's process id", header.writer_pid)


def _refuse(wrong: bool, what: str, value: int) -> None:
    if wrong:
        raise RingError(f"the ring's header is not to be trusted: {what} {value}")


@dataclass(frozen=True)
class SlotEntry:
    """A row of the slot table. `sequence` is odd while the slot is being written."""

    sequence: int
    frame_id: int  # 0: nothing in it
    line_id: int
    pts_us: int
    flags: int
    written_us: int  # monotonic clock of the writer's machine
    width_px: int = 0  # of this frame, which lies in the slot's upper left; 0: the ring's own
    height_px: int = 0

    def size_in(self, header: Header) -> tuple[int, int] | None:
        """(width, height) of this frame in px; None when a ring of this header cannot hold it."""
        if self.width_px == 0 and self.height_px == 0:
            return header.width_px, header.height_px
        fits = (
            MIN_FRAME_PX <= self.width_px <= header.width_px
            and MIN_FRAME_PX <= self.height_px <= header.height_px
        )
        return (self.width_px, self.height_px) if fits else None


def pack_entry(entry: SlotEntry) -> bytes:
    """The 64 bytes of a row."""
    return _ENTRY.pack(
        entry.sequence,
        entry.frame_id,
        entry.line_id,
        entry.pts_us,
        entry.flags,
        0,
        entry.written_us,
        entry.width_px,
        entry.height_px,
    )


def unpack_entries(table: bytes | memoryview) -> list[SlotEntry]:
    """All rows of a slot table, or of a part of it, from a copy."""
    return [
        SlotEntry(sequence, frame_id, line_id, pts_us, flags, written_us, width_px, height_px)
        for (
            sequence,
            frame_id,
            line_id,
            pts_us,
            flags,
            _,
            written_us,
            width_px,
            height_px,
        ) in _ENTRY.iter_unpack(table)
    ]
