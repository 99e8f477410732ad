"""A studio session: a sitter, its light, its shots, and frames with labels.

Knows the order of things. Refuses to know files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.studio.head import HeadModel
from training.studio.labels import Labels, describe
from training.studio.light import random_backdrop, random_light
from training.studio.performances import Kind, Shot, plan
from training.studio.renderer import Picture, Renderer
from training.studio.sitter import Sitter, Wardrobe

# Identities with these seeds are for evaluation and never mixed with training ones.
HELD_OUT_SEEDS = range(900_000, 1_000_000)


@dataclass(frozen=True)
class Frame:
    """A picture and what is known about it."""

    picture: Picture
    labels: Labels
    kind: Kind


class Studio:
    """Renders identities by seed. One a process: it owns an OpenGL context."""

    def __init__(
        self, head: HeadModel, size: int = 256, samples: int = 2, texture_size: int | None = None
    ) -> None:
        """Raises NoGraphics where there is no OpenGL."""
        self.head, self.size = head, size
        self.renderer = Renderer(head, size, samples)
        self.wardrobe = Wardrobe(head, texture_size or (512 if size <= 256 else 1024))

    def seat(self, seed: int) -> Sitter:
        """Put the person of a seed before the camera, in that person's light."""
        sitter = self.wardrobe.sitter(seed)
        self.renderer.seat(sitter, self.wardrobe.fold_weights)
        self.relight(np.random.default_rng([seed, 1]), sitter)
        return sitter

    def relight(self, rng: np.random.Generator, sitter: Sitter) -> None:
        """Another light and background."""
        light = random_light(rng, sitter.person.tone)
        self.renderer.light(light, random_backdrop(rng, light, self.size))

    def take(self, sitter: Sitter, shot: Shot, *, as_source: bool = False) -> Frame:
        """Draw and label one shot of the seated person."""
        posed = sitter.body.pose(shot.coefficients, shot.placement, shot.tongue)
        picture = self.renderer.draw(posed, shot.camera, shot.coefficients, as_source=as_source)
        labels = describe(
            sitter.body,
            posed,
            shot.camera,
            shot.coefficients,
            shot.tongue,
            picture.depth,
            picture.parts,
        )
        return Frame(picture, labels, shot.kind)

    def session(self, seed: int, frames: int, close: bool = False) -> Iterator[Frame]:
        """All frames of one identity; frame 0 is the source that flow refers to."""
        sitter = self.seat(seed)
        for number, shot in enumerate(plan(np.random.default_rng([seed, 2]), frames, close)):
            yield self.take(sitter, shot, as_source=number == 0)
