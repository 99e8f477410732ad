"""`say`, `top` and the demo, through a real daemon in a process of its own."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from mien.backend.cli import main
from mien.backend.cli.private_daemon import PrivateDaemon
from mien.protocol.errors import MienError
from mien.protocol.processes import pid_alive
from mien.protocol.ring_layout import HEADER_BYTES, unpack_header


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A run directory of nobody: no daemon of this machine is touched."""
    monkeypatch.setenv("MIEN_RUN_DIR", str(tmp_path / "run"))


def orphaned_memory():
    """Rings whose daemon is dead; those of daemons that run beside the tests are not ours."""
    folder = Path("/dev/shm")
    found = set()
    for path in folder.glob("mien-*") if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError, MienError):
            with path.open("rb") as file:
                header = unpack_header(file.read(HEADER_BYTES), path.stat().st_size)
            if not pid_alive(header.writer_pid):
                found.add(path.name)
    return found


@pytest.mark.slow
def test_a_line_said_through_a_private_daemon_is_recorded_with_its_sound(
    nowhere, capsys, tmp_path, character_file, line
):
    before = orphaned_memory()
    out = tmp_path / "said.mp4"
    sound = line(1.6, 22_050, 2)
    assert main(["say", str(character_file), str(sound), "-o", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert "private" in captured.err
    assert figures["private_daemon"] is True
    assert figures["frames_expected"] == 40
    assert 0 < figures["frames"] <= 40
    assert figures["frames"] + figures["frames_missing"] == 40
    with av.open(str(out)) as video:
        times = [frame.time for frame in video.decode(video=0)]
        assert len(times) == figures["frames"]
        assert all(round(time / 0.04, 3) == round(time / 0.04) for time in times)
        assert video.streams.audio[0].codec_context.name == "aac"
    assert orphaned_memory() <= before


@pytest.mark.slow
def test_top_shows_the_stage_of_a_running_daemon_and_say_uses_it(
    nowhere, capsys, character_file, line
):
    with PrivateDaemon() as daemon:
        place = ["--run-dir", str(daemon.run_dir)]
        assert main(["say", str(character_file), str(line(0.4)), *place, "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["private_daemon"] is False
        assert main(["top", "--json", *place]) == 0
        stats = json.loads(capsys.readouterr().out)
        assert stats["uptime_us"] > 0
        assert stats["actors"] == []
        assert main(["top", "--once", *place]) == 0
        assert "fps" in capsys.readouterr().out
        pid = daemon.pid
    assert not pid_alive(pid)
    assert daemon.leftovers() == []


@pytest.mark.slow
def test_a_private_daemon_ends_when_its_starter_is_killed():
    code = (
        "import os, sys; from mien.backend.cli.private_daemon import PrivateDaemon;"
        "daemon = PrivateDaemon().__enter__(); print(daemon.pid, daemon.run_dir, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pid, run_dir = run.stdout.split()
    for _ in range(200):
        if not pid_alive(int(pid)):
            break
        time.sleep(0.05)
    assert not pid_alive(int(pid))
    shutil.rmtree(run_dir)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_demo_leaves_a_video_with_sound_a_sheet_and_nothing_else(
    nowhere, tmp_path, portrait, line
):
    before = orphaned_memory()
    command = [sys.executable, "-m", "mien.backend.demo", "--portrait", str(portrait)]
    command += ["--audio", str(line(2.0, 44_100)), "--out", str(tmp_path / "out"), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert figures["left_behind"] == []
    assert len(figures["lines"]) == 1
    assert figures["lines"][0]["frames_expected"] == 50
    assert figures["lines"][0]["frames"] > 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["demo.mp4", "demo.png"]
    with av.open(str(tmp_path / "out/demo.mp4")) as video:
        sound = video.streams.audio[0]
        assert float(sound.duration * sound.time_base) > 2.0
        assert sum(1 for _ in video.decode(video=0)) * 0.04 == pytest.approx(
            figures["video_seconds"], abs=0.05
        )
    assert orphaned_memory() <= before
