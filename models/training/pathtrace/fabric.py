"""Materials of people and what they wear: skin, hair, cloth, leather, metal, gem.

Knows surfaces. Refuses to know who wears them. Colours are linear RGB.
"""

from __future__ import annotations

from typing import Any

from training.pathtrace.blender import Nodes

Colour = tuple[float, float, float]


def skin() -> Any:
    """Painted skin (attributes of `skin.paint`) with pores, lip creases and oily places."""
    n = Nodes("skin")
    lips, oily, wet = n.attribute("lips"), n.attribute("oily"), n.attribute("wet")
    colour = n.attribute("colour", vector=True)
    mottled = n.ramp(n.noise(3.2, 5.0, 0.65), 0.25, 0.75, 0.90, 1.09)
    grey = n.add("ShaderNodeCombineColor", 0, None, Red=mottled, Green=mottled, Blue=mottled)
    colour = n.blend(1.0, colour, grey, "MULTIPLY")
    rough = n.ramp(oily, 0.0, 1.0, 0.56, 0.43)
    rough = n.math("SUBTRACT", rough, n.math("MULTIPLY", lips, 0.10))
    rough = n.math("ADD", rough, n.ramp(n.noise(5.0, 4.0), 0.3, 0.7, -0.05, 0.06))
    rough = n.math("SUBTRACT", rough, n.math("MULTIPLY", wet, 0.25))
    pores = n.bump(n.cells(7.5), 0.022, 0.55)
    fine = n.bump(n.noise(13.0, 3.0), 0.03, 0.45, pores)
    soft = n.bump(n.noise(2.6, 4.0), 0.05, 0.35, fine)
    creases = n.noise(4.0, 3.0, stretch=(2.4, 0.35, 0.6))
    normal = n.bump(n.math("MULTIPLY", creases, lips), 0.10, 0.7, soft)
    return n.surface(
        Base_Color=colour,
        Roughness=rough,
        IOR=1.4,
        Normal=normal,
        Subsurface_Weight=1.0,
        Subsurface_Radius=(0.42, 0.15, 0.075),
        Subsurface_Scale=0.55,
        Coat_Weight=n.math("MULTIPLY", lips, 0.22),
        Coat_Roughness=0.25,
    )


def hair(colour: Colour, grey: float = 0.0, roughness: float = 0.32) -> Any:
    """Hair fibres by colour; `grey` mixes in white strands (strand attribute `tone`)."""
    n = Nodes("hair")
    tone = n.attribute("tone")
    dark, light = (tuple(c * k for c in colour) for k in (0.55, 1.45))
    shade = n.blend(n.ramp(tone, 0.0, 1.0), dark, light)
    if grey > 0:
        shade = n.blend(n.ramp(tone, 1 - grey - 0.08, 1 - grey + 0.08), shade, (0.46, 0.44, 0.41))
    return n.output(
        n.add(
            "ShaderNodeBsdfHairPrincipled",
            0,
            {"model": "CHIANG", "parametrization": "COLOR"},
            Color=shade,
            Roughness=roughness,
            Radial_Roughness=0.45,
            Coat=0.1,
        )
    )


def cloth(colour: Colour, weave: float = 9.0, worn: float = 0.3) -> Any:
    """Woven cloth with thread, wear and a soft sheen."""
    n = Nodes("cloth")
    thread = n.noise(weave, 2.0, stretch=(1, 6, 1))
    cross = n.noise(weave, 2.0, stretch=(6, 1, 6))
    both = n.math("ADD", thread, cross)
    stain = n.ramp(n.noise(0.35, 6.0, 0.65), 0.3, 0.7, 1 - worn, 1.12)
    grey = n.add("ShaderNodeCombineColor", 0, None, Red=stain, Green=stain, Blue=stain)
    tint = n.blend(n.ramp(both, 0.8, 1.2), tuple(0.62 * c for c in colour), colour)
    return n.surface(
        Base_Color=n.blend(1.0, tint, grey, "MULTIPLY"),
        Roughness=0.85,
        Normal=n.bump(n.noise(0.55, 4.0), 0.5, 0.4, n.bump(both, 0.05, 0.6)),
        Sheen_Weight=0.35,
        Sheen_Roughness=0.5,
        Sheen_Tint=(*colour, 1.0),
    )


def leather(colour: Colour) -> Any:
    """Oiled leather: grain, creases, edges worn pale."""
    n = Nodes("leather")
    grain = n.cells(5.0)
    wear = n.ramp(n.noise(0.9, 7.0, 0.7), 0.42, 0.72)
    tint = n.blend(wear, colour, tuple(min(1, 1.9 * c + 0.015) for c in colour))
    rough = n.ramp(n.noise(2.0, 4.0), 0.3, 0.7, 0.40, 0.66)
    normal = n.bump(n.noise(1.2, 5.0, 0.6), 0.25, 0.5, n.bump(grain, 0.05, 0.5))
    return n.surface(Base_Color=tint, Roughness=rough, Normal=normal)


def metal(colour: Colour = (0.50, 0.50, 0.52), roughness: float = 0.30, rust: float = 0.15) -> Any:
    """Beaten metal: dents, scratches, tarnish."""
    n = Nodes("metal")
    blotch = n.noise(0.7, 8.0, 0.68)
    scratch = n.noise(1.4, 3.0, stretch=(14, 0.8, 2))
    tarnish = n.ramp(blotch, 0.56 - 0.1 * rust, 0.74, 0.0, rust * 3)
    tint = n.blend(tarnish, colour, (0.10, 0.07, 0.05))
    rough = n.math(
        "ADD",
        n.ramp(blotch, 0.3, 0.7, roughness - 0.08, roughness + 0.14),
        n.ramp(scratch, 0.55, 0.75, 0.0, 0.12),
    )
    dents = n.bump(n.noise(0.5, 2.0), 0.35, 0.35)
    normal = n.bump(scratch, 0.02, 0.35, n.bump(n.cells(1.1), 0.10, -0.25, dents))
    return n.surface(
        Base_Color=tint,
        Metallic=n.ramp(tarnish, 0.0, 1.0, 1.0, 0.35),
        Roughness=rough,
        Normal=normal,
    )


def gem(colour: Colour) -> Any:
    """A polished stone."""
    n = Nodes("gem")
    return n.surface(
        Base_Color=colour,
        Roughness=0.08,
        Coat_Weight=1.0,
        Coat_Roughness=0.02,
        Emission_Color=(*colour, 1.0),
        Emission_Strength=0.12,
    )


def glow(colour: Colour, strength: float) -> Any:
    """Something that shines by itself."""
    n = Nodes("glow")
    return n.output(n.add("ShaderNodeEmission", 0, None, Color=(*colour, 1.0), Strength=strength))


def haze(dark: Colour, light: Colour, scale: float) -> Any:
    """Uneven light from far away."""
    n = Nodes("haze")
    tint = n.blend(n.ramp(n.noise(scale, 3.0), 0.40, 0.68), dark, light)
    return n.output(n.add("ShaderNodeEmission", 0, None, Color=tint, Strength=0.8))


def masonry(light: Colour, dark: Colour) -> Any:
    """A wall of rough stone blocks."""
    n = Nodes("masonry")
    place = n.add("ShaderNodeTexCoord", "Object")
    brick = n.add("ShaderNodeTexBrick", "Fac", None, Vector=place, Scale=0.075, i7=0.024)
    stone = n.blend(n.ramp(n.noise(0.11, 9.0, 0.7), 0.32, 0.7), dark, light)
    return n.surface(
        Base_Color=n.blend(brick, stone, tuple(0.35 * c for c in dark)),
        Roughness=0.9,
        Normal=n.bump(n.noise(0.3, 9.0, 0.7), 2.0, 0.9),
    )


def matt(colour: Colour, roughness: float = 0.8) -> Any:
    """Plain and rough, with mottling; for what is out of focus."""
    n = Nodes("matt")
    tint = n.blend(n.ramp(n.noise(0.15, 6.0), 0.3, 0.7), tuple(0.45 * c for c in colour), colour)
    return n.surface(Base_Color=tint, Roughness=roughness)
