"""What the device keeps of a character, and what the processor needs to pose it.

Knows a character's pixels, mesh, sheet and networks' features. Refuses to know frames (`moment` and
`batch_decoder` do). Everything is prepared once, when a character joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.models.character import Character
from mien.models.codec.canonical import layout_of, unrolled
from mien.models.codec.decoder import FRAME_SIZE_PX, _relief_of
from mien.models.codec.eyes import EyeLayer, build_eye
from mien.models.codec.face_mesh import FaceMesh
from mien.models.codec.folds import Folds
from mien.models.codec.gpu import layout
from mien.models.codec.harmony import light_of
from mien.models.codec.layers import build_layers
from mien.models.codec.mouth import Mouth
from mien.models.codec.rig import EYES, Rig
from mien.models.codec.sheet import Sheet
from mien.models.codec.skin_maps import channels_of
from mien.models.codec.sprites import SpriteSet
from mien.models.engine.executor import Executor

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
SPRITES = ("cavity", "tongue_rest", "lower", "upper", "tongue_out")  # as `layout` has them


class Pixels:
    """Pictures on the device by their addresses; kept as long as this is."""

    def __init__(self, device: torch.device) -> None:
        self.device, self._kept = device, list[Tensor]()

    def put(self, picture: NDArray[Any]) -> int:
        """Copy a picture there; returns its address."""
        tensor = torch.from_numpy(np.ascontiguousarray(picture).copy()).to(self.device)
        self._kept.append(tensor)
        return int(tensor.data_ptr())

    @property
    def nbytes(self) -> int:
        """Memory of the device."""
        return sum(tensor.nbytes for tensor in self._kept)


class SpritePool:
    """The mouth's sprites on the device, those of a yaw when it is first seen."""

    def __init__(self, device: torch.device) -> None:
        self._pixels = Pixels(device)
        self._known: dict[int, tuple[SpriteSet, list[int]]] = {}

    def addresses(self, seen: SpriteSet) -> list[int]:
        """Addresses of the layers of one yaw, in the order of `layout`."""
        if id(seen) not in self._known:
            put = [self._pixels.put(seen.layers[name]) for name in SPRITES]
            self._known[id(seen)] = seen, put
        return self._known[id(seen)][1]


@dataclass(frozen=True, eq=False)
class Member:
    """One character of the cast."""

    rig: Rig
    eyes: tuple[EyeLayer, ...]
    mouth: Mouth
    mesh: FaceMesh
    folds: Folds
    light: F32  # [LIGHT], see `harmony.light_of`
    triangles: I32  # [T, 3] of the face, those at its edge last
    always: int  # how many of them are drawn whichever way they look
    source: F32  # [V, 3] vertices in the portrait
    places: F32  # [V, 2] and in the canonical layout
    nodes: F32  # [N, 3] of the sheet
    share: F32  # [N, 1] of the head's movement
    sheet_triangles: I32
    addresses: I64  # [ADDRESSES]; sprites follow the yaw
    pixels: Pixels
    features: Tensor  # [1, F, n] of the skin
    code: Tensor  # [1, CODE]

    @property
    def nbytes(self) -> int:
        """Memory of the device."""
        return self.pixels.nbytes + self.features.nbytes + self.code.nbytes


def member_of(
    character: Character, reader: Executor, device: torch.device, dtype: torch.dtype
) -> Member:
    """Prepare a character: `reader` runs `skin_reader`; features are kept in `dtype`."""
    arrays = character.arrays
    portrait = arrays["portrait"].astype(np.float32)
    rig = Rig({**character.geometry, "landmarks": arrays["landmarks"]})
    layers = build_layers(arrays["portrait"], arrays["plate"], arrays["matte"], rig)
    sheet = Sheet(rig, FRAME_SIZE_PX, _relief_of(character))
    eyes = tuple(build_eye(portrait, rig, eye) for eye in EYES)
    mouth = Mouth(portrait, rig, character.geometry["mouth_rest"], eyes)
    mesh = FaceMesh(rig.landmarks)
    places = layout_of(mesh.outline)
    skin, seen = unrolled(
        arrays["portrait"], mesh.source[:, :2].astype(np.float32), places, mesh.seen(mesh.source)
    )
    read = reader.run(1, {"skin": channels_of(skin, seen)[None]})
    pixels = Pixels(device)
    return Member(
        rig, eyes, mouth, mesh, Folds(skin, seen), light_of(portrait, rig, mouth.tint),
        np.concatenate([mesh.triangles, mesh._edge]), len(mesh.triangles),
        mesh.source.astype(np.float32), places,
        sheet.nodes.astype(np.float32), sheet.share.astype(np.float32)[:, None], sheet.triangles,
        _addresses(layers, eyes, mouth, pixels), pixels,
        _kept(read["features"], device).to(dtype), _kept(read["code"], device),
    )  # fmt: skip


def _kept(value: Any, device: torch.device) -> Tensor:
    """A copy of an executor's output, which its next run would overwrite."""
    tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))
    return tensor.detach().to(device, copy=True)


def _addresses(layers: Any, eyes: tuple[EyeLayer, ...], mouth: Mouth, pixels: Pixels) -> I64:
    out = np.zeros(layout.ADDRESSES, np.int64)
    opaque = np.full((*layers.plate.shape[:2], 1), 255, np.uint8)
    out[layout.PLATE] = pixels.put(np.concatenate([layers.plate, opaque], -1))
    out[layout.SHEET], out[layout.FACE] = pixels.put(layers.sheet), pixels.put(layers.face)
    for k, eye in enumerate(eyes):
        at = layout.EYE_PIXELS + k * layout.EYE_ADDRESSES
        own = (eye.white, eye.clean_white, eye.iris, eye.clean_iris, eye.fringe, eye.lid.colour,
               eye.lid.height)  # fmt: skip
        out[at : at + layout.EYE_ADDRESSES] = [pixels.put(picture) for picture in own]
    out[layout.OWN_COLOUR] = pixels.put(mouth.own.colour)
    out[layout.OWN_DEPTH] = pixels.put(mouth.own.depth)
    return out
