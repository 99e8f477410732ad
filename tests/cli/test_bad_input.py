"""A mistake is one line on standard error and exit status 2, never a traceback."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mien.backend.cli import main


def complaint(capsys, *arguments):
    """What a command that fails says; it must be one line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2, captured.err
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("mien: ")
    return lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["enroll"],
        ["enroll", "a.png"],
        ["doctor", "--colour"],
        ["render", "a.mien"],
        ["bench", "--seconds", "many"],
        ["bench", "--only", "everything"],
        ["bench", "--portrait", "nobody.png"],
        ["render", "a.mien", "b.wav", "-o", "c.mp4", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_be_understood(capsys, arguments):
    complaint(capsys, *arguments)


def test_the_process_itself_exits_2_without_a_traceback(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "mien.backend", "enroll", "nobody.jpg", "-o", "nobody.mien"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 2
    assert "nobody.jpg" in run.stderr
    assert "Traceback" not in run.stderr


def test_enrolling_a_picture_that_is_not_there(capsys, tmp_path):
    assert "nobody.png" in complaint(
        capsys, "enroll", tmp_path / "nobody.png", "-o", tmp_path / "a.mien"
    )


def test_enrolling_into_a_file_of_another_kind(capsys, tmp_path):
    assert ".mien" in complaint(capsys, "enroll", "a.png", "-o", tmp_path / "a.png")


def test_enrolling_something_that_is_no_picture(capsys, tmp_path):
    text = tmp_path / "letter.png"
    text.write_text("Dear Sir or Madam")
    complaint(capsys, "enroll", text, "-o", tmp_path / "a.mien")
    assert not (tmp_path / "a.mien").exists()


def test_enrolling_a_picture_without_a_face(capsys, tmp_path):
    grey = tmp_path / "grey.png"
    Image.new("RGB", (512, 512), (120, 120, 120)).save(grey)
    assert "face" in complaint(capsys, "enroll", grey, "-o", tmp_path / "a.mien")


def test_rendering_a_character_that_is_not_there(capsys, tmp_path, line):
    out = tmp_path / "a.mp4"
    assert "nobody.mien" in complaint(capsys, "render", "nobody.mien", line(0.2), "-o", out)
    assert not out.exists()


def test_rendering_a_character_file_that_is_cut(capsys, tmp_path, line, character_file):
    cut = tmp_path / "cut.mien"
    cut.write_bytes(character_file.read_bytes()[:-1000])
    assert "cut short" in complaint(capsys, "render", cut, line(0.2), "-o", tmp_path / "a.mp4")


def test_rendering_a_file_that_is_no_character(capsys, tmp_path, line):
    sound = line(0.2)
    assert "not a mien character" in complaint(
        capsys, "render", sound, sound, "-o", tmp_path / "a.mp4"
    )


@pytest.mark.parametrize("name", ["out.avi", "out", "out_%05d_%03d.png", "out_%s.png", "out.mien"])
def test_rendering_to_a_name_that_says_nothing(capsys, tmp_path, line, character_file, name):
    complaint(capsys, "render", character_file, line(0.2), "-o", tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.wav"]


def test_a_line_that_is_not_there(capsys, tmp_path, character_file):
    assert "silence.wav" in complaint(
        capsys, "render", character_file, tmp_path / "silence.wav", "-o", tmp_path / "a.mp4"
    )


def test_a_line_without_any_samples(capsys, tmp_path, character_file):
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), 16_000)
    complaint(capsys, "render", character_file, empty, "-o", tmp_path / "a.mp4")


def test_a_line_that_is_no_sound(capsys, tmp_path, character_file):
    text = tmp_path / "poem.wav"
    text.write_text("The fog comes on little feet of its own. " * 20)
    complaint(capsys, "render", character_file, text, "-o", tmp_path / "a.mp4")


@pytest.mark.parametrize("emotion", ["joyful", "happy=much", "happy=2", "start_us=1", "=", ""])
def test_an_emotion_that_does_not_exist(capsys, tmp_path, line, character_file, emotion):
    complaint(
        capsys, "render", character_file, line(0.2), "-o", tmp_path / "a.mp4",
        "--emotion", emotion,
    )  # fmt: skip


@pytest.mark.parametrize(
    "sheet", ["", "{}", '[{"at_s": 0}]', '[{"at_s": 0, "smile": 1}]', '[{"at_s": 0, "blink": 7}]']
)
def test_a_cue_sheet_that_makes_no_sense(capsys, tmp_path, line, character_file, sheet):
    cues = tmp_path / "cues.json"
    cues.write_text(sheet)
    complaint(capsys, "render", character_file, line(0.2), "-o", tmp_path / "a.mp4", "--cues", cues)


def test_looking_at_a_stage_where_no_daemon_is(capsys, tmp_path):
    assert "no daemon" in complaint(capsys, "top", "--once", "--run-dir", tmp_path / "nowhere")


def test_a_demo_with_half_of_what_it_needs(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "mien.backend.demo", "--portrait", "me.jpg"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 2
    assert "--audio" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_demo_with_files_that_are_not_there(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "mien.backend.demo", "--portrait", "me.jpg", "--audio", "me.wav"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 2
    assert "me.jpg" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_profile_that_is_not_to_be_had_is_refused_before_anything_is_served(capsys, tmp_path):
    said = complaint(capsys, "serve", "--run-dir", tmp_path / "run", "--profile", "tpu")
    assert "'tpu'" in said and "cpu, gpu" in said
    if not Path("/dev/nvidiactl").exists():
        said = complaint(capsys, "serve", "--run-dir", tmp_path / "run", "--profile", "gpu")
        assert "--profile cpu" in said and "--gpu-fallback" in said
    assert not (tmp_path / "run").exists()
