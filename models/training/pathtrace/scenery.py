"""Where the characters stand: castle wall, forge, forest; and the light on them.

Knows backdrops and lamps, placed for a camera that looks along -z. Refuses to know people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.pathtrace import blender, fabric
from training.pathtrace.wardrobe import rings, sheet

F64 = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A square lamp: azimuth (0 camera, + image right), elevation in degrees, size, power."""

    azimuth_deg: float
    elevation_deg: float
    size: float
    power: float
    colour: Colour = (1.0, 1.0, 1.0)
    distance: float = 70.0


def hang_lamps(lamps: tuple[Lamp, ...], target: tuple[float, float, float] = (0, 1, 6)) -> None:
    """Place lamps round the sitter."""
    for lamp in lamps:
        azimuth, elevation = np.radians([lamp.azimuth_deg, lamp.elevation_deg])
        way = np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ]
        )
        eye = np.array(target) + lamp.distance * way
        blender.area_light(eye.tolist(), target, lamp.size, lamp.power, lamp.colour)


def wall(material: object, z: float, half: float = 140.0) -> None:
    """A flat backdrop."""
    corners = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])
    blender.mesh_object("wall", corners, np.array([[0, 1, 2, 3]]), material, smooth=False)


def box(
    centre: tuple[float, float, float], size: tuple[float, float, float], material: object
) -> None:
    """A block: a beam, a merlon, a shelf."""
    sign = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    faces = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    blender.mesh_object("box", sign * np.array(size) / 2 + centre, faces, material, smooth=False)


def discs(places: F64, radii: F64, material: object, seed: int, tumble: float = 1.0) -> None:
    """Many small flat discs (leaves, lights, embers) in one mesh."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    flat = np.stack([np.cos(angle), 0.62 * np.sin(angle), 0 * angle], 1)
    turns = np.linalg.qr(random.normal(size=(len(places), 3, 3)))[0]
    turns = tumble * turns + (1 - tumble) * np.eye(3)
    points = places[:, None] + radii[:, None, None] * np.einsum("kj,nij->nki", flat, turns)
    start = 8 * np.arange(len(places))[:, None, None]
    quads = (start + np.array([[0, 1, 2, 3], [0, 3, 4, 7], [4, 5, 6, 7]])).reshape(-1, 4)
    blender.mesh_object("discs", points.reshape(-1, 3), quads, material, smooth=False)


def castle() -> None:
    """A weathered stone wall, a red banner, a sky-lit merlon."""
    wall(fabric.masonry((0.30, 0.28, 0.25), (0.13, 0.125, 0.12)), -100)
    rows = np.linspace(40, -70, 50)
    columns = np.linspace(0, 17, 60)
    fold = 0.9 * np.sin(columns * 1.15)[None] * np.linspace(0.5, 1.2, 50)[:, None]
    points = np.stack(
        [
            np.broadcast_to(24 + columns[None], fold.shape),
            np.broadcast_to(rows[:, None], fold.shape),
            -90 + fold,
        ],
        2,
    )
    banner = sheet(points, closed=False)
    blender.mesh_object(
        "banner",
        banner.positions,
        banner.quads,
        fabric.cloth((0.33, 0.025, 0.022), 3.0, 0.4),
        subdivide=1,
    )
    gold = fabric.metal((0.62, 0.42, 0.14), 0.4)
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    for inner, outer in ((5.2, 6.2), (0.05, 3.4)):
        ring = np.stack(
            [
                np.outer([inner, outer], np.cos(turn)) + 33,
                np.outer([inner, outer], np.sin(turn)) - 1,
                np.full((2, 64), -87.5),
            ],
            2,
        )
        emblem = sheet(ring, closed=True)
        blender.mesh_object("emblem", emblem.positions, emblem.quads, gold)
    blender.area_light((-70, 60, -40), (-20, 10, -100), 12, 1.1, (1.0, 0.84, 0.62))
    blender.area_light((60, 50, -30), (34, 0, -90), 20, 0.5, (1.0, 0.9, 0.8))


def forge(seed: int = 4) -> None:
    """A dark workshop: posts, hanging tools, the glow of a fire, embers."""
    random = np.random.default_rng(seed)
    wall(fabric.masonry((0.055, 0.038, 0.027), (0.02, 0.014, 0.011)), -120)
    timber = fabric.matt((0.10, 0.055, 0.03))
    box((-42, 0, -84), (9, 260, 9), timber)
    box((0, 36, -84), (300, 7, 7), timber)
    box((-10, 14, -100), (46, 2.4, 6), timber)
    iron = fabric.metal((0.20, 0.19, 0.18), 0.45)
    for x in np.arange(-28, 12, 6.5):
        long = random.uniform(7, 14)
        box((x, 12.6 - long / 2, -97), (1.0, long, 1.0), iron)
        box((x, 12.6 - long, -97), (random.uniform(2, 4.5), 2.2, 1.4), iron)
    fire = fabric.glow((1.0, 0.17, 0.015), 2.2)
    hot = fabric.glow((1.0, 0.45, 0.10), 9.0)
    places = np.stack(
        [
            random.normal(38, 6, 120),
            -22 - np.abs(random.normal(0, 7, 120)),
            random.uniform(-112, -90, 120),
        ],
        1,
    )
    discs(places, random.uniform(0.4, 2.2, 120), fire, seed)
    sparks = np.stack(
        [random.uniform(2, 46, 46), random.uniform(-22, 24, 46), random.uniform(-90, -20, 46)], 1
    )
    discs(sparks, random.uniform(0.10, 0.26, 46), hot, seed + 1)
    blender.area_light((-20, 40, -50), (-20, 10, -120), 10, 0.9, (1.0, 0.62, 0.32))
    blender.area_light((50, -30, -60), (40, 0, -120), 10, 1.2, (1.0, 0.40, 0.12))
    lanterns = np.array([[-30.0, 22, -95], [-36, 4, -110], [24, 27, -105]])
    discs(lanterns, np.array([1.5, 1.2, 1.0]), hot, seed + 2, 0.0)


def trunk(x: float, z: float, radius: float, material: object, random: np.random.Generator) -> None:
    """A tree trunk that leans and thins upwards."""
    height = np.linspace(-60, 90, 24)
    wobble = radius * (1.25 - 0.004 * (height + 60)) * random.uniform(0.92, 1.08, 24)
    points, _ = rings(np.stack([height, wobble, wobble, 0 * height + z], 1), 24, 60)
    points[..., 0] += x + random.normal(0, 0.07) * (points[..., 1] + 10)
    tree = sheet(points, closed=True)
    blender.mesh_object("trunk", tree.positions, tree.quads, material)


def forest(seed: int = 9) -> None:
    """Trunks and leaves against evening light."""
    random = np.random.default_rng(seed)
    wall(fabric.haze((0.035, 0.075, 0.035), (0.26, 0.29, 0.10), 0.016), -240, 320)
    bark = fabric.matt((0.09, 0.062, 0.042))
    for x, z, width in (
        (-44, -110, 10),
        (-17, -170, 7),
        (38, -100, 11),
        (58, -160, 9),
        (12, -200, 7),
        (-66, -150, 10),
    ):
        trunk(x, z, width / 2, bark, random)
    for colour, count, near in (
        ((0.05, 0.12, 0.03), 1500, -200),
        ((0.10, 0.19, 0.045), 1100, -160),
        ((0.25, 0.24, 0.05), 300, -130),
    ):
        places = np.stack(
            [
                random.uniform(-90, 90, count),
                random.normal(14, 32, count),
                random.uniform(near - 14, near + 26, count),
            ],
            1,
        )
        discs(places, random.uniform(0.8, 2.6, count), fabric.matt(colour, 0.6), seed + count)
    glints = np.stack(
        [random.normal(-10, 45, 70), random.normal(18, 24, 70), random.uniform(-232, -215, 70)], 1
    )
    discs(glints, random.uniform(0.6, 2.4, 70), fabric.glow((0.85, 0.95, 0.45), 2.2), seed + 3, 0.1)
