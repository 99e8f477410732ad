"""The rendered inside of a mouth: teeth, gums, tongue and cavity, seen from several sides.

Made by `training/pathtrace`. Each layer is a straight-alpha picture on one canvas per yaw; anchors
say where lips and teeth of the mean head lie on it. Between yaws, neighbours are laid on each other
at the upper lip and blended; blends are made once and shared by all characters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import as_file, files

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

YAW_STEP_DEG = 2.5
# The tongue at rest was lit through lips that the portrait's may not be: darkness is taken back.
TONGUE_GAMMA = 0.68
# Light does not follow teeth around the arch: what of it is lost at the last upper molar.
UPPER_ARCH = 0.45
ARCH_FROM_IOD, ARCH_TO_IOD = 0.11, 0.32
# Lower molars stand higher than incisors and would be a bar beside the tongue: they give way.
MOLARS_FROM_IOD, MOLARS_TO_IOD = 0.03, 0.11
# What is this dark of the tongue stuck out lies in the mouth, and must not hang over a lip.
ROOT_DARK, ROOT_LIT = 35.0, 85.0
LAYERS = ("cavity", "tongue_rest", "lower", "upper", "tongue_out")


@dataclass(frozen=True)
class SpriteSet:
    """All sprites at one yaw; canvas px, y down."""

    layers: dict[str, U8]  # name → premultiplied RGBA [H, W, 4]
    lip: F32  # [2] middle of the upper lip's inner edge on the canvas
    incisors_open: F32  # [2] lower incisor edge at `Sprites.jaw_open`
    molars_open_y: float


@dataclass(frozen=True)
class Sprites:
    """The asset as shipped."""

    yaws_deg: F32
    sets: tuple[SpriteSet, ...]
    px_per_iod: float
    jaw_open: float
    incisor_travel_px: float  # down, at jawOpen 1
    molar_travel_px: float


def _decode(data: U8) -> U8:
    """Encoded picture bytes → premultiplied RGBA [H, W, 4]."""
    bgra = cv2.imdecode(np.ascontiguousarray(data), cv2.IMREAD_UNCHANGED)
    rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA).astype(np.uint16)
    rgba[..., :3] = (rgba[..., :3] * rgba[..., 3:] + 127) // 255
    return np.asarray(rgba, np.uint8)


def lifted(layer: U8, gamma: float) -> U8:
    """A premultiplied layer [H, W, 4] with its dark parts lit."""
    alpha = np.maximum(layer[..., 3:].astype(np.float32), 1.0)
    colour = alpha * (layer[..., :3] / alpha) ** gamma
    return np.asarray(np.concatenate([np.minimum(colour, alpha), layer[..., 3:]], -1), np.uint8)


def dimmed_along(layer: U8, x: float, lost: float, px_per_iod: float) -> U8:
    """A premultiplied layer [H, W, 4] that darkens away from column `x`, by `lost` at the ends."""
    away = np.abs(np.arange(layer.shape[1]) - x) / px_per_iod
    t = np.clip((away - ARCH_FROM_IOD) / (ARCH_TO_IOD - ARCH_FROM_IOD), 0.0, 1.0)
    gain = np.ones((layer.shape[1], 4), np.float32)
    gain[:, :3] -= (lost * t * t * (3.0 - 2.0 * t))[:, None]
    return np.asarray(layer * gain + 0.5, np.uint8)


def without_molars(layer: U8, incisor_y: float, px_per_iod: float) -> U8:
    """The lower teeth [H, W, 4] without what stands above the incisors' edge."""
    above = (incisor_y - np.arange(layer.shape[0])) / px_per_iod
    t = np.clip((above - MOLARS_FROM_IOD) / (MOLARS_TO_IOD - MOLARS_FROM_IOD), 0.0, 1.0)
    keep = 1.0 - t * t * (3.0 - 2.0 * t)
    return np.asarray(layer * keep[:, None, None] + 0.5, np.uint8)


def without_root(layer: U8) -> U8:
    """The tongue stuck out [H, W, 4] without its dark part."""
    lit = layer[..., :3].max(-1, keepdims=True) * 255.0 / np.maximum(layer[..., 3:], 1.0)
    keep = np.clip((lit - ROOT_DARK) / (ROOT_LIT - ROOT_DARK), 0.0, 1.0)
    return np.asarray(layer * keep + 0.5, np.uint8)


@cache
def sprites() -> Sprites:
    """The shipped sprites, read once."""
    resource = files("mien.models").joinpath("data/mouth.safetensors")
    with as_file(resource) as path, safe_open(path, "np") as file:
        meta = {key: json.loads(value) for key, value in file.metadata().items()}
        scale = float(meta["px_per_outer_eye_distance"])
        yaws = file.get_tensor("yaws_deg")
        names = meta["anchors"]
        sets = []
        for yaw, anchors in zip(yaws, file.get_tensor("anchors_px"), strict=True):
            at = dict(zip(names, anchors, strict=True))
            layers = {name: _decode(file.get_tensor(f"{name}.{yaw:+.0f}")) for name in LAYERS}
            middle = float(at["lower_incisor_edge_open"][0])
            layers["tongue_rest"] = lifted(layers["tongue_rest"], TONGUE_GAMMA)
            edge = float(at["lower_incisor_edge_open"][1])
            layers["lower"] = without_molars(layers["lower"], edge, scale)
            layers["tongue_out"] = without_root(layers["tongue_out"])
            layers["upper"] = dimmed_along(layers["upper"], middle, UPPER_ARCH, scale)
            molars = (at["lower_molar_image_left_open"], at["lower_molar_image_right_open"])
            sets.append(
                SpriteSet(
                    layers=layers,
                    lip=at["upper_lip_inner"],
                    incisors_open=at["lower_incisor_edge_open"],
                    molars_open_y=float((molars[0][1] + molars[1][1]) / 2),
                )
            )
    travel = meta["jaw_travel_per_unit"]
    return Sprites(
        yaws, tuple(sets), scale, float(meta["jaw_open"]),
        -travel["incisor"][1] * scale, -travel["molar"][1] * scale,
    )  # fmt: skip


def sprites_at(yaw_deg: float) -> SpriteSet:
    """The sprites nearest to a yaw, positive toward the picture's right, in steps of 2.5°."""
    yaws = sprites().yaws_deg
    step = round(float(np.clip(yaw_deg, yaws[0], yaws[-1])) / YAW_STEP_DEG)
    return _blended(step)


@lru_cache(maxsize=32)
def _blended(step: int) -> SpriteSet:
    """Neighbouring yaws blended for one step."""
    every = sprites()
    at = float(np.interp(step * YAW_STEP_DEG, every.yaws_deg, np.arange(len(every.yaws_deg))))
    low = min(int(at), len(every.sets) - 2)
    share = at - low
    a, b = every.sets[low], every.sets[low + 1]
    if share < 0.01 or share > 0.99:
        return a if share < 0.5 else b
    lip = (1 - share) * a.lip + share * b.lip

    def shifted(picture: U8, by: F32) -> U8:
        affine = np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]]])
        return np.asarray(cv2.warpAffine(picture, affine, picture.shape[1::-1]), np.uint8)

    layers = {
        name: np.asarray(
            cv2.addWeighted(
                shifted(a.layers[name], lip - a.lip), 1 - share,
                shifted(b.layers[name], lip - b.lip), share, 0.0,
            ), np.uint8,
        ) for name in LAYERS
    }  # fmt: skip
    return SpriteSet(
        layers,
        lip,
        lip + (1 - share) * (a.incisors_open - a.lip) + share * (b.incisors_open - b.lip),
        (1 - share) * a.molars_open_y + share * b.molars_open_y,
    )
