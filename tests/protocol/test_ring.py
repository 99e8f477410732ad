"""The ring: seqlock reads, a writer that dies, headers that lie, frames that are held."""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.protocol import shm
from mien.protocol.errors import (
    InvalidArgumentError,
    MienError,
    RingError,
    UnsupportedVersionError,
)
from mien.protocol.ring import Geometry, RingReader, RingState, RingWriter, _frame
from mien.protocol.ring_layout import (
    HEADER_BYTES,
    Header,
    SlotEntry,
    pack_entry,
    pack_header,
    unpack_header,
)
from mien.protocol.ring_memory import entry_offset, slot_pixels
from mien.protocol.wire import FrameFlag

WRITER = Path(__file__).with_name("ring_writer_process.py")
SMALL = Geometry(slots=4, width_px=32, height_px=16)


@pytest.fixture
def name():
    fresh = shm.segment_name("0123456789abcdef", 1)
    yield fresh
    shm.unlink(fresh)


@pytest.fixture
def writer(name):
    made = RingWriter(name, SMALL, epoch=5)
    yield made
    made.close()


@pytest.fixture
def reader(writer):
    opened = RingReader.open(writer.name, writer.size_bytes, epoch=5)
    yield opened
    opened.close()


def picture(value):
    return np.full((16, 32, 4), value, np.uint8)


def write(writer, number, *, line_id=1, pts_us=None, flags=FrameFlag.SPEAKING):
    pts = number * 40_000 if pts_us is None else pts_us
    return writer.write(picture(number), line_id=line_id, pts_us=pts, flags=flags)


def test_nothing_is_there_before_the_first_frame(reader):
    assert reader.latest() is None
    assert reader.at(0) is None
    assert reader.state is RingState.LIVE


def test_latest_is_the_newest_frame_with_all_that_belongs_to_it(writer, reader):
    for number in range(1, 11):
        assert write(writer, number) == (number, (number - 1) % 4)
        frame = reader.latest()
        assert (frame.frame_id, frame.line_id, frame.pts_us) == (number, 1, number * 40_000)
        assert frame.flags == FrameFlag.SPEAKING
        assert (frame.pixels == number).all()
        assert abs(frame.written_us - time.monotonic_ns() // 1000) < 5_000_000
        assert reader.latest() is frame


def test_a_frame_is_a_copy_that_later_frames_leave_alone(writer, reader):
    write(writer, 1)
    frame = reader.latest()
    for number in range(2, 8):
        write(writer, number)
    assert (frame.pixels == 1).all()


def test_at_gives_the_last_frame_not_later_else_the_lines_first(writer, reader):
    for number in range(1, 5):
        write(writer, number)
    assert reader.at(80_000).frame_id == 2
    assert reader.at(119_999).frame_id == 2
    assert reader.at(10**9).frame_id == 4
    assert reader.at(0).frame_id == 1


def test_at_keeps_to_its_line(writer, reader):
    write(writer, 1, line_id=0, pts_us=7_000_000, flags=FrameFlag.IDLE)
    write(writer, 2, line_id=9, pts_us=0)
    write(writer, 3, line_id=9, pts_us=40_000)
    assert reader.at(40_000).frame_id == 3
    assert reader.at(8_000_000, line_id=0).frame_id == 1
    assert reader.at(0, line_id=9).frame_id == 2
    assert reader.at(0, line_id=77) is None


def test_a_doorbells_frame_is_read_until_it_is_overwritten(writer, reader):
    bells = [write(writer, number) for number in range(1, 6)]
    for frame_id, slot in bells[1:]:
        assert (reader.read(slot, frame_id).pixels == frame_id).all()
    frame_id, slot = bells[0]
    assert reader.read(slot, frame_id) is None


def test_a_slot_being_written_is_never_shown(writer, reader):
    for number in range(1, 5):
        write(writer, number)
    writer.begin()[:] = 99
    assert reader.latest().frame_id == 4
    assert reader.read(0, 1) is None
    assert reader.at(0).frame_id == 2
    writer.abort()
    assert reader.read(0, 1) is None
    assert reader.at(0).frame_id == 2
    write(writer, 6)
    assert (reader.latest().pixels == 6).all()


def test_a_closed_ring_keeps_its_last_frame_as_stale(writer, reader):
    write(writer, 1)
    write(writer, 2)
    writer.close()
    frame = reader.latest()
    assert (frame.frame_id, frame.stale) == (2, True)
    assert reader.state is RingState.CLOSED
    reader.close()
    assert reader.latest() is frame
    assert reader.at(0).stale
    assert reader.read(0, 1) is None


@pytest.mark.parametrize("offset", [16, 24])  # epoch, generation
def test_a_ring_used_anew_shows_nothing_of_the_new_use(writer, reader, offset):
    write(writer, 1)
    assert not reader.latest().stale
    writer._memory.set_word(offset, 6)
    write(writer, 2)
    held = reader.latest()
    assert (held.frame_id if offset == 16 else 1, held.stale) == (1, True)
    assert reader.at(80_000).stale
    assert reader.state is RingState.REPLACED


def test_a_latest_slot_out_of_range_is_not_followed(writer, reader):
    write(writer, 1)
    reader.latest()
    writer._memory.set_word(80, 2**40)
    writer._memory.set_word(72, 2)
    assert (reader.latest().frame_id, reader.latest().stale) == (1, True)
    assert reader.state is RingState.BROKEN


def test_a_doorbell_for_a_slot_that_is_not_there_is_not_followed(writer, reader):
    write(writer, 1)
    assert reader.read(4, 1) is None
    assert reader.read(63, 1) is None


@contextlib.contextmanager
def a_writer(name, mode, slots=4, size=64):
    command = [sys.executable, str(WRITER), name, mode, str(slots), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "made\n"
            yield process
        finally:
            process.kill()


def test_a_writer_killed_in_the_middle_of_a_frame_is_noticed(name):
    with a_writer(name, "half") as process:
        assert process.stdout.readline() == "half\n"
        reader = RingReader.open(name, Geometry(4, 64, 64).size_bytes, epoch=5)
        assert (reader.latest().pixels == 3).all()
        process.kill()
        process.wait()
        assert reader._memory.sequence(3) == 1
        assert reader.read(3, 4) is None
        deadline = time.monotonic() + 5
        while not reader.latest().stale:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert (reader.latest().pixels == 3).all()
        assert reader.state is RingState.WRITER_GONE
        reader.close()


def a_copy(reader, slot):
    copied = reader._copied(slot, reader._pixels.copy)
    return _frame(*copied) if copied else None


def test_no_read_is_ever_torn_while_a_writer_runs_freely_and_is_killed(name):
    seen = set()
    with a_writer(name, "free", slots=2, size=256) as process:
        reader = RingReader.open(name, Geometry(2, 256, 256).size_bytes, epoch=5)
        stop = time.monotonic() + 1.0
        while time.monotonic() < stop:
            # Also the slot that the writer is most likely at.
            for frame in (reader.latest(), a_copy(reader, 0), a_copy(reader, 1)):
                if frame is not None:
                    assert (frame.pixels == frame.frame_id & 255).all()
                    seen.add(frame.frame_id)
        process.kill()
        process.wait()
        for slot in range(2):
            left = a_copy(reader, slot)
            assert left is None or (left.pixels == left.frame_id & 255).all()
        reader.close()
    assert len(seen) > 20


def test_several_threads_may_read_one_ring(writer, reader):
    failures = []
    done = threading.Event()

    def look():
        while not done.is_set():
            for frame in (reader.latest(), reader.at(10**9)):
                if frame is not None and not (frame.pixels == frame.frame_id & 255).all():
                    failures.append(frame.frame_id)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 300):
        write(writer, number & 255, pts_us=number)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


def header_with(offset, format_, value):
    header = bytearray(pack_header(Header.of(SMALL, 5, 1, os.getpid())))
    struct.pack_into(format_, header, offset, value)
    return bytes(header)


@pytest.mark.parametrize(
    ("offset", "format_", "value"),
    [
        (0, "<8s", b"MIENRINK"),
        (12, "<I", 4095),
        (32, "<I", 0),
        (32, "<I", 1),
        (32, "<I", 65),
        (32, "<I", 2**32 - 1),
        (36, "<I", 0),
        (36, "<I", 4095),
        (36, "<I", 2**32 - 4096),
        (40, "<I", 0),
        (40, "<I", 33),
        (40, "<I", 2**31),
        (44, "<I", 15),
        (44, "<I", 33),
        (44, "<I", 4097),
        (48, "<I", 0),
        (48, "<I", 127),
        (48, "<I", 130),
        (48, "<I", 2**32 - 4),
        (52, "<I", 0),
        (52, "<I", 2),  # the pixels on a device, but a size that holds slots
        (52, "<I", 3),
        (56, "<Q", 0),
        (56, "<Q", SMALL.size_bytes - 1),
        (56, "<Q", SMALL.size_bytes + 4096),
        (56, "<Q", 2**64 - 1),
        (64, "<Q", 0),
        (80, "<Q", 4),
        (80, "<Q", 2**64 - 1),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(offset, format_, value):
    with pytest.raises(RingError):
        unpack_header(header_with(offset, format_, value), SMALL.size_bytes)


def test_a_header_of_another_version_says_so():
    with pytest.raises(UnsupportedVersionError):
        unpack_header(header_with(8, "<I", 2), SMALL.size_bytes)


def test_a_header_larger_than_what_is_mapped_is_refused():
    header = pack_header(Header.of(SMALL, 5, 1, 1))
    unpack_header(header, SMALL.size_bytes)
    with pytest.raises(RingError):
        unpack_header(header, SMALL.size_bytes - 4096)


@given(st.binary(min_size=96, max_size=96), st.booleans())
def test_any_header_is_believed_or_refused_and_never_reaches_outside(data, keep_start):
    start = pack_header(Header.of(SMALL, 5, 1, 1))[:16] if keep_start else b""
    header = (start + data[len(start) :]).ljust(HEADER_BYTES, b"\0")
    try:
        found = unpack_header(header, SMALL.size_bytes)
    except MienError as error:
        assert isinstance(error, RingError | UnsupportedVersionError)
    else:
        last = found.pixels_offset + found.slot_count * found.slot_bytes
        assert last <= SMALL.size_bytes


@given(st.integers(0, 95), st.integers(0, 255))
def test_a_header_with_one_wrong_byte_never_reaches_outside(at, value):
    header = bytearray(pack_header(Header.of(SMALL, 5, 1, 1)))
    header[at] = value
    with contextlib.suppress(RingError, UnsupportedVersionError):
        found = unpack_header(bytes(header), SMALL.size_bytes)
        end = found.pixels_offset + (found.slot_count - 1) * found.slot_bytes
        assert end + found.stride_bytes * found.height_px <= SMALL.size_bytes


def test_a_ring_of_another_epoch_is_not_opened(writer):
    with pytest.raises(RingError, match="epoch"):
        RingReader.open(writer.name, writer.size_bytes, epoch=6)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no file behind it on Windows")
def test_a_reader_cannot_write(reader):
    with pytest.raises(TypeError):
        reader._memory._shared.view[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        reader._pixels._slots[0][0, 0, 0] = 1
    fd = reader._memory._shared._fd
    with pytest.raises(OSError):
        os.pwrite(fd, b"x", 0)
    with pytest.raises(OSError):
        mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def test_rows_may_be_padded(name):
    # Width 30: rows of 120 bytes in a stride of 128, as a GPU's writer would lay them out.
    size = SMALL.size_bytes
    header = vars(Header.of(Geometry(4, 30, 16), 5, 1, os.getpid())) | {"stride_bytes": 128}
    with contextlib.closing(shm.create(name, size)) as segment:
        header = Header(**header)
        segment.view[:HEADER_BYTES] = pack_header(header)
        slot_3 = np.ndarray((16, 32, 4), np.uint8, segment.view, 8192 + 3 * header.slot_bytes)
        slot_3[:] = np.arange(16)[:, None, None]
        slot_3[:, 30:] = 99  # beside the picture
        row = pack_entry(SlotEntry(2, 1, 0, 0, 0, 0))
        segment.view[4096 + 3 * 64 : 4096 + 4 * 64] = row
        reader = RingReader.open(name, size)
        pixels = reader.read(3, 1).pixels
        assert pixels.shape == (16, 30, 4) and pixels.flags.c_contiguous
        assert (pixels == np.arange(16)[:, None, None]).all()
        reader.close()


def test_a_header_with_its_pixels_on_a_device_needs_no_room_for_them():
    geometry = Geometry(4, 32, 16, on_device=True)
    header = Header.of(geometry, 5, 1, 1)
    assert geometry.size_bytes == 8192
    assert unpack_header(pack_header(header), 8192) == header
    with pytest.raises(RingError):
        unpack_header(pack_header(header), 8191)
    lying = Header(**(vars(header) | {"size_bytes": SMALL.size_bytes}))
    with pytest.raises(RingError):
        unpack_header(pack_header(lying), SMALL.size_bytes)


@pytest.mark.parametrize("sizes", [(1, 64, 64), (65, 64, 64), (4, 15, 64), (4, 64, 5000)])
def test_a_ring_of_impossible_size_is_not_made(sizes):
    with pytest.raises(InvalidArgumentError):
        Geometry(*sizes)


def test_commit_without_begin_is_an_error(writer):
    with pytest.raises(RingError, match="begin"):
        writer.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)


def test_a_frame_may_be_smaller_than_its_ring(writer, reader):
    write(writer, 1)
    small = writer.begin(20, 16)
    assert small.shape == (16, 20, 4)
    small[:] = 7
    frame_id, slot = writer.commit(line_id=1, pts_us=80_000, flags=FrameFlag.SPEAKING)
    for frame in (reader.latest(), reader.read(slot, frame_id), reader.at(80_000)):
        assert frame.pixels.shape == (16, 20, 4) and (frame.pixels == 7).all()
    write(writer, 3)
    assert reader.latest().pixels.shape == (16, 32, 4)


def test_a_small_frame_lies_in_the_upper_left_under_the_rings_stride(writer, reader):
    writer.begin()[:] = 9
    writer.begin(16, 16)[:] = 1
    writer.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    slot = slot_pixels(writer._memory.segment.view, writer.header, 0)
    assert (slot[:, :16] == 1).all() and (slot[:, 16:] == 9).all()


def test_a_size_given_up_does_not_stick_to_the_next_frame(writer, reader):
    writer.begin(16, 16)
    writer.abort()
    write(writer, 1)
    assert reader.latest().pixels.shape == (16, 32, 4)


@pytest.mark.parametrize("size", [(33, 16), (32, 17), (15, 16), (32, 0), (-16, 16)])
def test_a_frame_that_does_not_fit_is_refused_and_the_ring_goes_on(writer, reader, size):
    with pytest.raises(InvalidArgumentError, match="32x16"):
        writer.begin(*size)
    write(writer, 1)
    assert (reader.latest().pixels == 1).all()


@pytest.mark.parametrize("size", [(33, 16), (16, 0), (0, 16), (15, 15), (2**32 - 1, 2**32 - 1)])
def test_a_row_that_lies_about_its_size_is_not_followed(writer, reader, size):
    write(writer, 1)
    assert reader.latest().frame_id == 1
    write(writer, 2)
    at = entry_offset(1) + 48
    struct.pack_into("<II", writer._memory.segment.view, at, *size)
    held = reader.latest()
    assert (held.frame_id, held.stale) == (1, True)
    assert reader.state is RingState.BROKEN
