"""The figures keep their agreed form, and what is missing is said in one line."""

import io
import json
import math
import sys

import pytest
from evaluation_helpers import SENTENCE, made_by_hand, perfect
from rich.console import Console

from mien.backend.cli import main
from training.evaluation.evaluating import QUICK, Amount
from training.evaluation.report import show
from training.evaluation.results import OTHER_KEYS, SPEAKING_KEYS, Results
from training.evaluation.speaking import score


@pytest.fixture
def results():
    found = Results("diffusion")
    figures = score([made_by_hand()], [perfect(SENTENCE, 0.04)], [perfect(SENTENCE)])
    for who in ("model", "baseline", "teacher"):
        found.speaking[who] = {"synthetic": figures}
        found.pixels[who] = {"synthetic": figures}
        found.other[who] = {key: 1.0 for key in OTHER_KEYS} | {"chatter": math.nan}
    found.voices["flite rms"] = figures
    return found


def test_json_has_the_agreed_keys(results):
    form = json.loads(json.dumps(results.as_json(), allow_nan=False))
    for where in ("synthetic", "pixels"):
        assert set(SPEAKING_KEYS) <= set(form[where])
    assert set(SPEAKING_KEYS) <= set(form["baseline"]["synthetic"])
    assert set(OTHER_KEYS) <= set(form)


def test_without_recordings_real_is_null(results):
    form = results.as_json()
    assert form["real"] is None
    assert form["baseline"]["real"] is None
    assert form["pixels"]["real"] is None


def test_what_could_not_be_measured_is_null_and_never_nan(results):
    del results.other["model"]["drift_ratio"]
    form = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert form["drift_ratio"] is None
    assert form["more"]["chatter"] is None


def test_the_table_names_what_was_promised(results):
    out = io.StringIO()
    show(results, Console(file=out, width=120))
    text = out.getvalue()
    for words in ("≥ 0.95", "gaze error", "flite rms", "held-out voices"):
        assert words in text


def test_quick_is_less_of_everything_it_changes():
    full = Amount()
    assert QUICK.scene_seeds < full.scene_seeds
    assert QUICK.drift_seeds < full.drift_seeds
    assert not QUICK.baseline


def test_a_folder_of_speech_that_is_not_there_is_bad_input(capsys, tmp_path):
    words = ["eval", "motion", "--motion", "signal", "--speech", str(tmp_path / "none")]
    assert main(words) == 2
    assert "--speech" in capsys.readouterr().err


def test_an_unknown_source_is_bad_input(capsys):
    assert main(["eval", "motion", "--motion", "wishful"]) == 2
    assert "wishful" in capsys.readouterr().err


def test_a_file_is_no_folder_to_write_to(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert main(["eval", "motion", "--motion", "signal", "--out", str(file)]) == 2
    assert "--out" in capsys.readouterr().err


def test_without_the_repository_the_command_says_so(capsys, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "training"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "training", None)
    assert main(["eval", "motion", "--motion", "signal"]) == 2
    assert "repository" in capsys.readouterr().err


def test_without_a_voice_the_command_names_the_package(capsys, monkeypatch, tmp_path):
    from training.speech import flite
    from training.speech.voice import EngineMissing

    def missing(*_):
        raise EngineMissing("flite is not installed: install the Debian package `flite`")

    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.setattr(flite, "speak", missing)
    assert main(["eval", "motion", "--motion", "signal"]) == 2
    assert "Debian package `flite`" in capsys.readouterr().err
