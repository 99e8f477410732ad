"""What a runtime of the two networks must do, and how one is chosen.

Knows the interface. Refuses to know how anything is computed. There are three: `openvino` is the
fast one, `torch` the one that is trained, `numpy` the slow twin that both are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

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
    history: F32  # [L, history_frames + 2, TOKEN]
    heard: F32  # [L, V, S, F + LEVELS]
    wishes: F32  # [L, V, b, CONDITIONS]
    mix: F32  # [V] how much each variant counts


class MotionRuntime(Protocol):
    """Runs both networks. Arrays in and out are numpy's, float32."""

    name: str
    model: MotionModel

    def encode(self, slices: F32, memory: F32) -> tuple[F32, F32]:
        """Return features [L, S, F] of scaled `slices` [L, S, SLICE], and the memory after them.

        `memory` [L, memory_slices, W] is what every block remembers, one after another; zero
        where nothing was heard yet.
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
