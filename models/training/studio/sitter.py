"""A person ready to be drawn: body, skin, hair and clothes, made once from a seed.

Knows what a person is put together from. Refuses to know cameras, light and graphics cards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.studio.bust import clothes
from training.studio.hair import grow_beard, grow_hair
from training.studio.head import HeadModel
from training.studio.layout import Material
from training.studio.mesh import Piece
from training.studio.person import Person, random_person
from training.studio.pose import Body
from training.studio.scalp import Scalp, hair_density
from training.studio.skin import SkinPainter, SkinTextures
from training.studio.teeth import shape_teeth
from training.studio.texels import Texels
from training.studio.wear import covered, glasses, hat
from training.studio.wrinkles import region_weights

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Sitter:
    """Somebody in the studio."""

    person: Person
    body: Body
    skin: SkinTextures
    pieces: tuple[Piece, ...]  # solid things worn, hair and beard last
    lenses: Piece | None
    tooth_look: F32  # [V] packed tone and height, see shade.frag


class Wardrobe:
    """Makes sitters; keeps what all of them share."""

    def __init__(self, head: HeadModel, texture_size: int = 512) -> None:
        self.head = head
        self.texels = Texels(head, texture_size)
        self.painter = SkinPainter(self.texels)
        self.fold_weights = region_weights(head.neutral)  # [V, 14]

    def sitter(self, seed: int, person: Person | None = None) -> Sitter:
        """Somebody for a seed; the same seed gives the same sitter."""
        person = person or random_person(self.head, seed)
        neutral = self.head.neutral + np.tensordot(person.shape, self.head.identities, 1)
        neutral, tone, height = shape_teeth(self.head, neutral.astype(np.float32), person)
        body = Body(self.head, neutral)
        scalp = Scalp(self.head, neutral)
        frames, lenses = glasses(scalp, person, tuple(body.eyes))
        worn = [*clothes(person), *hat(scalp, person), *frames]
        cover = covered(scalp, person)
        for piece in (grow_hair(scalp, person, cover), grow_beard(scalp, person)):
            if piece is not None:
                worn.append(piece)
        roots = [self._roots(person, number) for number in (0, 1)]
        skin = self.painter.paint(person, (roots[0], roots[1]))
        packed = 16 + np.round(np.clip(tone, -1.9, 1.9) * 8) + 0.999 * height
        for piece in worn:
            if piece.material == Material.METAL:
                piece.tone[:] = 0.9 if piece.turn.mean() < 0.5 else 0.5
        return Sitter(person, body, skin, tuple(worn), lenses, packed.astype(np.float32))

    def _roots(self, person: Person, number: int) -> F32:
        """How dense hair roots shade the skin, by texel; the bald show a little."""
        rest = self.texels.tiles[number].rest
        strength = {"bald": 0.18, "buzz": 0.75}.get(person.style, 1.0)
        return hair_density(rest, person.hairline, person.seed) * np.float32(strength)
