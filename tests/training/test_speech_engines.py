"""The synthesisers themselves, where they are installed."""

import ctypes
import shutil

import numpy as np
import pytest
from rich.console import Console

from training.speech import corpus, espeak, festival, flite
from training.speech.audit import fit
from training.speech.sentences import Sentences
from training.speech.shards import Utterance, load_shard, read_manifest
from training.speech.voice import EngineMissing, Manner


def present(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def festival_has(voice):
    return shutil.which("festival") and any(
        any(folder.glob(f"*/{voice}")) for folder in festival.VOICE_FOLDERS
    )


needs_espeak = pytest.mark.skipif(
    not present(espeak.LIBRARY), reason="the Debian package espeak-ng is not installed"
)
needs_flite = pytest.mark.skipif(
    not present("libflite.so.1"), reason="the Debian package flite is not installed"
)
TEXT = "Bring five bold men to the bridge, my boy, before the bells begin. Papa moved a map."


def heard(voice, utterances):
    return fit(voice, [Utterance(o.audio, o.segments, voice, "en", "train") for o in utterances])


def sentences(language, count):
    source = Sentences(language, 7)
    return [source.next() for _ in range(count)]


@needs_espeak
@pytest.mark.parametrize("voice", ["en-us", "en-gb+f2", "de+m3", "fr-fr", "fi"])
def test_espeak_closures_are_quiet_and_edges_fall_where_labels_say(voice):
    found = heard(voice, [espeak.speak(voice, text) for text in sentences(voice[:2], 25)])
    assert found.vowel_db > found.stop_db + 20
    assert found.vowel_db > found.silence_db + 40
    assert abs(found.closing_s) <= 0.0125
    assert -0.025 <= found.opening_s <= 0.005
    assert abs(found.shift_s) <= 0.015


@needs_espeak
def test_espeak_speaks_slower_and_higher_when_asked():
    plain = espeak.speak("en-us", TEXT)
    slow = espeak.speak("en-us", TEXT, Manner(stretch=1.4, pitch=1.3))
    assert len(slow.audio) > 1.15 * len(plain.audio)


@needs_espeak
def test_espeak_refuses_a_voice_it_does_not_have():
    with pytest.raises(EngineMissing, match="espeak-ng-data"):
        espeak.speak("tlh-no-such", TEXT)


@needs_flite
@pytest.mark.parametrize("voice", flite.VOICES)
def test_flite_labels_fit_its_sound_from_the_first_to_the_last_second(voice):
    said = [flite.speak(voice, text) for text in sentences("en", 12)]
    found = heard(voice, said)
    assert found.vowel_db > found.stop_db + 10
    assert abs(found.shift_s) <= 0.015
    late = [s for one in said for s in one.segments if s.start_s > 3]
    assert late, "long utterances, so that a drift would show"


@needs_flite
def test_flite_tells_stress_and_obeys_the_manner():
    plain = flite.speak("slt", TEXT)
    slow = flite.speak("slt", TEXT, Manner(stretch=1.3))
    assert {s.stress for s in plain.segments} == {0.0, 1.0}
    assert len(slow.audio) > 1.2 * len(plain.audio)


@pytest.mark.parametrize("voice", festival.VOICES)
def test_festival_labels_fit_its_sound(voice):
    if not festival_has(voice):
        pytest.skip(f"the Debian package {festival.VOICES[voice].package} is not installed")
    texts = sentences(festival.VOICES[voice].language, 5)
    said = [one for one in festival.speak(voice, texts, [Manner(1.1)] * 5) if one]
    assert len(said) >= 3
    found = heard(voice, said)
    assert found.vowel_db > found.stop_db + 8
    assert abs(found.shift_s) <= 0.025


def test_a_missing_festival_voice_names_its_package(monkeypatch):
    monkeypatch.setattr(festival, "VOICE_FOLDERS", ())
    monkeypatch.setattr(festival.shutil, "which", lambda _: "/usr/bin/festival")
    with pytest.raises(EngineMissing, match="festvox-czech-ph"):
        festival.speak("czech_ph", ["Dobrý den."])


def test_an_utterance_with_a_replaced_diphone_is_dropped():
    said = "\nMIEN /t/0\nfine\n\nMIEN /t/1\nUniSyn: diphone missing: a-b\n\nMIEN /t/2\n"
    assert festival._spoiled(said) == {1}


@needs_espeak
@needs_flite
@pytest.mark.slow
def test_a_small_corpus_is_made_resumed_and_reported(tmp_path):
    console = Console(record=True, width=100)
    corpus.build(0.01, 1, tmp_path, console)
    made = read_manifest(tmp_path)
    assert {shard.engine for shard in made} >= {"flite", "espeak"}
    changed = (tmp_path / made[0].file).stat().st_mtime_ns
    assert corpus.build(0.01, 1, tmp_path, console) == 0 or not festival_has("kal_diphone")
    assert (tmp_path / made[0].file).stat().st_mtime_ns == changed
    corpus.report(tmp_path, console)
    assert "hours by engine" in console.export_text()
    for shard in made:
        for one in load_shard(tmp_path / shard.file):
            assert one.audio.dtype == np.float32 and np.abs(one.audio).max() <= 1
            assert one.segments[0].start_s == 0
            assert one.segments[0].viseme == one.segments[-1].viseme == "sil"
            assert abs(one.segments[-1].end_s - len(one.audio) / 16_000) < 0.002
