"""What is drawn, as flat arrays: the head's solid surfaces, what is worn, and the veils.

Knows which vertex of the arrays comes from where. Refuses to know OpenGL.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from training.studio.head import INNER_LIP, MATERIALS, HeadModel
from training.studio.layout import Material
from training.studio.mesh import smooth_step
from training.studio.person import Person
from training.studio.pose import SIDES, Body, Posed
from training.studio.sitter import Sitter

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

_STRANDS = (int(Material.HAIR), int(Material.BEARD))
_MOUTH = (Material.CAVITY, Material.GUMS, Material.UPPER_TEETH, Material.LOWER_TEETH,
          Material.TONGUE)  # fmt: skip
_LIT_BY_SKY = (Material.SKIN, Material.EYE)  # whose occlusion is measured; mouths have their own


class Drawables:
    """Solid things: head first, then each piece."""

    def __init__(self, head: HeadModel, sitter: Sitter) -> None:
        self.head, self.pieces = head, sitter.pieces
        self.corners = corners = head.corners(*MATERIALS)
        used = len(corners.source)
        self.starts = used + np.cumsum([0, *[len(p.points) for p in self.pieces]])
        self.count = int(self.starts[-1])
        inside = np.isin(corners.material[corners.triangles].max(1), _MOUTH)
        solid, cards = [corners.triangles[~inside]], []
        caster = np.isin(corners.material, (Material.SKIN, Material.UPPER_TEETH))
        shadow = [corners.triangles[caster[corners.triangles].all(1)]]
        for piece, start in zip(self.pieces, self.starts, strict=False):
            moved = piece.triangles + int(start)
            if piece.material in _STRANDS:
                cards.append(moved)
                shadow.append(moved[::2] if piece.material == Material.HAIR else moved[:0])
            else:
                solid.append(moved)
                shadow.append(moved)
        self.outside = sum(map(len, solid))  # triangles before those of the mouth's inside
        solid.append(corners.triangles[inside])
        self.solid, self.shadow = np.concatenate(solid), np.concatenate(shadow)
        self.cards = np.concatenate(cards) if cards else np.zeros((0, 3), np.int32)
        self._look = self._looks(sitter)
        self._moving = np.zeros((self.count, 7), np.float32)

    def _looks(self, sitter: Sitter) -> F32:
        """Material, occlusion, tone of every vertex."""
        source, material = self.corners.source, self.corners.material
        tone = np.full(len(source), 0.5, np.float32)
        teeth = np.isin(material, (Material.UPPER_TEETH, Material.LOWER_TEETH))
        tone[teeth] = sitter.tooth_look[source[teeth]]
        rows = [np.stack([material, np.ones(len(source)), tone], 1)]
        rows += [
            np.stack([np.full(len(p.points), p.material), p.occlusion, p.tone], 1)
            for p in self.pieces
        ]
        return np.concatenate(rows).astype(np.float32)

    def fixed(self) -> F32:
        """Canonical place, uv, look, strand tangent: [N, 11]."""
        rest = [self.head.neutral[self.corners.source], *[p.points for p in self.pieces]]
        uv = [self.corners.uv, *[p.uv for p in self.pieces]]
        tangent = [np.zeros((len(self.corners.source), 3)), *[p.tangent for p in self.pieces]]
        return np.ascontiguousarray(
            np.concatenate([np.concatenate(rest), np.concatenate(uv), self._look,
                            np.concatenate(tangent)], 1), np.float32)  # fmt: skip

    def mouth_shows(self, posed: Posed) -> bool:
        """Whether the lips are apart anywhere."""
        lips = posed.points[self.head.landmarks68[list(INNER_LIP)]]
        gaps = np.linalg.norm(lips[1:4] - lips[7:4:-1], axis=1)
        return bool(gaps.max() > 0.16)

    def places(self, body: Body, posed: Posed) -> list[tuple[F32, F32]]:
        """Places and normals of every piece for a pose."""
        return [body.place_piece(piece, posed) for piece in self.pieces]

    def moving(self, places: list[tuple[F32, F32]], posed: Posed, normals: F32, folds: F32) -> F32:
        """Place, normal, depth of folds: [N, 7]. The array is used again by the next call."""
        out, source = self._moving, self.corners.source
        used = len(source)
        out[:used, :3] = posed.points[source]
        out[:used, 3:6] = normals[source]
        out[:used, 6] = folds[source]
        for (place, normal), start in zip(places, self.starts, strict=False):
            out[start : start + len(place), :3] = place
            out[start : start + len(place), 3:6] = normal
        return out

    def darken(self, openness: F64) -> None:
        """Multiply measured openness [N] into the occlusion of skin, eyes, and what is worn."""
        source, material = self.corners.source, self.corners.material
        used = len(source)
        values = np.clip(0.12 + 0.88 * openness, 0, 1) ** 0.85
        total = np.zeros(len(self.head))
        count = np.zeros(len(self.head))
        np.add.at(total, source, values[:used])
        np.add.at(count, source, 1)
        mean = total / np.maximum(count, 1)
        mean = self.head.smoother @ (self.head.smoother @ mean)
        lit = np.isin(material, _LIT_BY_SKY)
        self._look[:used, 1][lit] = mean[source][lit]
        for piece, start in zip(self.pieces, self.starts, strict=False):
            if piece.material not in _STRANDS:
                part = slice(start, start + len(piece.points))
                self._look[part, 1] *= 0.35 + 0.65 * values[part]

    @staticmethod
    def colours(person: Person) -> dict[str, object]:
        """Uniforms that say how this person's things are coloured."""
        look = person.teeth
        yellow = np.array([0.86, 0.80, 0.72]) * (1 - look["yellow"]) + look["yellow"] * np.array(
            [0.80, 0.66, 0.44]
        )
        rng = np.random.default_rng(person.seed + 47)
        metal = np.array([0.7, 0.7, 0.72]) if rng.random() < 0.7 else np.array([0.75, 0.55, 0.25])
        gums = np.array([0.52, 0.19, 0.18]) * rng.uniform(0.75, 1.15) * (1 - 0.25 * person.dark)
        frame = rng.uniform(0.01, 0.5, 3) if rng.random() < 0.5 else np.full(3, 0.03)
        return {
            "iris_colour": person.iris_colour, "pupil": person.pupil,
            "bloodshot": 0.3 * person.tired + 0.5 * person.age, "hair_colour": person.hair_colour,
            "hair_gloss": rng.uniform(0.4, 1.3), "cloth_colour": person.cloth_colours[0],
            "cloth_colour2": person.cloth_colours[1], "cloth_kind": float(rng.integers(0, 5)),
            "hat_colour": person.hat_colour, "metal_colour": metal * rng.uniform(0.4, 1.1),
            "frame_colour": frame, "enamel": yellow * look["value"], "gum_colour": gums,
            "tongue_colour": np.array([0.55, 0.22, 0.21]) * rng.uniform(0.8, 1.15, 3),
            "lash_colour": 0.12 * person.hair_colour + 0.004,
            "lash_weight": 0.75 + 0.45 * person.makeup
            - 0.3 * (person.masculine > 0.5) * rng.random(),
            "lens_tint": rng.uniform(0.0, 0.3, 3) if rng.random() < 0.3 else np.zeros(3),
            "lens_dark": rng.uniform(0.0, 0.12) if rng.random() < 0.85 else rng.uniform(0.3, 0.7),
        }  # fmt: skip


def mouth_opening(body: Body, posed: Posed) -> dict[str, object]:
    """Uniforms that say through what opening light enters the mouth."""
    marks = body.head.landmarks68[list(INNER_LIP)]
    lips = (posed.points[marks] @ posed.placement.head).astype(np.float64)  # head axes
    right, left = lips[0], lips[4]
    upper, lower = lips[1:4].mean(0), lips[5:8].mean(0)
    middle_z = 0.5 * (lips[2, 2] + lips[6, 2])
    half = max(0.5 * float(left[0] - right[0]), 0.2)
    tall = max(0.5 * float(lips[2, 1] - lips[6, 1]), 0.0)
    curve = max(middle_z - 0.5 * float(right[2] + left[2]), 0.0) / half**2
    centre = np.array([0.5 * (left[0] + right[0]), 0.5 * (upper[1] + lower[1]), middle_z])
    return {
        "mouth_centre": posed.placement.head @ centre,
        "mouth_size": (half, tall, curve, float(smooth_step(0.02, 1.6, np.array(2 * tall)))),
    }


class Veils:
    """Lashes, the shade that lids throw on eyeballs, and lenses."""

    def __init__(self, head: HeadModel, sitter: Sitter) -> None:
        self.head, self.lenses = head, sitter.lenses
        shade = head.corners(*[f"eye_occlusion_{s}" for s in SIDES])
        lash = head.corners(*[f"lashes_{s}" for s in SIDES])
        self.source = np.concatenate([shade.source, lash.source])
        kind = np.zeros((len(self.source), 4), np.float32)
        kind[len(shade.source) :] = _lash_kind(head, lash.source, lash.uv, lash.triangles)
        uv = np.concatenate([shade.uv, lash.uv])
        triangles = [shade.triangles, lash.triangles + len(shade.source)]
        if self.lenses is not None:
            triangles.append(self.lenses.triangles + len(self.source))
            extra = np.zeros((len(self.lenses.points), 4), np.float32)
            extra[:, 0] = 2
            kind, uv = np.concatenate([kind, extra]), np.concatenate([uv, self.lenses.uv])
        self.triangles = np.concatenate(triangles)
        self._fixed = np.concatenate([uv, kind], 1).astype(np.float32)
        self.count = len(self._fixed)

    def fixed(self) -> F32:
        """uv and kind, [N, 6]."""
        return self._fixed

    def moving(self, body: Body, posed: Posed, normals: F32) -> F32:
        """Place and normal, [N, 6]."""
        out = np.zeros((self.count, 6), np.float32)
        out[: len(self.source), :3] = posed.points[self.source]
        out[: len(self.source), 3:] = normals[self.source]
        if self.lenses is not None:
            place, normal = body.place_piece(self.lenses, posed)
            out[len(self.source) :, :3], out[len(self.source) :, 3:] = place, normal
        return out


def _lash_kind(head: HeadModel, source: I32, uv: F32, triangles: I32) -> F32:
    """For each vertex of the lashes: 1, across the lid 0..1, from root to tip 0..1, upper lid."""
    kind = np.zeros((len(source), 4), np.float32)
    if not len(source):
        return kind
    edges = (triangles.ravel(), np.roll(triangles, 1, 1).ravel())
    graph = sparse.coo_matrix((np.ones(triangles.size), edges), (len(source),) * 2)
    label = connected_components(graph, directed=False)[1]
    place = head.neutral[source]
    kind[:, 0] = 1
    for fan in np.unique(label):
        mine = label == fan
        local = uv[mine] - uv[mine].min(0)
        local = local / (local.max(0) + 1e-9)
        side = "l" if place[mine, 0].mean() > 0 else "r"
        centre = head.neutral[slice(*head.ranges[f"sclera_{side}"])].mean(0)
        far = np.linalg.norm(place[mine] - centre, axis=1)
        tip = local[:, 1]
        if far[tip > 0.9].mean() < far[tip < 0.1].mean():
            tip = 1 - tip
        kind[mine, 1], kind[mine, 2] = local[:, 0], tip
        kind[mine, 3] = place[mine, 1].mean() > 3.45
    return kind
