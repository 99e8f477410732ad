"""The decoder: one character's motion in, RGBA frames out, at the portrait's own pixels.

Holds everything a frame needs, prepared once; a frame allocates next to nothing. Not for several
threads at once: give every thread its own decoder.
"""

from __future__ import annotations

import copy

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec import harmony, topology
from mien.models.codec.basis import face_basis
from mien.models.codec.canonical import layout_of, unrolled
from mien.models.codec.compose import Area, Sampler, areas_to_draw, occupied, over, over_shaded
from mien.models.codec.eyes import build_eye, draw_eye
from mien.models.codec.folds import Folds, fold
from mien.models.codec.layers import build_layers, smoothstep
from mien.models.codec.mouth import Mouth
from mien.models.codec.pose import F64
from mien.models.codec.profiles import CPU, learned_parts
from mien.models.codec.rasteriser import rasterise
from mien.models.codec.relief import Relief
from mien.models.codec.rig import EYES, Posed, Rig
from mien.models.codec.shading import Shading
from mien.models.codec.sheet import Sheet
from mien.models.codec.skin_maps import lay_on

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

FRAME_SIZE_PX = 512
FACE_GRID = 256  # flow cells across the frame
# The sheet is smooth while the head looks about ahead; turned further it folds over, and a fold
# has an edge that shows.
SHEET_GRID, FOLDED_GRID = 64, 256
FOLDS_BEYOND = float(np.cos(np.radians(7.0)))
BEHIND = np.array([0.0, 0.0, 4096.0])  # px deep: only where nothing else is
RIM_PX = 16.0  # the face mesh reaches this far beyond the outline, where its alpha has ended
RIM_FROM, RIM_BY = 0.25, 0.75  # of the skin's area in the portrait, as it turns away


def _winding(points: F64, triangles: NDArray[np.int32]) -> F64:
    """Twice the signed areas px² of `triangles` [T, 3] over `points` [N, 3]."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    u, v = b - a, c - a
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


class FaceMesh:
    """The landmark mesh and a rim around the portrait's outline of the face.

    The rim carries the face layer's soft edge: its alpha ends before the mesh does.
    """

    def __init__(self, landmarks: F64) -> None:
        points = landmarks[: topology.SKIN, :2].astype(np.float32)
        self.outline = cv2.convexHull(points, returnPoints=False)[:, 0]
        around = landmarks[self.outline] - landmarks[self.outline].mean(0)
        around[:, 2] = 0.0
        self.offset = RIM_PX * around / np.linalg.norm(around, axis=1, keepdims=True)
        rim = topology.LANDMARKS + np.arange(len(self.outline))
        a, b = self.outline, np.roll(self.outline, -1)
        c, d = np.roll(rim, -1), rim
        band = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        # The outline is convex, the mesh is not: what lies between is filled from behind.
        middle = int(rim[-1]) + 1
        back = middle + 1 + np.arange(len(self.outline))
        fan = np.stack([back, np.roll(back, -1), np.full_like(back, middle)], 1)
        skin = face_basis().triangles
        outer = np.isin(skin, [*self.outline, *topology.FACE_OVAL]).any(1)
        self.triangles = np.concatenate([skin[~outer], fan]).astype(np.int32)
        self.source = self._with_rim(landmarks, self.offset)
        around_it = np.concatenate([skin[outer], band])
        wound = _winding(self.source, around_it) < 0.0
        around_it[wound] = around_it[wound][:, ::-1]
        self._edge = np.ascontiguousarray(around_it, np.int32)  # wound alike, as in the portrait
        self._skin_edge = self._edge[: int(outer.sum())]
        touching = np.stack([(self._skin_edge == i).any(1) for i in self.outline])
        size = _winding(self.source, self._skin_edge)
        self._facing = touching / np.maximum(touching @ size, 1e-6)[:, None]  # [outline, edge]

    def posed(self, posed: Posed) -> F64:
        """Landmarks, rim and backing of a posed face, [N, 3] px.

        Where the skin at the outline turns away the rim draws in: it would stand out behind the
        cheek that has become the outline.
        """
        scale = posed.rigid.scale
        area = np.maximum(_winding(posed.points, self._skin_edge), 0.0) / (scale * scale)
        facing = smoothstep(self._facing @ area, RIM_FROM, RIM_BY)[:, None]
        offset = scale * (facing * self.offset) @ posed.rigid.turn.T
        return self._with_rim(posed.points, offset)

    def seen(self, points: F64) -> NDArray[np.int32]:
        """The triangles [T, 3] to draw at posed `points`.

        Those at the edge of a turned face that look away are left out: there the cheek ends, and
        what lies behind its edge is not face.
        """
        edge = self._edge[_winding(points, self._edge) > 0.0]
        return np.concatenate([self.triangles, edge])

    def _with_rim(self, points: F64, offset: F64) -> F64:
        outline = points[self.outline]
        back = np.concatenate([outline.mean(0, keepdims=True), outline]) + BEHIND
        return np.concatenate([points, outline + offset, back])


def _relief_of(character: Character) -> Relief | None:
    """What a character's file says of depth; None for files that were made before it was read."""
    depth = character.geometry.get("depth")
    if depth is None:
        return None
    size = (depth.shape[1], depth.shape[0])
    person = cv2.resize(character.arrays["matte"], size, interpolation=cv2.INTER_AREA) / 255.0
    return Relief(depth, person.astype(np.float32))


class Decoder:
    """Decodes one character."""

    def __init__(self, character: Character, *, learned: bool = True, profile: str = CPU) -> None:
        """`learned`: with the skin's learned maps and the mouth's light, else shaded by rule.

        `profile`: which networks those are and what runs them, see `profiles`. Raises ProfileError
        where that cannot be had, SkinWeightsError or MouthWeightsError where weights are missing or
        damaged.
        """
        arrays = character.arrays
        parts = learned_parts(profile) if learned else None
        self.portrait = arrays["portrait"]
        self.rig = Rig({**character.geometry, "landmarks": arrays["landmarks"]})
        self.layers = build_layers(arrays["portrait"], arrays["plate"], arrays["matte"], self.rig)
        self.sheet = Sheet(self.rig, FRAME_SIZE_PX, _relief_of(character))
        self.shading = Shading(self.rig.shape)
        portrait = arrays["portrait"].astype(np.float32)
        self.eyes = tuple(build_eye(portrait, self.rig, eye) for eye in EYES)
        rest = character.geometry["mouth_rest"]
        self.mouth = Mouth(portrait, self.rig, rest, self.eyes, parts)
        self._mesh = FaceMesh(self.rig.landmarks)
        self._places = layout_of(self._mesh.outline)
        skin, seen = self._own_skin()
        self._folds = Folds(skin, seen)
        self._skin = None if parts is None else parts.maps(skin, seen)
        self._occupied = {n: occupied(self.layers.sheet, n) for n in (SHEET_GRID, FOLDED_GRID)}
        self._take_scratch()

    def _own_skin(self) -> tuple[U8, F32]:
        """The portrait's skin in the canonical layout, and where there is any."""
        source = self._mesh.source[:, :2].astype(np.float32)
        return unrolled(self.portrait, source, self._places, self._mesh.seen(self._mesh.source))

    def _take_scratch(self) -> None:
        self._face_grid = np.zeros((FACE_GRID, FACE_GRID, 8), np.float32)
        self._face_depth = np.zeros((FACE_GRID, FACE_GRID), np.float32)
        self._sheet_grids = {
            n: (np.zeros((n, n, 2), np.float32), np.zeros((n, n), np.float32))
            for n in (SHEET_GRID, FOLDED_GRID)
        }
        self._sampler = Sampler(FRAME_SIZE_PX)

    def clone(self) -> Decoder:
        """Another decoder of the same character, for another actor or thread.

        Shares what was prepared and never changes; has scratch of its own.
        """
        other = copy.copy(self)
        other._take_scratch()
        return other

    @property
    def gflop(self) -> float:
        """What the learned parts compute for a frame, in 10^9 operations."""
        return 0.0 if self._skin is None else self._skin.gflop + harmony.GFLOP

    @property
    def state_bytes(self) -> int:
        """Memory of what this decoder keeps, shared with its clones or not, in bytes."""
        grids = (self._face_grid, self._face_depth, *sum(self._sheet_grids.values(), ()))
        layers = (self.layers.plate, self.layers.sheet, self.layers.face, self.layers.below)
        total = sum(a.nbytes for a in grids) + sum(a.nbytes for a in layers)
        total += 2 * sum(eye.white.nbytes + eye.iris.nbytes for eye in self.eyes)
        total += sum(eye.lid.colour.nbytes for eye in self.eyes)
        total += 0 if self._skin is None else self._skin.nbytes
        return int(total + self.rig.basis.nbytes + self._sampler.nbytes)

    def decode(self, dynamics: F32, pose: F32, out: U8 | None = None) -> U8:
        """One frame: `dynamics` [52] in 0..1, `pose` [6] relative to the portrait.

        Returns RGBA [512, 512, 4], straight alpha, sRGB (into `out` where given). Values beyond
        their range are clipped, turns beyond the portrait's limits compressed.
        """
        if np.shape(dynamics) != (52,) or np.shape(pose) != (6,):
            raise ValueError(
                f"decode wants dynamics [52] and pose [6], got {np.shape(dynamics)} and "
                f"{np.shape(pose)}"
            )
        if out is None:
            out = np.empty((FRAME_SIZE_PX, FRAME_SIZE_PX, 4), np.uint8)
        posed = self.rig.pose(dynamics, pose)
        flow = self._flow_sheet(posed)
        area = self._flow_face(posed, dynamics, pose)
        out[...] = self.layers.below
        sampler, layers = self._sampler, self.layers
        for band in areas_to_draw(flow, self._occupied[len(flow)], FRAME_SIZE_PX):
            sheet = sampler.sample(layers.sheet, flow, band)
            over(sheet, layers.plate[band.window], out[band.window])
        if not area.empty:
            face, shade = sampler.sample_shaded(layers.face, self._face_grid, area)
            over_shaded(face, shade, out[area.window])
        for eye in self.eyes:
            draw_eye(out, eye, posed)
        self.mouth.draw(out, posed, dynamics, pose[:3])
        return out

    def _flow_sheet(self, posed: Posed) -> F32:
        """Rasterise where the sheet's pixels come from, [cells, cells, 2] px."""
        ahead = posed.rigid.turn[2, 2] > FOLDS_BEYOND
        grid, depth = self._sheet_grids[SHEET_GRID if ahead else FOLDED_GRID]
        step = len(grid) / FRAME_SIZE_PX
        moved = self.sheet.move(posed)
        flow = (self.sheet.nodes - moved)[:, :2].astype(np.float32)
        points = moved.astype(np.float32)
        points[:, :2] = (points[:, :2] + 0.5) * step - 0.5
        rasterise(points, flow, self.sheet.triangles, grid, depth)
        return grid

    def _flow_face(self, posed: Posed, dynamics: F32, pose: F32) -> Area:
        """Rasterise where the face's pixels come from; returns the area it touches."""
        step = FACE_GRID / FRAME_SIZE_PX
        mesh = self._mesh
        moved = mesh.posed(posed)
        values = np.ones((len(moved), 8), np.float32)
        values[:, :2] = (mesh.source - moved)[:, :2]
        if self._skin is None:
            values[: topology.LANDMARKS, 2:5] = self.shading.gains(posed.shape)[:, None]
        values[:, 6:] = self._places
        points = moved.astype(np.float32)
        points[:, :2] = (points[:, :2] + 0.5) * step - 0.5
        rasterise(points, values, mesh.seen(moved), self._face_grid, self._face_depth)
        low = np.clip(np.floor(moved[:, :2].min(0)) - 2, 0, FRAME_SIZE_PX).astype(int)
        high = np.clip(np.ceil(moved[:, :2].max(0)) + 3, 0, FRAME_SIZE_PX).astype(int)
        x0, y0 = (max(int(v * step) - 1, 0) for v in low)
        x1, y1 = (min(int(v * step) + 2, FACE_GRID) for v in high)
        folded = self._folds.at(dynamics)
        if folded is not None:
            fold(self._face_grid, folded, x0, y0, x1, y1)
        if self._skin is not None:
            coefficients = np.clip(np.nan_to_num(dynamics), 0.0, 1.0)
            maps = self._skin.at(coefficients, np.nan_to_num(pose[:3]))
            lay_on(self._face_grid, maps, self.rig.scale, x0, y0, x1, y1)
        return Area(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
