"""The held-out set: people with seeds of their own, rendered once and kept.

Knows where frames lie and when they must be made. Refuses to know what is done with them.
`<seed>.safetensors`, one a person: `images` are joined PNG files with `starts` int64 [F+1]; every
array of `Labels` is float32 [F, ...].
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from training import paths
from training.evaluation.codec.shots import names_of, shots_of
from training.evaluation.lines import MaterialError
from training.studio.labels import LABEL_SHAPES, Labels
from training.studio.studio import HELD_OUT_SEEDS

U8 = NDArray[np.uint8]

SIZE_PX = 512
VERSION = 1  # raise it when shots or the studio's looks change: frames are then made anew
FIRST_SEED = HELD_OUT_SEEDS.start + 50_000  # not those that training watches itself with
PEOPLE, QUICK_PEOPLE = 24, 6
FACEKIT = "MIEN_FACEKIT"


@dataclass(frozen=True)
class Take:
    """All frames of one person; frame 0 is the portrait."""

    seed: int
    names: list[str]
    labels: list[Labels]
    pngs: list[bytes]

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, index: int) -> U8:
        """[S, S, 3] sRGB."""
        found = cv2.imdecode(np.frombuffer(self.pngs[index], np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(found[..., ::-1])


def folder() -> Path:
    """Where the set is kept."""
    return paths.cache() / "evaluation" / f"codec-{VERSION}"


def seeds(people: int) -> list[int]:
    """Seeds of the first so many people."""
    return list(range(FIRST_SEED, FIRST_SEED + people))


def held_out(
    people: int, facekit: Path | None, tell: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Files of the first so many people, rendered where they are not there yet.

    `facekit` is the head model's file; None: what MIEN_FACEKIT names. Raises MaterialError.
    """
    wanted = {seed: folder() / f"{seed}.safetensors" for seed in seeds(people)}
    missing = [seed for seed, path in wanted.items() if not path.is_file()]
    if missing:
        _render(missing, _head_file(facekit, len(missing)), tell)
    return list(wanted.values())


def _head_file(facekit: Path | None, missing: int) -> Path:
    named = facekit or (Path(os.environ[FACEKIT]) if os.environ.get(FACEKIT) else None)
    if named is None:
        raise MaterialError(
            f"{missing} of the held-out people are not rendered yet: name the head model "
            f"(ict_facekit.npz) with --facekit FILE or {FACEKIT}; they are then kept in {folder()}"
        )
    if not named.is_file():
        raise MaterialError(f"--facekit: there is no file '{named}'")
    return named


def _render(missing: Sequence[int], facekit: Path, tell: Callable[[str], None]) -> None:
    from training.studio.gpu import NoGraphics
    from training.studio.head import HeadFileError, HeadModel
    from training.studio.studio import Studio

    tell("head model")
    try:
        studio = Studio(HeadModel(facekit), SIZE_PX, samples=2)
    except (HeadFileError, NoGraphics) as problem:
        raise MaterialError(str(problem)) from problem
    folder().mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(missing):
        tell(f"rendering held-out person {number + 1} of {len(missing)}")
        shoot(studio, seed, folder() / f"{seed}.safetensors")


def shoot(studio: Any, seed: int, path: Path) -> None:
    """Render all frames of one person (by a `Studio`) and write them whole or not at all."""
    sitter = studio.seat(seed)
    wanted = shots_of(sitter.body, seed, seed - FIRST_SEED)
    frames = [studio.take(sitter, w.shot, as_source=i == 0) for i, w in enumerate(wanted)]
    pngs = [_png(frame.picture.rgb) for frame in frames]
    tensors: dict[str, NDArray[Any]] = {
        name: np.stack([getattr(frame.labels, name) for frame in frames]) for name in LABEL_SHAPES
    }
    tensors["images"] = np.frombuffer(b"".join(pngs), np.uint8)
    tensors["starts"] = np.cumsum([0, *map(len, pngs)]).astype(np.int64)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    save_file(tensors, unfinished)
    unfinished.replace(path)


def read(path: Path) -> Take:
    """One person's frames. Raises MaterialError for a damaged file."""
    try:
        with safe_open(path, "numpy") as file:
            rows = {name: file.get_tensor(name) for name in LABEL_SHAPES}
            starts, images = file.get_tensor("starts"), file.get_tensor("images").tobytes()
    except (SafetensorError, OSError) as problem:
        raise MaterialError(f"{path} is damaged; remove it to have it rendered anew") from problem
    seed, count = int(path.stem), len(starts) - 1
    labels = [Labels(**{name: row[i] for name, row in rows.items()}) for i in range(count)]
    pngs = [images[starts[i] : starts[i + 1]] for i in range(count)]
    return Take(seed, names_of(seed - FIRST_SEED), labels, pngs)


def _png(rgb: U8) -> bytes:
    done, coded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert done
    return bytes(coded.tobytes())
