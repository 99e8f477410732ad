"""`mien render` writes what it was asked for: as many frames, as much sound, at the right times."""

import json

import av
import numpy as np
import pytest
from PIL import Image

from mien.backend.cli import main
from mien.backend.render.contact_sheet import sheet_size

FRAME_S = 0.04


def rendered(capsys, character_file, sound, out, *more):
    """Figures of a rendering by the quick source; what is tested here is the same for all."""
    return figures_of(
        capsys, "render", character_file, sound, "-o", out, "--motion", "signal", *more
    )


def figures_of(capsys, *arguments):
    assert main([str(argument) for argument in (*arguments, "--json")]) == 0
    return json.loads(capsys.readouterr().out)


def picture(path):
    with Image.open(path) as file:
        return np.asarray(file)


def difference(one, other):
    return np.abs(picture(one).astype(int) - picture(other)).max()


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "channels", "frames"),
    [(1.0, 16_000, 1, 25), (0.7, 44_100, 2, 18), (0.3, 8_000, 1, 8), (0.3, 96_000, 6, 8)],
    ids=["16 kHz", "44.1 kHz stereo", "8 kHz", "96 kHz in six channels"],
)
def test_a_video_has_a_frame_for_every_40_ms_begun_and_all_of_the_sound(
    capsys, tmp_path, character_file, line, seconds, rate_hz, channels, frames
):
    out = tmp_path / "out.mp4"
    figures = rendered(capsys, character_file, line(seconds, rate_hz, channels), out)
    assert figures["frames"] == frames
    with av.open(str(out)) as video:
        picture, sound = video.streams.video[0], video.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert picture.average_rate == 25
        assert (picture.width, picture.height) == (512, 512)
        assert picture.codec_context.pix_fmt == "yuv420p"
        assert float(sound.duration * sound.time_base) == pytest.approx(seconds, abs=0.03)
        times = [frame.time for frame in video.decode(video=0)]
    assert times == pytest.approx([i * FRAME_S for i in range(frames)], abs=1e-4)


def test_pictures_in_a_folder_are_numbered_and_keep_their_size(
    capsys, tmp_path, character_file, line
):
    rendered(capsys, character_file, line(0.2), f"{tmp_path}/frames/")
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"{i:05d}.png" for i in range(5)]
    assert picture(tmp_path / "frames" / names[0]).shape == (512, 512, 4)


def test_pictures_are_numbered_as_the_pattern_says(capsys, tmp_path, character_file, line):
    rendered(capsys, character_file, line(0.12), tmp_path / "guard_%03d.png")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        f"guard_{i:03d}.png" for i in range(3)
    ]


def test_a_contact_sheet_has_24_tiles_of_the_whole_line(capsys, tmp_path, character_file, line):
    out = tmp_path / "sheet.png"
    rendered(capsys, character_file, line(1.2), out)
    height, width = picture(out).shape[:2]
    assert (width, height) == sheet_size(24, 6, 256, 256)


def test_the_same_seed_gives_the_same_frames_and_another_one_others(
    capsys, tmp_path, character_file, line
):
    sound = line(0.4)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        rendered(capsys, character_file, sound, f"{tmp_path}/{name}/", "--seed", seed)
    a, b, c = (picture(tmp_path / name / "00009.png") for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_an_emotion_shows(capsys, tmp_path, character_file, line):
    sound = line(0.8)
    rendered(capsys, character_file, sound, f"{tmp_path}/plain/")
    rendered(capsys, character_file, sound, f"{tmp_path}/happy/", "--emotion", "happy")
    assert difference(tmp_path / "plain/00019.png", tmp_path / "happy/00019.png") > 20


def test_a_cue_sheet_is_heeded(capsys, tmp_path, character_file, line):
    sound, cues = line(0.8), tmp_path / "cues.json"
    cues.write_text(json.dumps([{"at_s": 0.0, "for_s": 5.0, "blink": 1}]))
    rendered(capsys, character_file, sound, f"{tmp_path}/open/")
    rendered(capsys, character_file, sound, f"{tmp_path}/shut/", "--cues", cues)
    assert difference(tmp_path / "open/00010.png", tmp_path / "shut/00010.png") > 20


def test_silence_renders_a_face_at_rest_that_lives(capsys, tmp_path, character_file):
    import soundfile

    sound = tmp_path / "silence.wav"
    soundfile.write(sound, np.zeros(16_000), 16_000)
    assert rendered(capsys, character_file, sound, f"{tmp_path}/f/")["frames"] == 25


def test_figures_without_json_are_lines_of_text(capsys, tmp_path, character_file, line):
    words = ["-o", f"{tmp_path}/f/", "--motion", "signal"]
    assert main(["render", str(character_file), str(line(0.2)), *words]) == 0
    assert "frames per second" in capsys.readouterr().out


def test_the_enrolled_file_carries_name_and_consent(tmp_path, portrait, capsys):
    from mien.models.character import load

    out = tmp_path / "a.mien"
    words = ["--name", "Ada", "--consent", "asked on Monday"]
    assert main(["enroll", str(portrait), "-o", str(out), *words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["name"] == "Ada"
    assert figures["bytes"] == out.stat().st_size <= 6_000_000
    assert load(out).provenance.consent == "asked on Monday"
