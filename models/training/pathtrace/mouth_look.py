"""What the inside of a mouth is made of: enamel, gums, tongue, cheeks.

Knows surfaces and their small irregularities. Refuses to know shapes and cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.pathtrace.blender import Nodes
from training.pathtrace.head import Mesh, tooth_labels

F64 = NDArray[np.float64]

# How fast light dies behind the lips: the scene has no lips, so that sprites are seen whole.
DEPTH_START, DEPTH_END = 10.2, 4.0


def tooth_attributes(mesh: Mesh, *, upper: bool) -> dict[str, F64]:
    """Per vertex: `height` 0 at the gum to 1 at the edge, `tone` random for each tooth.

    Left and right teeth are alike, because sprites are mirrored.
    """
    label = tooth_labels(mesh)
    height, tone = np.zeros(len(label)), np.zeros(len(label))
    tones = np.random.default_rng(7 if upper else 8).normal(size=64)
    for tooth in np.unique(label):
        mine = label == tooth
        pair = int(10 * abs(mesh.positions[mine, 0].mean()))
        y = mesh.positions[mine, 1] * (-1 if upper else 1)
        height[mine] = (y - y.min()) / np.ptp(y)
        tone[mine] = tones[pair]
    return {"height": height, "tone": tone}


def _depth(nodes: Nodes, floor: float) -> Any:
    place = nodes.attribute("rest", vector=True)
    z = nodes.add("ShaderNodeSeparateXYZ", 2, None, Vector=place)
    return nodes.ramp(z, DEPTH_END, DEPTH_START, floor, 1.0)


def _scaled(nodes: Nodes, colour: Any, factor: Any) -> Any:
    grey = nodes.add("ShaderNodeCombineColor", 0, None, Red=factor, Green=factor, Blue=factor)
    return nodes.blend(1.0, colour, grey, "MULTIPLY")


def enamel() -> Any:
    """Teeth: warm at the neck, greyer and more translucent at the edge, no two quite alike."""
    n = Nodes("enamel")
    height, tone = n.attribute("height"), n.attribute("tone")
    colour = n.blend(n.ramp(height, 0.30, 0.72), (0.56, 0.41, 0.24), (0.70, 0.62, 0.49))
    colour = n.blend(n.ramp(height, 0.86, 1.0, 0.0, 0.55), colour, (0.52, 0.50, 0.46))
    warm = n.math("MULTIPLY_ADD", tone, 0.16)
    warm.node.inputs[2].default_value = 0.35
    colour = n.blend(warm, colour, (0.62, 0.47, 0.29))
    streaks = n.noise(1.3, 3.0, stretch=(2.5, 0.5, 1.0))
    colour = _scaled(n, colour, n.ramp(streaks, 0.2, 0.8, 0.88, 1.08))
    colour = _scaled(n, colour, _depth(n, 0.22))
    bump = n.bump(n.noise(2.2, 2.0, stretch=(1.6, 0.7, 1)), 0.12, 0.35)
    return n.surface(
        Base_Color=colour,
        Roughness=0.24,
        IOR=1.5,
        Normal=bump,
        Subsurface_Weight=0.35,
        Subsurface_Radius=(0.25, 0.17, 0.1),
        Subsurface_Scale=0.5,
        Coat_Weight=0.25,
        Coat_Roughness=0.12,
    )


def gum() -> Any:
    """Gums: wet, stippled, paler where they hold the teeth."""
    n = Nodes("gum")
    blotch = n.noise(1.1, 4.0)
    colour = n.blend(n.ramp(blotch, 0.3, 0.7), (0.42, 0.115, 0.105), (0.52, 0.185, 0.165))
    colour = _scaled(n, colour, _depth(n, 0.16))
    bump = n.bump(n.noise(7.0, 2.0), 0.05, 0.5)
    return n.surface(
        Base_Color=colour,
        Roughness=0.34,
        Normal=bump,
        Subsurface_Weight=0.5,
        Subsurface_Radius=(0.35, 0.12, 0.08),
        Subsurface_Scale=0.5,
        Coat_Weight=0.4,
        Coat_Roughness=0.16,
    )


def tongue_skin() -> Any:
    """The tongue: papillae, a pale coat, a broad soft sheen."""
    n = Nodes("tongue")
    colour = n.blend(
        n.ramp(n.noise(0.9, 4.0), 0.3, 0.7), (0.44, 0.135, 0.125), (0.54, 0.205, 0.185)
    )
    papillae = n.cells(6.5)
    colour = n.blend(n.ramp(papillae, 0.0, 0.55, 0.35, 0.0), colour, (0.64, 0.33, 0.30))
    colour = _scaled(n, colour, _depth(n, 0.16))
    bump = n.bump(papillae, 0.06, -0.45)
    bump = n.bump(n.noise(1.4, 3.0), 0.12, 0.4, bump)
    return n.surface(
        Base_Color=colour,
        Roughness=0.42,
        Normal=bump,
        Subsurface_Weight=0.5,
        Subsurface_Radius=(0.4, 0.14, 0.1),
        Subsurface_Scale=0.5,
        Coat_Weight=0.3,
        Coat_Roughness=0.28,
    )


def wet_cavity() -> Any:
    """Palate, cheeks and throat: dark red, drowned in shadow."""
    n = Nodes("cavity")
    colour = n.blend(n.ramp(n.noise(0.8, 4.0), 0.3, 0.7), (0.19, 0.045, 0.042), (0.25, 0.07, 0.062))
    colour = _scaled(n, colour, _depth(n, 0.03))
    return n.surface(
        Base_Color=colour,
        Roughness=0.4,
        Subsurface_Weight=0.3,
        Subsurface_Radius=(0.3, 0.1, 0.08),
        Subsurface_Scale=0.4,
    )
