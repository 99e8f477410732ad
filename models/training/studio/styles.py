"""Painted and drawn looks, so that what learns from renders survives paintings and cartoons.

Knows filters. Refuses to move things: edges stay where they are. Pictures are [H, W, 3] uint8 sRGB;
a style takes a picture and a numpy Generator and returns a new picture.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Style = Callable[[U8, np.random.Generator], U8]


def kuwahara(picture: U8, rng: np.random.Generator) -> U8:
    """Brush dabs: each pixel takes the calmest of its four corner windows (Kuwahara 1976)."""
    radius = int(rng.integers(1, 4)) * max(1, round(picture.shape[0] / 256))
    image = picture.astype(np.float32)
    side = (radius + 1, radius + 1)
    best, least = image, np.full(picture.shape[:2], np.inf, np.float32)
    grey = image.mean(2)
    for ax in (0, radius):
        for ay in (0, radius):
            mean = cv2.blur(image, side, anchor=(ax, ay))
            flat = cv2.blur(grey, side, anchor=(ax, ay))
            spread = cv2.blur(grey * grey, side, anchor=(ax, ay)) - flat * flat
            calmer = spread < least
            best = np.where(calmer[..., None], mean, best)
            least = np.where(calmer, spread, least)
    return np.asarray(np.clip(best, 0, 255), np.uint8)


def oil(picture: U8, rng: np.random.Generator) -> U8:
    """Dabs on canvas: Kuwahara, a weave, a little relief."""
    painted = kuwahara(picture, rng).astype(np.float32)
    height, width = picture.shape[:2]
    weave = rng.standard_normal((height, width), np.float32)
    angle = rng.random() < 0.5
    weave = cv2.GaussianBlur(
        weave, (0, 0), sigmaX=2.2 if angle else 0.7, sigmaY=0.7 if angle else 2.2
    )
    weave /= weave.std() + 1e-6
    return np.asarray(np.clip(painted * (1 + 0.022 * weave[..., None]), 0, 255), np.uint8)


def bilateral(picture: U8, rng: np.random.Generator) -> U8:
    """Airbrush: smooth surfaces, kept edges."""
    return np.asarray(cv2.bilateralFilter(picture, 7, float(rng.uniform(25, 70)), 6.0))


def gouache(picture: U8, rng: np.random.Generator) -> U8:
    """Flat patches of near colours."""
    return np.asarray(
        cv2.pyrMeanShiftFiltering(picture, float(rng.uniform(3, 6)), float(rng.uniform(12, 28)))
    )


def _lines(picture: U8, rng: np.random.Generator) -> F32:
    """Ink where brightness bends, 0 (ink) to 1, [H, W] (difference of Gaussians)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    fine = float(rng.uniform(0.6, 1.1)) * picture.shape[0] / 256
    edge = cv2.GaussianBlur(grey, (0, 0), fine) - 0.985 * cv2.GaussianBlur(grey, (0, 0), 1.7 * fine)
    return np.asarray(
        np.clip(1 + np.tanh(np.minimum(edge - 0.002, 0) * rng.uniform(40, 110)), 0, 1)
    )


def cartoon(picture: U8, rng: np.random.Generator) -> U8:
    """A few flat tones and ink lines."""
    smooth = cv2.bilateralFilter(cv2.bilateralFilter(picture, 7, 45, 5), 7, 45, 5)
    hsv = cv2.cvtColor(smooth, cv2.COLOR_RGB2HSV).astype(np.float32)
    steps = float(rng.integers(4, 9))
    value = hsv[..., 2] / 255 * steps
    soft = np.floor(value) + np.clip((value - np.floor(value) - 0.5) * 4 + 0.5, 0, 1)
    hsv[..., 2] = np.clip(soft / steps, 0, 1) * 255
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(1.0, 1.7), 0, 255)
    flat = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    ink = _lines(picture, rng)[..., None]
    return np.asarray(flat * (0.15 + 0.85 * ink), np.uint8)


def poster(picture: U8, rng: np.random.Generator) -> U8:
    """Few colours a channel."""
    steps = int(rng.integers(3, 8))
    table = (np.round(np.arange(256) / 255 * steps) / steps * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.bilateralFilter(picture, 5, 40, 4), table))


def pencil(picture: U8, rng: np.random.Generator) -> U8:
    """Graphite on paper: dodge of the picture by its blurred negative, hatching in the shadows."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    negative = cv2.GaussianBlur(255 - grey, (0, 0), float(rng.uniform(2.5, 7)) * len(grey) / 256)
    dodged = np.clip(grey * 256 / (256 - negative), 0, 255)
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width]
    hatch = 0.5 + 0.5 * np.sin((x + y) * rng.uniform(0.9, 1.6))
    shade = np.clip((110 - grey) / 110, 0, 1) * hatch * rng.uniform(40, 130)
    paper = rng.uniform(225, 255, 3) * (1 + 0.02 * rng.standard_normal((height, width, 1)))
    drawn = np.clip(dodged - shade, 0, 255)[..., None] / 255 * paper
    if rng.random() < 0.3:  # coloured pencil
        drawn = 0.55 * drawn + 0.45 * picture
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


STYLES: dict[str, Style] = {
    "kuwahara": kuwahara, "oil": oil, "bilateral": bilateral, "gouache": gouache,
    "cartoon": cartoon, "poster": poster, "pencil": pencil,
}  # fmt: skip


def paint(picture: U8, rng: np.random.Generator) -> U8:
    """A style at random."""
    names = list(STYLES)
    return STYLES[names[int(rng.integers(len(names)))]](picture, rng)
