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
from mien.models.capture.points import EYE_POINTS, MOUTH_POINTS, POINTS, SAMPLED
from mien.models.capture.shapes import EYE_PX, GAZE, MAP_PX, MOUTH_PX, TURN, MotionEncoderShape
from mien.models.motion.types import COEFFICIENTS

F32 = NDArray[np.float32]
VERSION = 1
SHIPPED = Path(__file__).parents[1] / "weights" / "encoder.safetensors"
WHOLE = 32  # maps of the whole face that go into its code
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


def _second_look(name: str, size: tuple[int, int], points: int, seen: int) -> Shapes:
    out = _layer(name + ".enter.0", 16, 3, 5) | _layer(name + ".enter.1", 32, 16, 3)
    out |= _residual(name + ".enter.2", 32) | _layer(name + ".maps", points, 32, 1)
    out |= _layer(name + ".deeper.0", 64, 32, 3) | _residual(name + ".deeper.1", 64)
    out |= _layer(name + ".deeper.2", 12, 64, 1)
    return out | _layer(name + ".leave", seen, 12 * (size[0] // 4) * (size[1] // 4))


def expected_tensors(shape: MotionEncoderShape) -> Shapes:
    """Return names and shapes of all tensors."""
    a, b, c, d = shape.widths
    m, code, seen = shape.map_width, shape.code, shape.seen
    out = _layer("stem", a, 3, 5) | _layer("fine.0", b, a, 3) | _residual("fine.1", b)
    for name, into, width in (("middle", b, c), ("far", c, d)):
        out |= _layer(f"{name}.0", width, into, 3)
        out |= _residual(f"{name}.1", width) | _residual(f"{name}.2", width)
    out |= _layer("up", c, d, 1) | _layer("merge", m, c, 3) | _layer("side", m, b, 1)
    out |= _layer("near", m, m, 3) | _layer("maps", POINTS, m, 1)
    out |= _layer("local", shape.local, m, 1) | _layer("whole", WHOLE, d, 1)
    out |= _second_look("eye", EYE_PX, len(EYE_POINTS["left"]), seen)
    out |= _second_look("mouth", MOUTH_PX, len(MOUTH_POINTS), seen)
    wide = WHOLE * (MAP_PX // 4) ** 2 + d + len(SAMPLED) * shape.local + 2 * POINTS + 3 * seen
    out |= _layer("gather.0", 256, wide) | _layer("gather.1", code, 256)
    out |= _layer("turn", TURN, code) | _layer("visible", POINTS, code)
    out |= _layer("gaze.0", 96, code + 2 * seen) | _layer("gaze.1", GAZE, 96)
    out |= _layer("move.0", 256, 2 * code + 4 * POINTS + 1) | _layer("move.1", 256, 256)
    return out | _layer("move.2", COEFFICIENTS, 256)


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
        shape = MotionEncoderShape(**{**about, "widths": tuple(about["widths"])})
        expected = expected_tensors(shape)
    except (TypeError, KeyError, ValueError) as error:
        raise EncoderWeightsError(f"the header of '{path.name}' does not fit: {error}") from None
    weights_file.check(arrays, expected, EncoderWeightsError)
    return EncoderModel(shape, weights_file.widened(arrays), dict(said.get("notes", {})))
