"""Profiles of the codec: which weights draw a face, and what runs them.

Knows both profiles' names, what each needs of a machine, and what the parts that learned must do.
Refuses to compute. `cpu` is the narrow network on OpenVINO and NumPy. `gpu` is the same parts,
wider, on torch: on a CUDA device where there is one, else on the CPU, slower and to the same maps.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.models.codec import harmony
from mien.models.codec.harmony import Harmony, HarmonyModel
from mien.models.codec.openings import Opening
from mien.models.codec.skin_maps import SkinMaps, SkinPainter
from mien.models.codec.skin_weights import SkinModel, shipped_model

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

CPU, GPU = "cpu", "gpu"
MOST_GFLOP = {CPU: 4.0, GPU: 20.0}  # that the learned parts of a profile may compute for a frame
PROFILES = tuple(MOST_GFLOP)
_LOG = logging.getLogger(__name__)


class ProfileError(RuntimeError):
    """A profile cannot be had on this machine; the message says why, and what to do."""


class Maps(Protocol):
    """One character's skin maps; see `SkinMaps`."""

    @property
    def nbytes(self) -> int:
        """Memory that it keeps, on whatever device."""

    @property
    def gflop(self) -> float:
        """Operations a frame in 10^9."""

    def at(self, dynamics: F32, turn: F32) -> F32:
        """Shift in iod (two) and gain (three), [map_px, map_px, 5], of a face and a turn."""


class Light(Protocol):
    """The light in one character's mouth; see `Harmony`."""

    def gains(self, dynamics: F32, turn: F32, gap: Opening, iod_px: float) -> F32:
        """Gains [ROWS, COLUMNS, 4] of a moment."""


class LearnedParts(Protocol):
    """Makes what a decoder keeps of the networks."""

    def maps(self, skin: U8, seen: F32) -> Maps:
        """Skin maps of an unrolled skin [128, 128, 3], `seen` [128, 128] where there is any."""

    def light(self, light: F32) -> Light:
        """The mouth's light under a portrait's `light` [LIGHT]."""


class NumpyParts:
    """Learned parts on OpenVINO (once a character) and NumPy (every frame)."""

    def __init__(self, skin: SkinModel, mouth: HarmonyModel) -> None:
        self._painter, self._mouth = SkinPainter(skin), mouth

    def maps(self, skin: U8, seen: F32) -> SkinMaps:
        """See `LearnedParts.maps`."""
        return self._painter.maps(skin, seen)

    def light(self, light: F32) -> Harmony:
        """See `LearnedParts.light`."""
        return Harmony(self._mouth, light)


@cache
def learned_parts(profile: str, device: str | None = None) -> LearnedParts:
    """Learned parts with the weights that ship with mien, made once.

    `device` is torch's name of one (`cuda`, `cuda:1`, `cpu`); None: the best there is. Raises
    ProfileError, SkinWeightsError or MouthWeightsError.
    """
    if profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise ProfileError(f"there is no codec profile '{profile}'; there are {known}")
    if profile == CPU:
        if device not in (None, "cpu"):
            raise ProfileError(f"the codec's profile 'cpu' does not run on '{device}'; take 'gpu'")
        return NumpyParts(shipped_model(), harmony.shipped_model())
    require_torch()
    from mien.models.codec.torch_parts import TorchParts, best_device

    if device is None:
        device = best_device()
        if device == "cpu":
            _LOG.warning("no CUDA device: the codec's profile 'gpu' runs on the CPU")
    return TorchParts(shipped_model(wide=True), harmony.shipped_model(), device)


def require_torch() -> None:
    """Raise ProfileError where torch is not installed."""
    if find_spec("torch") is None:
        raise ProfileError(
            "the codec's profile 'gpu' needs torch, which is not installed; "
            "pip install 'mien[gpu]', or take the profile 'cpu'"
        )
