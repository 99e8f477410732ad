"""Lines come in whole or with a clear word; performing many is performing each."""

import json

import numpy as np
import pytest
import soundfile
from evaluation_helpers import SENTENCE, made_by_hand, perfect

from mien.models.motion.controls import CueTrack
from mien.models.motion.cues import GazeCue
from mien.models.motion.perform import perform
from mien.models.motion.signal import SignalMotion
from training.evaluation.lines import MaterialError, padded, real_lines
from training.evaluation.performing import perform_many
from training.evaluation.picture import curves_picture
from training.evaluation.speaking import score
from training.speech.phones import Segment


@pytest.fixture
def recording(tmp_path):
    """Writes `name.flac` and `name.json`."""

    def write(phones, rate_hz=16_000, seconds=1.0, name="one"):
        sound = 0.1 * np.sin(np.arange(round(rate_hz * seconds)) / 20)
        soundfile.write(tmp_path / f"{name}.flac", sound, rate_hz)
        (tmp_path / f"{name}.json").write_text(json.dumps(phones))
        return tmp_path

    return write


def test_a_recording_comes_with_its_phones_between_two_silences(recording):
    folder = recording({"phones": [[0.0, 0.4, "P"], [0.4, 1.0, "AA1"]]}, rate_hz=22_050)
    (line,) = real_lines(folder)
    assert [s.viseme for s in line.segments] == ["sil", "p", "aa", "sil"]
    assert line.segments[1].start_s == pytest.approx(0.3)
    assert line.seconds == pytest.approx(1.6, abs=0.01)
    assert line.segments[-1].end_s == pytest.approx(line.seconds, abs=0.01)


def test_only_as_many_recordings_as_asked_for(recording):
    for name in ("a", "b", "c"):
        folder = recording({"phones": [[0.0, 1.0, "AA"]]}, name=name)
    assert [line.name for line in real_lines(folder, 2)] == ["a", "b"]


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(MaterialError, match="no folder"):
        real_lines(tmp_path / "nowhere")


def test_a_folder_without_recordings_says_what_it_wants(tmp_path):
    with pytest.raises(MaterialError, match=r"name\.flac \+ name\.json"):
        real_lines(tmp_path)


@pytest.mark.parametrize(
    "phones", [{}, {"phones": 3}, {"phones": [[0.0, "P"]]}, {"phones": [[0.0, 1.0, "QQ"]]}]
)
def test_phones_that_do_not_read_are_told_by_their_file(recording, phones):
    with pytest.raises(MaterialError, match=r"one\.json"):
        real_lines(recording(phones))


def test_lines_are_padded_with_quiet_and_their_phones_move_along():
    line = padded("x", "nobody", np.ones(16_000, np.float32), [Segment(0.0, 0.9, "aa")])
    assert not line.audio[:4800].any()
    assert [(round(s.start_s, 3), s.viseme) for s in line.segments] == [
        (0.0, "sil"), (0.3, "aa"), (1.2, "sil"),
    ]  # fmt: skip


def test_many_lines_together_move_as_each_does_alone():
    rng = np.random.default_rng(2)
    audios = [rng.normal(size=n).astype(np.float32) * 0.05 for n in (9_000, 700, 16_001)]
    wishes = [CueTrack([GazeCue(0, 0, None, theta, 0.0)]) for theta in (0.1, -0.2, 0.0)]
    together = perform_many(SignalMotion(), audios, [4, 5, 6], wishes)
    for audio, seed, wish, motion in zip(audios, (4, 5, 6), wishes, together, strict=True):
        alone = perform(SignalMotion(), audio, wish, seed)
        assert motion.dynamics == pytest.approx(alone.dynamics, abs=1e-6)
        assert motion.pose == pytest.approx(alone.pose, abs=1e-6)


def test_the_reference_itself_scores_full_marks():
    reference = perfect(SENTENCE)
    figures = score([made_by_hand()], [reference], [reference])
    assert figures.bilabial_recall == 1.0
    assert figures.bilabial_spurious == 0.0
    assert figures.jaw_r == pytest.approx(1.0)
    assert figures.sync_offset_ms == pytest.approx(0.0)


def test_lips_80_ms_late_are_late_and_go_less_well_with_the_reference():
    late = score([made_by_hand()], [perfect(SENTENCE, 0.08)], [perfect(SENTENCE)])
    assert late.sync_offset_ms == pytest.approx(80, abs=6)
    assert late.jaw_r < 0.6


def test_the_picture_has_a_strip_for_every_line_and_colours_the_closures():
    motions = {"a": perfect(SENTENCE), "b": perfect(SENTENCE, 0.1)}
    one = curves_picture([(made_by_hand(), motions)])
    two = curves_picture([(made_by_hand(), motions)] * 2)
    assert two.size == (one.width, 2 * one.height)
    colours = {colour for _, colour in one.getcolors(1 << 20)}
    assert {(255, 222, 150), (214, 232, 250)} <= colours
