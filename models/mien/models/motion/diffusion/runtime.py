"""What a runtime of the two networks must do, and how one is chosen.

Knows the interface. Refuses to know how anything is computed. There are three: `openvino` is the
fast one, `torch` the one that is trained, `numpy` the slow twin that both are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from mien.models.motion.diffusion.rings import Picked
from mien.models.motion.diffusion.sampler import Times
from mien.models.motion.diffusion.weights import MotionModel
from mien.models.motion.source import MotionSourceError
from mien.models.motion.types import F32

RUNTIMES = ("openvino", "torch", "numpy")
_INSTALL = {"openvino": "mien[daemon]", "torch": "mien[gpu]"}


@dataclass(frozen=True, eq=False)
class BlockInput:
    """All that a block of every lane is made from; tokens and slices are scaled.

    V variants of the conditions lie side by side; see `guidance`.
    """

    noise: F32  # [L, b, TOKEN]
    newest: F32  # [L, 2, TOKEN] the last frames before the block
    seen: Picked  # [2 * layers, L, heads, M, W / heads] keys and values of the past, in any order
    reach: F32  # [L, heads, V * b, M + V * b] added to the attention, in the order of `seen`
    heard: F32  # [L, V, S, F + LEVELS]
    wishes: F32  # [L, V, b, CONDITIONS]
    mix: F32  # [V] how much each variant counts


class MotionRuntime(Protocol):
    """Runs both networks. Arrays in and out are numpy's, float32."""

    name: str
    model: MotionModel

    def batches(self, most: int) -> list[int]:
        """Return the sizes of batches to try before up to `most` lanes come in earnest."""

    def encode(self, slices: F32, recalled: Picked) -> tuple[F32, F32]:
        """Return features [L, S, F] of scaled `slices` [L, S, SLICE], and what to keep of them.

        `recalled` [R, L, W] and what is to be kept [N, L, W] are as `EncoderRings` has them; zero
        where nothing was heard yet.
        """

    def remember(self, history: F32) -> F32:
        """Return key and value of each layer in turn, [L, T, 2 * layers, heads, W / heads].

        Of the frames `history` [L, T + 2, TOKEN], each with the two before it.
        """

    def sample(self, block: BlockInput, times: Times) -> F32:
        """Return the motion [L, b, TOKEN] at times[-1], from `block.noise` at times[0]."""


def check_runtime(name: str) -> None:
    """Raise MotionSourceError where the runtime called `name` cannot be had."""
    if name not in RUNTIMES:
        known = ", ".join(RUNTIMES)
        raise MotionSourceError(f"there is no motion runtime '{name}'; there are {known}")
    if name in _INSTALL and find_spec(name) is None:
        raise MotionSourceError(
            f"the motion runtime '{name}' is not installed; pip install '{_INSTALL[name]}'"
        )


def make_runtime(name: str, model: MotionModel, threads: int = 1) -> MotionRuntime:
    """Return the runtime called `name`. Raises MotionSourceError where it cannot be had.

    `threads` is heeded by OpenVINO; torch takes its own number for the whole process.
    """
    check_runtime(name)
    if name == "openvino":
        from mien.models.motion.diffusion.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(model, threads=threads)
    if name == "torch":
        from mien.models.motion.diffusion.torch_runtime import TorchRuntime

        return TorchRuntime(model)
    from mien.models.motion.diffusion.numpy_runtime import NumpyRuntime

    return NumpyRuntime(model)
