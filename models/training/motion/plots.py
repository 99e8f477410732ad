"""Pictures of training: the loss over time, as a PNG beside its checkpoint.

Knows one kind of plot. Refuses to know networks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

SIZE = (960, 420)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 40
_INK, _GRID, _LINE = (40, 40, 48), (222, 222, 228), (30, 96, 190)


def plot_losses(checkpoint: Path) -> Path:
    """Draw the losses that `checkpoint` kept to `<checkpoint>.png`; return that path."""
    kept = torch.load(checkpoint, weights_only=True)
    picture = curve(np.array(kept["losses"], np.float64).reshape(-1, 2), checkpoint.stem)
    path = checkpoint.with_suffix(".png")
    picture.save(path)
    return path


def curve(points: np.ndarray[tuple[int, int], np.dtype[np.float64]], title: str) -> Image.Image:
    """Return a plot of loss over minutes, `points` [K, 2]; the loss on a logarithmic axis."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.text((_LEFT, 12), f"{title}: loss over minutes of training", fill=_INK)
    if len(points) < 2:
        draw.text((_LEFT, SIZE[1] // 2), "fewer than two minutes so far", fill=_INK)
        return picture
    minutes, loss = points[:, 0], np.log(points[:, 1])
    low, high = float(loss.min()) - 0.02, float(loss.max()) + 0.02
    width, height = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM
    for level in np.linspace(low, high, 6):
        y = _TOP + height * (high - level) / (high - low)
        draw.line((_LEFT, y, SIZE[0] - _RIGHT, y), fill=_GRID)
        draw.text((8, y - 6), f"{np.exp(level):.3f}", fill=_INK)
    for minute in np.linspace(0.0, float(minutes[-1]), 7):
        x = _LEFT + width * minute / float(minutes[-1])
        draw.text((x - 8, SIZE[1] - 28), f"{minute:.0f}", fill=_INK)
    xs = _LEFT + width * minutes / minutes[-1]
    ys = _TOP + height * (high - loss) / (high - low)
    draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=_LINE, width=2)
    return picture
