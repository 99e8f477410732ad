"""A sheet of sixteen expressions and poses of one character: what to look at after any change.

Run: `python -m mien.backend.render.expressions NAME.mien -o sheet.png`. Knows which faces tell most
about a codec. Refuses to judge them: that is for eyes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.backend.render.contact_sheet import SheetTile, contact_sheet
from mien.models.character import Character, load
from mien.models.codec.decoder import Decoder
from mien.models.motion import ARKIT_INDEX, COEFFICIENTS


@dataclass(frozen=True)
class Look:
    """One tile: coefficients by name (a stem sets both sides) and head angles in degrees."""

    label: str
    face: dict[str, float] = field(default_factory=dict)
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


LOOKS = (
    Look("at rest"),
    Look("ah", {"jawOpen": 0.55, "mouthLowerDown": 0.2}),
    Look("shout", {"jawOpen": 1.0, "browDown": 0.5}),
    Look("p, b, m", {"jawOpen": 0.1, "mouthClose": 0.1, "mouthPress": 0.3, "mouthRollLower": 0.2}),
    Look("ee", {"jawOpen": 0.15, "mouthStretch": 0.5, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3}),
    Look("oo", {"jawOpen": 0.12, "mouthPucker": 0.9, "mouthFunnel": 0.2}),
    Look("smile", {"mouthSmile": 0.8, "cheekSquint": 0.4}),
    Look("anger", {"browDown": 1.0, "noseSneer": 0.6, "mouthFrown": 0.6, "eyeSquint": 0.5}),
    Look("blink", {"eyeBlink": 1.0}),
    Look("looks left, up", {"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7, "eyeLookUp": 0.4}),
    Look("surprise", {"eyeWide": 0.9, "browInnerUp": 0.9, "browOuterUp": 0.8, "jawOpen": 0.3}),
    Look("tongue", {"tongueOut": 1.0, "jawOpen": 0.2}),
    Look("yaw +18°", yaw=18.0),
    Look("yaw -18°, ah", {"jawOpen": 0.5}, yaw=-18.0),
    Look("pitch +10°", pitch=10.0),
    Look("pitch -10°, roll 12°", {"jawOpen": 0.2}, pitch=-10.0, roll=12.0),
)


def dynamics_of(face: dict[str, float]) -> NDArray[np.float32]:
    """Coefficients [52] of a look."""
    out = np.zeros(COEFFICIENTS, np.float32)
    for stem, value in face.items():
        names = [stem] if stem in ARKIT_INDEX else [stem + "Left", stem + "Right"]
        out[[ARKIT_INDEX[name] for name in names]] = value
    return out


def expression_sheet(character: Character, tile_width: int = 320) -> Image.Image:
    """All looks of one character as a labelled sheet."""
    decoder = Decoder(character)
    tiles = []
    for look in LOOKS:
        pose = np.zeros(6, np.float32)
        pose[:3] = np.radians([look.pitch, look.yaw, look.roll])
        tiles.append(SheetTile(decoder.decode(dynamics_of(look.face), pose), look.label))
    return contact_sheet(tiles, columns=4, tile_width=tile_width)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("character", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    expression_sheet(load(options.character)).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
