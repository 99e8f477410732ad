"""The motion encoder: a picture of a face to points, coefficients, gaze and head pose.

Knows the networks as torch modules. Refuses to know where pictures come from. Points are the way:
heatmaps with a soft argmax (Sun et al., arXiv 1711.08229), looked at a second time, closer, around
either eye and the mouth. The head's turn comes from where the points are; coefficients from how
far they moved from the same person's neutral face, from the same times the turn of both (a turned
head shows a motion foreshortened), and from what the second looks saw besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.capture.points import EYE_LOOK, EYE_POINTS, MOUTH_LOOK, POINTS
from mien.models.capture.shapes import (
    EYE_PX,
    GAZE,
    MOUTH_PX,
    MOVED_GAIN,
    TURN,
    MotionEncoderShape,
)
from mien.models.motion.types import COEFFICIENTS

SHARPNESS = 8.0  # of heatmaps


def conv(into: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(into, out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside a way past them (He et al., arXiv 1512.03385)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width)
        norm = nn.BatchNorm2d(width)
        nn.init.zeros_(norm.weight)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), norm)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return functional.relu(x + self.second(self.first(x)))


def soft_argmax(maps: Tensor) -> Tensor:
    """Return where each of [B, P, H, W] maps is high, [B, P, 2] in -1..1 across the map."""
    height, width = maps.shape[-2:]
    chance = torch.softmax(SHARPNESS * maps.flatten(2).contiguous(), -1)
    across = (torch.arange(width, device=maps.device) + 0.5) * (2.0 / width) - 1.0
    down = (torch.arange(height, device=maps.device) + 0.5) * (2.0 / height) - 1.0
    y, x = torch.meshgrid(down, across, indexing="ij")
    return chance @ torch.stack([x.flatten(), y.flatten()], -1)


class FirstLook(nn.Module):
    """Where points are, roughly, in a crop of the whole face, and which can be seen."""

    def __init__(self, shape: MotionEncoderShape) -> None:
        super().__init__()
        a, b, c, d = shape.widths
        self.stem = conv(3, a, 5, 2)
        self.fine = nn.Sequential(conv(a, b, 3, 2), Residual(b))
        self.middle = nn.Sequential(conv(b, c, 3, 2), Residual(c), Residual(c))
        self.far = nn.Sequential(conv(c, d, 3, 2), Residual(d), Residual(d))
        self.up = nn.Conv2d(d, c, 1)
        self.merge = conv(c, shape.map_width)
        self.side = nn.Conv2d(b, shape.map_width, 1)
        self.near = conv(shape.map_width, shape.map_width)
        self.maps = nn.Conv2d(shape.map_width, POINTS, 1)
        self.visible = nn.Linear(d, POINTS)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Crops [B, 3, CROP_PX, CROP_PX] in -1..1 to points [B, P, 2] and logits [B, P]."""
        fine = self.fine(self.stem(picture))
        middle = self.middle(fine)
        far = self.far(middle)
        x = self.merge(functional.interpolate(self.up(far), scale_factor=2.0) + middle)
        x = self.near(functional.interpolate(x, scale_factor=2.0) + self.side(fine))
        return soft_argmax(self.maps(x)), self.visible(far.mean((2, 3)))


class SecondLook(nn.Module):
    """A closer look at one part: its points again, and features."""

    def __init__(self, size: int, points: int, shape: MotionEncoderShape) -> None:
        super().__init__()
        a, b, c, d = shape.look_widths
        self.enter = conv(3, a, 5, 2)
        self.fine = nn.Sequential(conv(a, b, 3, 2), Residual(b))
        self.middle = nn.Sequential(conv(b, c, 3, 2), Residual(c), Residual(c))
        self.far = nn.Sequential(conv(c, d, 3, 2), Residual(d))
        self.up_far = nn.Conv2d(d, c, 1)
        self.merge = conv(c, b)
        self.up = nn.Conv2d(b, a, 1)
        self.near = conv(a, a)
        self.maps = nn.Conv2d(a, points, 1)
        self.deeper = conv(d, 24, 1)
        self.leave = nn.Linear(24 * (size // 16) ** 2, shape.seen)

    def forward(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Parts [B, 3, size, size] to points [B, P, 2] in -1..1 of them and features [B, seen]."""
        enter = self.enter(part)
        fine = self.fine(enter)
        middle = self.middle(fine)
        far = self.far(middle)
        x = functional.interpolate(self.up_far(far), scale_factor=2.0) + middle
        x = functional.interpolate(self.merge(x), scale_factor=2.0) + fine
        x = self.near(functional.interpolate(self.up(x), scale_factor=2.0) + enter)
        features = functional.relu(self.leave(self.deeper(far).flatten(1)))
        return soft_argmax(self.maps(x)), features


@dataclass(frozen=True)
class Parts:
    """What second looks see: both eyes (the right one in a mirror) and the mouth."""

    eyes: Tensor  # [B, 2, 3, EYE_PX, EYE_PX] left, right
    mouth: Tensor  # [B, 3, MOUTH_PX, MOUTH_PX]
    boxes: Tensor  # [B, 3, 3] left, right, mouth: centre x, y and half of the side, in the crop


@dataclass(frozen=True)
class Look:
    """What a picture shows, before anybody asks what the face does."""

    points: Tensor  # [B, P, 2] -1..1 across the crop
    turn: Tensor  # [B, 6]
    gaze: Tensor  # [B, 4]
    code: Tensor  # [B, code]


class MotionEncoder(nn.Module):
    """See the module."""

    def __init__(self, shape: MotionEncoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.first = FirstLook(shape)
        self.eye = SecondLook(EYE_PX, len(EYE_LOOK["left"]), shape)
        self.mouth = SecondLook(MOUTH_PX, len(MOUTH_LOOK), shape)
        wide = 2 * POINTS + 3 * shape.seen
        self.gather = nn.Sequential(
            nn.Linear(wide, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(256, shape.code), nn.ReLU(),
        )  # fmt: skip
        self.turn = nn.Linear(2 * POINTS + shape.code, TURN)
        self.gaze = nn.Sequential(
            nn.Linear(shape.code + 2 * shape.seen, 96), nn.ReLU(), nn.Linear(96, GAZE)
        )
        # The neutral face of somebody who is not known, beside its code.
        self.stranger = nn.Linear(1, 2 * POINTS + shape.code, bias=False)
        nn.init.zeros_(self.stranger.weight)
        seldom = nn.Linear(256, COEFFICIENTS)
        nn.init.constant_(seldom.bias, -2.2)  # most coefficients are 0 most of the time
        wide = 6 * POINTS + 5 + 2 * shape.code
        self.move = nn.Sequential(
            nn.Linear(wide, 256), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(256, 256), nn.ReLU(), seldom,
        )  # fmt: skip
        self.straight = nn.Linear(wide, COEFFICIENTS)
        nn.init.zeros_(self.straight.weight)

    def look(self, parts: Parts, first: Tensor) -> Look:
        """Look closely; `first` [B, P, 2]: where the first look saw the points, in the crop."""
        points, seen = first, []
        whole = parts.eyes.flatten(0, 1)  # left and right take turns: one network for both
        found, features = self.eye(whole)
        found, features = (x.unflatten(0, (-1, 2)) for x in (found, features))
        mirror = found.new_tensor([[1.0, 1.0], [-1.0, 1.0]])
        for k, side in enumerate(("left", "right")):
            inside = found[:, k] * mirror[k]
            points = _put(points, EYE_LOOK[side], inside, parts.boxes[:, k])
            seen.append(features[:, k])
        found, features = self.mouth(parts.mouth)
        points = _put(points, MOUTH_LOOK, found, parts.boxes[:, 2])
        seen.append(features)
        stand = centred(points.detach()).flatten(1)
        code = self.gather(torch.cat([stand, *seen], 1))
        turn = self.turn(torch.cat([stand, code], 1))
        return Look(points, turn, self.gaze(torch.cat([code, *seen[:2]], 1)), code)

    def motion(self, look: Look, neutral: Look | None) -> Tensor:
        """Return logits [B, 52] of coefficients, beside a look at the same person's neutral face.

        Without one (None, or points that are not finite) a face is read as it stands.
        """
        here, tilt = level(look.points.detach()).flatten(1), tilt_of(look.turn.detach())
        size = 2 * POINTS
        unknown = self.stranger(here.new_ones(len(here), 1))
        rest, code, rest_tilt = unknown[:, :size], unknown[:, size:], torch.zeros_like(tilt)
        known = here.new_zeros(len(here), 1)
        if neutral is not None:
            there = torch.isfinite(neutral.points).all(-1).all(-1)[:, None]
            known = there.float()
            level_there = torch.nan_to_num(level(neutral.points.detach())).flatten(1)
            rest = torch.where(there, level_there, rest)
            code = torch.where(there, neutral.code, code)
            rest_tilt = torch.where(there, tilt_of(neutral.turn.detach()), rest_tilt)
        moved = [here - rest, *(here * tilt[:, k, None] - rest * rest_tilt[:, k, None]
                                for k in (0, 1))]  # fmt: skip
        told = torch.cat(
            [MOVED_GAIN * torch.cat(moved, 1), tilt, rest_tilt, known, look.code,
             look.code - code], 1,
        )  # fmt: skip
        return torch.as_tensor(self.move(told) + self.straight(told))


def _put(points: Tensor, places: list[int], inside: Tensor, box: Tensor) -> Tensor:
    """Points [B, P, 2] with those of a second look, `inside` [B, N, 2] of its `box` [B, 3]."""
    found = box[:, None, :2] + box[:, None, 2:] * inside
    return points.index_copy(1, torch.as_tensor(places, device=points.device), found)


def tilt_of(turn: Tensor) -> Tensor:
    """How far a head looks aside and up, as sines [B, 2]."""
    return rotation(turn)[:, 2, :2]


def centred(points: Tensor) -> Tensor:
    """Points [B, P, 2] moved to their middle and brought to unit size."""
    away = points - points.mean(1, keepdim=True)
    return away / (away.square().sum(-1).mean(1).sqrt()[:, None, None] + 1e-4)


def level(points: Tensor) -> Tensor:
    """Points [B, P, 2] centred, with the eyes on a level line."""
    away = centred(points)
    left, right = (away[:, EYE_POINTS[name]].mean(1) for name in ("left", "right"))
    axis = functional.normalize(left - right, dim=-1)
    turn = torch.stack([axis, torch.stack([-axis[:, 1], axis[:, 0]], -1)], 1)
    return away @ turn.transpose(1, 2)


def rotation(turn: Tensor) -> Tensor:
    """Return rotation matrices [B, 3, 3] of two columns [B, 6], made orthonormal."""
    a = functional.normalize(turn[:, :3], dim=1)
    b = turn[:, 3:] - (a * turn[:, 3:]).sum(1, keepdim=True) * a
    b = functional.normalize(b, dim=1)
    return torch.stack([a, b, torch.linalg.cross(a, b, dim=1)], 2)
