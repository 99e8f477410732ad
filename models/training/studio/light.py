"""Light: a random surrounding, its spherical harmonics, and one key light that throws shadows.

Knows radiance. Refuses to know surfaces. Directions are in camera axes: +x right, +y up, +z toward
the camera; colours are linear. Irradiance from harmonics: Ramamoorthi and Hanrahan 2001.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

ROWS, COLUMNS = 32, 64


@dataclass(frozen=True)
class Light:
    """Everything that lights one frame."""

    surround: F32  # [ROWS, COLUMNS, 3] radiance, row 0 straight down, column 0 away from camera
    harmonics: F32  # [9, 3] of irradiance / pi
    key_direction: F64  # [3] toward the key light
    key_colour: F64  # [3]
    rim_direction: F64
    rim_colour: F64
    softness: float  # of the key's shadow, in texels
    exposure: float


def _directions() -> F64:
    theta = (np.arange(ROWS) + 0.5) / ROWS * np.pi - np.pi / 2
    phi = (np.arange(COLUMNS) + 0.5) / COLUMNS * 2 * np.pi - np.pi
    up = np.broadcast_to(np.sin(theta)[:, None], (ROWS, COLUMNS))
    flat = np.cos(theta)[:, None]
    return np.stack([np.sin(phi) * flat, up, np.cos(phi) * flat], -1)


DIRECTIONS = _directions()
_SOLID_ANGLE = np.cos((np.arange(ROWS) + 0.5) / ROWS * np.pi - np.pi / 2) * (
    (np.pi / ROWS) * (2 * np.pi / COLUMNS)
)


def toward(azimuth_deg: float, elevation_deg: float) -> F64:
    """Unit vector; azimuth 0 is from the camera, 90 from image right."""
    a, e = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def random_light(rng: np.random.Generator, skin: F64) -> Light:
    """A surrounding and its key light, exposed for a skin of this linear colour."""
    surround = _surround(rng)
    side = float(rng.choice((-1, 1)))
    azimuth = side * (rng.uniform(10, 75) if rng.random() < 0.85 else rng.uniform(75, 120))
    elevation = rng.uniform(5, 60) if rng.random() < 0.93 else rng.uniform(-35, 5)
    warm = rng.normal() * 0.35
    tint = np.array([1 + 0.16 * warm, 1.0, 1 - 0.22 * warm])
    if rng.random() < 0.06:
        tint = rng.uniform(0.3, 1.3, 3)  # firelight, neon
    strength = float(np.exp(rng.normal(0.25, 0.55)))
    key = tint * strength
    rim = rng.uniform(0.4, 1.0, 3) * max(0.0, rng.uniform(-1.0, 1.1))
    harmonics = project(surround)
    falls = toward(azimuth, elevation)
    got = irradiance(harmonics, np.array([0.0, 0.15, 0.98])) + 0.55 * key * max(falls[2], 0.25)
    # Cameras expose a dark face half-way to a pale one's brightness, or its teeth would burn out.
    grey = float(got.mean() * skin.mean() ** 0.45 * 0.35**0.55)
    exposure = 0.50 * float(np.exp(rng.normal() * 0.16)) / (grey + 1e-3)
    return Light(
        surround.astype(np.float32), harmonics, falls, key,
        toward(-side * rng.uniform(115, 165), rng.uniform(0, 45)), rim,
        rng.uniform(1.0, 5.0), float(np.clip(exposure, 0.3, 8.0)),
    )  # fmt: skip


def _surround(rng: np.random.Generator) -> F64:
    """Sky, ground, and some windows or lamps."""
    up = DIRECTIONS[..., 1]
    sky = rng.uniform(0.5, 1.0, 3) * rng.uniform(0.15, 0.8)
    sky = 0.6 * sky + 0.4 * sky.mean()
    ground = sky.mean() * rng.uniform(0.15, 0.7) * rng.uniform(0.7, 1.1, 3)
    horizon = 0.5 * (sky + ground) * rng.uniform(0.6, 1.6)
    mix = np.clip(up * rng.uniform(1.2, 4.0), -1, 1)[..., None]
    out = np.where(mix > 0, horizon + (sky - horizon) * mix, horizon - (ground - horizon) * mix)
    for _ in range(int(rng.integers(1, 5))):
        centre = toward(rng.uniform(-180, 180), rng.uniform(-10, 70))
        colour = rng.uniform(0.6, 1.0, 3) * np.exp(rng.normal(0.8, 0.7))
        sharp = rng.uniform(6, 60)
        out = out + colour * np.exp(sharp * (DIRECTIONS @ centre - 1))[..., None]
    return np.asarray(out)


def _basis(direction: F64) -> F64:
    x, y, z = direction[..., 0], direction[..., 1], direction[..., 2]
    return np.stack([
        np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
        1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
    ], -1)  # fmt: skip


_BAND = np.array([1.0, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25])


def project(surround: F64) -> F32:
    """Harmonics of irradiance / pi for a surround, [9, 3]: dot with the basis of a normal."""
    weighted = _basis(DIRECTIONS) * _SOLID_ANGLE[:, None, None]
    radiance = np.einsum("rck,rcl->kl", weighted, surround)
    return (radiance * _BAND[:, None]).astype(np.float32)


def irradiance(harmonics: F32, normal: F64) -> F64:
    """Irradiance / pi on a surface with this unit normal, [3]."""
    return np.asarray(np.maximum(_basis(normal) @ harmonics, 0))


def random_backdrop(rng: np.random.Generator, light: Light, size: int) -> NDArray[np.uint8]:
    """A background picture, [size, size, 3] sRGB: walls, gradients, blurred rooms, foliage."""
    small = 64
    base = rng.uniform(0.15, 1.0, 3)
    base = base / base.max() * rng.uniform(0.03, 0.75)
    base = base + (base.mean() - base) * rng.uniform(0.3, 1)
    y, x = np.mgrid[0:small, 0:small] / small - 0.5
    picture = np.empty((small, small, 3), np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = (np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(0, 1.5)
    picture[:] = base * (1 + ramp[..., None])
    kind = rng.random()
    if kind > 0.25:
        _shapes(picture, rng, base, int(rng.integers(3, 26)))
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 6)))
    grain = rng.normal(size=(small, small, 1)).astype(np.float32)
    picture *= 1 + cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.8, 4)))[
        ..., None
    ] * rng.uniform(0, 0.8)
    glow = light.key_colour / light.key_colour.max()
    picture = picture * (0.6 + 0.4 * glow)
    if kind < 0.08:
        picture[:] = rng.choice((0.0, 1.0)) if rng.random() < 0.5 else base
    wide = cv2.resize(np.clip(picture, 0, 1).astype(np.float32), (size, size),
                      interpolation=cv2.INTER_CUBIC)  # fmt: skip
    return np.asarray(np.clip(wide, 0, 1) ** (1 / 2.2) * 255, np.uint8)


def _shapes(picture: F32, rng: np.random.Generator, base: F64, count: int) -> None:
    small = len(picture)
    for _ in range(count):
        colour = [
            float(v)
            for v in np.clip(base * np.exp(rng.normal() * 0.6 + rng.normal(size=3) * 0.3), 0, 1)
        ]
        a = tuple(int(v) for v in rng.integers(-8, small + 8, 2))
        if rng.random() < 0.5:
            b = tuple(int(v) for v in np.array(a) + rng.integers(3, 34, 2))
            cv2.rectangle(picture, a, b, colour, -1)
        else:
            cv2.circle(picture, a, int(rng.integers(1, 12)), colour, -1)
