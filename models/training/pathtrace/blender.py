"""A thin, typed hold on Blender: meshes, strands, materials and pictures from numpy arrays.

Knows bpy's data model and Cycles' settings. Refuses to know heads, hair or mouths. Model axes
(+y up, +z to the viewer) are used throughout: nothing is turned to Blender's own z-up.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Array = NDArray[np.generic]
Socket = Any  # a node socket, a number or a colour: bpy has no static types


def new_scene(width: int, height: int, samples: int, *, transparent: bool = False) -> None:
    """An empty Cycles scene on the CPU."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.04
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.max_bounces = 6
    scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 2, 3
    scene.cycles.transparent_max_bounces = 24
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.cycles.sample_clamp_indirect = 4.0
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.film_transparent = transparent
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100


def colour_management(view: str = "Standard", look: str = "None", exposure: float = 0.0) -> None:
    """How linear light becomes sRGB."""
    settings = bpy.context.scene.view_settings
    settings.view_transform, settings.exposure = view, exposure
    settings.look = look


def camera(
    eye: Sequence[float],
    target: Sequence[float],
    fov_deg: float,
    focus: float | None = None,
    aperture: float = 0.8,
) -> None:
    """Place the camera. `focus`: distance for depth of field, or none; `aperture`: its radius."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.angle = "HORIZONTAL", math.radians(fov_deg)
    data.clip_end = 2000.0
    if focus is not None:
        data.dof.use_dof, data.dof.focus_distance = True, focus
        data.dof.aperture_fstop = data.lens * 1e-3 / (2 * aperture)
    thing = bpy.data.objects.new("camera", data)
    thing.matrix_world = look_at(eye, target)
    bpy.context.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def look_at(eye: Sequence[float], target: Sequence[float]) -> Matrix:
    """A world matrix whose -z axis points from `eye` to `target`, +y up."""
    back = np.asarray(eye, float) - np.asarray(target, float)
    back /= np.linalg.norm(back)
    up = np.array([0.0, 1.0, 0.0]) if abs(back[1]) < 0.99 else np.array([0.0, 0.0, -1.0])
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(back, right), back], 1)
    matrix[:3, 3] = eye
    return Matrix(matrix.tolist())


def area_light(
    eye: Sequence[float],
    target: Sequence[float],
    size: float,
    power: float,
    colour: Sequence[float] = (1, 1, 1),
) -> None:
    """A square area light; `power` is the irradiance it would give at `target`, roughly."""
    data = bpy.data.lights.new("light", "AREA")
    distance = float(np.linalg.norm(np.asarray(eye, float) - np.asarray(target, float)))
    data.size, data.color = size, colour
    data.energy = power * math.pi * distance**2
    thing = bpy.data.objects.new("light", data)
    thing.matrix_world = look_at(eye, target)
    bpy.context.collection.objects.link(thing)


def world_light(colour: Sequence[float], strength: float) -> None:
    """Even light from all around."""
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*colour, 1.0)
    background.inputs["Strength"].default_value = strength
    bpy.context.scene.world = world


def mesh_object(
    name: str,
    positions: F64,
    faces: Array,
    material: Any,
    *,
    subdivide: int = 0,
    attributes: Mapping[str, Array] | None = None,
    smooth: bool = True,
) -> Any:
    """A mesh of triangles or quads [F, 3 or 4] with per-vertex attributes [V] or [V, 3]."""
    mesh = bpy.data.meshes.new(name)
    corners = np.ascontiguousarray(faces, np.int32)
    mesh.vertices.add(len(positions))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(positions, np.float32).ravel())
    mesh.loops.add(corners.size)
    mesh.loops.foreach_set("vertex_index", corners.ravel())
    mesh.polygons.add(len(corners))
    starts = np.arange(len(corners), dtype=np.int32) * corners.shape[1]
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.update(calc_edges=True)
    mesh.validate()
    for key, values in (attributes or {}).items():
        flat = np.ascontiguousarray(values, np.float32)
        kind, field = ("FLOAT", "value") if flat.ndim == 1 else ("FLOAT_VECTOR", "vector")
        mesh.attributes.new(key, kind, "POINT").data.foreach_set(field, flat.ravel())
    mesh.polygons.foreach_set("use_smooth", np.full(len(mesh.polygons), smooth))
    if material is not None:
        mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(thing)
    if subdivide:
        modifier = thing.modifiers.new("subdivide", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivide
    return thing


def strands(
    name: str,
    points: F64,
    radius: F64,
    material: Any,
    attributes: Mapping[str, Array] | None = None,
) -> Any:
    """Hair: `points` [N, K, 3], `radius` [N, K] or [K]; attributes are per strand [N]."""
    count, steps, _ = points.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([steps] * count)
    curves.position_data.foreach_set("vector", np.ascontiguousarray(points, np.float32).ravel())
    widths = np.broadcast_to(np.asarray(radius, np.float32), (count, steps))
    layer = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    layer.data.foreach_set("value", np.ascontiguousarray(widths).ravel())
    for key, values in (attributes or {}).items():
        layer = curves.attributes.new(key, "FLOAT", "CURVE")
        layer.data.foreach_set("value", np.ascontiguousarray(values, np.float32).ravel())
    curves.materials.append(material)
    thing = bpy.data.objects.new(name, curves)
    bpy.context.collection.objects.link(thing)
    return thing


@dataclass(frozen=True)
class Surface:
    """A mesh read back from Blender after its modifiers."""

    positions: F64  # [V, 3]
    normals: F64  # [V, 3]
    quads: NDArray[np.int32]  # [Q, 4]
    attributes: dict[str, F64]  # each [V, 3]


def subdivided(positions: F64, faces: Array, levels: int, attributes: Mapping[str, F64]) -> Surface:
    """Catmull-Clark subdivision of a mesh and its vector attributes, leaving no object behind."""
    thing = mesh_object("work", positions, faces, None, subdivide=levels, attributes=attributes)
    tree = bpy.context.evaluated_depsgraph_get()
    mesh = thing.evaluated_get(tree).to_mesh()

    def read(source: Any, field: str, count: int, width: int, kind: type = np.float32) -> Array:
        flat: Array = np.empty(count * width, kind)
        source.foreach_get(field, flat)
        return flat.reshape(-1, width)

    vertices = len(mesh.vertices)
    corners = read(mesh.loops, "vertex_index", len(mesh.loops), 1, np.int32).reshape(-1, 4)
    surface = Surface(
        read(mesh.vertices, "co", vertices, 3).astype(float),
        read(mesh.vertex_normals, "vector", vertices, 3).astype(float),
        corners.astype(np.int32),
        {
            key: read(mesh.attributes[key].data, "vector", vertices, 3).astype(float)
            for key in attributes
        },
    )
    bpy.data.objects.remove(thing, do_unlink=True)
    return surface


def group(things: Sequence[Any], rotation: F64, pivot: Sequence[float] = (0, 0, 0)) -> None:
    """Turn objects together about a pivot by a 3x3 rotation matrix."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.asarray(pivot) - rotation @ np.asarray(pivot)
    for thing in things:
        thing.matrix_world = Matrix(matrix.tolist()) @ thing.matrix_world


def render() -> NDArray[np.uint8]:
    """The picture, as straight-alpha RGBA. [H, W, 4]"""
    scene = bpy.context.scene
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        from PIL import Image

        return np.asarray(Image.open(path).convert("RGBA"))


class Nodes:
    """Shader graphs as expressions: every method adds a node and returns its output socket."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self._tree.nodes.clear()

    def add(
        self,
        kind: str,
        output: int | str = 0,
        settings: Mapping[str, Any] | None = None,
        **inputs: Socket,
    ) -> Socket:
        """Any node. Inputs by socket name (spaces as `_`) or by position (`i0`, `i1`, ...)."""
        node = self._tree.nodes.new(kind)
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            place = int(key[1:]) if key[0] == "i" and key[1:].isdigit() else key.replace("_", " ")
            self._connect(node.inputs[place], value)
        return node.outputs[output]

    def _connect(self, socket: Any, value: Socket) -> None:
        if hasattr(value, "is_output"):
            self._tree.links.new(value, socket)
        elif isinstance(value, (tuple, list, np.ndarray)):
            numbers = [float(v) for v in value]
            wanted = len(socket.default_value)
            socket.default_value = numbers + [1.0] * (wanted - len(numbers))
        else:
            socket.default_value = value

    def attribute(self, name: str, vector: bool = False) -> Socket:
        """A per-vertex attribute."""
        return self.add(
            "ShaderNodeAttribute", "Vector" if vector else "Fac", {"attribute_name": name}
        )

    def math(self, operation: str, a: Socket, b: Socket = 0.0, *, clamp: bool = False) -> Socket:
        """A scalar operation: ADD, MULTIPLY, POWER, ..."""
        return self.add(
            "ShaderNodeMath", 0, {"operation": operation, "use_clamp": clamp}, i0=a, i1=b
        )

    def blend(self, factor: Socket, a: Socket, b: Socket, mode: str = "MIX") -> Socket:
        """Two colours blended."""
        node_settings = {"data_type": "RGBA", "blend_type": mode, "clamp_factor": True}
        return self.add("ShaderNodeMix", 2, node_settings, i0=factor, i6=a, i7=b)

    def ramp(
        self, factor: Socket, low: float, high: float, a: float = 0.0, b: float = 1.0
    ) -> Socket:
        """A smooth step from `a` at `low` to `b` at `high`."""
        return self.add(
            "ShaderNodeMapRange",
            0,
            {"interpolation_type": "SMOOTHSTEP"},
            i0=factor,
            i1=low,
            i2=high,
            i3=a,
            i4=b,
        )

    def noise(
        self,
        scale: float,
        detail: float = 3.0,
        roughness: float = 0.55,
        stretch: Sequence[float] = (1, 1, 1),
    ) -> Socket:
        """Fractal noise over object coordinates, 0..1 about 0.5."""
        place = self.add("ShaderNodeTexCoord", "Object")
        place = self.add("ShaderNodeMapping", 0, None, Vector=place, Scale=stretch)
        return self.add(
            "ShaderNodeTexNoise",
            0,
            None,
            Vector=place,
            Scale=scale,
            Detail=detail,
            Roughness=roughness,
        )

    def cells(self, scale: float, randomness: float = 1.0) -> Socket:
        """Distance to the nearest cell centre (Voronoi) over object coordinates."""
        place = self.add("ShaderNodeTexCoord", "Object")
        return self.add(
            "ShaderNodeTexVoronoi", 0, None, Vector=place, Scale=scale, Randomness=randomness
        )

    def bump(
        self, height: Socket, distance: float, strength: float = 1.0, normal: Socket | None = None
    ) -> Socket:
        """A normal bent by a height field; `distance` in model units."""
        more = {} if normal is None else {"Normal": normal}
        return self.add(
            "ShaderNodeBump", 0, None, Height=height, Distance=distance, Strength=strength, **more
        )

    def principled(self, **inputs: Socket) -> Socket:
        """The principled surface, with the quick approximation of light under the skin."""
        return self.add("ShaderNodeBsdfPrincipled", 0, {"subsurface_method": "BURLEY"}, **inputs)

    def surface(self, **inputs: Socket) -> Any:
        """Finish with the principled surface; returns the material."""
        return self.output(self.principled(**inputs))

    def output(self, shader: Socket) -> Any:
        """Finish with any shader; returns the material."""
        node = self._tree.nodes.new("ShaderNodeOutputMaterial")
        self._tree.links.new(shader, node.inputs["Surface"])
        return self.material
