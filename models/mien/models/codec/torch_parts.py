"""The codec's learned parts run by torch: feature maps, a frame's skin maps, the mouth's light.

Knows devices, number formats, and batches of different characters. Refuses to know faces, and
architectures: those are `skin_network`'s and `harmony_network`'s. Imports torch, so it is itself
imported only where a profile asks for it.

What runs once a character, and the small matrices, are float32 always: near rest they are
differences of almost equal numbers. Only what a frame is mixed from may be bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.models.codec.harmony import LIGHT, TOLD, HarmonyModel, told_of
from mien.models.codec.harmony_network import HarmonyNetwork
from mien.models.codec.openings import Opening
from mien.models.codec.profiles import ProfileError
from mien.models.codec.skin_maps import channels_of, motion_of
from mien.models.codec.skin_network import SkinNetwork
from mien.models.codec.skin_shape import (
    GAIN,
    OUT,
    SHIFT_IOD,
    VIEWS,
    left_share,
    within_face,
)
from mien.models.codec.skin_weights import SkinModel

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

Network = TypeVar("Network", bound=nn.Module)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def best_device() -> str:
    """`cuda` where there is such a device, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True, eq=False)
class Skins:
    """What is kept of the skins of B actors, on the device."""

    features: Tensor  # [B, F, n] of the n pixels inside the face, times how far inside they are
    code: Tensor  # [B, CODE]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def nbytes(self) -> int:
        """Memory of the device."""
        return self.features.nbytes + self.code.nbytes


def together(skins: Sequence[Skins]) -> Skins:
    """The skins of several actors as one batch, made when the cast changes and not every frame."""
    return Skins(torch.cat([s.features for s in skins]), torch.cat([s.code for s in skins]))


class TorchParts:
    """See `LearnedParts`; what takes many at a time is the batch of a stage."""

    def __init__(
        self, skin: SkinModel, mouth: HarmonyModel, device: str = "cpu", dtype: str | None = None
    ) -> None:
        """`dtype` of what is mixed: float32 or bfloat16; None: bfloat16 on CUDA, else float32.

        Raises ProfileError where this machine has no such device.
        """
        self.device = _device(device)
        dtype = dtype or ("bfloat16" if self.device.type == "cuda" else "float32")
        if dtype not in DTYPES:
            raise ProfileError(
                f"there is no number format '{dtype}'; there are {', '.join(DTYPES)}"
            )
        self.dtype, self.shape = DTYPES[dtype], skin.shape
        self._skin = _ready(SkinNetwork(skin.shape), skin.tensors, self.device)
        self._mouth = _ready(HarmonyNetwork(), mouth.tensors, self.device)
        size = skin.shape.map_px
        within = torch.from_numpy(within_face(size)).flatten()
        pixels = torch.nonzero(within)[:, 0]
        left = torch.from_numpy(left_share(size)).repeat(size)[pixels]
        self._pixels, self._within = pixels.to(self.device), within[pixels].to(self.device)
        self._share = torch.stack([left, 1.0 - left])[:, None].to(self.device)  # [2, 1, n]
        rest = torch.tensor([0.0] * 2 + [1.0] * 3)
        self._rest = rest.expand(1, size * size, OUT).to(self.device)

    @property
    def gflop(self) -> float:
        """Operations a frame of one actor's skin maps in 10^9: mixing, and the small matrices."""
        mixing = 2 * len(VIEWS) * OUT * self.shape.features * len(self._pixels)
        mix = sum(p.numel() for p in self._skin.mix.parameters() if p.ndim == 2)
        small = 2 * len(VIEWS) * (2 * mix + self._skin.direct.weight.numel())
        return (mixing + small) / 1e9

    @torch.inference_mode()
    def skins(self, skins: U8, seen: F32) -> Skins:
        """What is kept of unrolled skins [B, 128, 128, 3], `seen` [B, 128, 128]."""
        pictures = np.stack([channels_of(*one) for one in zip(skins, seen, strict=True)])
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features, code = self._skin.features(self._tensor(pictures))
        inside = features.flatten(2)[..., self._pixels] * self._within
        return Skins(inside.to(self.dtype).contiguous(), code)

    @torch.inference_mode()
    def mixed(self, skins: Skins, dynamics: F32, turn: F32) -> F32:
        """Shifts in iod (two) and gains (three) [B, map_px, map_px, 5] of B actors' frames.

        Faces `dynamics` [B, 52], head turns `turn` [B, 3]. At rest shifts are 0 and gains 1, to
        the bit.
        """
        if len(dynamics) != len(skins) or len(turn) != len(skins):
            raise ValueError(f"{len(skins)} skins, {len(dynamics)} faces and {len(turn)} turns")
        motion = self._tensor(motion_of(dynamics, turn))
        matrix = torch.cat([self._matrix(motion[:, view], skins.code) for view in VIEWS], 1)
        both = torch.bmm(matrix.to(self.dtype), skins.features).float()
        whole = (both.reshape(len(skins), len(VIEWS), OUT, -1) * self._share).sum(1)  # [B, OUT, n]
        bent = torch.tanh(whole).transpose(1, 2)
        done = torch.cat([SHIFT_IOD * bent[..., :2], torch.exp(GAIN * bent[..., 2:])], 2)
        maps = self._rest.repeat(len(skins), 1, 1).index_copy_(1, self._pixels, done)
        size = self.shape.map_px
        return _array(maps.reshape(-1, size, size, OUT))

    @torch.inference_mode()
    def brightened(self, told: F32) -> F32:
        """Gains [B, ROWS, COLUMNS, 4] of B mouths, of what is `told` [B, TOLD]; see `told_of`."""
        if told.ndim != 2 or told.shape[1] != TOLD:
            raise ValueError(f"what is told of mouths is [B, {TOLD}], not {told.shape}")
        return _array(torch.exp(self._mouth(self._tensor(told))).permute(0, 2, 3, 1))

    def maps(self, skin: U8, seen: F32) -> TorchMaps:
        """See `LearnedParts.maps`."""
        return TorchMaps(self, self.skins(skin[None], seen[None]))

    def light(self, light: F32) -> TorchLight:
        """See `LearnedParts.light`."""
        if light.shape != (LIGHT,):
            raise ValueError(f"a portrait's light is [{LIGHT}], not {light.shape}")
        return TorchLight(self, light)

    def _matrix(self, motion: Tensor, code: Tensor) -> Tensor:
        """What mixes the feature maps [B, OUT, F]: exactly zero where nothing moves."""
        moves = motion.any(1)[:, None, None]
        return torch.where(
            moves, self._skin.matrix(motion, code), torch.zeros((), device=self.device)
        )

    def _tensor(self, array: F32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)


@dataclass(frozen=True, eq=False)
class TorchMaps:
    """One character's maps, as `SkinMaps`."""

    parts: TorchParts
    skins: Skins  # one

    @property
    def nbytes(self) -> int:
        """Memory of the device."""
        return self.skins.nbytes

    @property
    def gflop(self) -> float:
        """See `TorchParts.gflop`."""
        return self.parts.gflop

    def at(self, dynamics: F32, turn: F32) -> F32:
        """See `SkinMaps.at`."""
        return np.asarray(self.parts.mixed(self.skins, dynamics[None], turn[None])[0])


@dataclass(frozen=True, eq=False)
class TorchLight:
    """The light in one character's mouth, as `Harmony`."""

    parts: TorchParts
    portrait: F32  # [LIGHT]

    def gains(self, dynamics: F32, turn: F32, gap: Opening, iod_px: float) -> F32:
        """See `Harmony.gains`."""
        told = told_of(dynamics, turn, gap, iod_px, self.portrait)
        return np.asarray(self.parts.brightened(told[None])[0])


def _device(name: str) -> torch.device:
    """The device called `name`. Raises ProfileError where it is not there."""
    try:
        device = torch.device(name)
        torch.zeros((), device=device)
    except (RuntimeError, AssertionError) as problem:  # torch has no class of its own for this
        why = str(problem).strip().split("\n", 1)[0]
        raise ProfileError(
            f"the codec cannot run on '{name}' here ({why}); take the device 'cpu', or the "
            "profile 'cpu'"
        ) from None
    return device


def _ready(network: Network, tensors: Mapping[str, F32], device: torch.device) -> Network:
    state = {name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()}
    network.load_state_dict(state)
    network.to(device).eval().requires_grad_(False)
    return network


def _array(tensor: Tensor) -> F32:
    out: F32 = tensor.cpu().numpy()
    return out
