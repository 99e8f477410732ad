"""Shared memory: names, room, ownership, and that nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.protocol import shm
from mien.protocol.errors import ErrorCode, RingError, SharedMemoryFullError
from mien.protocol.ring import Geometry, RingWriter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shared memory")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm")


@pytest.fixture
def name():
    fresh = shm.segment_name("ffffffff", 3)
    yield fresh
    shm.unlink(fresh)


def test_what_one_writes_the_other_reads(name):
    made = shm.create(name, 8192)
    made.view[5:8] = b"abc"
    seen = shm.attach(name, 8192)
    assert bytes(seen.view[4:9]) == b"\0abc\0"
    made.view[5] = ord("x")
    assert bytes(seen.view[5:6]) == b"x"
    with pytest.raises(TypeError):
        seen.view[0] = 1
    seen.close()
    made.close()


def test_a_segment_outlives_readers_that_come_and_go_in_other_processes(name):
    made = shm.create(name, 4096)
    made.view[0] = 7
    code = f"from mien.protocol import shm; assert shm.attach({name!r}, 4096).view[0] == 7"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True)
    shm.attach(name, 4096).close()
    made.close()


def test_a_name_is_taken_only_once(name):
    made = shm.create(name, 4096)
    with pytest.raises(RingError):
        shm.create(name, 4096)
    shm.attach(name, 4096).close()
    made.close()


@linux
def test_only_the_user_can_open_it(name):
    made = shm.create(name, 4096)
    assert Path("/dev/shm", name[1:]).stat().st_mode & 0o777 == 0o600
    made.close()


@linux
def test_a_segment_too_large_is_a_typed_error_and_leaves_nothing(name):
    with pytest.raises(SharedMemoryFullError) as caught:
        shm.create(name, 1 << 46)
    assert caught.value.code == ErrorCode.RESOURCE_EXHAUSTED
    assert "/dev/shm" in caught.value.message
    assert not Path("/dev/shm", name[1:]).exists()
    with pytest.raises(SharedMemoryFullError):
        shm.create(name, 1 << 70)
    assert not Path("/dev/shm", name[1:]).exists()


FULL = """
import sys
from mien.protocol import shm
from mien.protocol.errors import SharedMemoryFullError
from mien.protocol.ring import Geometry, RingWriter
import os
made = []
try:
    while True:
        made.append(RingWriter(shm.segment_name("eeeeeeee", len(made)), Geometry(2, 512, 512), 1))
except SharedMemoryFullError:
    pass
assert 1 <= len(made) <= 4, len(made)
assert len(os.listdir("/dev/shm")) == len(made), os.listdir("/dev/shm")
made[0].close()
again = RingWriter(shm.segment_name("eeeeeeee", 99), Geometry(2, 512, 512), 1)
again.begin()[:] = 255
again.close()
for writer in made[1:]:
    writer.close()
assert os.listdir("/dev/shm") == []
print("held")
"""


@linux
def test_a_full_dev_shm_is_a_typed_error_and_a_freed_ring_makes_room():
    # A mount namespace of our own with a /dev/shm of 8 MiB: really full, and only for us.
    script = 'mount -t tmpfs -o size=8m tmpfs /dev/shm && exec $0 -c "$1"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, sys.executable, FULL]
    if os.geteuid() == 0:
        command.remove("--map-root-user")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts may be made here: {done.stderr.strip()}")
    assert done.stdout == "held\n", done.stderr


def test_a_segment_shorter_than_said_is_refused(name):
    made = shm.create(name, 4096)
    with pytest.raises(RingError, match="4096"):
        shm.attach(name, 8192)
    made.close()


def test_a_segment_that_is_not_there_is_refused(name):
    with pytest.raises(RingError):
        shm.attach(name, 4096)
    assert shm.unlink(name) is False


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="must be root")
@linux
def test_a_segment_of_another_user_is_refused(name):
    made = shm.create(name, 4096)
    os.chown(f"/dev/shm{name}", 12_345, 12_345)
    with pytest.raises(RingError, match="another user"):
        shm.attach(name, 4096)
    made.close()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "/",
        "mien-x",
        "/other-1",
        "/mien-",
        "/mien-a/../../etc",
        "/mien-a\0b",
        "/mien-A",
        "/mien-" + "a" * 25,
        "/mien-ä",
        "/mien-a\n",
    ],
)
def test_names_of_any_other_form_are_refused(bad):
    for call in (lambda: shm.create(bad, 4096), lambda: shm.attach(bad, 4096)):
        with pytest.raises(RingError):
            call()
    with pytest.raises(RingError):
        shm.unlink(bad)


def test_made_names_are_short_enough_for_every_system_and_differ():
    names = {shm.segment_name("0123456789ABCDEF", actor) for actor in (1, 999_999, 2**32 - 1)}
    assert len(names) == 3
    for name in names:
        shm.check_name(name)
        assert len(name) <= 30


def test_the_memory_is_there_before_the_first_frame_is_written(name):
    # Resident at once: no page fault while a frame is drawn.
    if sys.platform != "linux":
        pytest.skip("mincore is asked of Linux")
    writer = RingWriter(name, Geometry(4, 512, 512), 1)
    view = writer._memory.segment.view
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    pages = len(view) // 4096
    resident = (ctypes.c_ubyte * pages)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(view)), resident) == 0
    assert sum(page & 1 for page in resident) == pages
    del view
    writer.close()
