"""One person in front of the camera: skin, eyes, lashes, brows, hair, put together.

Knows how the parts of a person attach to each other. Refuses to know characters and scenes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from training.pathtrace import blender, eyes, fabric, groom
from training.pathtrace.head import BROWS, HeadModel, rotation
from training.pathtrace.mouth_look import enamel, gum, tongue_skin, tooth_attributes
from training.pathtrace.skin import (
    Complexion,
    Skin,
    beard_density,
    fine_skin,
    hair_density,
    lid_margin,
)
from training.pathtrace.wardrobe import Garment

F64 = NDArray[np.float64]
NECK = (0.0, -9.0, -1.5)  # the head turns about this point
CAMERA_DISTANCE = 95.0
FACE_DEPTH = 8.5


@dataclass(frozen=True)
class Person:
    """Who sits: identity, face at rest, and looks."""

    identity_seed: int
    complexion: Complexion
    iris: tuple[float, float, float]
    expression: dict[str, float] = field(default_factory=dict)
    hairline: tuple[tuple[float, float], ...] = ()
    identity_strength: float = 0.8
    pupil: float = 0.36
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    brow_count: int = 420
    brow_width: float = 0.42
    lash_length: float = 0.8


class Sitter:
    """A person being built; `head` objects turn together, `body` objects stay."""

    def __init__(self, model: HeadModel, person: Person) -> None:
        self.person = person
        self.model = model
        neutral = model.identity(person.identity_seed, person.identity_strength, 1.8)
        turn = rotation(person.yaw_deg, person.pitch_deg, person.roll_deg)
        self.turn = turn
        gaze = turn.T @ np.array([0.0, 0.0, 1.0])  # the camera, seen from the head
        gaze_deg = (float(np.degrees(gaze[0])), float(np.degrees(gaze[1])))
        self.eyes = model.eyeballs(neutral, gaze_deg)
        posed = model.express(neutral, person.expression)
        self.posed = model.clear_lids(posed, self.eyes)
        line = np.array(person.hairline) if person.hairline else None
        self.skin = fine_skin(model, self.posed, person.complexion, line)
        self.ground = groom.Ground(self.skin.positions, self.skin.normals)
        self.things: list[Any] = [
            blender.mesh_object(
                "skin",
                self.skin.positions,
                bust(self.skin),
                fabric.skin(),
                attributes=self.skin.attributes,
            )
        ]
        self._add_eyes()
        self._add_teeth()

    def _add_eyes(self) -> None:
        person, tears = self.person, eyes.tear_film()
        hair = fabric.hair((0.02, 0.014, 0.010))
        for side, eye in self.eyes.items():
            self.things += eyes.add_eyeball(eye, person.iris, person.pupil)
            film = self.model.part(self.posed, f"lacrimal_{side}")
            self.things.append(
                blender.mesh_object("tears", film.positions, film.triangles, tears, subdivide=1)
            )
            upper, lower = lid_margin(self.model, self.posed, side)
            for rim, count, length, up in ((upper, 150, 0.66, 0.50), (lower, 60, 0.30, -0.28)):
                hairs = groom.lashes(rim, eye.centre, count, length * person.lash_length, up, 3)
                self.add_strands("lashes", hairs, 0.017, hair)

    def _add_teeth(self) -> None:
        parts = self.model.mouth_parts(self.posed)
        for jaw in ("upper", "lower"):
            mesh = parts[f"teeth_{jaw}"]
            self.things.append(
                blender.mesh_object(
                    "teeth",
                    mesh.positions,
                    mesh.triangles,
                    enamel(),
                    subdivide=2,
                    attributes={
                        "rest": self.model.neutral[mesh.source],
                        **tooth_attributes(mesh, upper=jaw == "upper"),
                    },
                )
            )
        for name, material in (
            ("gums_upper", gum()),
            ("gums_lower", gum()),
            ("tongue", tongue_skin()),
        ):
            mesh = parts[name]
            self.things.append(
                blender.mesh_object(
                    name,
                    mesh.positions,
                    mesh.triangles,
                    material,
                    subdivide=1,
                    attributes={"rest": self.model.neutral[mesh.source]},
                )
            )

    def add_strands(
        self, name: str, points: F64, thickness: float, material: Any, tip: float = 0.15
    ) -> None:
        """Strands that turn with the head."""
        tone = np.random.default_rng(len(points)).random(len(points))
        radius = groom.taper(points.shape[1], thickness, tip)
        self.things.append(blender.strands(name, points, radius, material, {"tone": tone}))

    def add_brows(self, material: Any, thickness: float = 0.012, lift: float = -0.16) -> None:
        """Both eyebrows."""
        person = self.person
        for index, (start, stop) in enumerate(BROWS):
            arc = self.posed[self.model.landmarks68[start:stop]]
            arc = arc[::-1] if index == 0 else arc
            fine = CubicSpline(np.arange(len(arc)), arc)(np.linspace(0, len(arc) - 1, 60))
            fine = fine + np.array([0, lift, 0])
            hairs = groom.brow(
                fine, self.ground, person.brow_count, person.brow_width, 0.85, 11 + index
            )
            self.add_strands("brow", hairs, thickness, material, 0.1)

    def hair_mask(self) -> F64:
        """Where hair grows on the head. [V]"""
        return hair_density(
            self.skin.rest, np.array(self.person.hairline), self.person.complexion.seed
        )

    def beard_mask(self, reach: float = 1.0) -> F64:
        """Where a beard grows. [V]"""
        return beard_density(
            self.skin.rest, self.skin.attributes["lips"], reach, self.person.complexion.seed
        )

    def grow(
        self,
        kind: groom.Groom,
        mask: F64,
        flow: groom.Flow,
        ground: groom.Ground | None,
        scale: F64 | None = None,
    ) -> F64:
        """Strands over a mask of the skin. `scale`: length factor per skin vertex."""
        skin = self.skin
        corners, weights = groom.scatter(skin.positions, skin.quads, mask, kind.count, kind.seed)
        roots = groom.on_surface(skin.positions, corners, weights)
        normals = groom.on_surface(skin.normals, corners, weights)
        factor = None if scale is None else groom.on_surface(scale, corners, weights)
        return groom.grow(kind, roots, normals, flow, ground or self.ground, factor)

    def wear(
        self,
        name: str,
        garment: Garment,
        material: Any,
        *,
        on_head: bool = False,
        subdivide: int = 1,
    ) -> None:
        """Put on a garment; what is on the head turns with it."""
        thing = blender.mesh_object(
            name, garment.positions, garment.quads, material, subdivide=subdivide
        )
        if on_head:
            self.things.append(thing)

    def clear(self, points: F64, clearance: float) -> F64:
        """Points [N, 3] pushed out of the skin."""
        tree = cKDTree(self.ground.positions)
        for _ in range(3):
            points = groom.keep_out(points, tree, self.ground, clearance)
        return points

    def finish(self) -> None:
        """Turn the head."""
        blender.group(self.things, self.turn, NECK)


def bust(skin: Skin) -> NDArray[np.int32]:
    """The skin's quads without the shoulders: they belong under clothes. [Q, 4]"""
    x, y = np.abs(skin.rest[:, 0]), skin.rest[:, 1]
    covered = (y < -8.4) & (x > 6.0 + 0.25 * np.minimum(y + 10.2, 0))
    return skin.quads[~covered[skin.quads].any(1)]


def ground_of(*grounds: groom.Ground | Garment) -> groom.Ground:
    """One ground from skin and garments, for hair to lie on."""
    positions, normals = [], []
    for ground in grounds:
        if isinstance(ground, Garment):
            surface = blender.subdivided(ground.positions, ground.quads, 1, {})
            outward = surface.normals
            core = surface.positions * [1, 0, 1]
            if (outward * core).sum() < 0:
                outward = -outward
            positions.append(surface.positions)
            normals.append(outward)
        else:
            positions.append(ground.positions)
            normals.append(ground.normals)
    return groom.Ground(np.concatenate(positions), np.concatenate(normals))
