"""dev.py sets up what is missing, only that, and says clearly what it cannot do."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path):
    """dev.py in a house of its own: nothing it does touches the real one."""
    for name in ("dev.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    spec = importlib.util.spec_from_file_location("dev_under_test", tmp_path / "dev.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def calls(dev, monkeypatch):
    """Record what dev.py would install and run, with a virtual environment that seems to exist."""
    done = []

    def make_venv():
        dev.venv_python().parent.mkdir(parents=True, exist_ok=True)
        dev.venv_python().touch()
        done.append("venv")

    monkeypatch.setattr(dev, "make_venv", make_venv)
    monkeypatch.setattr(dev, "pip", lambda *arguments: done.append(arguments))
    monkeypatch.setattr(dev, "opencv_complaint", lambda: "")
    monkeypatch.setattr(dev, "run", lambda *command, cwd=None: done.append(command) or 0)
    return done


def installs(calls):
    return [call for call in calls if call[0] == "install"]


@pytest.mark.parametrize("arguments", [[], ["fly"], ["--demo"]])
def test_a_command_it_does_not_know_exits_2_and_names_those_it_does(arguments):
    run = subprocess.run(
        [sys.executable, str(ROOT / "dev.py"), *arguments], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "demo" in run.stderr
    assert "Traceback" not in run.stderr


def test_it_needs_nothing_but_the_standard_library():
    code = (
        "import sys, runpy; sys.argv = ['dev.py', '--help'];"
        f"runpy.run_path({str(ROOT / 'dev.py')!r}, run_name='__main__')"
    )
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "bench" in run.stdout


def test_it_installs_once(dev, calls):
    dev.main(["demo"])
    dev.main(["demo"])
    assert len(installs(calls)) == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_it_installs_again_when_what_is_wanted_changed(dev, calls, name):
    dev.main(["demo"])
    with (dev.ROOT / name).open("a") as file:
        file.write("# changed\n")
    dev.main(["demo"])
    assert len(installs(calls)) == 2


def test_a_command_that_needs_more_adds_to_what_is_there(dev, calls):
    dev.main(["test"])
    dev.main(["demo"])
    assert [call[-1] for call in installs(calls)] == [".[daemon,dev]"]
    assert json.loads(dev.STAMP.read_text())["extras"] == ["daemon", "dev"]


def test_a_broken_stamp_means_install_again(dev, calls):
    dev.main(["demo"])
    dev.STAMP.write_text("{")
    dev.main(["demo"])
    assert len(installs(calls)) == 2


def test_a_failed_installation_leaves_no_stamp(dev, calls, monkeypatch, capsys):
    def fail(*arguments):
        raise dev.SetupError("pip could not finish")

    monkeypatch.setattr(dev, "pip", fail)
    assert dev.main(["demo"]) == 2
    assert "pip could not finish" in capsys.readouterr().err
    assert not dev.STAMP.exists()


def test_arguments_reach_what_runs(dev, calls):
    dev.main(["demo", "--portrait", "my.jpg", "--audio", "my.wav"])
    assert calls[-1][1:] == (
        "-m", "mien.backend.demo", "--portrait", "my.jpg", "--audio", "my.wav",
    )  # fmt: skip


def test_training_installs_what_it_needs_and_passes_its_arguments_on(dev, calls):
    assert dev.main(["train", "motion", "--hours", "2", "--help"]) == 0
    assert installs(calls)[0][-1] == ".[daemon,train]"
    assert calls[-1][1:] == ("-m", "training.motion.train", "--hours", "2", "--help")


@pytest.mark.parametrize("rest", [[], ["a", "dragon"], ["--help"]])
def test_a_training_it_does_not_know_is_refused_before_anything_is_installed(
    dev, calls, rest, capsys
):
    assert dev.main(["train", *rest]) == 2
    assert "train motion" in capsys.readouterr().err
    assert calls == []


def test_the_exit_status_is_that_of_what_ran(dev, calls, monkeypatch):
    monkeypatch.setattr(dev, "run", lambda *command, cwd=None: 5 if "pytest" in command else 0)
    assert dev.main(["test"]) == 5


def test_kernels_that_do_not_compile_are_told_and_tried_again(dev, calls, monkeypatch, capsys):
    monkeypatch.setattr(dev, "run", lambda *command, cwd=None: 1)
    assert dev.main(["demo"]) == 2
    assert "kernels" in capsys.readouterr().err
    assert not dev.STAMP.exists()


def test_an_unsuitable_python_is_refused_with_the_versions_it_wants(dev, monkeypatch, capsys):
    monkeypatch.setattr(dev, "SUPPORTED", ((3, 98), (3, 99)))
    assert dev.main(["demo"]) == 2
    message = capsys.readouterr().err
    assert "needs Python 3.98 or 3.99" in message
    assert "Traceback" not in message


def test_opencv_without_window_libraries_is_replaced_by_its_headless_build(dev, calls, monkeypatch):
    complaints = iter(["ImportError: libGL.so.1: cannot open shared object file", ""])
    monkeypatch.setattr(dev, "opencv_complaint", lambda: next(complaints))
    assert dev.main(["demo"]) == 0
    assert installs(calls)[-1][-1] == "opencv-contrib-python-headless"


def test_opencv_that_never_loads_ends_with_the_command_that_helps(dev, calls, monkeypatch, capsys):
    monkeypatch.setattr(dev, "opencv_complaint", lambda: "ImportError: libGL.so.1")
    assert dev.main(["demo"]) == 2
    assert "apt-get install libgl1" in capsys.readouterr().err


def test_without_node_the_wire_lint_is_skipped_out_loud(dev, calls, monkeypatch, capsys):
    monkeypatch.setattr(dev.shutil, "which", lambda name: None)
    assert dev.main(["check"]) == 0
    assert "buf lint SKIPPED" in capsys.readouterr().out


def test_check_goes_on_after_a_failure_and_names_it(dev, calls, monkeypatch, capsys):
    def run(*command, cwd=None):
        calls.append(command)
        return 1 if "mypy" in command else 0

    monkeypatch.setattr(dev, "run", run)
    monkeypatch.setattr(dev.shutil, "which", lambda name: "npx")
    assert dev.main(["check"]) == 1
    assert "failed: mypy" in capsys.readouterr().out
    assert any("lint" in command for command in calls)
