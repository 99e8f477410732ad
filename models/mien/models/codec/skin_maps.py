"""Skin maps: what an expression does to the light on this skin, and to where its pixels belong.

Makes a character's feature maps once (a small U-Net on OpenVINO, of the shape that its weights
have) and mixes them into five maps for every frame: a shift of the place that a pixel is taken from
(two, in outer-eye distances of the portrait) and its gain (three). At rest shifts are zero and
gains one to the bit: the portrait stays what it is. Refuses to know meshes.

Sampling shading as a mixture whose weights follow the motion is what expression shading in games
does with wrinkle maps; here the maps are the network's, for this very skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mien.models.codec.canonical import CANONICAL_PX
from mien.models.codec.skin_shape import (
    GAIN,
    MOTION,
    OUT,
    SHIFT_IOD,
    TURN_GAIN,
    VIEWS,
    halved,
    left_share,
    within_face,
)
from mien.models.codec.skin_weights import SkinModel

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


def channels_of(skin: U8, seen: F32) -> F32:
    """What a network sees of a skin [128, 128, 3] and of where there is any: [4, 128, 128]."""
    picture = np.concatenate([skin.astype(np.float32) / 127.5 - 1.0, seen[..., None]], -1)
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def motion_of(dynamics: F32, turn: F32) -> F32:
    """A face [..., 52] and a turn [..., 3] as the networks hear them, [..., MOTION]."""
    return np.asarray(np.concatenate([dynamics, TURN_GAIN * turn], -1), np.float32)


class SkinPainter:
    """Makes feature maps of skins."""

    def __init__(self, model: SkinModel) -> None:
        """Compiles the network (a fifth of a second)."""
        from mien.models.codec.skin_graph import features_request

        self.model = model
        self._request = features_request(model)

    def features(self, skin: U8, seen: F32) -> tuple[F32, F32]:
        """Maps [F, map_px * map_px] and code [CODE] of a skin [128, 128, 3], where `seen` is 1."""
        own, code = self._request(channels_of(skin, seen)[None])
        whole = np.concatenate([own[0], _doubled(self.model.tensors["shared"])])
        if self.model.shape.map_px < CANONICAL_PX:
            whole = halved(whole)
        return whole.reshape(len(whole), -1), code[0]

    def maps(self, skin: U8, seen: F32) -> SkinMaps:
        """One character's maps, of its skin: see `features`."""
        return SkinMaps(self.model, *self.features(skin, seen))


class SkinMaps:
    """One character's maps."""

    def __init__(self, model: SkinModel, features: F32, code: F32) -> None:
        """`features` [F, map_px * map_px] and `code` [CODE]: see `SkinPainter.features`."""
        self._w, self._code, self._px = model.tensors, code, model.shape.map_px
        within = within_face(self._px).reshape(-1)
        share = np.tile(left_share(self._px), self._px)
        # Pixels of the subject's left half and right half; both know those of the seam.
        self._pixels = np.flatnonzero(within > 0)
        self._halves = tuple(
            _half(features, within, portion, self._pixels) for portion in (share, 1.0 - share)
        )
        self._maps = np.zeros((self._px * self._px, OUT), np.float32)
        self._maps[:, 2:] = 1.0
        self._rest = self._mixed(np.zeros((len(VIEWS), MOTION), np.float32))

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        return int(sum(half.features.nbytes for half in self._halves))

    @property
    def gflop(self) -> float:
        """Operations a frame in 10^9: mixing the maps, and the two small matrices."""
        mixing = 2 * OUT * sum(half.features.size for half in self._halves)
        small = sum(self._w[f"mix.{place}.weight"].size for place in (0, 2, 4))
        return float(mixing + 2 * 2 * (small + self._w["direct.weight"].size)) / 1e9

    def at(self, dynamics: F32, turn: F32) -> F32:
        """Shift in iod (two) and gain (three), [map_px, map_px, 5], of a face [52] and a turn [3].

        `turn` is the head's rotation vector. Either half of the face sees its own side's
        coefficients alone. At rest shifts are 0 and gains 1, to the bit.
        """
        matrices = self._matrices(motion_of(dynamics, turn))
        mixed = np.zeros((OUT, len(self._pixels)), np.float32)
        for half, matrix in zip(self._halves, matrices, strict=True):
            _add(mixed, half.where, matrix @ half.features)
        np.tanh(mixed, out=mixed)
        mixed[:2] *= SHIFT_IOD
        np.exp(GAIN * mixed[2:], out=mixed[2:])
        maps = self._maps.copy()
        _put(maps, self._pixels, mixed)
        return maps.reshape(self._px, self._px, OUT)

    def _matrices(self, motion: F32) -> F32:
        """What mixes the feature maps of the left half and of the right, [2, OUT, F]."""
        seen = motion[np.array(VIEWS)]
        mixed = self._mixed(seen) - self._rest + seen @ self._w["direct.weight"].T
        return np.asarray(mixed.reshape(len(VIEWS), OUT, -1))

    def _mixed(self, motions: F32) -> F32:
        w = self._w
        x = np.concatenate(
            [motions, np.broadcast_to(self._code, (len(motions), len(self._code)))], 1
        )
        for place in (0, 2):
            x = x @ w[f"mix.{place}.weight"].T + w[f"mix.{place}.bias"]
            x = x / (1.0 + np.exp(-x))
        return np.asarray(x @ w["mix.4.weight"].T + w["mix.4.bias"], np.float32)


@dataclass(frozen=True, eq=False)
class _Half:
    """One half of a face: its pixels among those inside the face, and their features."""

    where: NDArray[np.intp]  # [n]
    features: F32  # [F, n] times how far inside the pixel is, and its share in this half


@njit(cache=True, nogil=True, boundscheck=False)
def _add(whole: F32, where: NDArray[np.intp], part: F32) -> None:  # pragma: no cover - compiled
    """Add `part` [K, n] to the columns `where` [n] of `whole` [K, N]."""
    for k in range(part.shape[0]):
        for i in range(where.shape[0]):
            whole[k, where[i]] += part[k, i]


@njit(cache=True, nogil=True, boundscheck=False)
def _put(whole: F32, where: NDArray[np.intp], values: F32) -> None:  # pragma: no cover - compiled
    """Put `values` [K, n] into the rows `where` [n] of `whole` [N, K]."""
    for i in range(where.shape[0]):
        for k in range(values.shape[0]):
            whole[where[i], k] = values[k, i]


def _half(features: F32, within: F32, share: F32, pixels: NDArray[np.intp]) -> _Half:
    where = np.flatnonzero(share[pixels] > 0)
    here = pixels[where]
    weighted = features[:, here] * (within[here] * share[here])
    return _Half(where, np.ascontiguousarray(weighted, np.float32))


def _doubled(maps: F32) -> F32:
    """Maps [N, h, w] at twice the size, between pixels linearly, edges held: [N, 2h, 2w]."""
    for axis in (1, 2):
        first = np.take(maps, [0], axis)
        last = np.take(maps, [-1], axis)
        padded = np.concatenate([first, maps, last], axis)
        count = maps.shape[axis]
        near = np.take(padded, range(1, count + 1), axis)
        before, after = (
            np.take(padded, range(count), axis),
            np.take(padded, range(2, count + 2), axis),
        )
        both = np.stack([0.75 * near + 0.25 * before, 0.75 * near + 0.25 * after], axis + 1)
        shape = list(maps.shape)
        shape[axis] *= 2
        maps = both.reshape(shape)
    return np.asarray(maps, np.float32)
