"""What performs: the models behind four small doors, imported when first used.

Knows where the models live and how they are called. Nothing here is imported at module load that is
heavy, so that the daemon answers Hello at once; `RealModels.warm` does the importing, on the
performance thread. Tests bring models of their own (`DaemonConfig.models`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from mien.backend.line import Ears, PcmFormat
from mien.backend.motion import MotionChoice
from mien.models.motion.types import COEFFICIENTS, F32, MotionGenerator
from mien.protocol.errors import CharacterFileInvalidError, InvalidArgumentError

if TYPE_CHECKING:
    from mien.backend.drawing import Decoder
    from mien.models.character import Character


@dataclass(frozen=True, eq=False)
class LoadedCharacter:
    """A character in memory. `body` is what `ModelSet.decoder` wants."""

    name: str
    thumbnail_png: bytes
    sha256: bytes
    size_bytes: int
    motion_limits: tuple[float, ...]  # yaw-, yaw+, pitch-, pitch+, roll-, roll+ in radians
    body: object


class ModelSet(Protocol):
    """The doors."""

    profile: str  # engine profile, as Welcome tells it

    def warm(self) -> None:
        """Imports and prepares whatever would delay the first frame."""

    def generator(self, choice: MotionChoice) -> MotionGenerator:
        """A motion generator; one for the whole stage."""

    def ears(self, pcm: PcmFormat) -> Ears:
        """A line's way from PCM to 16 kHz."""

    def load(self, source: Path | bytes) -> LoadedCharacter:
        """A character from its file; raises CharacterFileInvalidError."""

    def decoder(self, character: LoadedCharacter, size_px: int) -> Decoder:
        """A decoder of one actor's own; raises InvalidArgumentError for a size it cannot draw."""


def make_models(name: str) -> ModelSet:
    """The model set called "module:class"."""
    module, _, attribute = name.partition(":")
    return cast(ModelSet, getattr(importlib.import_module(module), attribute)())


class StreamEars:
    """`Ears` made of the decoder and resampler of `mien.models.audio`."""

    def __init__(self, pcm: PcmFormat) -> None:
        from mien.models.audio import PcmDecoder, Resampler

        self._decoder = PcmDecoder("f32le" if pcm.is_float else "s16le", pcm.channels)
        self._resampler = Resampler(pcm.sample_rate_hz)

    @property
    def not_finite(self) -> int:
        """Samples so far that were no numbers and were taken as silence."""
        return self._decoder.report.not_finite

    def push(self, pcm: bytes) -> F32:
        """What comes out for `pcm`."""
        return self._resampler.feed(self._decoder.decode(pcm))

    def flush(self) -> F32:
        """The rest."""
        return self._resampler.end()


class RealModels:
    """The models that ship with mien."""

    profile = "geometric"

    def warm(self) -> None:
        """Imports the motion generator and gets the codec's kernels ready."""
        import mien.models.audio
        import mien.models.motion  # noqa: F401
        from mien.models.codec.warm import warm

        warm()

    def generator(self, choice: MotionChoice) -> MotionGenerator:
        """The generator that was chosen. Raises what the models say when it is not to be had."""
        return choice.make()

    def ears(self, pcm: PcmFormat) -> Ears:
        """A decoder and a resampler."""
        return StreamEars(pcm)

    def load(self, source: Path | bytes) -> LoadedCharacter:
        """A character from a `.mien` file."""
        from mien.models import character

        try:
            found = (
                character.from_bytes(source)
                if isinstance(source, bytes)
                else character.load(source)
            )
        except character.CharacterFileError as error:
            raise CharacterFileInvalidError(error.message) from error
        size = sum(array.nbytes for array in found.arrays.values())
        sha256 = bytes.fromhex(found.sha256)
        limits = tuple(float(angle) for angle in found.geometry["motion_limits"])
        return LoadedCharacter(
            found.name, found.thumbnail, sha256, size, limits, _prepared_decoder(found)
        )

    def decoder(self, character: LoadedCharacter, size_px: int) -> Decoder:
        """A clone of the character's decoder: it shares all that never changes."""
        from mien.models.codec.decoder import SIZES_PX
        from mien.models.codec.decoder import Decoder as CodecDecoder

        if size_px not in SIZES_PX:
            sizes = ", ".join(map(str, SIZES_PX))
            raise InvalidArgumentError(f"frames are {sizes} px; {size_px} px cannot be drawn")
        body = character.body
        assert isinstance(body, CodecDecoder)
        return body.clone()


def _prepared_decoder(character: Character) -> Decoder:
    """A decoder that has drawn once, so that its kernels are compiled or loaded."""
    from mien.models.codec.decoder import Decoder as CodecDecoder

    decoder = CodecDecoder(character)
    decoder.decode(np.zeros(COEFFICIENTS, np.float32), np.zeros(6, np.float32))
    return decoder
