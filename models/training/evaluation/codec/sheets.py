"""Contact sheets, for looking at: every contender beside the truth, mouths close up, angles.

Knows pictures and captions. Refuses to measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS
from training.evaluation.codec.contenders import NAMES, STATIC
from training.evaluation.codec.people import Person
from training.evaluation.codec.regions import Box
from training.evaluation.codec.shots import GAP_OPEN, SOURCE
from training.evaluation.codec.sitting import Sitting

U8 = NDArray[np.uint8]

CELL_PX, MOUTH_PX, ANGLE_PX, CAPTION_PX = 320, (300, 220), 280, 18
SHOWN = (SOURCE, "rigid", "mouth", "mouth ahead", "speech", "feeling", "sparse", "blink")
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "ajar": {"jawOpen": 0.2},
    "open": {"jawOpen": 0.45, "mouthLowerDown": 0.2, "mouthUpperUp": 0.2},
    "wide": {"jawOpen": 0.75},
    "smile": {"mouthSmile": 0.9, "cheekSquint": 0.5, "mouthUpperUp": 0.3, "jawOpen": 0.12},
    "pucker, blink": {"mouthPucker": 0.9, "eyeBlink": 1.0},
    "surprise": {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.9, "jawOpen": 0.4},
    "anger": {"browDown": 1.0, "noseSneer": 0.8, "mouthStretch": 0.5, "mouthLowerDown": 0.5,
              "jawOpen": 0.15},
}  # fmt: skip
ANGLES_DEG = ((-25, 0, 0), (-12, 0, 0), (0, 0, 0), (12, 0, 0), (25, 0, 0),
              (0, 14, 0), (0, -10, 0), (0, 0, 20))  # fmt: skip


def beside(person: Person) -> U8:
    """Rows truth and every contender, a column a kind of frame."""
    chosen = [person.take.names.index(name) for name in SHOWN]
    who = _who(person.sitting)
    rows = [[_caption(_small(person.true(i), CELL_PX), f"truth: {person.take.names[i]}")
             for i in chosen]]  # fmt: skip
    for name in who:
        rows.append([_caption(_small(person.shown(name, i), CELL_PX), name) for i in chosen])
    return _grid(rows)


def mouths(person: Person) -> U8 | None:
    """Open mouths close up: rows truth and contenders that move. None without any."""
    at = {i: person.regions(i) for i in person.stills}
    wide = [i for i in person.stills if at[i].gap >= GAP_OPEN]
    if not wide:
        return None
    rows = [[_caption(_close(person.true(i), at[i].mouth), f"truth: {person.take.names[i]}")
             for i in wide]]  # fmt: skip
    for name in (name for name in _who(person.sitting) if name != STATIC):
        rows.append([_caption(_close(person.shown(name, i), at[i].mouth), name) for i in wide])
    return _grid(rows)


def angles(sitting: Sitting) -> U8:
    """Every expression at every angle, by the best contender there is."""
    draw, name = sitting.drawings[_who(sitting)[-1]], _who(sitting)[-1]
    rows = []
    for words, wanted in EXPRESSIONS.items():
        face = np.zeros(COEFFICIENTS, np.float32)
        for part, value in wanted.items():
            for full in (part, part + "Left", part + "Right"):
                if full in ARKIT_INDEX:
                    face[ARKIT_INDEX[full]] = value
        row = []
        for yaw, pitch, roll in ANGLES_DEG:
            pose = np.zeros(6, np.float32)
            pose[:3] = np.radians([pitch, yaw, roll])
            cell = _small(draw(face, pose), ANGLE_PX)
            row.append(_caption(cell, f"{name}: {words} {yaw} {pitch} {roll}"))
        rows.append(row)
    return _grid(rows)


def write(person: Person, folder: Path) -> None:
    """Write a person's sheets."""
    seed = person.take.seed
    _save(beside(person), folder / f"person-{seed}.png")
    close = mouths(person)
    if close is not None:
        _save(close, folder / f"mouths-{seed}.png")
    _save(angles(person.sitting), folder / f"angles-{seed}.png")


def _who(sitting: Sitting) -> list[str]:
    return [name for name in NAMES if name in sitting.drawings]


def _small(picture: U8, size: int) -> U8:
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _close(picture: U8, box: Box) -> U8:
    """A box and as much around it as the cell's shape needs, enlarged."""
    width, height = MOUTH_PX
    across = max(box.right - box.left, (box.bottom - box.top) * width / height)
    scale = width / max(across, 8.0)
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    move = np.array([[scale, 0, width / 2 - scale * middle[0]],
                     [0, scale, height / 2 - scale * middle[1]]])  # fmt: skip
    cell = cv2.warpAffine(picture, move, MOUTH_PX, flags=cv2.INTER_CUBIC,
                          borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(cell, np.uint8)


def _caption(cell: U8, words: str) -> U8:
    strip = Image.new("RGB", (cell.shape[1], CAPTION_PX), (24, 24, 26))
    ImageDraw.Draw(strip).text((4, 2), words, (230, 230, 230), ImageFont.load_default(12))
    return np.concatenate([np.asarray(strip, np.uint8), cell])


def _grid(rows: Sequence[Sequence[U8]]) -> U8:
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def _save(sheet: U8, path: Path) -> None:
    Image.fromarray(sheet).save(path)
