"""The sentence lists are broad, sound and repeatable."""

import re

import pytest

from training.speech.plan import sources
from training.speech.sentences import Habits, Sentences, TextListError, languages, parse_list
from training.speech.sentences import read_list as read


def said(language, count, seed=1, habits=None):
    sentences = Sentences(language, seed, habits)
    return [sentences.next() for _ in range(count)]


def test_every_language_of_the_plan_has_a_list_and_there_are_at_least_ten():
    assert {source.language for source in sources()} <= set(languages())
    assert len(languages()) >= 10


@pytest.mark.parametrize("language", languages())
def test_a_list_gives_sentences_without_open_slots(language):
    for sentence in said(language, 200):
        assert sentence.strip() and not re.search(r"[{}|@#]", sentence)
        assert len(sentence) < 400


@pytest.mark.parametrize("language", languages())
def test_a_list_is_rich_enough_not_to_repeat_itself(language):
    sentences = said(language, 300)
    assert len(set(sentences)) > 0.8 * len(sentences)


def test_hours_of_english_hardly_repeat():
    sentences = said("en", 8000)
    assert len(set(sentences)) > 0.85 * len(sentences)


def test_the_same_seed_says_the_same_and_another_something_else():
    assert said("de", 20, seed=4) == said("de", 20, seed=4)
    assert said("de", 20, seed=4) != said("de", 20, seed=5)


def test_english_is_full_of_lips():
    text = "".join(said("en", 1000)).lower()
    letters = sum(letter.isalpha() for letter in text)
    lips = sum(letter in "pbmfvw" for letter in text)
    assert lips / letters > 0.13  # plain prose has about .12


def test_english_articles_fit_the_vowels_after_them():
    text = " ".join(said("en", 3000, habits=Habits(0, 0, 0, 0)))
    assert not re.search(r"\ba (apple|amber|empty|enormous|evil|oak|awful|owl|ape)\b", text)


def test_speakers_hesitate_and_repeat_themselves():
    assert all("," in s for s in said("fi", 40, habits=Habits(1, 0, 0, 0)))
    assert any(re.search(r"\b(\w+), \1\b", s) for s in said("fi", 40, habits=Habits(0, 1, 0, 0)))
    assert any("..." in s for s in said("fi", 40, habits=Habits(0, 0, 1, 0)))


def test_a_slot_without_a_definition_is_an_error_that_names_it():
    with pytest.raises(TextListError, match="beast"):
        parse_list("The {beast} sleeps.")


def test_a_language_without_a_list_is_an_error_that_names_the_others():
    with pytest.raises(TextListError, match="en"):
        read("xx")
