"""Whether a face stays whose it is: distances of identity codes.

Knows the appearance encoder's code. Refuses to know how frames are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from mien.models.appearance.reader import shipped_reader
from training.evaluation.codec.metrics import mean
from training.evaluation.codec.people import Person


def distances(people: Sequence[Person], who: str) -> dict[str, float]:
    """Mean cosine distances, 0..2: of a character's frames to its portrait, of two portraits.

    The first should be a small part of the second.
    """
    reader = shipped_reader()
    codes = [person.sitting.character.geometry["identity"] for person in people]
    across = [
        float(1.0 - code @ reader.read(person.shown(who, index)).code)
        for person, code in zip(people, codes, strict=True)
        for index in person.stills
    ]
    between = [float(1.0 - one @ other) for one, other in combinations(codes, 2)]
    return {"across_motion": mean(across), "between_people": mean(between)}
