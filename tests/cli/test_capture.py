"""`mien capture` reads a performance off a video, and `mien render --take` performs it again."""

import json

import av
import numpy as np
import pytest
import soundfile

from mien.backend.cli import main
from mien.models.motion.export import read_take
from mien.models.motion.types import ARKIT_INDEX

JAW = ARKIT_INDEX["jawOpen"]


def figures_of(capsys, *arguments):
    assert main([str(argument) for argument in (*arguments, "--json")]) == 0
    return json.loads(capsys.readouterr().out)


def complaint(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2, captured.err
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("mien: "), captured.err
    return lines[0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory, character_file):
    """A character that opens and shuts its mouth four times, and the take of it."""
    folder = tmp_path_factory.mktemp("clip")
    time_s = np.arange(int(2.4 * 16_000)) / 16_000
    voice = 0.4 * np.clip(np.sin(2 * np.pi * 1.7 * time_s), 0, 1)
    buzz = np.sign(np.sin(2 * np.pi * 140 * time_s))
    soundfile.write(folder / "line.wav", voice * buzz, 16_000)
    arguments = ["render", character_file, folder / "line.wav", "-o", folder / "clip.mp4",
                 "--export", folder / "true.json", "--motion", "signal", "--json"]  # fmt: skip
    assert main([str(a) for a in arguments]) == 0
    return folder


@pytest.mark.slow
def test_a_performance_is_read_off_a_video_and_performed_again(
    capsys, tmp_path, clip, character_file
):
    capsys.readouterr()
    take = tmp_path / "take.json"
    figures = figures_of(capsys, "capture", clip / "clip.mp4", "-o", take, "-o", tmp_path / "t.csv")
    assert figures["video_frames"] == figures["frames"] == 60
    assert figures["frames_without_face"] == 0
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 61
    read, true = (read_take(p.read_bytes()).motion for p in (take, clip / "true.json"))
    jaw = np.corrcoef(read.dynamics[:, JAW], true.dynamics[:, JAW])[0, 1]
    assert jaw > 0.6
    assert np.abs(read.pose[:, :3]).max() < np.radians(20)
    out = tmp_path / "again.mp4"
    again = figures_of(
        capsys, "render", character_file, clip / "line.wav", "--take", take, "-o", out
    )
    assert (again["frames"], again["motion"]) == (60, "captured")
    with av.open(str(out)) as video:
        assert video.streams.video[0].frames == 60
        assert video.streams.audio[0].codec_context.name == "aac"


def test_what_cannot_be_captured_says_why(capsys, tmp_path, clip):
    capsys.readouterr()
    assert "no video" in complaint(capsys, "capture", tmp_path / "no.mp4", "-o", "t.json")
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no video at all")
    assert "no video that can be read" in complaint(capsys, "capture", noise, "-o", "t.json")
    assert "sound only" in complaint(capsys, "capture", clip / "line.wav", "-o", "t.json")
    video = clip / "clip.mp4"
    assert "nothing to write" in complaint(capsys, "capture", video)
    assert "neither .csv" in complaint(capsys, "capture", video, "-o", tmp_path / "t.txt")
    assert "no folder" in complaint(capsys, "capture", video, "-o", tmp_path / "x" / "t.json")
    assert "--export-fps" in complaint(
        capsys, "capture", video, "-o", tmp_path / "t.json", "--export-fps", "0"
    )
    assert not list(tmp_path.glob("t.*"))


def test_a_video_without_a_face_is_refused(capsys, tmp_path):
    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 128
        for level in range(100, 112):
            picture = np.full((128, 128, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert "no face was found" in complaint(capsys, "capture", path, "-o", tmp_path / "t.json")


def test_a_take_and_a_line_are_told_apart(capsys, tmp_path, clip, character_file):
    capsys.readouterr()
    true, out = clip / "true.json", tmp_path / "out.mp4"
    assert "nothing to perform" in complaint(capsys, "render", character_file, "-o", out)
    assert "two takes" in complaint(
        capsys, "render", character_file, true, "--take", true, "-o", out
    )
    assert "cues cannot change it" in complaint(
        capsys, "render", character_file, "--take", true, "-o", out, "--emotion", "happy"
    )
