"""What lenses, sensors and files do to a picture: blur, grain, colour, compression.

Knows pixels. Refuses to move them: every function keeps geometry, so labels stay true. Pictures are
[H, W, 3] uint8 sRGB; a function takes a picture and a numpy Generator and returns a new picture.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Effect = Callable[[U8, np.random.Generator], U8]


def grade(picture: U8, rng: np.random.Generator) -> U8:
    """Contrast, brightness, gamma, white balance and saturation, as one table and one matrix."""
    level = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    curve = np.power(level, np.exp(rng.normal() * 0.25))
    curve = (curve - 0.5) * np.exp(rng.normal() * 0.20) + 0.5 + rng.normal() * 0.06
    curve = curve * np.exp(rng.normal(size=3) * 0.10) + rng.normal(size=3) * 0.02
    table = np.clip(curve * 255, 0, 255).astype(np.uint8)[None]
    graded = cv2.LUT(picture, np.ascontiguousarray(table))
    if rng.random() < 0.5:
        return graded
    keep = float(np.clip(rng.normal(0.9, 0.35), 0.0, 1.6))
    if rng.random() < 0.12:
        keep = 0.0
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    mix = keep * np.eye(3, dtype=np.float32) + (1 - keep) * np.tile(luma, (3, 1))
    if keep == 0.0 and rng.random() < 0.5:  # sepia, cyanotype
        mix *= rng.uniform(0.75, 1.15, (3, 1)).astype(np.float32)
    return np.asarray(cv2.transform(graded, mix), np.uint8)


def lens_blur(picture: U8, rng: np.random.Generator) -> U8:
    """Out of focus, or a hand that shook."""
    if rng.random() < 0.7:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.7))))
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    ends = [(round(middle + s * reach[0]), round(middle + s * reach[1])) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def sharpen(picture: U8, rng: np.random.Generator) -> U8:
    """Unsharp masking."""
    amount = float(rng.uniform(0.2, 1.5))
    blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.7, 1.6)))
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0))


def grain(picture: U8, rng: np.random.Generator) -> U8:
    """Noise: fine or clumped, coloured or grey, stronger in the shadows."""
    height, width = picture.shape[:2]
    channels = 1 if rng.random() < 0.5 else 3
    noise = rng.standard_normal((height, width, channels), np.float32)
    clump = float(rng.choice((0.0, 0.6, 1.2)))
    if clump:
        noise = cv2.GaussianBlur(noise, (0, 0), clump).reshape(height, width, channels)
        noise /= noise.std() + 1e-6
    strength = abs(float(rng.normal())) * 9
    dim = 1.2 - picture.mean(2, keepdims=True, dtype=np.float32) / 255
    return np.asarray(np.clip(picture + noise * strength * dim, 0, 255), np.uint8)


def vignette(picture: U8, rng: np.random.Generator) -> U8:
    """Corners darken, or light falls off to one side."""
    height, width = picture.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - float(rng.normal() * 0.2)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] - float(rng.normal() * 0.2)
    fall = 1 - float(rng.uniform(0.05, 0.35)) * (x * x + y * y)
    fall = fall * (1 + float(rng.normal() * 0.15) * x + float(rng.normal() * 0.15) * y)
    return np.asarray(np.clip(picture * fall[..., None], 0, 255), np.uint8)


def resample(picture: U8, rng: np.random.Generator) -> U8:
    """Down and up again, as pictures travel."""
    height, width = picture.shape[:2]
    share = float(rng.uniform(0.3, 0.9))
    small = cv2.resize(picture, (max(8, int(width * share)), max(8, int(height * share))),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    how = int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC), p=(0.1, 0.5, 0.4)))
    return np.asarray(cv2.resize(small, (width, height), interpolation=how))


def jpeg(picture: U8, rng: np.random.Generator) -> U8:
    """Lossy compression."""
    quality = int(rng.uniform(15, 90))
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


EFFECTS: tuple[tuple[Effect, float], ...] = (
    (vignette, 0.2), (grade, 0.8), (lens_blur, 0.3), (resample, 0.15), (sharpen, 0.2),
    (grain, 0.45), (jpeg, 0.35),
)  # fmt: skip


def develop(picture: U8, rng: np.random.Generator) -> U8:
    """A random chain of effects in the order in which they happen to real pictures."""
    for effect, chance in EFFECTS:
        if rng.random() < chance:
            picture = effect(picture, rng)
    return picture
