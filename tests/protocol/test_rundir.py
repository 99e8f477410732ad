"""The run directory: where it is, and that nobody else could have put anything into it."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from mien.protocol import rundir
from mien.protocol.address import locate
from mien.protocol.errors import DaemonNotRunningError, InvalidArgumentError, RunDirectoryError
from mien.protocol.rundir import Endpoints

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")

HERE = Endpoints(
    pid=os.getpid(), server_id="0123456789abcdef", epoch=7, control="ipc://a", data="ipc://b"
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_its_place_follows_the_environment():
    assert rundir.default_run_dir({"MIEN_RUN_DIR": "/a/b"}) == Path("/a/b")
    assert rundir.default_run_dir({"XDG_RUNTIME_DIR": "/run/user/1"}) == Path("/run/user/1/mien")
    assert rundir.default_run_dir({}).name == f"mien-{os.getuid()}"


def test_it_is_made_private_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        made = rundir.open_run_dir(tmp_path / "a" / "b", create=True)
        rundir.write_endpoints(made, HERE)
        rundir.make_curve_keys(made, "server")
    finally:
        os.umask(old)
    assert mode(made) == 0o700
    assert mode(made / "endpoints.json") == 0o600
    assert mode(made / "server.curve") == 0o600


@pytest.mark.parametrize("bits", [0o755, 0o710, 0o701, 0o770])
def test_a_directory_open_to_others_is_refused(tmp_path, bits):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(bits)
    with pytest.raises(RunDirectoryError, match="chmod 700"):
        rundir.open_run_dir(tmp_path / "run", create=True)


def test_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(RunDirectoryError, match="links"):
        rundir.open_run_dir(tmp_path / "link", create=True)


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(RunDirectoryError):
        rundir.open_run_dir(tmp_path / "run", create=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="must be root")
def test_a_directory_of_another_user_is_refused(tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 12_345, 12_345)
    with pytest.raises(RunDirectoryError, match="another user"):
        rundir.open_run_dir(tmp_path / "run", create=True)


def test_a_missing_directory_is_said(tmp_path):
    with pytest.raises(RunDirectoryError, match="is a daemon running"):
        rundir.open_run_dir(tmp_path / "nothing")


def test_endpoints_come_back_as_written_and_go(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    assert rundir.read_endpoints(directory) is None
    rundir.write_endpoints(directory, HERE)
    assert rundir.read_endpoints(directory) == HERE
    assert sorted(path.name for path in directory.iterdir()) == ["endpoints.json"]
    rundir.remove_endpoints(directory)
    rundir.remove_endpoints(directory)
    assert rundir.read_endpoints(directory) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"pid": "x"}', "\x00" * 100, "[" * 20_000, '{"pid": 1}' + " " * 20_000],
)
def test_endpoints_that_make_no_sense_are_refused(tmp_path, text):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    path = directory / "endpoints.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(RunDirectoryError):
        rundir.read_endpoints(directory)


@pytest.mark.parametrize("change", [{"version": 2}, {"pid": 0}, {"pid": -1}, {"epoch": -1}])
def test_endpoints_with_numbers_that_no_daemon_writes_are_refused(tmp_path, change):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    rundir.write_endpoints(directory, HERE)
    path = directory / "endpoints.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunDirectoryError):
        rundir.read_endpoints(directory)


def test_what_a_later_release_adds_to_the_endpoints_is_ignored(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    rundir.write_endpoints(directory, HERE)
    path = directory / "endpoints.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"more": 1}))
    assert rundir.read_endpoints(directory) == HERE


def test_endpoints_that_others_could_write_are_refused(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    rundir.write_endpoints(directory, HERE)
    (directory / "endpoints.json").chmod(0o622)
    with pytest.raises(RunDirectoryError):
        rundir.read_endpoints(directory)


def test_keys_are_made_once_and_stay(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    server = rundir.make_curve_keys(directory, "server")
    assert rundir.make_curve_keys(directory, "server") == server
    assert rundir.read_curve_keys(directory, "server") == server
    assert rundir.make_curve_keys(directory, "client") != server
    (directory / "client.curve").write_text('{"public": "a", "secret": "b"}')
    with pytest.raises(RunDirectoryError, match="CURVE"):
        rundir.read_curve_keys(directory, "client")


def test_a_missing_key_says_who_makes_it(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    with pytest.raises(RunDirectoryError, match="daemon made"):
        rundir.read_curve_keys(directory, "client")


def test_a_path_too_long_for_a_socket_is_said():
    with pytest.raises(RunDirectoryError, match="MIEN_RUN_DIR"):
        rundir.ipc_endpoint(Path("/" + "x" * 120), "control.sock")
    assert rundir.ipc_endpoint(Path("/r"), "data.sock") == "ipc:///r/data.sock"


def test_sessions_never_begin_with_a_zero():
    sessions = [rundir.new_session() for _ in range(2000)]
    assert all(len(s) == 16 and s[0] for s in sessions)
    assert len(set(sessions)) == 2000


def test_a_daemon_that_died_is_not_found(tmp_path):
    directory = rundir.open_run_dir(tmp_path / "run", create=True)
    dead = Endpoints(pid=2**22 + 5, server_id="0" * 16, epoch=1, control="ipc://a", data="ipc://b")
    rundir.write_endpoints(directory, dead)
    with pytest.raises(DaemonNotRunningError, match="mien serve"):
        locate(directory)
    rundir.write_endpoints(directory, HERE)
    assert locate(directory).control == "ipc://a"


@pytest.mark.parametrize("bad", ["tcp://host", "tcp://host:0", "tcp://h:65535", "udp://h:1"])
def test_addresses_of_another_form_are_refused(bad, tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_RUN_DIR", str(tmp_path))
    with pytest.raises(InvalidArgumentError):
        locate(bad)
