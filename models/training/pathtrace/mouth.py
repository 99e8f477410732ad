"""Makes `mouth.safetensors`: the inside of a mouth as layered sprites at seven head turns.

Knows the anatomy of the sprites, their canvas and their anchors. Refuses to know portraits: how
a sprite is placed, tinted and cut to the lips is the codec's affair.

    python -m training.pathtrace.mouth --facekit ict_facekit.npz [--out FILE] [--sheet PNG]
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file
from scipy import ndimage

from training.pathtrace import blender
from training.pathtrace.head import INNER_CORNERS, INNER_LIP_CENTRES, HeadModel, Mesh, rotation
from training.pathtrace.mouth_look import enamel, gum, tongue_skin, tooth_attributes, wet_cavity
from training.pathtrace.tongue import groove, tongue_out

F64 = NDArray[np.float64]
Pixels = NDArray[np.uint8]  # [H, W, 4] straight alpha
DEFAULT_OUT = Path(__file__).parents[2] / "mien/models/data/mouth.safetensors"

LAYERS = ("cavity", "tongue_rest", "lower", "tongue_out", "upper")  # back to front
YAWS_DEG = (-30, -20, -10, 0, 10, 20, 30)
JAW_OPEN = 0.5
CANVAS_PX = (208, 176)  # width, height
PX_PER_UNIT = 24.0
SUPERSAMPLE = 2
CAMERA_DISTANCE = 90.0  # about a metre: a portrait lens
CENTRE_Y = -4.25  # model units: what the canvas is centred on

ANCHORS = (
    "corner_image_left", "corner_image_right", "upper_lip_inner", "lower_lip_inner",
    "upper_incisor_edge", "lower_incisor_edge", "lower_incisor_edge_open",
    "lower_molar_image_left_open", "lower_molar_image_right_open",
)  # fmt: skip


@dataclass(frozen=True)
class Mouth:
    """The open mouth's parts, its anchors at rest and open, and how the jaw carries it."""

    parts: dict[str, Mesh]
    anchors: F64  # [A, 3] in the order of ANCHORS
    jaw_travel: dict[str, list[float]]  # per unit jawOpen, in outer-eye distances
    outer_eye_distance: float


def open_mouth(head: HeadModel) -> Mouth:
    """The neutral head's mouth with the jaw at JAW_OPEN."""
    rest, jaw = head.neutral, head.displacement("jawOpen")
    opened = head.express(rest, {"jawOpen": JAW_OPEN})
    lower, upper = (head.part(rest, name) for name in ("lower_teeth", "upper_teeth"))
    incisor = _extreme(lower, abs(lower.positions[:, 0]) < 0.4, highest=True)
    molars = [_extreme(lower, lower.positions[:, 0] * side > 2.5, highest=True) for side in (-1, 1)]
    upper_edge = _extreme(upper, abs(upper.positions[:, 0]) < 0.5, highest=False)
    corners = [head.landmarks68[i] for i in INNER_CORNERS]
    lips = [head.landmarks68[i] for i in INNER_LIP_CENTRES]
    places = [rest[i] for i in (*corners, *lips, upper_edge, incisor)]
    places += [opened[i] for i in (incisor, *molars)]
    for index in (4, 5, 6):  # the midline edge, not one tooth's own corner
        places[index] = places[index] * [0.0, 1.0, 1.0]
    eyes = head.outer_eye_distance(rest)
    travel = {
        "incisor": (jaw[incisor] / eyes).round(5).tolist(),
        "molar": (jaw[molars].mean(0) / eyes).round(5).tolist(),
    }
    return Mouth(head.mouth_parts(opened), np.array(places), travel, eyes)


def _extreme(mesh: Mesh, chosen: NDArray[np.bool_], *, highest: bool) -> int:
    height = np.where(chosen, mesh.positions[:, 1], -np.inf if highest else np.inf)
    return int(mesh.source[height.argmax() if highest else height.argmin()])


def project(points: F64, yaw_deg: float) -> F64:
    """Canvas pixels of model points; whole numbers are pixel centres. [N, 2]"""
    turned = turn(points, yaw_deg) - [0.0, CENTRE_Y, 0.0]
    scale = PX_PER_UNIT * CAMERA_DISTANCE / (CAMERA_DISTANCE - (turned[:, 2] - PIVOT[2]))
    width, height = CANVAS_PX
    return np.stack([width / 2 + turned[:, 0] * scale, height / 2 - turned[:, 1] * scale], 1) - 0.5


# Heads are turned about the middle of the lips' corners, so that the lips stay on the canvas.
PIVOT = np.array([0.0, -3.5, 10.1])


def turn(points: F64, yaw_deg: float) -> F64:
    """Model points with the head turned about the mouth."""
    return (points - PIVOT) @ rotation(yaw_deg).T + PIVOT


def build(mouth: Mouth, yaw_deg: float) -> dict[str, list[Any]]:
    """Put all parts on the stage. Returns the objects of every layer."""
    parts = mouth.parts
    skin, gums, teeth, inside = tongue_skin(), gum(), enamel(), wet_cavity()
    objects: dict[str, list[Any]] = {name: [] for name in LAYERS}

    def place(layer: str, name: str, mesh: Mesh, material: Any, **attributes: F64) -> None:
        objects[layer].append(
            blender.mesh_object(
                name,
                turn(mesh.positions, yaw_deg),
                mesh.triangles,
                material,
                subdivide=2,
                attributes={"rest": mesh.positions, **attributes},
            )
        )

    for jaw in ("upper", "lower"):
        place(jaw, f"gums_{jaw}", parts[f"gums_{jaw}"], gums)
        place(
            jaw,
            f"teeth_{jaw}",
            parts[f"teeth_{jaw}"],
            teeth,
            **tooth_attributes(parts[f"teeth_{jaw}"], upper=jaw == "upper"),
        )
    place("tongue_rest", "tongue_rest", groove(parts["tongue"]), skin)
    place("tongue_out", "tongue_out", tongue_out(parts["tongue"]), skin)
    place("cavity", "palate", parts["palate"], inside)
    place("cavity", "cheeks", behind(parts["cheeks"], CHEEKS_END), inside)
    return objects


# The cheeks' front is the inside of the lips: it would hide and shade what the codec has to see.
CHEEKS_END = 8.2


def behind(mesh: Mesh, depth: float) -> Mesh:
    """The triangles of a mesh that lie wholly behind `depth` on the z axis at rest."""
    kept = (mesh.positions[mesh.triangles, 2] < depth).all(1)
    return Mesh(mesh.positions, mesh.triangles[kept], mesh.source)


# What stands in front of a layer and cuts it, because it will be drawn behind it.
CUT_BY = {"lower": ("tongue_rest",)}


def show(objects: dict[str, list[Any]], layer: str) -> None:
    """Let the camera see one layer; the rest of the mouth still shades it."""
    absent = "tongue_rest" if layer == "tongue_out" else "tongue_out"
    for name, things in objects.items():
        for thing in things:
            thing.hide_render = name == absent
            thing.visible_camera = name == layer or name in CUT_BY.get(layer, ())
            thing.is_holdout = name != layer


def light() -> None:
    """Even and frontal, a little from above: the codec puts the portrait's own light on top."""
    x, y, z = PIVOT
    blender.world_light((1.0, 0.98, 0.96), 0.42)
    blender.area_light((x, y + 16, z + 60), PIVOT.tolist(), 26, 2.3)


def render_all(mouth: Mouth, samples: int, yaws: tuple[int, ...]) -> dict[str, list[Pixels]]:
    """Every layer at every yaw as RGBA u8 [H, W, 4]; turns to the other side are mirrored."""
    pictures: dict[str, list[Pixels]] = {name: [] for name in LAYERS}
    width, height = CANVAS_PX
    for yaw in (yaw for yaw in yaws if yaw >= 0):
        blender.new_scene(width * SUPERSAMPLE, height * SUPERSAMPLE, samples, transparent=True)
        blender.colour_management("Standard")
        fov = 2 * np.degrees(np.arctan(width / PX_PER_UNIT / 2 / CAMERA_DISTANCE))
        blender.camera((0, CENTRE_Y, PIVOT[2] + CAMERA_DISTANCE), (0, CENTRE_Y, PIVOT[2]), fov)
        light()
        objects = build(mouth, yaw)
        for layer in LAYERS:
            show(objects, layer)
            pictures[layer].append(trim(shrink(blender.render(), SUPERSAMPLE), layer))
    for images in pictures.values():
        images[:0] = [mirrored(image) for image in images[:0:-1] if len(yaws) == len(YAWS_DEG)]
    return pictures


def mirrored(picture: Pixels) -> Pixels:
    """The same mouth turned the other way: the head model is symmetric."""
    return picture[:, ::-1]


def shrink(picture: Pixels, factor: int) -> Pixels:
    """Average blocks with alpha as weight, then bleed colour outwards under zero alpha."""
    height, width = (n // factor for n in picture.shape[:2])
    blocks = picture.astype(float).reshape(height, factor, width, factor, 4)
    alpha = blocks[..., 3:].mean((1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).mean((1, 3)) / np.maximum(alpha, 1e-3)
    alpha = np.where(alpha < 3, 0, alpha)
    nearest = ndimage.distance_transform_edt(
        alpha[..., 0] < 24, return_distances=False, return_indices=True
    )
    bled = np.where(alpha < 24, colour[nearest[0], nearest[1]], colour)
    return np.concatenate([bled, alpha], 2).round().clip(0, 255).astype(np.uint8)


# Beyond these heights (model units) lie the gums' loose ends and the roots of the teeth.
TRIM = {"upper": (-1.35, 1), "lower": (-6.65, -1)}


def trim(picture: Pixels, layer: str) -> Pixels:
    """Fade a layer out over 0.4 units beyond its end."""
    if layer not in TRIM:
        return picture
    end, direction = TRIM[layer]
    height = CENTRE_Y + (CANVAS_PX[1] / 2 - 0.5 - np.arange(CANVAS_PX[1])) / PX_PER_UNIT
    keep = np.clip(1 - direction * (height - end) / 0.4, 0, 1)
    faded = picture.copy()
    faded[..., 3] = (picture[..., 3] * keep[:, None]).round()
    return faded


def encode(picture: Pixels) -> NDArray[np.uint8]:
    """Lossless WebP that keeps the colour under zero alpha near the edge. [bytes]"""
    reach = ndimage.distance_transform_edt(picture[..., 3] == 0) <= 4
    tidy = np.where(reach[..., None], picture, 0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(tidy).save(buffer, "WEBP", lossless=True, exact=True, quality=100, method=6)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def save(path: Path, mouth: Mouth, pictures: dict[str, list[Pixels]]) -> None:
    """Write the asset; its layout is described in models/README.md."""
    anchors = np.stack([project(mouth.anchors, yaw) for yaw in YAWS_DEG])
    tensors: dict[str, NDArray[Any]] = {
        "anchors_px": anchors.astype(np.float32),
        "yaws_deg": np.array(YAWS_DEG, np.float32),
    }
    for layer, images in pictures.items():
        for yaw, image in zip(YAWS_DEG, images, strict=True):
            tensors[f"{layer}.{yaw:+d}"] = encode(image)
    about = {
        "format": "mien mouth sprites 1",
        "layers": LAYERS,
        "anchors": ANCHORS,
        "canvas_px": CANVAS_PX,
        "jaw_open": JAW_OPEN,
        "px_per_outer_eye_distance": PX_PER_UNIT * mouth.outer_eye_distance,
        "jaw_travel_per_unit": mouth.jaw_travel,
        "credit": "Rendered from ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative "
        "Technologies, MIT licence",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {key: json.dumps(value) for key, value in about.items()})


def contact_sheet(
    pictures: dict[str, list[Pixels]], mouth: Mouth, yaws: tuple[int, ...]
) -> Image.Image:
    """Layers in rows, yaws in columns, and all of them composed in the last row."""
    rows = [[_on_grey(p) for p in pictures[layer]] for layer in LAYERS]
    stacks = []
    for k, yaw in enumerate(yaws):
        whole = Image.new("RGBA", CANVAS_PX, (16, 6, 6, 255))
        for layer in ("cavity", "tongue_rest", "lower", "upper"):
            whole.alpha_composite(Image.fromarray(pictures[layer][k]))
        picture = np.asarray(whole.convert("RGB")).copy()
        for x, y in project(mouth.anchors, yaw).round().astype(int):
            picture[y - 1 : y + 2, x - 1 : x + 2] = (0, 255, 0)
        stacks.append(picture)
    return Image.fromarray(np.vstack([np.hstack(row) for row in [*rows, stacks]]))


def _on_grey(picture: Pixels) -> Pixels:
    ground = Image.new("RGBA", (picture.shape[1], picture.shape[0]), (90, 110, 120, 255))
    ground.alpha_composite(Image.fromarray(picture))
    return np.asarray(ground.convert("RGB"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--facekit", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet PNG")
    parser.add_argument("--quick", action="store_true", help="only frontal and 20 degrees, a sheet")
    options = parser.parse_args()
    mouth = open_mouth(HeadModel(options.facekit))
    yaws = (0, 20) if options.quick else YAWS_DEG
    pictures = render_all(mouth, options.samples, yaws)
    if options.sheet:
        contact_sheet(pictures, mouth, yaws).save(options.sheet)
    if not options.quick:
        save(options.out, mouth, pictures)


if __name__ == "__main__":
    main()
