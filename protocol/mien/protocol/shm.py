"""Named shared memory between two processes of one user: create, attach, unlink.

Knows how each system names, allocates and frees a segment: POSIX `shm_open` with real allocation,
and Windows named file mappings (written after the documentation; not run here). Refuses to know
what is inside. `multiprocessing.SharedMemory` is not used: up to Python 3.12 it unlinks a segment
when any process that attached to it exits.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import re
import secrets
import sys
import weakref

from mien.protocol.errors import RingError, SharedMemoryFullError

# macOS allows 31 bytes with the terminating zero; the rest follows it.
_POSIX_NAME = re.compile(r"/mien-[0-9a-z][0-9a-z-]{0,23}")
_WINDOWS_NAME = re.compile(r"Local\\mien-[0-9a-z][0-9a-z-]{0,23}")
_FULL_ERRNOS = {errno.ENOSPC, errno.ENOMEM, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_PAGE_BYTES = 4096


class Segment:
    """Shared memory as the one who created it has it. `view` is its bytes, to write into."""

    def __init__(self, name: str, mapping: mmap.mmap, fd: int = -1) -> None:
        self.name = name
        self._fd = fd
        self.view = memoryview(mapping)
        self._mapping = mapping
        self._pid = os.getpid()

    @property
    def mine(self) -> bool:
        """Whether this process created it: a fork of it has the mapping, but not the say."""
        return self._pid == os.getpid()

    @property
    def size_bytes(self) -> int:
        """What is mapped; 0 after `close`."""
        return len(self.view)

    def check(self) -> None:
        """Raises RingError when somebody has cut the memory off: writing to it would be SIGBUS.

        Only this user can do that, and can kill this process as well; asking costs a microsecond.
        """
        if self._fd >= 0 and os.fstat(self._fd).st_size < self.size_bytes:
            raise RingError(f"{self.name} was cut off under its writer")

    def close(self) -> None:
        """Unmaps. Arrays still looking into the memory keep it mapped until they are gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(BufferError):
            self.view.release()
            self._mapping.close()
        self.view = memoryview(b"")

    def unlink(self) -> None:
        """Removes the name (POSIX); those who have it open keep it. Harmless when repeated."""
        unlink(self.name)


class SharedView:
    """Shared memory as a reader has it: mapped, read-only. `view` is its bytes.

    Touching a mapped page that a peer has cut off is SIGBUS. `check` before each use makes it an
    error, unless it happens within the use, which takes a peer of the same user that means it.
    """

    def __init__(self, name: str, mapping: mmap.mmap, fd: int = -1) -> None:
        self.name = name
        self.view = memoryview(mapping)
        self._mapping = mapping
        self._fd = fd
        # A reader that is dropped without `close` costs no descriptor.
        self._close_fd = weakref.finalize(self, os.close, fd) if fd >= 0 else None

    @property
    def size_bytes(self) -> int:
        """What is mapped; 0 after `close`."""
        return len(self.view)

    def check(self) -> None:
        """Raises RingError when the memory was cut off. About a microsecond."""
        if self._fd >= 0 and os.fstat(self._fd).st_size < self.size_bytes:
            raise RingError(f"{self.name} was cut off under its reader")

    def close(self) -> None:
        """Unmaps. Arrays still looking into the memory keep it mapped until they are gone."""
        with contextlib.suppress(BufferError):
            self.view.release()
            self._mapping.close()
        self.view = memoryview(b"")
        if self._close_fd is not None:
            self._close_fd()  # at most once
        self._fd = -1


def segment_name(server_id: str, actor_id: int) -> str:
    """A fresh, unguessable name for an actor's ring: 8 digits of the server's id, actor, random."""
    label = f"mien-{server_id[:8].lower()}-{actor_id % 1_000_000}-{secrets.token_hex(4)}"
    return f"Local\\{label}" if sys.platform == "win32" else f"/{label}"


def check_name(name: str) -> str:
    """Returns `name`, or raises RingError when it is not of the form that `segment_name` makes."""
    pattern = _WINDOWS_NAME if sys.platform == "win32" else _POSIX_NAME
    if not pattern.fullmatch(name):
        raise RingError(f"{name[:80]!r} is not the name of a mien segment")
    return name


def create(name: str, size_bytes: int) -> Segment:
    """Makes a new segment, zeroed, allocated and mapped, readable by this user alone.

    Raises SharedMemoryFullError when the machine has no room (nothing is left behind), RingError
    when the name exists or is malformed.
    """
    check_name(name)
    if size_bytes <= 0:
        raise RingError(f"a segment needs a size, not {size_bytes}")
    return _create(name, size_bytes)


def attach(name: str, size_bytes: int) -> SharedView:
    """Opens `size_bytes` of an existing segment, read-only.

    Raises RingError when it does not exist, is shorter, or belongs to another user.
    """
    check_name(name)
    if size_bytes <= 0:
        raise RingError(f"a segment needs a size, not {size_bytes}")
    return _attach(name, size_bytes)


if sys.platform == "win32":

    def _create(name: str, size_bytes: int) -> Segment:
        try:
            mapping = mmap.mmap(-1, size_bytes, tagname=name, access=mmap.ACCESS_WRITE)
        except (OSError, OverflowError) as error:
            raise SharedMemoryFullError(
                f"no room for {size_bytes} bytes of shared memory: {error}"
            ) from error
        return Segment(name, mapping)

    def _attach(name: str, size_bytes: int) -> SharedView:
        # A name that does not exist gives a fresh mapping of zeros: the ring's magic is missing
        # then, which is how the reader finds out.
        try:
            mapping = mmap.mmap(-1, size_bytes, tagname=name, access=mmap.ACCESS_READ)
        except (OSError, OverflowError) as error:
            raise RingError(f"cannot map {name}: {error}") from error
        return SharedView(name, mapping)

    def unlink(name: str) -> bool:
        """Windows frees a mapping with its last handle; there is no name to remove."""
        return False

else:
    import _posixshmem  # type: ignore[import-not-found]  # the C part of CPython's own module

    def _create(name: str, size_bytes: int) -> Segment:
        try:
            fd = _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
        except OSError as error:
            raise _posix_error(name, size_bytes, error) from error
        try:
            _allocate(fd, size_bytes)
            mapping = mmap.mmap(fd, size_bytes, _populate(), mmap.PROT_READ | mmap.PROT_WRITE)
        except BaseException as error:
            os.close(fd)
            unlink(name)
            if isinstance(error, OSError | OverflowError):
                raise _posix_error(name, size_bytes, error) from error
            raise
        _touch(mapping, size_bytes)
        return Segment(name, mapping, fd)

    def _attach(name: str, size_bytes: int) -> SharedView:
        try:
            fd = _posixshmem.shm_open(name, os.O_RDONLY, mode=0)
        except OSError as error:
            raise RingError(f"cannot open {name}: {error.strerror}") from error
        try:
            found = os.fstat(fd)
            if found.st_uid != os.geteuid():
                raise RingError(f"{name} belongs to another user ({found.st_uid})")
            if found.st_size < size_bytes:
                raise RingError(f"{name} has {found.st_size} bytes, not {size_bytes}")
            mapping = mmap.mmap(fd, size_bytes, _populate(), mmap.PROT_READ)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError | OverflowError):
                raise RingError(f"cannot map {name}: {error}") from error
            raise
        return SharedView(name, mapping, fd)

    def unlink(name: str) -> bool:
        """Removes a segment's name. False when there was none; raises RingError if not allowed."""
        check_name(name)
        try:
            _posixshmem.shm_unlink(name)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RingError(f"cannot remove {name}: {error.strerror}") from error
        return True

    def _allocate(fd: int, size_bytes: int) -> None:
        # ftruncate alone promises memory that may not exist: the first touch is then SIGBUS.
        if sys.platform == "darwin":
            os.ftruncate(fd, size_bytes)  # posix_fallocate does not exist there
        else:
            os.posix_fallocate(fd, 0, size_bytes)

    def _populate() -> int:
        return mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)

    def _touch(mapping: mmap.mmap, size_bytes: int) -> None:
        # Linux did this in mmap; elsewhere the first frame would pay for it.
        if not hasattr(mmap, "MAP_POPULATE"):
            for at in range(0, size_bytes, _PAGE_BYTES):
                mapping[at] = 0

    def _posix_error(name: str, size_bytes: int, error: Exception) -> Exception:
        if isinstance(error, OverflowError) or (
            isinstance(error, OSError) and error.errno in _FULL_ERRNOS
        ):
            return SharedMemoryFullError(
                f"shared memory has no room for {size_bytes} bytes: stop other actors, or give "
                "/dev/shm more (containers: --shm-size)"
            )
        return RingError(f"cannot create {name}: {error}")
