"""Contact sheets, for looking: python -m training.studio.sheet out.png --facekit FILE [...]

One row an identity, one column an expression; with --overlay, labels drawn over the pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.studio.camera import frame_head
from training.studio.film import develop
from training.studio.head import ANCHOR, PIVOT, HeadFileError, HeadModel
from training.studio.layout import Part, point_groups
from training.studio.mesh import rotation
from training.studio.performances import Kind, Shot, plan, raise_to
from training.studio.pose import Placement, Tongue, set_gaze
from training.studio.studio import Frame, Studio
from training.studio.styles import STYLES

U8 = NDArray[np.uint8]

# Name, coefficients, tongue, gaze in degrees, head in degrees.
Row = tuple[dict[str, float], Tongue, tuple[float, float], tuple[float, float, float]]
EXPRESSIONS: tuple[Row, ...] = (
    ({}, Tongue(), (0, 0), (0, 0, 0)),
    ({"jawOpen": 0.75, "mouthLowerDown": 0.2}, Tongue(), (0, 0), (0, 3, 0)),
    ({"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.4, "mouthUpperUp": 0.35,
      "jawOpen": 0.12},
     Tongue(), (5, 0), (-10, 0, 3)),
    ({"eyeBlink": 1.0, "browDown": 0.5, "mouthPucker": 0.8}, Tongue(), (0, 0), (8, -6, 0)),
    ({"jawOpen": 0.3, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3, "browInnerUp": 0.9,
      "browOuterUp": 0.8, "eyeWide": 0.6}, Tongue(lift=1.0), (0, 0), (22, 4, 0)),
    ({"browDown": 1.0, "noseSneer": 0.9, "mouthUpperUp": 0.8, "mouthStretch": 0.6,
      "mouthLowerDown": 0.6, "jawOpen": 0.25}, Tongue(out=0.2), (-25, 5), (-5, -3, -8)),
    ({"jawOpen": 0.45, "tongueOut": 0.8}, Tongue(out=0.8), (20, -10), (-42, 0, 0)),
)  # fmt: skip


def expression_row(studio: Studio, seed: int) -> list[Frame]:
    """One person with every expression of the sheet."""
    sitter = studio.seat(seed)
    row = []
    for number, (wanted, tongue, gaze, (yaw, pitch, roll)) in enumerate(EXPRESSIONS):
        face = np.zeros(52, np.float32)
        for name, value in wanted.items():
            raise_to(face, name, value, np.random.default_rng(0), uneven=0.0)
        set_gaze(face, *gaze)
        body = rotation(0.3 * yaw, 0, 0)
        placement = Placement(body, body.T @ rotation(yaw, pitch, roll), np.zeros(3))
        camera = frame_head(placement.head @ (ANCHOR - PIVOT), distance=70, half_height=13.8)
        shot = Shot(Kind.PURE, face, tongue, placement, camera)
        row.append(studio.take(sitter, shot, as_source=number == 0))
    return row


def overlay(frame: Frame) -> U8:
    """Parts in colours and points (hollow where hidden), drawn three times as large."""
    rgb, parts = frame.picture.rgb, frame.picture.parts
    hue = (np.arange(len(Part)) * 47 % 180).astype(np.uint8)
    palette = cv2.cvtColor(
        np.stack([hue, np.full_like(hue, 210), np.full_like(hue, 255)], -1)[None], cv2.COLOR_HSV2RGB
    )[0]
    palette[0] = 30
    mixed = cv2.addWeighted(rgb, 0.55, palette[parts], 0.45, 0)
    canvas = cv2.resize(mixed, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    size = len(canvas)
    for group, rows in enumerate(point_groups().values()):
        colour = [int(c) for c in palette[(group * 5 + 3) % len(palette)] // 2 + 127]
        for (x, y, _), there in zip(
            frame.labels.points[rows], frame.labels.visible[rows], strict=True
        ):
            at = round(float(x) * size), round(float(y) * size)
            cv2.circle(canvas, at, 3, colour, -1 if there > 0.5 else 1, cv2.LINE_AA)
    return np.asarray(canvas, np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the head model cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m training.studio.sheet", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--facekit", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--overlay", action="store_true", help="draw labels over random frames")
    parser.add_argument("--random", action="store_true", help="frames as training sees them")
    parser.add_argument("--styles", action="store_true", help="with film effects and styles")
    options = parser.parse_args(arguments)
    try:
        studio = Studio(HeadModel(options.facekit), options.size)
    except HeadFileError as error:
        print(error, file=sys.stderr)
        return 2
    rows = []
    for seed in options.seeds:
        if options.overlay or options.random:
            sitter = studio.seat(seed)
            shots = plan(np.random.default_rng([seed, 2]), 4 if options.overlay else 8)
            frames = [studio.take(sitter, s, as_source=k == 0) for k, s in enumerate(shots)]
        else:
            frames = expression_row(studio, seed)
        pictures = [overlay(f) if options.overlay else f.picture.rgb for f in frames]
        if options.styles:
            rng = np.random.default_rng(seed)
            looks = [*STYLES.values(), develop]
            pictures = [looks[k % len(looks)](p, rng) for k, p in enumerate(pictures)]
        rows.append(np.hstack(pictures))
    cv2.imwrite(str(options.out), np.vstack(rows)[..., ::-1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
