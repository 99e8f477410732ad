"""The motion encoder: a picture of a face to points, coefficients, gaze and head pose.

Knows the networks as torch modules. Refuses to know where pictures come from. Points are the way:
heatmaps with a soft argmax (Sun et al., arXiv 1711.08229), looked at a second time in crops of
both eyes and the mouth; coefficients come from where points are and what the skin looks like, and
from how both differ from the same person's neutral face where that is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.capture.points import EYE_POINTS, MIRROR, MOUTH_POINTS, POINTS, SAMPLED
from mien.models.capture.shapes import EYE_PX, GAZE, MAP_PX, MOUTH_PX, TURN, MotionEncoderShape
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
    chance = torch.softmax(SHARPNESS * maps.flatten(2), -1).view_as(maps)
    across = (torch.arange(width, device=maps.device) + 0.5) * (2.0 / width) - 1.0
    down = (torch.arange(height, device=maps.device) + 0.5) * (2.0 / height) - 1.0
    return torch.stack([(chance.sum(-2) * across).sum(-1), (chance.sum(-1) * down).sum(-1)], -1)


@dataclass(frozen=True)
class Box:
    """Where second looks go: centre, and half of the width along the face's own x axis.

    All in the units of the crop, -1..1.
    """

    centre: Tensor  # [B, 2]
    along: Tensor  # [B, 2]

    def grid(self, size: tuple[int, int]) -> Tensor:
        """Return where the pixels of a crop [width, height] lie, [B, height, width, 2]."""
        width, height = size
        device = self.centre.device
        u = (torch.arange(width, device=device) + 0.5) * (2.0 / width) - 1.0
        v = ((torch.arange(height, device=device) + 0.5) * (2.0 / height) - 1.0) * height / width
        across = torch.stack([-self.along[:, 1], self.along[:, 0]], -1)
        here = self.centre[:, None, None] + u[None, None, :, None] * self.along[:, None, None]
        return here + v[None, :, None, None] * across[:, None, None]

    def place(self, inside: Tensor, size: tuple[int, int]) -> Tensor:
        """Return points [B, P, 2] of the crop, in -1..1 of it, as points of the picture."""
        across = torch.stack([-self.along[:, 1], self.along[:, 0]], -1)
        tall = size[1] / size[0]
        u, v = inside[..., :1], tall * inside[..., 1:]
        return self.centre[:, None] + u * self.along[:, None] + v * across[:, None]


def box_of(corners: Tensor, points: Tensor, reach: float) -> Box:
    """A box around `points` [B, P, 2], level with the line through `corners` [B, 2, 2]."""
    along = corners[:, 1] - corners[:, 0]
    return Box(points.mean(1), 0.5 * reach * along)


class SecondLook(nn.Module):
    """A closer look at one part: its points again, and features."""

    def __init__(self, size: tuple[int, int], points: int, seen: int) -> None:
        super().__init__()
        self.size = size
        self.enter = nn.Sequential(conv(3, 16, 5, 2), conv(16, 32), Residual(32))
        self.maps = nn.Conv2d(32, points, 1)
        self.deeper = nn.Sequential(conv(32, 64, 3, 2), Residual(64), conv(64, 12, 1))
        self.leave = nn.Linear(12 * (size[0] // 4) * (size[1] // 4), seen)

    def forward(self, picture: Tensor, box: Box, mirrored: bool = False) -> tuple[Tensor, Tensor]:
        """Return points in the picture [B, P, 2] and features [B, seen]."""
        grid = box.grid(self.size)
        if mirrored:
            grid = grid.flip(2)
        part = functional.grid_sample(picture, grid, align_corners=False)
        x = self.enter(part)
        inside = soft_argmax(self.maps(x))
        if mirrored:
            inside = inside * inside.new_tensor([-1.0, 1.0])
        features = functional.relu(self.leave(self.deeper(x).flatten(1)))
        return box.place(inside, self.size), features


@dataclass(frozen=True)
class Look:
    """What a picture shows, before anybody asks what the face does."""

    coarse: Tensor  # [B, P, 2] points of the first look, -1..1 across the crop
    points: Tensor  # [B, P, 2] the same with eyes and mouth of the second
    visible: Tensor  # [B, P] logits
    turn: Tensor  # [B, 6]
    gaze: Tensor  # [B, 4]
    code: Tensor  # [B, code]


class MotionEncoder(nn.Module):
    """See the module."""

    def __init__(self, shape: MotionEncoderShape) -> None:
        super().__init__()
        self.shape = shape
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
        self.local = nn.Conv2d(shape.map_width, shape.local, 1)
        self.whole = conv(d, 32, 1)
        self.eye = SecondLook(EYE_PX, len(EYE_POINTS["left"]), shape.seen)
        self.mouth = SecondLook(MOUTH_PX, len(MOUTH_POINTS), shape.seen)
        wide = 32 * (MAP_PX // 4) ** 2 + d + len(SAMPLED) * shape.local + 2 * POINTS
        self.gather = nn.Sequential(
            nn.Linear(wide + 3 * shape.seen, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(256, shape.code), nn.ReLU(),
        )  # fmt: skip
        self.turn = nn.Linear(shape.code, TURN)
        self.gaze = nn.Sequential(
            nn.Linear(shape.code + 2 * shape.seen, 96), nn.ReLU(), nn.Linear(96, GAZE)
        )
        self.visible = nn.Linear(shape.code, POINTS)
        seldom = nn.Linear(256, COEFFICIENTS)
        nn.init.constant_(seldom.bias, -2.2)  # most coefficients are 0 most of the time
        self.move = nn.Sequential(
            nn.Linear(2 * shape.code + 4 * POINTS + 1, 256), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(256, 256), nn.ReLU(), seldom,
        )  # fmt: skip

    def look(self, picture: Tensor, known: Tensor | None = None) -> Look:
        """Look at crops [B, 3, CROP_PX, CROP_PX] in -1..1.

        `known` [B, P, 2]: points that say where eyes and mouth are (training), else the first
        look does.
        """
        fine = self.fine(self.stem(picture))
        middle = self.middle(fine)
        far = self.far(middle)
        x = self.merge(functional.interpolate(self.up(far), scale_factor=2.0) + middle)
        x = self.near(functional.interpolate(x, scale_factor=2.0) + self.side(fine))
        coarse = soft_argmax(self.maps(x))
        where = coarse.detach() if known is None else known
        points, seen = coarse.clone(), []
        for name in ("left", "right"):
            part = torch.as_tensor(EYE_POINTS[name], device=x.device)
            # The right eye is looked at in a mirror: one network for both. Its corners come
            # outer one first, so that the line through them runs the same way.
            inner, outer = part[:2] if name == "left" else part[:2].flip(0)
            box = box_of(where[:, torch.stack([inner, outer])], where[:, part], 2.0)
            found, features = self.eye(picture, box, mirrored=name == "right")
            points = points.index_copy(1, part, found)
            seen.append(features)
        part = torch.as_tensor(MOUTH_POINTS, device=x.device)
        found, features = self.mouth(picture, box_of(where[:, part[:2]], where[:, part], 1.9))
        points = points.index_copy(1, part, found)
        seen.append(features)
        at = where[:, torch.as_tensor(SAMPLED, device=x.device)][:, None]
        local = functional.grid_sample(self.local(x), at, align_corners=False)[:, :, 0]
        code = self.gather(
            torch.cat(
                [self.whole(far).flatten(1), far.mean((2, 3)), local.flatten(1),
                 centred(points.detach()).flatten(1), *seen], 1,
            )
        )  # fmt: skip
        gaze = self.gaze(torch.cat([code, *seen[:2]], 1))
        return Look(coarse, points, self.visible(code), self.turn(code), gaze, code)

    def motion(self, look: Look, neutral: Look | None) -> Tensor:
        """Return logits [B, 52] of coefficients, beside a look at the same person's neutral face.

        Without one (None, or points that are not finite) a face is read as it stands.
        """
        here = level(look.points.detach()).flatten(1)
        if neutral is None:
            none = torch.zeros_like(here)
            known, moved, code = none[:, :1], none, torch.zeros_like(look.code)
            out: Tensor = self.move(torch.cat([look.code, code, here, moved, known], 1))
            return out
        known = torch.isfinite(neutral.points).all(-1).all(-1)[:, None].float()
        rest = torch.nan_to_num(level(neutral.points.detach())).flatten(1)
        moved = torch.where(known > 0, here - rest, torch.zeros_like(here))
        code = torch.where(known > 0, look.code - neutral.code, torch.zeros_like(look.code))
        out = self.move(torch.cat([look.code, code, here, moved, known], 1))
        return out


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


def mirrored(points: Tensor, width: float = 0.0) -> Tensor:
    """Points of the mirrored picture; x is measured from its middle."""
    return (points * points.new_tensor([-1.0, 1.0]) + width)[:, MIRROR]


def rotation(turn: Tensor) -> Tensor:
    """Return rotation matrices [B, 3, 3] of two columns [B, 6], made orthonormal."""
    a = functional.normalize(turn[:, :3], dim=1)
    b = turn[:, 3:] - (a * turn[:, 3:]).sum(1, keepdim=True) * a
    b = functional.normalize(b, dim=1)
    return torch.stack([a, b, torch.linalg.cross(a, b, dim=1)], 2)
