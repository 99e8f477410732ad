"""The codec's networks cut as engines take them: reading a skin, mixing its maps, lighting a mouth.

Knows what each takes and gives. Refuses to know architectures: those are `skin_network`'s and
`harmony_network`'s. Imports torch, so it is itself imported only where torch is asked for. The
small matrices are float32 always: near rest they are differences of almost equal numbers; what they
mix may be given in bfloat16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mien.models.codec.harmony import HarmonyModel
from mien.models.codec.harmony_network import HarmonyNetwork
from mien.models.codec.skin_network import SkinNetwork
from mien.models.codec.skin_shape import GAIN, OUT, SHIFT_IOD, VIEWS, left_share, within_face
from mien.models.codec.skin_weights import SkinModel


def face_pixels(size: int) -> Tensor:
    """Which pixels [n] of maps `size` px wide lie inside the face, one after another."""
    return torch.nonzero(torch.from_numpy(within_face(size)).flatten())[:, 0]


def _loaded(model: SkinModel) -> SkinNetwork:
    network = SkinNetwork(model.shape)
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in model.tensors.items()})
    return network.eval().requires_grad_(False)


class SkinReader(nn.Module):
    """Once a character: a skin's feature maps where there is face, and its code."""

    pixels: Tensor
    within: Tensor

    def __init__(self, model: SkinModel) -> None:
        super().__init__()
        self.network = _loaded(model)
        pixels = face_pixels(model.shape.map_px)
        within = torch.from_numpy(within_face(model.shape.map_px)).flatten()[pixels]
        self.register_buffer("pixels", pixels)
        self.register_buffer("within", within)

    def forward(self, skin: Tensor) -> tuple[Tensor, Tensor]:
        """Features [L, F, n] and code [L, CODE] of skins [L, 4, 128, 128] (`channels_of`)."""
        features, code = self.network.features(skin)
        inside = features.flatten(2).index_select(2, self.pixels) * self.within
        return inside, code


class SkinMixer(nn.Module):
    """Every frame: feature maps mixed by a motion. At rest shifts are 0 and gains 1, to the bit."""

    share: Tensor
    place: Tensor
    rest: Tensor
    views: Tensor

    def __init__(self, model: SkinModel) -> None:
        super().__init__()
        self.network, size = _loaded(model), model.shape.map_px
        self._size = size
        pixels = face_pixels(size)
        left = torch.from_numpy(left_share(size)).repeat(size)[pixels]
        self.register_buffer("share", torch.stack([left, 1.0 - left])[:, None])  # [2, 1, n]
        # Each pixel of the maps: which of the n, or else the one after them, which is at rest.
        place = torch.full((size * size,), len(pixels))
        place[pixels] = torch.arange(len(pixels))
        self.register_buffer("place", place)
        self.register_buffer("rest", torch.tensor([0.0] * 2 + [1.0] * 3)[None, :, None])
        self.register_buffer("views", torch.tensor(VIEWS))

    def forward(self, features: Tensor, code: Tensor, motion: Tensor) -> Tensor:
        """Shift in iod (two) and gain (three) [L, map_px, map_px, 5] of motions [L, MOTION]."""
        moves = (motion != 0).any(1)[:, None, None]
        both = torch.cat([self._matrix(motion, code, view) for view in self.views], 1)
        matrix = torch.where(moves, both, torch.zeros_like(both))
        mixed = torch.bmm(matrix.to(features.dtype), features).float()
        whole = mixed.reshape(len(mixed), len(VIEWS), OUT, -1) * self.share
        whole = whole.sum(1)  # [L, OUT, n]
        bent = torch.tanh(whole)
        done = torch.cat([SHIFT_IOD * bent[:, :2], torch.exp(GAIN * bent[:, 2:])], 1)
        done = torch.cat([done, self.rest.expand(len(done), -1, 1)], 2)
        maps = done.index_select(2, self.place).reshape(len(done), OUT, self._size, self._size)
        return maps.permute(0, 2, 3, 1).contiguous()

    def _matrix(self, motion: Tensor, code: Tensor, view: Tensor) -> Tensor:
        matrix: Tensor = self.network.matrix(motion.index_select(1, view), code)
        return matrix


class MouthLight(nn.Module):
    """Every frame: gains of the mouth's light [L, ROWS, COLUMNS, 4] of what is told (`told_of`)."""

    def __init__(self, model: HarmonyModel) -> None:
        super().__init__()
        self.network = HarmonyNetwork()
        state = {name: torch.from_numpy(t.copy()) for name, t in model.tensors.items()}
        self.network.load_state_dict(state)
        self.network.eval().requires_grad_(False)

    def forward(self, told: Tensor) -> Tensor:
        """See the class."""
        return torch.exp(self.network(told)).permute(0, 2, 3, 1).contiguous()
