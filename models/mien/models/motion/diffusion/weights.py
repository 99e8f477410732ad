"""The weights file: two networks, the statistics of what goes in, and where they came from.

Knows names, shapes and the one file format (safetensors, float16 or float32, a JSON header in its
metadata). Refuses to run anything and needs neither torch nor OpenVINO. Tensors are named as
torch's state_dict names them, after `encoder.` and `transformer.`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mien.models.motion.diffusion.shapes import (
    CONDITIONS,
    LEVELS,
    SLICE,
    EncoderShape,
    TransformerShape,
)
from mien.models.motion.diffusion.tokens import TOKEN
from mien.models.motion.types import F32

VERSION = 1
OBJECTIVES = ("x0", "flow")  # what the transformer's output is: clean motion, or noise - motion
STATISTICS = {"mel_mean": SLICE, "mel_scale": SLICE, "token_mean": TOKEN, "token_scale": TOKEN}
SHIPPED = Path(__file__).parents[2] / "weights" / "motion.safetensors"
_HEADER = "mien_motion"


class MotionWeightsError(ValueError):
    """A weights file is missing, damaged, foreign or of another shape; the message says which."""


@dataclass(frozen=True)
class About:
    """What a weights file says of itself."""

    encoder: EncoderShape = field(default_factory=EncoderShape)
    transformer: TransformerShape = field(default_factory=TransformerShape)
    lookahead_frames: int = 1
    steps: int = 4  # of denoising, where nobody asks for another number
    temperature: float = 1.0  # of the noise; a little more livens what few steps calm down
    articulation: float = 1.0  # how much wider lips move than their mean, which is too narrow
    firmness: float = 0.0  # iod; lips nearer to each other than this are drawn together
    objective: str = "x0"
    notes: dict[str, Any] = field(default_factory=dict)  # free: data, dates, metrics

    def __post_init__(self) -> None:
        if self.lookahead_frames not in (1, 2):
            raise MotionWeightsError(f"a look-ahead is 1 or 2 frames, not {self.lookahead_frames}")
        if self.objective not in OBJECTIVES:
            raise MotionWeightsError(f"an objective is x0 or flow, not '{self.objective}'")
        if not 0.0 <= self.temperature <= 2.0:
            raise MotionWeightsError(f"a temperature is 0 to 2, not {self.temperature}")
        if not 0.5 <= self.articulation <= 2.0:
            raise MotionWeightsError(f"articulation is 0.5 to 2, not {self.articulation}")
        if not 0.0 <= self.firmness <= 0.1:
            raise MotionWeightsError(f"firmness is 0 to 0.1, not {self.firmness}")
        if self.encoder.features != self.transformer.features:
            raise MotionWeightsError(
                f"the encoder gives {self.encoder.features} features and the transformer "
                f"takes {self.transformer.features}"
            )


@dataclass(frozen=True, eq=False)
class MotionModel:
    """All that a weights file holds, as float32."""

    about: About
    tensors: Mapping[str, F32]  # "encoder.…" and "transformer.…"
    mel_mean: F32  # [SLICE] slice = (mel - mean) * scale
    mel_scale: F32  # [SLICE]
    token_mean: F32  # [TOKEN] scaled = (token - mean) * scale
    token_scale: F32  # [TOKEN]

    def part(self, name: str) -> dict[str, F32]:
        """Return the tensors of "encoder" or "transformer", without that prefix."""
        start = name + "."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def _linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def encoder_tensors(shape: EncoderShape) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a SpeechEncoder's tensors."""
    width = shape.width
    out = _linear("enter", width, SLICE)
    for i in range(len(shape.dilations)):
        block = f"blocks.{i}."
        out |= {block + "norm.weight": (width,), block + "norm.bias": (width,)}
        out |= _linear(block + "taps", width, 3 * width) | _linear(block + "mix", width, width)
    out |= {"norm.weight": (width,), "norm.bias": (width,)}
    return out | _linear("leave", shape.features, width)


def transformer_tensors(shape: TransformerShape) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a MotionTransformer's tensors."""
    width, block = shape.width, shape.block_frames
    out: dict[str, tuple[int, ...]] = {
        "place": (block, width),
        "reach": (shape.heads, block, shape.history_frames + block),
        "carry": (TOKEN,),
    }
    out |= _linear("enter", width, TOKEN) | _linear("before", width, 2 * TOKEN)
    out |= _linear("hear", block * width, shape.heard_slices * (shape.features + LEVELS))
    out |= _linear("wish.0", width, CONDITIONS) | _linear("wish.2", width, width)
    out |= _linear("remember.0", width, 3 * TOKEN) | _linear("remember.2", width, width)
    out |= _linear("clock.0", width, 64) | _linear("clock.2", 6 * width, width)
    for i in range(shape.layers):
        layer = f"layers.{i}."
        out |= {layer + "steer": (6, width), layer + "past.weight": (2 * width, width)}
        out |= _linear(layer + "query", 3 * width, width) | _linear(layer + "out", width, width)
        out |= _linear(layer + "up", 4 * width, width) | _linear(layer + "down", width, 4 * width)
    return out | _linear("leave", TOKEN, width)


def expected_tensors(about: About) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of every tensor in a weights file."""
    out: dict[str, tuple[int, ...]] = {name: (size,) for name, size in STATISTICS.items()}
    out |= {"encoder." + k: v for k, v in encoder_tensors(about.encoder).items()}
    return out | {"transformer." + k: v for k, v in transformer_tensors(about.transformer).items()}


def save_model(
    path: Path, encoder: Mapping[str, ArrayLike], transformer: Mapping[str, ArrayLike],
    statistics: Mapping[str, ArrayLike], about: About, *, half: bool = True,
) -> None:  # fmt: skip
    """Write a weights file, atomically; `half`: networks as float16.

    `encoder` and `transformer` are state_dicts (arrays, or torch tensors on the CPU), `statistics`
    holds what STATISTICS names. Raises MotionWeightsError where names, shapes or numbers are wrong.
    """
    arrays = {k: np.asarray(v, np.float32) for k, v in statistics.items()}
    arrays |= {"encoder." + k: np.asarray(v, np.float32) for k, v in encoder.items()}
    arrays |= {"transformer." + k: np.asarray(v, np.float32) for k, v in transformer.items()}
    stored = {
        k: np.ascontiguousarray(v, np.float16 if half and k not in STATISTICS else np.float32)
        for k, v in arrays.items()
    }
    _check(stored, about, path)
    header = json.dumps({"version": VERSION} | asdict(about))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        save_file(stored, new, {_HEADER: header})
        new.chmod(0o644)  # as any other file of a package
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def load_model(path: Path | None = None) -> MotionModel:
    """Read a weights file; None: the one that ships with mien. Raises MotionWeightsError."""
    path = SHIPPED if path is None else path
    if not path.is_file():
        raise MotionWeightsError(f"there are no motion weights at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise MotionWeightsError(f"{path} is damaged or no weights file: {error}") from error
    about = _about(metadata, path)
    _check(stored, about, path)
    arrays = {name: array.astype(np.float32) for name, array in stored.items()}
    statistics = {name: arrays.pop(name) for name in STATISTICS}
    return MotionModel(about=about, tensors=arrays, **statistics)


def _about(metadata: Mapping[str, str], path: Path) -> About:
    if _HEADER not in metadata:
        raise MotionWeightsError(f"{path} holds other weights than those of mien's motion")
    try:
        header = json.loads(metadata[_HEADER])
        version = int(header.pop("version"))
        if version > VERSION:
            raise MotionWeightsError(
                f"{path} was written by a newer mien (version {version}, known are up to {VERSION})"
            )
        encoder, transformer = header.pop("encoder"), header.pop("transformer")
        encoder["dilations"] = tuple(encoder["dilations"])
        return About(EncoderShape(**encoder), TransformerShape(**transformer), **header)
    except MotionWeightsError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise MotionWeightsError(f"the header of {path} cannot be read: {error}") from error


def _check(arrays: Mapping[str, NDArray[Any]], about: About, path: Path) -> None:
    wanted = expected_tensors(about)
    missing, extra = sorted(wanted.keys() - arrays.keys()), sorted(arrays.keys() - wanted.keys())
    if missing or extra:
        raise MotionWeightsError(
            f"{path} does not fit its own header: {len(missing)} tensors are missing "
            f"{missing[:3]}, {len(extra)} are unknown {extra[:3]}"
        )
    for name, shape in wanted.items():
        array = arrays[name]
        if array.shape != shape:
            raise MotionWeightsError(f"{name} in {path} is {array.shape}, not {shape}")
        if array.dtype not in (np.float16, np.float32):
            raise MotionWeightsError(f"{name} in {path} is {array.dtype}, neither of the floats")
        if not np.isfinite(array).all():
            raise MotionWeightsError(f"{name} in {path} holds numbers that are not finite")
    if not all((arrays[name] > 0).all() for name in ("mel_scale", "token_scale")):
        raise MotionWeightsError(f"the scales in {path} must be positive")
