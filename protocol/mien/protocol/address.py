"""Where the daemon is and with which keys it is spoken to. Knows the run directory and endpoints;
refuses to know sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mien.protocol.errors import DaemonNotRunningError, InvalidArgumentError
from mien.protocol.rundir import (
    CurveKeys,
    Endpoints,
    default_run_dir,
    open_run_dir,
    read_curve_keys,
    read_endpoints,
)

_TCP = re.compile(r"tcp://(.+):(\d{1,5})")


@dataclass(frozen=True)
class Address:
    """What a client needs to connect."""

    control: str
    data: str
    epoch: int | None = None  # if it is known before the daemon was asked
    server_key: str = ""  # Z85; empty: no CURVE
    client_keys: CurveKeys | None = None


def locate(endpoint: str | Path | None) -> Address:
    """Finds the daemon: by a run directory (None: the default one), or `tcp://HOST:PORT`.

    PORT is that of the control socket; the data socket is the next one. The keys for tcp lie in the
    default run directory. Raises DaemonNotRunningError or RunDirectoryError.
    """
    if isinstance(endpoint, str) and (match := _TCP.fullmatch(endpoint)):
        return _locate_tcp(match[1], int(match[2]))
    if isinstance(endpoint, str) and "://" in endpoint:
        raise InvalidArgumentError(f"{endpoint}: give tcp://HOST:PORT, or a run directory")
    directory = default_run_dir() if endpoint is None else Path(endpoint)
    if not directory.exists():
        raise _not_running(directory)
    endpoints = read_endpoints(open_run_dir(directory))
    if endpoints is None or not endpoints.daemon_alive:
        raise _not_running(directory)
    return _from_endpoints(directory, endpoints)


def _from_endpoints(directory: Path, endpoints: Endpoints) -> Address:
    keys = read_curve_keys(directory, "client") if endpoints.curve_public_key else None
    return Address(
        endpoints.control, endpoints.data, endpoints.epoch, endpoints.curve_public_key, keys
    )


def _locate_tcp(host: str, control_port: int) -> Address:
    if not 1 <= control_port <= 65534:
        raise InvalidArgumentError(f"there is no port {control_port}")
    directory = open_run_dir()
    endpoints = read_endpoints(directory)
    if endpoints is not None and endpoints.curve_public_key:
        server_key = endpoints.curve_public_key
    else:
        server_key = read_curve_keys(directory, "server").public
    return Address(
        f"tcp://{host}:{control_port}",
        f"tcp://{host}:{control_port + 1}",
        server_key=server_key,
        client_keys=read_curve_keys(directory, "client"),
    )


def _not_running(directory: Path) -> DaemonNotRunningError:
    return DaemonNotRunningError(
        f"no daemon serves in {directory}: start one with `mien serve`, "
        "or connect with Client.connect(start=True)"
    )
