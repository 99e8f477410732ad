"""The run directory: where a daemon and its clients find each other, and which keys they use.

Knows the directory's place, the files in it and how private they must be. Refuses to use a
directory or key that another user could have written. On Windows the directory is below the user's
own local application data, whose access rights the system keeps (not run here).

    endpoints.json   who serves where; written by the daemon, replaced as a whole
    control.sock, data.sock   when the transport is ipc
    server.curve, client.curve   key pairs as JSON, when the transport is tcp
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from mien.protocol.errors import RunDirectoryError
from mien.protocol.limits import MAX_ID, SESSION_BYTES
from mien.protocol.processes import pid_alive

ENDPOINTS_FILE = "endpoints.json"
CONTROL_SOCKET = "control.sock"
DATA_SOCKET = "data.sock"
ENDPOINTS_VERSION = 1
_MAX_FILE_BYTES = 16 * 1024
# The address of a UNIX socket: 108 bytes on Linux, 104 elsewhere, with the terminating zero.
_MAX_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103

KeyOwner = Literal["server", "client"]
_Document = TypeVar("_Document", "Endpoints", "CurveKeys")


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """What `endpoints.json` says."""

    pid: int
    server_id: str  # 16 hex digits
    epoch: int
    control: str  # ipc://... or tcp://...
    data: str
    curve_public_key: str = ""  # of the server, Z85; empty for ipc
    version: int = ENDPOINTS_VERSION

    @property
    def daemon_alive(self) -> bool:
        """Whether the process that wrote this still runs (on this machine)."""
        return pid_alive(self.pid)


class CurveKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A CURVE key pair, Z85."""

    public: str
    secret: str


def default_run_dir(environment: Mapping[str, str] | None = None) -> Path:
    """`$MIEN_RUN_DIR`, else `$XDG_RUNTIME_DIR/mien`, else `<tmp>/mien-<uid>`.

    On Windows `%LOCALAPPDATA%\\mien\\run` instead of the last two.
    """
    env = os.environ if environment is None else environment
    if explicit := env.get("MIEN_RUN_DIR"):
        return Path(explicit).expanduser().absolute()
    import tempfile  # here and below: it is slow to import, and most clients need it never

    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA", tempfile.gettempdir())) / "mien" / "run"
    if runtime := env.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "mien"
    return Path(tempfile.gettempdir()) / f"mien-{os.getuid()}"


def open_run_dir(path: Path | None = None, *, create: bool = False) -> Path:
    """Returns the run directory after checking that it is ours alone.

    With `create`, makes it (0700). Raises RunDirectoryError when it is missing, is a link or no
    directory, belongs to another user, or is open to others.
    """
    directory = default_run_dir() if path is None else path.absolute()
    if create:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"cannot make {directory}: {error.strerror}") from error
    _check_private(directory, want_directory=True)
    return directory


def ipc_endpoint(directory: Path, socket_name: str) -> str:
    """`ipc://<directory>/<socket_name>`; raises RunDirectoryError when that is too long."""
    path = str(directory / socket_name)
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise RunDirectoryError(
            f"{path} is longer than {_MAX_SOCKET_PATH_BYTES} bytes, too long for a socket: "
            "set MIEN_RUN_DIR to a shorter path"
        )
    return f"ipc://{path}"


def write_endpoints(directory: Path, endpoints: Endpoints) -> None:
    """Replaces `endpoints.json` as a whole, 0600."""
    _write_private(directory / ENDPOINTS_FILE, msgspec.json.encode(endpoints))


def remove_endpoints(directory: Path) -> None:
    """Takes `endpoints.json` away; harmless when there is none."""
    (directory / ENDPOINTS_FILE).unlink(missing_ok=True)


def read_endpoints(directory: Path) -> Endpoints | None:
    """What the last daemon wrote; None when there is nothing. Raises RunDirectoryError if unsafe.

    The daemon may be gone: see `Endpoints.daemon_alive`.
    """
    path = directory / ENDPOINTS_FILE
    if not path.exists():
        return None
    endpoints = _read_private(path, Endpoints)
    if endpoints.version != ENDPOINTS_VERSION:
        raise RunDirectoryError(
            f"{path} is of version {endpoints.version}, this is mien with {ENDPOINTS_VERSION}: "
            "use the same release on both sides"
        )
    if not 0 < endpoints.pid <= MAX_ID or not 0 <= endpoints.epoch <= 2 * MAX_ID + 1:
        raise RunDirectoryError(f"{path} holds numbers that no daemon writes")
    return endpoints


def new_server_id() -> str:
    """16 hex digits for one run of a daemon."""
    return os.urandom(8).hex()


def new_session() -> bytes:
    """16 random bytes; the first is not zero, since ZeroMQ keeps such routing ids for itself."""
    return bytes([os.urandom(1)[0] | 1]) + os.urandom(SESSION_BYTES - 1)


def make_curve_keys(directory: Path, owner: KeyOwner) -> CurveKeys:
    """The key pair of `owner`, made (0600) when it is not there yet."""
    path = _key_path(directory, owner)
    if not path.exists():
        import zmq

        public, secret = zmq.curve_keypair()
        keys = CurveKeys(public=public.decode("ascii"), secret=secret.decode("ascii"))
        _write_private(path, msgspec.json.encode(keys))
    return read_curve_keys(directory, owner)


def read_curve_keys(directory: Path, owner: KeyOwner) -> CurveKeys:
    """The key pair of `owner`. Raises RunDirectoryError when missing, malformed or not private."""
    path = _key_path(directory, owner)
    if not path.exists():
        raise RunDirectoryError(
            f"{path} is missing: a client over tcp needs the key that the daemon made there"
        )
    keys = _read_private(path, CurveKeys)
    if len(keys.public) != 40 or len(keys.secret) != 40:
        raise RunDirectoryError(f"{path} holds no CURVE keys: remove it and restart the daemon")
    return keys


def _key_path(directory: Path, owner: KeyOwner) -> Path:
    return directory / f"{owner}.curve"


def _write_private(path: Path, data: bytes) -> None:
    import tempfile

    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_private(path: Path, document: type[_Document]) -> _Document:
    _check_private(path, want_directory=False)
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=document)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RunDirectoryError(f"cannot read {path}: {error}") from error


def _check_private(path: Path, *, want_directory: bool) -> None:
    try:
        found = path.lstat()
    except OSError as error:
        raise RunDirectoryError(f"{path}: {error.strerror}; is a daemon running?") from error
    right_kind = stat.S_ISDIR(found.st_mode) if want_directory else stat.S_ISREG(found.st_mode)
    if not right_kind:
        kind = "directory" if want_directory else "file"
        raise RunDirectoryError(f"{path} is not a {kind} (links are not followed)")
    if sys.platform == "win32":
        return
    if found.st_uid != os.getuid():
        raise RunDirectoryError(f"{path} belongs to another user ({found.st_uid}): not used")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        wanted = "700" if want_directory else "600"
        raise RunDirectoryError(f"{path} is open to others ({mode:o}): chmod {wanted} it")
