"""What performs: the models behind four small doors, imported when first used.

Knows where the models live and how they are called. Nothing here is imported at module load that is
heavy, so that the daemon answers Hello at once; `RealModels.warm` does the importing, on the
performance thread. Tests bring models of their own (`DaemonConfig.models`).
"""

from __future__ import annotations

import importlib
import logging
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from mien.backend.batch_drawing import CastDecoder, Painter
from mien.backend.line import Ears, PcmFormat
from mien.backend.motion import MotionChoice
from mien.models.motion.types import COEFFICIENTS, F32, MotionGenerator
from mien.protocol.errors import CharacterFileInvalidError, GpuLostError, InvalidArgumentError

if TYPE_CHECKING:
    from mien.backend.drawing import Decoder
    from mien.backend.gpu_painter import Gpu, GpuPainter
    from mien.models.character import Character
    from mien.models.codec.decoder import Decoder as CodecDecoder

_LOG = logging.getLogger(__name__)


CPU, GPU = "cpu", "gpu"  # profiles, as `mien serve` takes them


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

    @property
    def profile(self) -> str:
        """Engine profile, as Welcome tells it."""

    @property
    def gpu_uuid(self) -> str:
        """Of the GPU that draws frames, as nvidia-smi writes it; empty: the CPU does."""

    @property
    def painter(self) -> Painter | None:
        """What draws everybody's frames together; known after `warm`. None: decoders draw."""

    def warm(self) -> None:
        """Imports and prepares whatever would delay the first frame."""

    def generator(self, choice: MotionChoice) -> MotionGenerator:
        """A motion generator; one for the whole stage."""

    def ears(self, pcm: PcmFormat) -> Ears:
        """A line's way from PCM to 16 kHz."""

    def load(self, source: Path | bytes) -> LoadedCharacter:
        """A character from its file; raises CharacterFileInvalidError."""

    def prepare(self, character: LoadedCharacter) -> None:
        """Does in advance what the first picture of each size would have to wait for."""

    def decoder(self, character: LoadedCharacter, size_px: int) -> Decoder:
        """A decoder of one actor's own; raises InvalidArgumentError for a size it cannot draw."""


def make_models(name: str, profile: str = CPU, gpu_fallback: bool = False) -> ModelSet:
    """The model set called "module:class". Raises what that raises, see `RealModels`."""
    module, _, attribute = name.partition(":")
    made = getattr(importlib.import_module(module), attribute)(profile, gpu_fallback)
    return cast(ModelSet, made)


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


@dataclass(frozen=True, eq=False)
class _Body:
    """A character made ready: for the painter, for the processor, or for both."""

    handle: int | None
    decoder: CodecDecoder | None


class RealModels:
    """The models that ship with mien."""

    def __init__(self, profile: str = CPU, gpu_fallback: bool = False) -> None:
        """`gpu_fallback`: the CPU draws where there is no GPU, or none any more.

        Raises InvalidArgumentError for an unknown profile, and GpuLostError, with what is missing,
        where there is no GPU and no fallback.
        """
        if profile not in (CPU, GPU):
            raise InvalidArgumentError(f"there is no profile {profile!r}; there are {CPU}, {GPU}")
        self._fallback = gpu_fallback
        self._painter: GpuPainter | None = None
        self._making = threading.Lock()
        self._gpu = self._find_gpu() if profile == GPU else None

    @property
    def profile(self) -> str:
        """See `ModelSet.profile`."""
        return "openvino" if self._drawn_by() is None else "torch"

    @property
    def gpu_uuid(self) -> str:
        """See `ModelSet.gpu_uuid`."""
        gpu = self._drawn_by()
        return "" if gpu is None else gpu.uuid

    @property
    def painter(self) -> Painter | None:
        """See `ModelSet.painter`."""
        return self._painter

    def warm(self) -> None:
        """Imports the motion generator and gets the codec's kernels ready."""
        import mien.models.audio
        import mien.models.motion  # noqa: F401
        from mien.models.codec.warm import warm

        if self._ready_painter() is None or self._fallback:
            warm()

    def generator(self, choice: MotionChoice) -> MotionGenerator:
        """The generator that was chosen. Raises what the models say when it is not to be had."""
        return choice.make()

    def ears(self, pcm: PcmFormat) -> Ears:
        """A decoder and a resampler."""
        return StreamEars(pcm)

    def load(self, source: Path | bytes) -> LoadedCharacter:
        """A character from a `.mien` file. Raises GpuLostError, GpuMemoryFullError."""
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
        handle = self._join_cast(found)
        decoder = _prepared_decoder(found) if handle is None or self._fallback else None
        body = _Body(handle, decoder)
        loaded = LoadedCharacter(found.name, found.thumbnail, sha256, size, limits, body)
        if handle is not None and self._painter is not None:
            weakref.finalize(loaded, self._painter.forget, handle).atexit = False
        return loaded

    def prepare(self, character: LoadedCharacter) -> None:
        """Builds the layers of every size."""
        from mien.models.codec.decoder import SIZES_PX
        from mien.models.codec.decoder import Decoder as CodecDecoder

        body = character.body
        assert isinstance(body, CodecDecoder)
        for size_px in reversed(SIZES_PX):
            body.level(size_px)

    def decoder(self, character: LoadedCharacter, size_px: int) -> Decoder:
        """A place in the painter's cast, or a clone of the character's decoder.

        A clone shares all that never changes. Raises GpuLostError when the GPU is gone and nothing
        draws instead.
        """
        from mien.models.codec.decoder import SIZES_PX

        if size_px not in SIZES_PX:
            sizes = ", ".join(map(str, SIZES_PX))
            raise InvalidArgumentError(f"frames are {sizes} px; {size_px} px cannot be drawn")
        body = character.body
        assert isinstance(body, _Body)
        own = None if body.decoder is None else body.decoder.clone()
        if body.handle is not None and self._drawn_by() is not None:
            if own is None and self._painter is not None and self._painter.lost is not None:
                raise self._painter.lost
            return CastDecoder(body.handle, character, own)
        assert own is not None
        return own

    def _find_gpu(self) -> Gpu | None:
        from mien.backend.gpu_painter import find_gpu

        try:
            return find_gpu()
        except GpuLostError as error:
            if not self._fallback:
                raise
            _LOG.warning("the CPU draws instead of a GPU: %s", error.message)
            return None

    def _drawn_by(self) -> Gpu | None:
        """The GPU, unless it was lost and the CPU took over."""
        gone = self._painter is not None and self._painter.lost is not None
        return None if gone and self._fallback else self._gpu

    def _ready_painter(self) -> GpuPainter | None:
        """Made when first asked for: by whoever warms up, or loads a character before."""
        if self._gpu is None:
            return None
        from mien.backend.gpu_painter import make_painter

        with self._making:
            if self._painter is None and self._gpu is not None:
                try:
                    self._painter = make_painter(self._gpu.device)
                except Exception as error:
                    if not self._fallback:
                        raise
                    _LOG.warning("the CPU draws instead of the GPU: %s", error, exc_info=error)
                    self._gpu = None
            return self._painter

    def _join_cast(self, character: Character) -> int | None:
        painter = self._ready_painter()
        if painter is None:
            return None
        try:
            return painter.add(character)
        except GpuLostError:
            if not self._fallback:
                raise
            return None


def _prepared_decoder(character: Character) -> CodecDecoder:
    """A decoder that has drawn once, so that its kernels are compiled or loaded."""
    from mien.models.codec.decoder import Decoder as CodecDecoder

    decoder = CodecDecoder(character)
    decoder.decode(np.zeros(COEFFICIENTS, np.float32), np.zeros(6, np.float32))
    return decoder
