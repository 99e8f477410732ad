"""Makes what skin maps learn from: people of the studio, enrolled, driven, and their true looks.

    python -m training.codec.sittings --facekit FILE --out FOLDER [--people 400] [--first 500000]

Knows how a sitting becomes arrays, and files of them; resumable. Refuses to know networks.
`<seed>.npz`: `portrait` (JPEG), `landmarks` [478, 3] px of 512, `truths` (JPEG of 256 px, joined)
with `starts`, `points` [F, N, 3] posed mesh px of 512, `dynamics` [F, 52], `pose` [F, 6]. What lies
between the lips: `mouths` [F, 2, 16, 32, 3] drawn and true, `lips` [F, 4] (`harmony.shape_of`, then
their mean distance in px) and the portrait's `light` [14].
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from mien.models.codec.harmony import light_of, shape_of, unrolled_places
from mien.models.codec.mouth import lip_gap
from mien.models.codec.openings import Opening
from training.evaluation.codec.driving import from_labels, relative_face, relative_pose
from training.evaluation.codec.material import SIZE_PX
from training.evaluation.codec.shots import STILLS, shots_of
from training.evaluation.codec.sitting import enrolled, png_of

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
TRUTH_PX = 256
MOUTH_ROWS, MOUTH_COLUMNS = 16, 32
QUALITY = 95


@dataclass(frozen=True)
class SittingFile:
    """One person, read back."""

    portrait: U8  # [512, 512, 3]
    landmarks: F32  # [478, 3] px
    truths: list[U8]  # [256, 256, 3]
    points: F32  # [F, N, 3] px: landmarks, rim and backing of the posed mesh
    dynamics: F32  # [F, 52]
    pose: F32  # [F, 6]
    mouths: U8  # [F, 2, MOUTH_ROWS, MOUTH_COLUMNS, 3] drawn by geometry, and true
    lips: F32  # [F, 4]
    light: F32  # [14]


def _jpeg(rgb: U8) -> bytes:
    done, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(coded.tobytes())


def _decoded(data: NDArray[np.uint8]) -> U8:
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def sit(studio: Any, seed: int) -> dict[str, NDArray[Any]]:
    """Render, enrol and drive one person. Raises EnrolmentError."""
    from mien.models.codec.decoder import Decoder
    from mien.models.codec.face_mesh import FaceMesh

    sitter = studio.seat(seed)
    wanted = shots_of(sitter.body, seed, seed)[: 1 + len(STILLS)]
    frames = [studio.take(sitter, w.shot, as_source=i == 0) for i, w in enumerate(wanted)]
    sitting = enrolled(png_of(frames[0].picture.rgb), str(seed), compared=False)
    mesh = FaceMesh(sitting.rig.landmarks)
    source = from_labels(frames[0].labels, SIZE_PX, sitting.frame)
    drawn = Decoder(sitting.character, learned=False)
    light = light_of(drawn.portrait.astype(np.float32), drawn.rig, drawn.mouth.tint)
    truths, points, dynamics, poses, mouths, lips = [], [], [], [], [], []
    for frame in frames[1:]:
        pose = relative_pose(sitting.rig, source, from_labels(frame.labels, SIZE_PX, sitting.frame))
        face = relative_face(frame.labels.coefficients, frames[0].labels.coefficients)
        truth = sitting.cut(frame.picture.rgb)
        truths.append(_jpeg(cv2.resize(truth, (TRUTH_PX,) * 2, interpolation=cv2.INTER_AREA)))
        posed = sitting.rig.pose(face, pose)
        points.append(mesh.posed(posed).astype(np.float32))
        gap = lip_gap(posed, SIZE_PX)
        both = (drawn.decode(face, pose)[..., :3], truth)
        mouths.append(np.stack([between_lips(picture, gap) for picture in both]))
        lips.append([*shape_of(gap, posed.iod_px), float((gap.bottom - gap.top).mean())])
        dynamics.append(face)
        poses.append(pose)
    portrait = _jpeg(np.ascontiguousarray(sitting.character.arrays["portrait"]))
    return {
        "portrait": np.frombuffer(portrait, np.uint8),
        "landmarks": sitting.rig.landmarks.astype(np.float32),
        "truths": np.frombuffer(b"".join(truths), np.uint8),
        "starts": np.cumsum([0, *map(len, truths)]).astype(np.int64),
        "points": np.stack(points), "dynamics": np.stack(dynamics), "pose": np.stack(poses),
        "mouths": np.stack(mouths), "lips": np.array(lips, np.float32), "light": light,
    }  # fmt: skip


def between_lips(picture: U8, gap: Opening) -> U8:
    """What a picture [S, S, 3] shows between the lips, unrolled: [MOUTH_ROWS, MOUTH_COLUMNS, 3]."""
    x, y = unrolled_places(gap, MOUTH_ROWS, MOUTH_COLUMNS).astype(np.float32).transpose(2, 0, 1)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_AREA), np.uint8)


def read(path: Path) -> SittingFile:
    """Read one person back."""
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    starts = arrays["starts"]
    truths = [_decoded(arrays["truths"][a:b]) for a, b in pairwise(starts)]
    return SittingFile(
        _decoded(arrays["portrait"]), arrays["landmarks"], truths,
        arrays["points"], arrays["dynamics"], arrays["pose"], arrays["mouths"], arrays["lips"],
        arrays["light"],
    )  # fmt: skip


def make(studio: Any, folder: Path, seeds: range, console: Console) -> int:
    """Make what is missing; return how many people could not be enrolled."""
    from mien.models.enrolment import EnrolmentError

    folder.mkdir(parents=True, exist_ok=True)
    refused = 0
    for seed in track(seeds, "sittings", console=console):
        path, missed = folder / f"{seed}.npz", folder / f"{seed}.refused"
        if path.exists() or missed.exists():
            continue
        try:
            arrays = sit(studio, seed)
        except EnrolmentError as problem:
            missed.write_text(str(problem))
            refused += 1
            continue
        new = path.with_suffix(f".{os.getpid()}.tmp")
        with new.open("wb") as file:
            np.savez(file, **arrays)
        new.replace(path)
    return refused


def main() -> int:
    """Command line; 2 where the head model cannot be had."""
    from training.studio.head import HeadFileError, HeadModel
    from training.studio.studio import Studio

    parser = argparse.ArgumentParser(prog="python -m training.codec.sittings")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--first", type=int, default=500_000, help="first seed")
    parser.add_argument("--samples", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    console = Console(stderr=True)
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        studio = Studio(HeadModel(options.facekit), SIZE_PX, options.samples)
    except HeadFileError as problem:
        console.print(str(problem))
        return 2
    seeds = range(options.first, options.first + options.people)
    refused = make(studio, options.out, seeds, console)
    console.print(f"{len(seeds)} people, {refused} of them refused at enrolment")
    return 0


if __name__ == "__main__":
    sys.exit(main())
