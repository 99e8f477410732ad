"""The motion encoder's weights file, with batch norms folded into the convolutions before them.

Knows names, shapes and the one file format (safetensors, float16 or float32, a JSON header in its
metadata). Refuses to run anything and needs neither torch nor OpenVINO.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.models import weights_file
from mien.models.capture.points import EYE_LOOK, MOUTH_LOOK, POINTS
from mien.models.capture.shapes import EYE_PX, GAZE, MOUTH_PX, TURN, MotionEncoderShape
from mien.models.motion.types import COEFFICIENTS

F32 = NDArray[np.float32]
VERSION = 2
SHIPPED = Path(__file__).parents[1] / "weights" / "encoder.safetensors"
DEEP = 24  # maps of a second look that its features are made of
_HEADER = "mien_encoder"
Shapes = dict[str, tuple[int, ...]]


class EncoderWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


@dataclass(frozen=True, eq=False)
class EncoderModel:
    """All that a weights file holds, as float32."""

    shape: MotionEncoderShape
    tensors: Mapping[str, F32]
    notes: dict[str, Any] = field(default_factory=dict)


def _layer(name: str, out: int, into: int, size: int = 0) -> Shapes:
    kernel = (size, size) if size else ()
    return {f"{name}.weight": (out, into, *kernel), f"{name}.bias": (out,)}


def _residual(name: str, width: int) -> Shapes:
    return _layer(name + ".first", width, width, 3) | _layer(name + ".second", width, width, 3)


def _pyramid(name: str, widths: tuple[int, ...], residuals: tuple[int, int, int]) -> Shapes:
    """Layers down to a sixteenth of the size, named as `network` names them."""
    a, b, c, d = widths
    out: Shapes = {}
    for part, into, width, count in (("fine", a, b, residuals[0]), ("middle", b, c, residuals[1]),
                                     ("far", c, d, residuals[2])):  # fmt: skip
        out |= _layer(f"{name}.{part}.0", width, into, 3)
        for k in range(count):
            out |= _residual(f"{name}.{part}.{k + 1}", width)
    return out


def _first_look(shape: MotionEncoderShape) -> Shapes:
    a, b, c, d = shape.widths
    m = shape.map_width
    out = _layer("first.stem", a, 3, 5) | _pyramid("first", shape.widths, (1, 2, 2))
    out |= _layer("first.up", c, d, 1) | _layer("first.merge", m, c, 3)
    out |= _layer("first.side", m, b, 1) | _layer("first.near", m, m, 3)
    return out | _layer("first.maps", POINTS, m, 1) | _layer("first.visible", POINTS, d)


def _second_look(name: str, size: int, points: int, shape: MotionEncoderShape) -> Shapes:
    a, b, c, d = shape.look_widths
    out = _layer(f"{name}.enter", a, 3, 5) | _pyramid(name, shape.look_widths, (1, 2, 1))
    out |= _layer(f"{name}.up_far", c, d, 1) | _layer(f"{name}.merge", b, c, 3)
    out |= _layer(f"{name}.up", a, b, 1) | _layer(f"{name}.near", a, a, 3)
    out |= _layer(f"{name}.maps", points, a, 1) | _layer(f"{name}.deeper", DEEP, d, 1)
    return out | _layer(f"{name}.leave", shape.seen, DEEP * (size // 16) ** 2)


def expected_tensors(shape: MotionEncoderShape) -> Shapes:
    """Return names and shapes of all tensors."""
    code, seen = shape.code, shape.seen
    out = _first_look(shape) | _second_look("eye", EYE_PX, len(EYE_LOOK["left"]), shape)
    out |= _second_look("mouth", MOUTH_PX, len(MOUTH_LOOK), shape)
    out |= _layer("gather.0", 256, 2 * POINTS + 3 * seen) | _layer("gather.1", code, 256)
    out |= _layer("turn", TURN, 2 * POINTS + code)
    out |= _layer("gaze.0", 96, code + 2 * seen) | _layer("gaze.1", GAZE, 96)
    out |= _layer("stranger", 2 * POINTS + code, 1)
    told = 6 * POINTS + 5 + 2 * code
    out |= _layer("move.0", 256, told) | _layer("move.1", 256, 256)
    return out | _layer("move.2", COEFFICIENTS, 256) | _layer("straight", COEFFICIENTS, told)


def save_model(
    path: Path, tensors: Mapping[str, ArrayLike], shape: MotionEncoderShape,
    notes: dict[str, Any] | None = None, half: bool = True,
) -> None:  # fmt: skip
    """Write a weights file, atomically, in float16 unless `half` is off.

    Raises EncoderWeightsError for tensors that do not fit `shape`.
    """
    dtype = np.float16 if half else np.float32
    arrays = {name: np.asarray(tensor, dtype) for name, tensor in tensors.items()}
    weights_file.check(arrays, expected_tensors(shape), EncoderWeightsError)
    header = {"version": VERSION, "shape": asdict(shape), "notes": notes or {}}
    weights_file.write(path, arrays, _HEADER, header)


def load_model(path: Path | None = None) -> EncoderModel:
    """Read a weights file; None: what ships with mien. Raises EncoderWeightsError."""
    path = SHIPPED if path is None else Path(path)
    arrays, said = weights_file.read(
        path, _HEADER, VERSION, "a motion encoder", EncoderWeightsError
    )
    try:
        about = dict(said["shape"])
        for name in ("widths", "look_widths"):
            about[name] = tuple(about[name])
        shape = MotionEncoderShape(**about)
        expected = expected_tensors(shape)
    except (TypeError, KeyError, ValueError) as error:
        raise EncoderWeightsError(f"the header of '{path.name}' does not fit: {error}") from None
    weights_file.check(arrays, expected, EncoderWeightsError)
    return EncoderModel(shape, weights_file.widened(arrays), dict(said.get("notes", {})))
