"""Curves as a picture: panels of lines over numbers, with axes, marks and words.

Knows Pillow. Refuses to know what the numbers mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = (255, 255, 255), (40, 40, 46), (222, 222, 228)
LINES = ((32, 96, 168), (200, 84, 36), (44, 132, 76), (136, 72, 152), (120, 104, 48))
PANEL_PX = (460, 300)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 34, 42
_TICKS = 5
_FONT = 12


@dataclass(frozen=True)
class Curve:
    """Points (x, y), in order of x; `dots`: not joined by lines."""

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """One diagram."""

    title: str
    x_name: str
    curves: Sequence[Curve]
    limit: float | None = None  # a level to draw across
    least_y: float | None = 0.0  # the y axis reaches there; None: only to the data
    log_x: bool = False  # actors that double
    notes: Sequence[str] = field(default_factory=tuple)


def draw(panels: Sequence[Panel], to: Path, columns: int = 2) -> None:
    """Writes a PNG. Raises OSError."""
    width, height = PANEL_PX
    rows = math.ceil(len(panels) / columns)
    picture = Image.new("RGB", (width * min(columns, len(panels)), height * rows), PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_FONT)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        _Diagram(pen, font, panel, (column * width, row * height)).draw()
    picture.save(to, format="PNG")


class _Diagram:
    def __init__(
        self,
        pen: ImageDraw.ImageDraw,
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
        panel: Panel,
        corner: tuple[int, int],
    ) -> None:
        self._pen, self._font, self._panel = pen, font, panel
        x, y = corner
        width, height = PANEL_PX
        self._box = (x + _LEFT, y + _TOP, x + width - _RIGHT, y + height - _BOTTOM)
        points = [point for curve in panel.curves for point in curve.points]
        self._xs = _span([x for x, _ in points])
        levels = [y for _, y in points] + ([panel.limit] if panel.limit is not None else [])
        self._ys = _span(levels + ([panel.least_y] if panel.least_y is not None else []))

    def draw(self) -> None:
        left, top, right, bottom = self._box
        self._words((left, top - 26), self._panel.title)
        self._words(((left + right) / 2, bottom + 22), self._panel.x_name, "ma")
        self._axes()
        if self._panel.limit is not None:
            y = self._at(self._xs[0], self._panel.limit)[1]
            self._pen.line([(left, y), (right, y)], (180, 60, 60), 1)
        for i, curve in enumerate(self._panel.curves):
            self._curve(curve, LINES[i % len(LINES)])
        self._legend()

    def _axes(self) -> None:
        left, top, right, bottom = self._box
        for y in _ticks(*self._ys):
            at = self._at(self._xs[0], y)[1]
            self._pen.line([(left, at), (right, at)], FAINT, 1)
            self._words((left - 6, at), _number(y), "rm")
        for x in self._marks():
            at = self._at(x, self._ys[0])[0]
            self._pen.line([(at, bottom), (at, bottom + 4)], INK, 1)
            self._words((at, bottom + 6), _number(x), "ma")
        self._pen.rectangle((left, top, right, bottom), outline=INK)

    def _marks(self) -> list[float]:
        if not self._panel.log_x:
            return _ticks(*self._xs)
        seen = sorted({x for curve in self._panel.curves for x, _ in curve.points})
        return [x for x in seen if math.log2(x).is_integer()] or seen

    def _curve(self, curve: Curve, colour: tuple[int, int, int]) -> None:
        places = [self._at(x, y) for x, y in curve.points]
        if len(places) > 1 and not curve.dots:
            self._pen.line(places, colour, 2)
        if curve.dots or len(places) <= 64:
            for x, y in places:
                self._pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)

    def _legend(self) -> None:
        left, top, _, _ = self._box
        named = [(c.name, LINES[i % len(LINES)]) for i, c in enumerate(self._panel.curves)]
        for i, (name, colour) in enumerate([*named, *((note, INK) for note in self._panel.notes)]):
            self._words((left + 8, top + 6 + 15 * i), name, colour=colour)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = self._box
        low, high = self._xs
        if self._panel.log_x:
            x, low, high = (math.log2(max(v, 1e-9)) for v in (x, low, high))
        share_x = (x - low) / ((high - low) or 1.0)
        share_y = (y - self._ys[0]) / ((self._ys[1] - self._ys[0]) or 1.0)
        return left + share_x * (right - left), bottom - share_y * (bottom - top)

    def _words(
        self,
        at: tuple[float, float],
        text: str,
        anchor: str = "la",
        colour: tuple[int, int, int] = INK,
    ) -> None:
        self._pen.text(at, text, colour, self._font, anchor=anchor)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        return low, low + (abs(low) or 1.0)
    return low, high


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
