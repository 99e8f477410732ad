"""Phones of every synthesiser become visemes with the right times."""

from itertools import pairwise

import pytest

from training.speech import festival, phones
from training.speech.phones import (
    INDEX,
    VISEMES,
    Segment,
    UnknownPhone,
    arpabet_segments,
    espeak_segments,
    festival_segments,
    ipa_visemes,
)


def named(segments):
    return [segment.viseme for segment in segments]


def test_there_are_28_visemes_and_every_table_uses_only_them():
    assert len(VISEMES) == len(set(VISEMES)) == 28
    assert INDEX["sil"] == 0
    used = set(phones.IPA.values()) | set(phones.AFFRICATES.values())
    for table in (phones.ARPABET, *phones.FESTIVAL.values()):
        used |= {viseme for visemes in table.values() for viseme in visemes}
    assert used | {"sil"} == set(VISEMES)


def test_every_viseme_but_the_front_rounded_ones_is_an_english_sound():
    english = {viseme for visemes in phones.ARPABET.values() for viseme in visemes}
    assert set(VISEMES) - english == {"ue", "oe"}


def test_a_diphthong_is_split_55_to_45():
    assert arpabet_segments([(1.0, 2.0, "AY1")]) == [
        Segment(1.0, 1.55, "aa", 1.0),
        Segment(1.55, 2.0, "ih", 1.0),
    ]


def test_stress_digits_and_a_fourth_value_give_stress_but_pauses_have_none():
    segments = arpabet_segments([(0, 1, "SIL", 1.0), (1, 2, "AH0"), (2, 3, "AH1"), (3, 4, "b", 1)])
    assert [segment.stress for segment in segments] == [0, 0, 1, 1]


def test_neighbouring_pauses_are_joined_and_empty_phones_dropped():
    segments = arpabet_segments([(0, 0.1, "pau"), (0.1, 0.3, "h#"), (0.3, 0.3, "t"), (0.3, 1, "m")])
    assert segments == [Segment(0, 0.3, "sil"), Segment(0.3, 1, "m")]


def test_an_unknown_phone_is_named():
    with pytest.raises(UnknownPhone, match="'qqq'"):
        arpabet_segments([(0, 1, "qqq")])


@pytest.mark.parametrize("voice", festival.VOICES)
def test_every_festival_voice_has_a_table_with_lips_teeth_and_pauses(voice):
    table = phones.FESTIVAL[festival.VOICES[voice].language]
    shown = {viseme for visemes in table.values() for viseme in visemes}
    assert {"sil", "p", "m", "f", "td", "s", "sh", "k", "l"} <= shown


def test_festival_labels_keep_their_times():
    labels = [(0.0, 0.2, "#"), (0.2, 0.3, "tS"), (0.3, 0.5, "a1", 1.0), (0.5, 0.6, "nf")]
    assert named(festival_segments("it", labels)) == ["sil", "sh", "aa", "f"]
    assert festival_segments("it", labels)[2] == Segment(0.3, 0.5, "aa", 1.0)


@pytest.mark.parametrize(
    ("name", "visemes"),
    [
        ("aɪɚ", ("aa", "ih", "er")),
        ("oʊ", ("oh", "uh")),
        ("tʃ", ("sh",)),
        ("ts", ("s",)),
        ("pf", ("f",)),
        ("ɑ̃", ("aa",)),
        ("yː", ("ue",)),
        ("øː", ("oe",)),
        ("bʲ", ("p",)),
        ("ɲ", ("n",)),
        ("ʁ", ("k",)),
        ("n̩", ("n",)),
        ("", ("sil",)),
    ],
)
def test_ipa_labels_become_visemes(name, visemes):
    assert ipa_visemes(name) == visemes


def test_a_voiceless_stop_begins_before_its_event_and_ends_after_its_burst():
    # aː 0-0.2, p bursts at 0.2, the vowel's event comes 35 ms later
    segments = espeak_segments([(0.0, "aː"), (0.2, "p"), (0.235, "a")], 0.4)
    assert segments[1].viseme == "p"
    assert segments[1].start_s == pytest.approx(0.2 - phones.VOICELESS_CLOSURE_S)
    assert segments[1].end_s == pytest.approx(0.2 + phones.AFTER_BURST_S)


def test_a_voiced_stop_after_a_vowel_closes_at_its_event_and_bursts_later():
    segments = espeak_segments([(0.0, "a"), (0.2, "b"), (0.275, "a")], 0.4)
    assert segments[1].start_s == pytest.approx(0.2)
    assert segments[1].end_s == pytest.approx(0.2 + 0.040 + 0.015)


def test_a_voiced_stop_after_a_consonant_bursts_at_its_event():
    segments = espeak_segments([(0.0, "z"), (0.2, "b"), (0.227, "a")], 0.4)
    assert segments[1].start_s == pytest.approx(0.170)
    assert segments[1].end_s == pytest.approx(0.215)


def test_a_closure_never_begins_before_the_middle_of_the_phone_before():
    segments = espeak_segments([(0.0, "ɪ"), (0.04, "t"), (0.08, "a")], 0.2)
    assert segments[1].start_s == pytest.approx(0.02)


def test_lips_close_within_the_pause_before_a_stop():
    segments = espeak_segments([(0.0, ""), (0.3, "b"), (0.325, "a")], 0.5)
    assert segments[1].start_s == pytest.approx(0.3 - phones.CLOSURE_IN_PAUSE_S)


def test_marks_and_short_unnamed_events_lengthen_the_phone_before_but_long_ones_are_pauses():
    events = [(0.0, "p"), (0.1, ""), (0.12, "r"), (0.2, "ʲ"), (0.3, "i"), (0.5, ""), (0.7, "")]
    assert named(espeak_segments(events, 0.9)) == ["p", "l", "iy", "sil"]
    assert espeak_segments(events, 0.9)[1].end_s == pytest.approx(0.3)


def test_segments_of_events_touch_each_other():
    events = [(0.0, ""), (0.1, "k"), (0.15, "ɹ"), (0.2, "aʊ"), (0.4, "d"), (0.48, "i"), (0.6, "tʃ")]
    segments = espeak_segments(events, 0.8)
    assert segments[0].start_s == 0 and segments[-1].end_s == 0.8
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(segments))
    assert all(segment.end_s > segment.start_s for segment in segments)
