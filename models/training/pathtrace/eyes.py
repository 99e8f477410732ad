"""Eyeballs: a white with veins, a fibrous iris behind a clear cornea, a wet line at the lid.

Knows the eye's shape and materials. Refuses to know lids and lashes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.pathtrace import blender
from training.pathtrace.blender import Nodes
from training.pathtrace.head import CORNEA_COSINES, CORNEA_HEIGHTS, Eyeball

F64 = NDArray[np.float64]

IRIS_SINE = 0.47  # radius of the iris over the radius of the eyeball
AROUND = 96
GLINT_IOR = 1.55  # more than a cornea has: studio lamps are dimmer than the sky and the sun


def add_eyeball(eye: Eyeball, iris: tuple[float, float, float], pupil: float) -> list[Any]:
    """White, iris and cornea of one eye. `pupil`: its radius over the iris's."""
    edge = np.arcsin(IRIS_SINE)
    white = np.linspace(edge * 0.97, np.pi * 0.75, 60)
    disc = np.linspace(1e-3, 1.04, 40)
    clear = np.linspace(1e-3, 0.85, 48)
    shell = np.interp(np.cos(clear), CORNEA_COSINES, CORNEA_HEIGHTS)
    shell = np.where(clear > 0.72, np.minimum(shell, 1.03), shell)
    bowl = np.cos(edge) - 0.10 + 0.05 * disc**2
    profiles = {
        "white": (np.sin(white), np.cos(white), white / np.pi, sclera()),
        "iris": (disc * IRIS_SINE, bowl, disc, iris_disc(iris, pupil)),
        "cornea": (np.sin(clear) * shell, np.cos(clear) * shell, clear, clear_film()),
    }
    return [_lathe(name, eye, *profile) for name, profile in profiles.items()]


def _lathe(name: str, eye: Eyeball, ring: F64, height: F64, radial: F64, material: Any) -> Any:
    """A surface of revolution about the eye's axis; `radial` and the angle go to the shader."""
    side = np.cross([0.0, 1.0, 0.0], eye.axis)
    side /= np.linalg.norm(side)
    up = np.cross(eye.axis, side)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    spoke = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up  # [A, 3]
    points = ring[:, None, None] * spoke + height[:, None, None] * eye.axis
    points = eye.centre + eye.radius * points.reshape(-1, 3)
    grid = np.arange(len(ring) * AROUND).reshape(len(ring), AROUND)
    a, b = grid[:-1], grid[1:]
    quads = np.stack([a, b, np.roll(b, -1, 1), np.roll(a, -1, 1)], -1).reshape(-1, 4)
    polar = np.stack(
        [
            np.repeat(radial, AROUND),
            np.tile(np.cos(angle), len(ring)),
            np.tile(np.sin(angle), len(ring)),
        ],
        1,
    )
    return blender.mesh_object(name, points, quads, material, attributes={"polar": polar})


def sclera() -> Any:
    """The white: not white, pinker toward the corners, finely veined."""
    n = Nodes("sclera")
    radial = n.add("ShaderNodeSeparateXYZ", 0, None, Vector=n.attribute("polar", vector=True))
    colour = n.blend(n.ramp(radial, 0.22, 0.42), (0.55, 0.51, 0.47), (0.50, 0.33, 0.28))
    veins = n.ramp(
        n.math("ABSOLUTE", n.math("SUBTRACT", n.noise(1.6, 6.0, 0.6), 0.5)), 0.0, 0.03, 0.5, 0.0
    )
    veins = n.math("MULTIPLY", veins, n.ramp(radial, 0.20, 0.34))
    colour = n.blend(veins, colour, (0.5, 0.12, 0.09))
    limbus = n.ramp(radial, 0.152, 0.185, 0.75, 0.0)
    colour = n.blend(limbus, colour, (0.10, 0.09, 0.09))
    return n.surface(
        Base_Color=colour,
        Roughness=0.25,
        Subsurface_Weight=0.3,
        Subsurface_Radius=(0.3, 0.12, 0.08),
        Subsurface_Scale=0.3,
        Coat_Weight=0.8,
        Coat_Roughness=0.03,
    )


def iris_disc(colour: tuple[float, float, float], pupil: float) -> Any:
    """Fibres from pupil to rim, a warmer collar, a dark ring outside."""
    n = Nodes("iris")
    place = n.attribute("polar", vector=True)
    radial = n.add("ShaderNodeSeparateXYZ", 0, None, Vector=place)
    stretched = n.add("ShaderNodeMapping", 0, None, Vector=place, Scale=(1.6, 9.0, 9.0))
    fibre = n.add("ShaderNodeTexNoise", 0, None, Vector=stretched, Scale=1.5, Detail=5.0)
    base = np.array(colour)
    tint = n.blend(n.ramp(fibre, 0.32, 0.68), base * 0.35, np.minimum(base * 1.7, 1))
    collar = n.ramp(radial, pupil + 0.05, pupil + 0.28, 0.65, 0.0)
    tint = n.blend(collar, tint, np.minimum(base * np.array([2.0, 1.35, 0.7]), 1))
    tint = n.blend(n.ramp(radial, 0.78, 0.99, 0.0, 0.85), tint, base * 0.08)
    tint = n.blend(
        n.ramp(radial, pupil - 0.03, pupil + 0.03, 1.0, 0.0), tint, (0.002, 0.002, 0.002)
    )
    return n.surface(
        Base_Color=tint, Roughness=0.6, Specular_IOR_Level=0.2, Normal=n.bump(fibre, 0.05, 0.6)
    )


def clear_film(ior: float = 1.34) -> Any:
    """Cornea and tears: refracts for the camera, lets light pass to what lies behind."""
    n = Nodes("clear")
    bent = n.add("ShaderNodeBsdfRefraction", 0, None, Roughness=0.0, IOR=ior)
    shine = n.add("ShaderNodeBsdfGlossy", 0, None, Roughness=0.03)
    facing = n.add("ShaderNodeFresnel", 0, None, IOR=GLINT_IOR)
    glass = n.add("ShaderNodeMixShader", 0, None, i0=facing, i1=bent, i2=shine)
    passing = n.add("ShaderNodeBsdfTransparent")
    shadow = n.add("ShaderNodeLightPath", "Is Shadow Ray")
    diffuse = n.add("ShaderNodeLightPath", "Is Diffuse Ray")
    either = n.math("MAXIMUM", shadow, diffuse)
    return n.output(n.add("ShaderNodeMixShader", 0, None, i0=either, i1=glass, i2=passing))


def tear_film() -> Any:
    """The wet line along the lower lid: only its glints are seen."""
    n = Nodes("tears")
    shine = n.add("ShaderNodeBsdfGlossy", 0, None, Roughness=0.05)
    passing = n.add("ShaderNodeBsdfTransparent")
    facing = n.add("ShaderNodeFresnel", 0, None, IOR=1.33)
    return n.output(n.add("ShaderNodeMixShader", 0, None, i0=facing, i1=passing, i2=shine))
