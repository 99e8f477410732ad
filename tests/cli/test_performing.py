"""How a line is performed, by flags: seed, emotion, gaze, distance, source; and takes as files."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mien.backend.cli import main
from mien.backend.cli.problems import BadInput
from mien.backend.cli.wishes import Wishes, guidance_of, motion_choice
from mien.models.motion import EMOTIONS, GazeCue
from mien.models.motion.export import read_take


def exported(capsys, tmp_path, character_file, sound, *more, name="take.json"):
    """(figures, take) of a line performed into a JSON file and nothing else."""
    take = tmp_path / name
    arguments = ["render", character_file, sound, "--export", take, "--json", *more]
    if "--motion" not in more:
        arguments += ["--motion", "signal"]
    assert main([str(argument) for argument in arguments]) == 0
    return json.loads(capsys.readouterr().out), read_take(take.read_bytes())


# --- the flags' languages ----------------------------------------------------------------------


def felt(text):
    controls = Wishes(emotion=text).track()(0, 3)
    return {n: round(float(w), 3) for n, w in zip(EMOTIONS, controls.emotion[0], strict=True) if w}


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("happy", {"happy": 1.0}),
        ("sad:0.6", {"neutral": 0.4, "sad": 0.6}),
        ("sad=0.6", {"neutral": 0.4, "sad": 0.6}),
        ("Happy:0.5, surprised:0.3", {"neutral": 0.2, "happy": 0.5, "surprised": 0.3}),
        ("angry:0", {"neutral": 1.0}),
    ],
)
def test_an_emotion_is_held_from_the_very_first_frame(text, weights):
    assert felt(text) == weights


def test_gaze_is_in_degrees_toward_the_characters_left_and_up():
    controls = Wishes(gaze="20,-5").track()(0, 2)
    np.testing.assert_allclose(np.degrees(controls.gaze_rad), [[20, -5]] * 2, atol=1e-4)


def test_flags_hold_and_the_cue_sheet_lies_over_them(tmp_path):
    sheet = tmp_path / "cues.json"
    sheet.write_text('[{"at_s": 1.0, "for_s": 1.0, "gaze_deg": [0, 10]}, {"at_s": 0, "blink": 1}]')
    track = Wishes(cues=sheet, gaze="-30,0", distance=0.8, emotion="sad").track()
    gaze = np.degrees(track(0, 75).gaze_rad)
    np.testing.assert_allclose(gaze[[0, 24]], [[-30, 0]] * 2, atol=1e-4)
    np.testing.assert_allclose(gaze[37], [0, 10], atol=1e-4)
    np.testing.assert_allclose(gaze[74], [-30, 0], atol=1e-4)  # back to what the flag holds
    np.testing.assert_allclose(track(0, 75).distance, 0.8, atol=1e-6)


def test_a_cue_at_the_beginning_outranks_the_flag(tmp_path):
    sheet = tmp_path / "cues.json"
    sheet.write_text('[{"at_s": 0, "ease_s": 0, "gaze_deg": [5, 0]}]')
    track = Wishes(cues=sheet, gaze="-30,0").track()
    np.testing.assert_allclose(np.degrees(track(0, 1).gaze_rad), [[5, 0]], atol=1e-4)
    assert [type(cue) for cue in track.cues] == [GazeCue, GazeCue]


def test_guidance_names_what_is_exaggerated():
    assert guidance_of("audio=0.5, gaze=1") == (("audio", 0.5), ("gaze", 1.0))
    assert motion_choice(None, 2, "emotion=0").steps == 2
    assert motion_choice().source == "diffusion"


BAD_FLAGS = [
    ["--emotion", "happy:much"],
    ["--emotion", "happy:0.5,joyful:0.1"],
    ["--emotion", "happy,happy"],
    ["--emotion", "happy:-1"],
    ["--emotion", "happy:nan"],
    ["--gaze", "10"],
    ["--gaze", "10,5,2"],
    ["--gaze", "left,up"],
    ["--gaze", "90,0"],
    ["--gaze", "nan,0"],
    ["--distance", "0"],
    ["--distance", "inf"],
    ["--distance", "near"],
    ["--steps", "0"],
    ["--steps", "1000"],
    ["--steps", "2.5"],
    ["--guidance", "audio"],
    ["--guidance", "audio=x"],
    ["--guidance", "loudness=1"],
    ["--guidance", "audio=1,audio=2"],
    ["--guidance", "gaze=-1"],
    ["--guidance", "gaze=1e9"],
    ["--motion", "magic"],
    ["--motion", "signal", "--steps", "4"],
    ["--motion", "signal", "--guidance", "audio=1"],
    ["--seed", "9223372036854775808"],
    ["--export-fps", "0"],
    ["--export-fps", "nan"],
    ["--export", "take.fbx"],
    ["--export", "nowhere/take.csv"],
]


@pytest.mark.parametrize("flags", BAD_FLAGS, ids=" ".join)
def test_a_flag_that_makes_no_sense_is_one_line_and_status_2(
    capsys, tmp_path, monkeypatch, character_file, line, flags
):
    sound = line(0.2)
    monkeypatch.chdir(tmp_path)
    arguments = ["render", character_file, sound, "--export", "a.csv", *flags]
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("mien: ") and len(captured.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.wav"]


def test_nothing_to_write_is_said(capsys, character_file, line):
    assert main(["render", str(character_file), str(line(0.2))]) == 2
    assert "--export" in capsys.readouterr().err


def test_wishes_are_checked_before_a_sheet_is_read():
    with pytest.raises(BadInput, match="angles"):
        Wishes(gaze="7").track()


# --- what comes of them ------------------------------------------------------------------------


def test_the_seed_decides_the_motion(capsys, tmp_path, character_file, line):
    sound = line(0.8)
    takes = [
        exported(capsys, tmp_path, character_file, sound, "--seed", seed)[1] for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(takes[0].motion.pose, takes[1].motion.pose)
    assert np.abs(takes[0].motion.pose - takes[2].motion.pose).max() > 1e-3
    assert takes[2].source.seed == 2


def test_the_diffusion_model_performs_unless_told_otherwise(capsys, tmp_path, character_file, line):
    sound, takes = line(0.6), []
    for more in (["--seed", "1"], ["--seed", "1"], ["--seed", "2"], ["--seed", "1", "--steps", 1]):
        take = tmp_path / "take.json"
        words = ["render", character_file, sound, "--export", take, *more]
        assert main([str(word) for word in words]) == 0
        takes.append(read_take(take.read_bytes()))
    first, again, other, hasty = takes
    assert first.source.motion == "diffusion" and first.source.runtime == "openvino"
    assert first.source.steps and hasty.source.steps == 1
    np.testing.assert_array_equal(first.motion.dynamics, again.motion.dynamics)
    assert np.abs(first.motion.pose - other.motion.pose).max() > 1e-3
    assert np.abs(first.motion.dynamics - hasty.motion.dynamics).max() > 1e-3


def test_distance_brings_the_head_nearer(capsys, tmp_path, character_file, line):
    sound = line(0.8)
    near, far = (
        exported(capsys, tmp_path, character_file, sound, "--distance", d)[1] for d in (0.8, 1.2)
    )
    assert near.motion.pose[10:, 5].mean() > far.motion.pose[10:, 5].mean() + 1.0


def test_a_take_says_what_produced_it(capsys, tmp_path, character_file, line):
    flags = ["--seed", 5, "--gaze=10,0", "--emotion", "sad:0.5"]
    figures, take = exported(capsys, tmp_path, character_file, line(0.4), *flags)
    assert figures["output"] is None and figures["frames"] == 10
    source = take.source
    assert (source.character, source.line, source.seed) == ("Guard", "line.wav", 5)
    assert (source.motion, source.steps) == ("signal", None)
    assert [cue["kind"] for cue in source.cues] == ["EmotionCue", "GazeCue"]


def test_a_take_as_csv_and_json_beside_pictures_holds_the_same_frames(
    capsys, tmp_path, character_file, line
):
    both = ["--export", tmp_path / "take.csv", "-o", f"{tmp_path}/frames/"]
    figures, take = exported(capsys, tmp_path, character_file, line(0.4), *both)
    with (tmp_path / "take.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert figures["frames"] == len(rows) == len(take.motion) == 10
    assert len(list((tmp_path / "frames").iterdir())) == 10
    jaw = [float(row["JawOpen"]) for row in rows]
    np.testing.assert_allclose(jaw, take.motion.dynamics[:, 17], atol=1e-9)


def test_more_frames_a_second_are_interpolated(capsys, tmp_path, character_file, line):
    _, take = exported(capsys, tmp_path, character_file, line(0.4), "--export-fps", 60)
    assert len(take.motion) == 24 and take.frame_rate_hz == 60


def test_a_take_renders_to_the_same_frames_again(capsys, tmp_path, character_file, line):
    sound = line(0.3)
    first = ["-o", f"{tmp_path}/first/"]
    exported(capsys, tmp_path, character_file, sound, *first)
    again = ["render", character_file, tmp_path / "take.json", "-o", f"{tmp_path}/again/"]
    assert main([str(argument) for argument in again]) == 0
    for path in sorted((tmp_path / "first").iterdir()):
        with Image.open(path) as one, Image.open(tmp_path / "again" / path.name) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("more", [["--gaze=5,0"], ["--emotion", "sad"]], ids=["gaze", "emotion"])
def test_a_take_is_not_performed_anew(capsys, tmp_path, character_file, line, more):
    exported(capsys, tmp_path, character_file, line(0.2))
    words = ["render", str(character_file), str(tmp_path / "take.json"), "-o", f"{tmp_path}/f/"]
    assert main([*words, *more]) == 2
    assert "take" in capsys.readouterr().err


def test_a_take_that_cannot_be_read_is_said(capsys, tmp_path, character_file):
    junk = tmp_path / "junk.json"
    junk.write_text("{}")
    assert main(["render", str(character_file), str(junk), "-o", f"{tmp_path}/f/"]) == 2
    assert "take" in capsys.readouterr().err
