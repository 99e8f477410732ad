"""Draws sitters: geometry pass, shadow map, one shading pass, veils, labels.

Knows how a picture is made of a posed body. Refuses to know who sits and what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.studio import gpu
from training.studio.camera import FAR, NEAR, Camera, shadow_matrix
from training.studio.hair import card_texture
from training.studio.head import NECK_CUT, PIVOT, HeadModel
from training.studio.light import Light
from training.studio.mesh import vertex_normals
from training.studio.pose import Body, Placement, Posed
from training.studio.scene import Drawables, Veils, mouth_opening
from training.studio.sitter import Sitter
from training.studio.skin import TILT_SCALE
from training.studio.wrinkles import activation

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
SHADOW_SIZE = 512
# Shading programs in the order of the groups of group.frag.
GROUPS = ("backdrop", "skin", "mouth", "eye", "hair", "things")


@dataclass(frozen=True)
class Picture:
    """What one draw gives. All [S, S, ...], row 0 on top."""

    rgb: U8  # [S, S, 3] sRGB
    parts: U8  # [S, S] Part
    canonical: F32  # [S, S, 3] place on the mean head at rest, or of what is worn; 0 behind
    depth: F32  # [S, S] along the camera's axis, model units; 0 for the background
    source: F32  # [S, S, 3] where this point is in the source picture: x, y pixels; depth there


class Renderer:
    """One OpenGL context and the sitter that is before it. Use from one thread."""

    def __init__(self, head: HeadModel, size: int = 256, samples: int = 2) -> None:
        """`size` 128..512 is the side of pictures; `samples` the side of supersampling, 1 or 2."""
        self.head, self.size, self.samples = head, size, samples
        self.wide = size * samples
        self.context = context = gpu.open_context()
        self._solid = gpu.program(context, "geometry.vert", "geometry.frag")
        self._shadow = gpu.program(context, "shadow.vert", "shadow.frag")
        self._group = gpu.program(context, "screen.vert", "group.frag")
        self._shades = [gpu.program(context, "group.vert", f"{name}.frag") for name in GROUPS]
        self._veil = gpu.program(context, "veil.vert", "veil.frag")
        self._label = gpu.program(context, "screen.vert", "label.frag")
        self._resolve = gpu.program(context, "screen.vert", "resolve.frag")
        self._targets()
        corner = context.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        self._full = {
            p: context.vertex_array(p, [(corner, "2f", "in_corner")])
            for p in (self._group, self._label, self._resolve, *self._shades)
        }
        self._noise = gpu.noise_texture(context)
        self._cards = gpu.picture_texture(context, card_texture())
        self._owned: list[Any] = []
        self._normals = np.zeros((len(head), 3), np.float32)
        mean = Body(head, head.neutral)
        self._rest_eyes = [(eye.centre, eye.axis) for eye in mean.eyes]

    def _targets(self) -> None:
        import moderngl

        context, wide, size = self.context, self.wide, self.size
        self._maps = [
            context.texture((wide, wide), 4, dtype=kind) for kind in ("f4", "f2", "f4", "f4")
        ]
        self._depth = context.depth_texture((wide, wide))
        self._depth.compare_func = ""
        for texture in (*self._maps, self._depth):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._geometry = context.framebuffer(self._maps, self._depth)
        self._colour = context.texture((wide, wide), 4)
        self._final = context.framebuffer([self._colour], self._depth)
        self._plain = context.framebuffer([self._colour], context.depth_renderbuffer((wide, wide)))
        self._resolved = context.framebuffer([context.texture((size, size), 4)])
        self._label_maps = [context.texture((size, size), 4, dtype="f4") for _ in range(2)]
        self._labels = context.framebuffer(self._label_maps)
        self._shadow_map = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadows = context.framebuffer(depth_attachment=self._shadow_map)

    def seat(self, sitter: Sitter, fold_weights: F32) -> None:
        """Put somebody before the camera. `fold_weights`: see Wardrobe."""
        for thing in self._owned:
            if thing is not None:
                thing.release()
        self.sitter, context = sitter, self.context
        self._weights = fold_weights
        self._draw = Drawables(self.head, sitter)
        self._veils = Veils(self.head, sitter)
        draw, veils = self._draw, self._veils
        self._moving = context.buffer(reserve=draw.count * 28, dynamic=True)
        self._fixed = context.buffer(draw.fixed().tobytes(), dynamic=True)
        self._before = context.buffer(np.zeros((draw.count, 3), np.float32).tobytes(), dynamic=True)
        layout = [
            (self._moving, "3f 3f 1f", "in_place", "in_normal", "in_fold"),
            (self._fixed, "3f 2f 3f 3f", "in_rest", "in_uv", "in_look", "in_tangent"),
            (self._before, "3f", "in_source"),
        ]
        solid, cards, shadow = map(self._indices, (draw.solid, draw.cards, draw.shadow))
        self._solids = context.vertex_array(self._solid, layout, solid)
        self._strands = context.vertex_array(self._solid, layout, cards) if cards else None
        self._casters = context.vertex_array(
            self._shadow, [(self._moving, "3f 16x", "in_place")], shadow
        )
        self._veil_moving = context.buffer(reserve=max(1, veils.count) * 24, dynamic=True)
        veil_fixed = context.buffer(veils.fixed().tobytes()) if veils.count else None
        veil_index = self._indices(veils.triangles)
        self._veiled = context.vertex_array(
            self._veil,
            [(self._veil_moving, "3f 3f", "in_place", "in_normal"),
             (veil_fixed, "2f 4f", "in_uv", "in_kind")], veil_index,
        ) if veils.count else None  # fmt: skip
        skin = sitter.skin
        self._skin = [gpu.layer_texture(context, t) for t in (skin.albedo, skin.relief, skin.folds)]
        self._parts = gpu.index_texture(context, skin.parts)
        self._owned = [
            self._moving, self._fixed, self._before, solid, cards, shadow, self._solids,
            self._strands,
            self._casters, self._veil_moving, veil_fixed, veil_index, self._veiled, *self._skin,
            self._parts,
        ]  # fmt: skip
        self._occlude()

    def _indices(self, triangles: NDArray[np.int32]) -> Any:
        if not len(triangles):
            return None
        return self.context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())

    def light(self, light: Light, backdrop: U8) -> None:
        """Light and background of the pictures to come."""
        for name in ("_surround", "_backdrop"):
            if hasattr(self, name):
                getattr(self, name).release()
        self._lighting = light
        self._surround = gpu.picture_texture(self.context, light.surround)
        self._backdrop = gpu.picture_texture(self.context, backdrop[::-1], mipmaps=False)

    def draw(
        self, posed: Posed, camera: Camera, coefficients: F32, *, labels: bool = True,
        as_source: bool = False,
    ) -> Picture:  # fmt: skip
        """Draw the seated person. `as_source` makes this the picture that `source` refers to."""
        places = self._draw.places(self.sitter.body, posed)
        folds = self._weights @ activation(coefficients)
        vertex_normals(posed.points, self.head.skin_and_mouth, self._normals)
        moving = self._draw.moving(places, posed, self._normals, folds)
        self._moving.write(moving)
        if as_source:
            self._before.write(camera.project(moving[:, :3], self.size).astype(np.float32))
        if self._veils.count:
            self._veil_moving.write(self._veils.moving(self.sitter.body, posed, self._normals))
        self._cast(posed)
        self._draw_solids(camera, posed, mouth=self._draw.mouth_shows(posed))
        self._draw_colours(camera, posed)
        rgb = self._read_colour()
        if not labels:
            empty = np.zeros((0, 0), np.float32)
            return Picture(rgb, empty.astype(np.uint8), empty, empty, empty)
        return Picture(rgb, *self._read_labels())

    def _cast(self, posed: Posed) -> None:
        middle = posed.placement.head @ (np.array([0.0, 3.0, 2.0]) - PIVOT)
        self._shadow_matrix = shadow_matrix(self._lighting.key_direction, middle)
        self._cast_from(self._shadow_matrix)

    def _cast_from(self, matrix: F64) -> None:
        self.context.enable_only(_flags("DEPTH_TEST"))
        self._shadows.use()
        self._shadows.clear(depth=1.0)
        gpu.give(self._shadow, "projection", matrix)
        self._casters.render()

    def _draw_solids(self, camera: Camera, posed: Posed, *, mouth: bool) -> None:
        self._geometry.use()
        self._geometry.clear(0, 0, 0, -1, depth=1.0)
        solid = self._solid
        gpu.give(solid, "projection", camera.matrix())
        gpu.give(solid, "head_turn", posed.placement.head)
        gpu.give(solid, "neck_cut", NECK_CUT)
        gpu.give(solid, "card_level", np.clip(np.log2(900 / self._face_px(camera)), 0, 4))
        self._cards.use(0)
        solid["cards"].value = 0
        self.context.enable_only(_flags("DEPTH_TEST", "CULL_FACE"))
        self._solids.render(vertices=-1 if mouth else 3 * self._draw.outside)
        if self._strands:
            self.context.enable_only(_flags("DEPTH_TEST"))
            self._strands.render()

    def _draw_colours(self, camera: Camera, posed: Posed) -> None:
        names = ("rest_map", "normal_map", "surface_map", "source_map", "depth_map", "backdrop",
                 "skin_albedo", "skin_relief", "skin_folds", "surround", "shadow_map",
                 "noise")  # fmt: skip
        textures = (*self._maps, self._depth, self._backdrop, *self._skin, self._surround,
                    self._shadow_map, self._noise)  # fmt: skip
        for unit, (name, texture) in enumerate(zip(names, textures, strict=True)):
            texture.use(unit)
            for target in (self._group, self._veil, *self._shades):
                if name in target:
                    target[name].value = unit
        values = self._values(camera, posed)
        for target in (self._veil, *self._shades):
            for name, value in values.items():
                gpu.give(target, name, value)
        self._plain.use()
        self._plain.clear(0, 0, 0, 0)
        self.context.enable_only(_flags("DEPTH_TEST"))
        self.context.depth_func = "1"
        gpu.give(self._group, "sparing", float(self.samples == 2))
        gpu.give(self._group, "reach", 4.5 * 18.0 / self._face_px(camera))
        self._full[self._group].render()
        self.context.depth_func = "=="
        self._plain.depth_mask = False
        for number, shade in enumerate(self._shades):
            shade["group"].value = float(number)
            self._full[shade].render()
        self._plain.depth_mask = True
        self.context.depth_func = "<"
        self._final.use()
        self.context.enable_only(_flags("DEPTH_TEST", "BLEND"))
        self._final.depth_mask = False
        if self._veiled:
            self._veiled.render()
        self._final.depth_mask = True

    def _face_px(self, camera: Camera) -> float:
        """About how many samples a face is wide."""
        return 18.0 * self.wide * camera.focal / max(abs(camera.place[2]) - 12.0, 10.0)

    def _values(self, camera: Camera, posed: Posed) -> dict[str, object]:
        """All uniforms of the shading programs."""
        light, person = self._lighting, self.sitter.person
        texture = self.sitter.skin.albedo.shape[1]
        face_px = self._face_px(camera)
        values: dict[str, object] = {
            "harmonics": light.harmonics, "key_direction": light.key_direction,
            "key_colour": light.key_colour, "rim_direction": light.rim_direction,
            "rim_colour": light.rim_colour, "shadow_projection": self._shadow_matrix,
            "shadow_softness": light.softness, "exposure": light.exposure,
            "projection": camera.matrix(), "unprojection": np.linalg.inv(camera.matrix()),
            "camera": camera.place, "head_turn": posed.placement.head, "tilt_scale": TILT_SCALE,
            "skin_level": max(0.0, np.log2(0.75 * texture / face_px) - 0.2),
            "noise_level": max(0.0, np.log2(450 / face_px)),
            "translucency": (0.50, 0.28, 0.20) if person.dark < 0.5 else (0.38, 0.24, 0.18),
            "eye_centre": [eye.centre for eye in posed.eyes],
            "eye_axis": [eye.axis for eye in posed.eyes],
            "eye_radius": [eye.radius for eye in posed.eyes],
        }  # fmt: skip
        return values | self._draw.colours(person) | mouth_opening(self.sitter.body, posed)

    def _read_colour(self) -> U8:
        target = self._plain
        if self.samples == 2:
            target = self._resolved
            target.use()
            self.context.enable_only(_flags())
            self._colour.use(0)
            self._resolve["samples"].value = 0
            self._full[self._resolve].render()
        data = np.frombuffer(target.read(components=3), np.uint8)
        return np.ascontiguousarray(data.reshape(self.size, self.size, 3)[::-1])

    def _read_labels(self) -> tuple[U8, F32, F32, F32]:
        label = self._label
        names = ("rest_map", "surface_map", "source_map", "depth_map", "skin_parts")
        textures = (self._maps[0], self._maps[2], self._maps[3], self._depth, self._parts)
        for unit, (name, texture) in enumerate(zip(names, textures, strict=True)):
            texture.use(unit)
            label[name].value = unit
        gpu.give(label, "eye_rest", [centre for centre, _ in self._rest_eyes])
        gpu.give(label, "eye_rest_axis", [axis for _, axis in self._rest_eyes])
        gpu.give(label, "depth_range", (NEAR, FAR))
        label["samples"].value = self.samples
        self._labels.use()
        self.context.enable_only(_flags())
        self._full[label].render()
        first, second = (
            np.frombuffer(
                self._labels.read(components=4, attachment=k, dtype="f4"), np.float32
            ).reshape(self.size, self.size, 4)[::-1]
            for k in (0, 1)
        )
        parts = first[..., 3].astype(np.uint8)
        depth = np.where(parts > 0, second[..., 3], 0)
        return parts, first[..., :3], depth, second[..., :3]

    def _occlude(self, directions: int = 22) -> None:
        """Ambient occlusion of the sitter at rest, by shadow maps from all around."""
        posed = self.sitter.body.pose(np.zeros(52, np.float32), Placement.straight())
        places = self._draw.places(self.sitter.body, posed)
        vertex_normals(posed.points, self.head.skin_and_mouth, self._normals)
        zero = np.zeros(len(self.head), np.float32)
        moving = self._draw.moving(places, posed, self._normals, zero)
        self._moving.write(moving)
        points, normals = moving[:, :3], moving[:, 3:6]
        golden = np.pi * (1 + 5**0.5) * (np.arange(directions) + 0.5)
        height = 1 - 2 * (np.arange(directions) + 0.5) / directions
        ring = np.sqrt(1 - height**2)
        seen, total = np.zeros(len(points)), np.zeros(len(points))
        middle = np.array([0.0, 3.0, 2.0]) - PIVOT
        for d in np.stack([np.cos(golden) * ring, height, np.sin(golden) * ring], 1):
            if d[2] < -0.75:
                continue
            matrix = shadow_matrix(d, middle)
            self._cast_from(matrix)
            depth = np.frombuffer(self._shadow_map.read(), np.float32)
            depth = depth.reshape(SHADOW_SIZE, SHADOW_SIZE)
            at = ((points + 0.12 * normals) @ matrix[:3, :3].T + matrix[:3, 3]) * 0.5 + 0.5
            x, y = (np.clip(at[:, k] * SHADOW_SIZE, 0, SHADOW_SIZE - 1).astype(int) for k in (0, 1))
            facing = np.maximum(normals @ d, 0)
            seen += facing * (depth[y, x] > at[:, 2] - 0.0015)
            total += facing
        self._draw.darken(seen / np.maximum(total, 1e-3))
        self._fixed.write(self._draw.fixed().tobytes())


def _flags(*names: str) -> int:
    import moderngl

    value = 0
    for name in names:
        value |= getattr(moderngl, name)
    return value
