"""Renders the demo portraits.

python -m training.pathtrace.portraits --facekit ict_facekit.npz [--only NAME] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.pathtrace import blender
from training.pathtrace.cast import CAST, Character
from training.pathtrace.head import HeadModel
from training.pathtrace.scenery import hang_lamps
from training.pathtrace.sitter import CAMERA_DISTANCE, FACE_DEPTH

DEFAULT_OUT = Path(__file__).parents[2] / "mien/models/data/demo"
SIZE_PX = 768


def take(character: Character, model: HeadModel, size_px: int, samples: int) -> Image.Image:
    """One portrait."""
    blender.new_scene(size_px, size_px, samples)
    blender.colour_management("AgX", "AgX - Medium High Contrast", character.exposure)
    aim = (0.0, character.aim_y, FACE_DEPTH)
    fov_deg = 2 * np.degrees(np.arctan(character.frame_units / 2 / CAMERA_DISTANCE))
    blender.camera(
        (0.0, character.aim_y, FACE_DEPTH + CAMERA_DISTANCE), aim, fov_deg, CAMERA_DISTANCE - 0.5
    )
    blender.world_light(character.ambient, character.ambient_strength)
    hang_lamps(character.lamps)
    character.scene()
    character.build(model)
    return Image.fromarray(blender.render()[..., :3])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--facekit", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--only", choices=sorted(CAST))
    parser.add_argument("--size", type=int, default=SIZE_PX)
    parser.add_argument("--samples", type=int, default=22)
    parser.add_argument("--png", action="store_true", help="write PNG, to look at")
    options = parser.parse_args()
    model = HeadModel(options.facekit)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, character in CAST.items():
        if options.only in (None, name):
            picture = take(character, model, options.size, options.samples)
            if options.png:
                picture.save(options.out / f"{name}.png")
            else:
                picture.save(options.out / f"{name}.jpg", quality=95, subsampling=0)


if __name__ == "__main__":
    main()
