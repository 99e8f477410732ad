"""Endless sentences in many languages, from the lists in text/.

Knows the lists (of our own writing), how slots are filled, and how people hesitate. Refuses to know
who speaks. A list is a text file: `@name = a | b` defines a slot, other lines are sentences, {name}
is filled from its slot; slots may hold slots. The same seed gives the same sentences.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TEXT = Path(__file__).parent / "text"
SLOT = re.compile(r"\{(\w+)\}")
ENGLISH_AN = re.compile(r"\b([Aa]) (?=(?!us|uni|one|eu)[aeiou])")
FREE_SHARE = 0.15  # of the sentences without slots, where a language has both
DEEPEST = 8


@dataclass(frozen=True)
class TextList:
    """What one language's file holds."""

    slots: dict[str, tuple[str, ...]]
    templates: tuple[str, ...]
    free: tuple[str, ...]


class TextListError(ValueError):
    """A list names a slot that it does not define, or is empty."""


def languages() -> tuple[str, ...]:
    """The languages that have a list, as two-letter codes."""
    return tuple(sorted(path.stem for path in TEXT.glob("*.txt")))


@lru_cache(maxsize=32)
def read_list(language: str) -> TextList:
    """The list of a language. Raises TextListError when it cannot be used."""
    path = TEXT / f"{language}.txt"
    if not path.exists():
        raise TextListError(f"no sentences for {language!r}; there are {', '.join(languages())}")
    return parse_list(path.read_text("utf-8"), path.name)


def parse_list(text: str, name: str = "text") -> TextList:
    """Parse the format of the module docstring."""
    slots: dict[str, tuple[str, ...]] = {}
    lines: list[str] = []
    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("@"):
            slot, _, values = line[1:].partition("=")
            slots[slot.strip()] = tuple(value.strip() for value in values.split("|"))
        elif line and not line.startswith("#"):
            lines.append(line)
    used = {slot for line in [*lines, *sum(slots.values(), ())] for slot in SLOT.findall(line)}
    if used - slots.keys() or not lines:
        raise TextListError(f"{name}: undefined slots {sorted(used - slots.keys())} or no sentence")
    templates = tuple(line for line in lines if SLOT.search(line))
    return TextList(slots, templates, tuple(line for line in lines if not SLOT.search(line)))


@dataclass(frozen=True)
class Habits:
    """How often a speaker does what (shares of sentences)."""

    hesitate: float = 0.10
    repeat: float = 0.04
    pause: float = 0.06
    second_sentence: float = 0.25


class Sentences:
    """A seeded speaker of one language: `next()` gives one utterance, one or two sentences."""

    def __init__(self, language: str, seed: int, habits: Habits | None = None) -> None:
        self.language = language
        self.list = read_list(language)
        self.habits = habits or Habits()
        self.random = random.Random(f"{language} {seed}")

    def next(self) -> str:
        """One utterance, ready for a synthesiser."""
        utterance = self._sentence()
        if self.random.random() < self.habits.second_sentence:
            utterance += " " + self._sentence()
        return utterance

    def _sentence(self) -> str:
        free = self.list.free and (not self.list.templates or self.random.random() < FREE_SHARE)
        line = self.random.choice(self.list.free if free else self.list.templates)
        filled = self._fill(line)
        if self.language == "en":
            filled = ENGLISH_AN.sub(r"\1n ", filled)
        return self._stumble(capital(filled))

    def _fill(self, line: str, depth: int = 0) -> str:
        if depth > DEEPEST:
            raise TextListError(f"slots never end in {line!r}")
        return SLOT.sub(
            lambda match: self._fill(self.random.choice(self.list.slots[match[1]]), depth + 1), line
        )

    def _stumble(self, sentence: str) -> str:
        """Hesitate, repeat a word, or pause."""
        words = sentence.split(" ")
        hesitations = self.list.slots.get("hesitation", ())
        at = self.random.randrange(len(words))
        if hesitations and self.random.random() < self.habits.hesitate:
            words.insert(at, self.random.choice(hesitations) + ",")
        elif self.random.random() < self.habits.repeat and words[at][-1].isalpha():
            words.insert(at, words[at] + ",")
        elif self.random.random() < self.habits.pause and words[at][-1].isalpha():
            words[at] += "..."
        return capital(" ".join(words))


def capital(sentence: str) -> str:
    """First letter upper case."""
    return sentence[:1].upper() + sentence[1:]
