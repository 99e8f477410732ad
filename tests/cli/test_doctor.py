"""`mien doctor` tells what is here, and help is there at once."""

import json
import subprocess
import sys

from mien.backend.cli import doctor as doctor_module
from mien.backend.cli import main


def test_the_report_is_json_and_names_what_mien_uses(capsys):
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["uses"]["motion"].startswith("diffusion, ")
    assert "openvino" in report["uses"]["motion"]
    assert report["encoders"]["libx264"] and report["encoders"]["aac"]
    assert report["cores"] >= 1
    assert {ring["kind"] for ring in report["rings"]} >= {"cuda-ipc", "external"}
    assert report["versions"]["numpy"]
    assert report["run_dir"]


def test_the_report_for_people_says_the_same(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "diffusion" in shown
    assert "libx264" in shown


def test_opencv_that_does_not_load_is_a_problem_with_a_remedy(monkeypatch):
    def fail(name):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor_module.importlib, "import_module", fail)
    version, problem = doctor_module.opencv_state()
    assert version == ""
    assert "apt-get install libgl1" in problem


def test_a_diffusion_source_that_does_not_work_is_a_problem_with_a_way_out(monkeypatch):
    def fail(choice):
        raise ValueError("there are no motion weights")

    monkeypatch.setattr("mien.backend.motion.MotionChoice.make", fail)
    motion, problem = doctor_module.motion_state()
    assert "--motion signal" in motion
    assert "no motion weights" in problem


def test_no_driver_means_no_cards(monkeypatch):
    monkeypatch.setattr(doctor_module.shutil, "which", lambda name: None)
    assert doctor_module.gpus() == []


def test_help_needs_nothing_heavy():
    code = (
        "import sys; from mien.backend.cli import main; status = main(['--help']);"
        "heavy = {'numpy', 'cv2', 'numba', 'mediapipe', 'av', 'zmq'} & set(sys.modules);"
        "print('loaded', sorted(heavy), status)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "loaded [] 0" in run.stdout, run.stdout + run.stderr
    for command in ("enroll", "render", "say", "serve", "doctor", "top", "bench", "eval"):
        assert command in run.stdout


def test_no_arguments_show_the_help(capsys):
    assert main([]) == 0
    assert "enroll" in capsys.readouterr().out
