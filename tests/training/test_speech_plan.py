"""The plan of the corpus: who speaks, how much, in which order, and who is held out."""

from collections import Counter

from training.speech.plan import HELD_OUT_LANGUAGES, HELD_OUT_VOICES, HOURS, sources, tasks


def test_there_are_at_least_forty_espeak_voices_in_ten_languages():
    espeak = [source for source in sources() if source.engine == "espeak"]
    assert len({source.engine_voice for source in espeak}) >= 40
    assert len({source.language for source in espeak}) >= 10


def test_at_least_fifteen_hours_are_trained_on():
    train = [source for source in sources() if source.split == "train"]
    assert HOURS >= 15
    assert sum(source.hours for source in train) >= 15


def test_held_out_voices_and_languages_are_never_trained_on():
    for source in sources():
        held_out = source.engine_voice in HELD_OUT_VOICES or source.language in HELD_OUT_LANGUAGES
        assert held_out == (source.split != "train"), source
    splits = Counter(source.split for source in sources())
    assert splits["heldout_voice"] >= 2 and splits["heldout_language"] >= 4


def test_styled_speech_borrows_no_held_out_voice():
    styled = [s for s in sources() if s.engine in ("sung", "whispered", "shouted")]
    assert styled and all(s.engine_voice not in HELD_OUT_VOICES for s in styled)


def test_the_first_fifth_of_the_work_is_already_balanced():
    work = tasks(HOURS)
    first = work[: len(work) // 5]
    share = Counter(task.source.engine for task in first)
    assert share["flite"] > 20 and share["festival"] > 12 and share["espeak"] > 20
    held_out = [task for task in work if task.source.split != "train"]
    assert {task.source.voice for task in held_out} == {
        task.source.voice for task in first if task.source.split != "train"
    }


def test_no_shard_is_made_twice_and_names_are_unique():
    work = tasks(HOURS)
    assert len({(task.source.voice, task.k) for task in work}) == len(work)
    assert len({source.voice for source in sources()}) == len(sources())


def test_a_tiny_corpus_is_short():
    assert sum(task.seconds for task in tasks(0.02) if task.source.split == "train") <= 90
