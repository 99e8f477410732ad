"""The decoder: one character's motion in, RGBA frames out, at the portrait's own pixels or fewer.

What a character needs is prepared once and shared by all its decoders; what drawing needs belongs
to the thread that draws (`scratch`). A decoder itself keeps next to nothing. Decoders of one
character may draw in several threads at once.
"""

from __future__ import annotations

import copy
import sys
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.character import Character
from mien.models.codec import harmony
from mien.models.codec.canonical import layout_of, unrolled
from mien.models.codec.compose import bands_to_draw
from mien.models.codec.dressing import PLAIN_FOLDS, PLAIN_MAPS, dress, filled_up
from mien.models.codec.eyes import build_eye, draw_eye
from mien.models.codec.face_mesh import FaceMesh
from mien.models.codec.folds import Folds
from mien.models.codec.layers import build_layers
from mien.models.codec.levels import Level, level_of, reduced, unpacked
from mien.models.codec.mouth import Mouth
from mien.models.codec.profiles import CPU, learned_parts
from mien.models.codec.rasteriser import rasterise
from mien.models.codec.relief import Relief
from mien.models.codec.rig import EYES, Posed, Rig, coefficients_of, numbers_of
from mien.models.codec.scratch import FACE_CELLS, Scratch, scratch_of
from mien.models.codec.shading import Shading
from mien.models.codec.sheet import Sheet
from mien.models.codec.warping import blocks_around, draw_face, draw_sheet

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

FRAME_SIZE_PX = 512  # of the portrait, and of frames unless others are asked for
SIZES_PX = tuple(FACE_CELLS)
FOLDS_BEYOND = float(np.cos(np.radians(7.0)))
NO_GAINS = np.zeros(0, np.float32)
AT_REST = np.zeros(52, np.float32), np.zeros(6, np.float32)


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
        layers = build_layers(arrays["portrait"], arrays["plate"], arrays["matte"], self.rig)
        self._levels = {FRAME_SIZE_PX: level_of(layers)}
        self._building = threading.Lock()
        self.sheet = Sheet(self.rig, FRAME_SIZE_PX, _relief_of(character))
        portrait = arrays["portrait"].astype(np.float32)
        self.eyes = tuple(build_eye(portrait, self.rig, eye) for eye in EYES)
        rest = character.geometry["mouth_rest"]
        self.mouth = Mouth(portrait, self.rig, rest, self.eyes, parts)
        self._mesh = FaceMesh(self.rig.landmarks)
        self._places = layout_of(self._mesh.outline)
        skin, seen = self._own_skin()
        self._folds = Folds(skin, seen)
        self._skin = None if parts is None else parts.maps(skin, seen)
        self._shading = Shading(self.rig.shape) if parts is None else None

    def _own_skin(self) -> tuple[U8, F32]:
        """The portrait's skin in the canonical layout, and where there is any."""
        source = self._mesh.source[:, :2].astype(np.float32)
        return unrolled(self.portrait, source, self._places, self._mesh.seen(self._mesh.source))

    def clone(self) -> Decoder:
        """Another decoder of the same character, for another actor: all it has is shared."""
        return copy.copy(self)

    @property
    def gflop(self) -> float:
        """What the learned parts compute for a frame, in 10^9 operations."""
        return 0.0 if self._skin is None else self._skin.gflop + harmony.GFLOP

    @property
    def state_bytes(self) -> int:
        """Memory that one more decoder of this character (a `clone`) costs, in bytes."""
        return sys.getsizeof(self) + sys.getsizeof(self.__dict__)

    @property
    def shared_bytes(self) -> int:
        """Memory of what this character's decoders share, in bytes: levels built so far, too."""
        total = self.portrait.nbytes + sum(level.nbytes for level in self._levels.values())
        total += sum(eye.nbytes for eye in self.eyes) + self.mouth.nbytes
        total += 0 if self._skin is None else self._skin.nbytes
        return int(total + self.rig.nbytes)

    def level(self, size_px: int) -> Level:
        """The layers for frames of `size_px`, built when first asked for, once a character.

        Raises ValueError for a size that is not drawn.
        """
        if size_px not in SIZES_PX:
            sizes = ", ".join(map(str, SIZES_PX))
            raise ValueError(f"frames are drawn at {sizes} px, not at {size_px}")
        found = self._levels.get(size_px)
        if found is not None:
            return found
        with self._building:
            found = self._levels.get(size_px)
            if found is None:  # still: another thread may have built it meanwhile
                whole = unpacked(self._levels[FRAME_SIZE_PX])
                layers = reduced(whole, self.portrait, size_px, self._draw_openings_at_rest)
                found = self._levels[size_px] = level_of(layers)
        return found

    def decode(
        self, dynamics: F32, pose: F32, out: U8 | None = None, *, size_px: int | None = None
    ) -> U8:
        """One frame: `dynamics` [52] in 0..1, `pose` [6] relative to the portrait.

        Returns RGBA [n, n, 4], straight alpha, sRGB: into `out`, whose rows may lie apart, where
        given; else of `size_px`, one of `SIZES_PX`; else of 512 px. Values beyond their range are
        clipped, turns beyond the portrait's limits compressed. Raises ValueError for other shapes
        and sizes.
        """
        if np.shape(dynamics) != (52,) or np.shape(pose) != (6,):
            raise ValueError(
                f"decode wants dynamics [52] and pose [6], got {np.shape(dynamics)} and "
                f"{np.shape(pose)}"
            )
        size = _size_of(out, size_px)
        level, scratch = self.level(size), scratch_of(size)
        dynamics, pose = coefficients_of(dynamics), numbers_of(pose)
        posed = self.rig.pose(dynamics, pose)
        np.copyto(scratch.frame, level.below)
        self._draw_sheet(scratch, level, posed)
        self._draw_face(scratch, level, posed, dynamics, pose)
        self._draw_openings(scratch.pixels, posed, dynamics, pose)
        if out is None:
            return scratch.pixels.copy()
        out[...] = scratch.pixels
        return out

    def _draw_sheet(self, scratch: Scratch, level: Level, posed: Posed) -> None:
        """Everything of the person around the face."""
        ahead = posed.rigid.turn[2, 2] > FOLDS_BEYOND
        grid = scratch.sheet if ahead else scratch.folded
        size, cells = len(scratch.frame), len(grid.values)
        points, flow = self.sheet.laid(posed, cells / FRAME_SIZE_PX, size / FRAME_SIZE_PX)
        rasterise(points, flow, self.sheet.triangles, grid.values, grid.depth)
        bands = bands_to_draw(grid.values, level.occupied[cells], size)
        draw_sheet(scratch.frame, level.sheet, level.plate, grid.values, bands, scratch.rows)

    def _draw_face(
        self, scratch: Scratch, level: Level, posed: Posed, dynamics: F32, pose: F32
    ) -> None:
        """The skin, moved and shaded."""
        size, cells = len(scratch.frame), scratch.face_cells
        step, scale = cells / FRAME_SIZE_PX, size / FRAME_SIZE_PX
        gains = NO_GAINS if self._shading is None else self._shading.gains(posed.shape)
        laid = self._mesh.laid(posed, self._places, gains, step, scale)
        area = blocks_around(laid.low * scale, laid.high * scale, size)
        if area is None:  # out of the picture
            return
        cell = size // cells  # a flow is read one cell beyond what is drawn
        box = (max(area[0] // cell - 1, 0), max(area[1] // cell - 1, 0),
               min(area[2] // cell + 1, cells), min(area[3] // cell + 1, cells))  # fmt: skip
        grid = scratch.face
        rasterise(laid.points, laid.values, laid.triangles, grid.values, grid.depth, box)
        folds, maps = self._folds.at(dynamics), PLAIN_MAPS
        if self._skin is not None:
            maps = filled_up(self._skin.at(dynamics, pose[:3]))
        dress(
            grid.values, grid.depth, maps, PLAIN_FOLDS if folds is None else folds,
            self.rig.scale * scale, box, scratch.dressed, scratch.extents,
        )  # fmt: skip
        draw_face(
            scratch.frame, level.face, level.face_box, scratch.dressed, scratch.extents, area,
            scratch.rows,
        )  # fmt: skip

    def _draw_openings(self, pixels: U8, posed: Posed, dynamics: F32, pose: F32) -> None:
        """Eyes and the mouth's inside."""
        for eye in self.eyes:
            draw_eye(pixels, eye, posed)
        self.mouth.draw(pixels, posed, dynamics, pose[:3])

    def _draw_openings_at_rest(self, pixels: U8) -> None:
        self._draw_openings(pixels, self.rig.pose(*AT_REST), *AT_REST)


def _size_of(out: U8 | None, size_px: int | None) -> int:
    if out is None:
        return FRAME_SIZE_PX if size_px is None else size_px
    size = out.shape[0] if out.ndim else 0
    if out.shape != (size, size, 4) or out.dtype != np.uint8:
        raise ValueError(f"a frame is uint8 [n, n, 4], not {out.dtype} {list(out.shape)}")
    if size_px is not None and size_px != size:
        raise ValueError(f"asked for {size_px} px, but given room for {size} px")
    return int(size)
