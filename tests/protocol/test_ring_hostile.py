"""Rings whose other side lies, dies, forks or cuts the memory off: no signal, and no guess."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.protocol import shm
from mien.protocol.errors import RingError
from mien.protocol.ring import Geometry, RingReader, RingState, RingWriter
from mien.protocol.ring_layout import TABLE_OFFSET, Header, pack_header
from mien.protocol.wire import FrameFlag

SMALL = Geometry(slots=4, width_px=32, height_px=16)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm")


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


def write(writer, value, pts_us=0):
    writer.begin()[:] = value
    return writer.commit(line_id=1, pts_us=pts_us, flags=FrameFlag.SPEAKING)


# --- memory that is cut off -----------------------------------------------------------------------


@linux
@pytest.mark.parametrize("left_bytes", [0, 4096, 8192, SMALL.size_bytes - 3000])
def test_a_ring_cut_off_under_its_reader_leaves_it_the_last_frame(
    writer, reader, left_bytes, caplog
):
    write(writer, 1)
    assert reader.latest().frame_id == 1
    for value in (2, 3, 4):
        write(writer, value)
    writer.begin()
    os.truncate(f"/dev/shm{writer.name}", left_bytes)
    for look in (reader.latest, lambda: reader.at(0), reader.latest):
        held = look()
        assert (held.frame_id, held.stale) == (1, True) and (held.pixels == 1).all()
    assert reader.read(3, 4) is None
    assert reader.state is RingState.BROKEN
    told = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == 1 and "cut off" in told[0].message
    with pytest.raises(RingError, match="cut off"):
        writer.commit(line_id=1, pts_us=0, flags=FrameFlag.SPEAKING)


@linux
def test_a_ring_cut_off_under_its_writer_is_an_error_and_no_signal(writer):
    write(writer, 1)
    os.truncate(f"/dev/shm{writer.name}", 4096)
    with pytest.raises(RingError, match="cut off under its writer"):
        writer.begin()
    writer.close()
    assert not os.path.exists(f"/dev/shm{writer.name}")


@linux
def test_touching_a_cut_off_mapping_would_have_been_a_signal(name):
    # The reason why both sides look first: shown in a process that may die of it.
    code = f"""
import mmap, os
from mien.protocol import shm
made = shm.create({name!r}, 8192)
fd = os.open("/dev/shm" + {name!r}, os.O_RDONLY)
seen = mmap.mmap(fd, 8192, mmap.MAP_SHARED, mmap.PROT_READ)
os.truncate("/dev/shm" + {name!r}, 0)
seen[4096]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -7  # SIGBUS


@linux
def test_a_reader_that_is_dropped_costs_no_descriptor(writer):
    fds = Path("/proc/self/fd")
    RingReader.open(writer.name, writer.size_bytes)
    before = len(list(fds.iterdir()))
    for _ in range(20):
        RingReader.open(writer.name, writer.size_bytes)
    assert len(list(fds.iterdir())) <= before


# --- names, epochs, closing -----------------------------------------------------------------------


@linux
def test_a_name_used_anew_shows_the_old_reader_nothing_new(writer, reader):
    write(writer, 1)
    assert reader.latest().frame_id == 1
    shm.unlink(writer.name)  # a sweep by the next daemon
    with contextlib.closing(RingWriter(writer.name, SMALL, epoch=6)) as other:
        write(other, 99)
        write(other, 99)
        assert (reader.latest().pixels == 1).all()
        with pytest.raises(RingError, match="epoch"):
            RingReader.open(writer.name, writer.size_bytes, epoch=5)
        fresh = RingReader.open(writer.name, writer.size_bytes, epoch=6)
        assert (fresh.latest().pixels == 99).all()
        fresh.close()


@pytest.mark.parametrize("order", ["writer first", "reader first"])
def test_both_sides_may_close_twice_in_any_order(writer, reader, order):
    write(writer, 1)
    assert reader.latest()
    sides = [writer, reader] if order == "writer first" else [reader, writer]
    for side in [*sides, *sides]:
        side.close()
    assert reader.latest().stale and reader.read(0, 1) is None
    assert reader.state is RingState.CLOSED
    with pytest.raises(RingError, match="closed"):
        writer.begin()


def test_a_ring_closed_in_the_middle_of_a_frame_is_closed(writer, reader):
    write(writer, 1)
    assert reader.latest()
    writer.begin()
    writer.close()
    with pytest.raises(RingError, match="closed"):
        writer.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    assert reader.latest().stale


# --- forks ----------------------------------------------------------------------------------------


def in_a_fork(work):
    """The exit status of a child that runs `work`: 0 when it returned True."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_reader_in_a_fork_reads_on_and_leaves_the_parents_alone(writer, reader):
    write(writer, 1)
    assert reader.latest().frame_id == 1
    write(writer, 2)

    def child():
        good = reader.latest().frame_id == 2
        reader.close()
        return good

    assert in_a_fork(child) == 0
    write(writer, 3)
    assert reader.latest().frame_id == 3 and not reader.latest().stale


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_of_the_writer_cannot_end_its_ring(writer, reader):
    write(writer, 1)

    def child():
        writer.close()
        return True

    assert in_a_fork(child) == 0
    write(writer, 2)
    assert reader.latest().frame_id == 2 and not reader.latest().stale
    RingReader.open(writer.name, writer.size_bytes, epoch=5).close()


# --- liars ----------------------------------------------------------------------------------------


def scribble(writer, start, data):
    writer._memory.segment.view[start : start + len(data)] = data


@pytest.mark.parametrize(
    ("offset", "value"),
    [(32, 64), (32, 2), (36, 2**31), (40, 4096), (44, 4096), (48, 2**31), (52, 2), (52, 9)],
)
def test_a_header_rewritten_after_it_was_read_changes_nothing(writer, reader, offset, value):
    write(writer, 1)
    scribble(writer, offset, struct.pack("<I", value))
    write(writer, 2)
    frame = reader.latest()
    assert (frame.frame_id, frame.pixels.shape) == (2, (16, 32, 4))


def test_a_process_id_that_cannot_be_is_a_writer_that_is_gone(name):
    for pid in (2**64 - 1, 2**63, 2**32, 2**22 + 12_345):
        with contextlib.closing(shm.create(name, SMALL.size_bytes)) as segment:
            segment.view[:4096] = pack_header(Header.of(SMALL, 5, 1, pid))
            reader = RingReader.open(name, SMALL.size_bytes)
            assert reader.latest() is None
            assert reader.state is RingState.WRITER_GONE
            reader.close()
        shm.unlink(name)


def test_a_frame_from_the_future_does_not_keep_a_dead_writer_alive(name):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with contextlib.closing(RingWriter(name, SMALL, epoch=5)) as writer:
        write(writer, 1)
        scribble(writer, 64, struct.pack("<Q", dead.pid))
        scribble(writer, TABLE_OFFSET + 40, struct.pack("<q", 2**62))
        reader = RingReader.open(name, SMALL.size_bytes)
        assert reader.latest().frame_id == 1
        reader._written_us -= 1_000_000
        assert reader.state is RingState.WRITER_GONE
        reader.close()


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32))
def test_whatever_is_scribbled_over_header_and_table_no_read_raises_or_guesses(seed):
    chance = random.Random(seed)
    name = shm.segment_name("0123456789abcdef", 1)
    with contextlib.closing(RingWriter(name, SMALL, epoch=5)) as writer:
        write(writer, 1)
        reader = RingReader.open(name, SMALL.size_bytes)
        first = reader.latest()
        for _ in range(6):
            start = chance.choice([0, 16, 72, 80, 88, 4096, 4096 + 48, 4096 + 64 * 2])
            scribble(writer, start, chance.randbytes(chance.choice([1, 8, 64])))
            slot = chance.randrange(2**32)
            for frame in (
                reader.latest(),
                reader.at(chance.randrange(-(2**63), 2**63), chance.randrange(2**63)),
                reader.at(0),
                reader.read(slot, chance.randrange(2**63)),
                reader.read(slot % 4, 1),
            ):
                if frame is not None:
                    height, width, channels = frame.pixels.shape
                    assert 16 <= height <= 16 and 16 <= width <= 32 and channels == 4
                    assert frame.pixels.dtype == np.uint8
        assert reader.state in RingState
        assert (first.pixels == 1).all()
        reader.close()
