"""Curves over phones as one picture: what the figures average away.

Knows how to draw curves of one line. Refuses to know who made the motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.models.motion.types import F32, FRAME_RATE_HZ, Motion
from training.evaluation import lips
from training.evaluation.lines import Line
from training.evaluation.timeline import BILABIALS, LABIODENTALS, SILENCE, between_frames, runs

F64 = NDArray[np.float64]
Colour = tuple[int, int, int]

PAPER, INK, FAINT = (252, 252, 250), (30, 30, 34), (214, 214, 210)
BILABIAL, LABIODENTAL, QUIET = (255, 222, 150), (214, 232, 250), (240, 240, 238)
PENS: tuple[Colour, ...] = ((20, 130, 70), (200, 40, 40), (60, 90, 200), (150, 90, 160))
PX_A_SECOND, PANEL_PX, LEFT_PX, TOP_PX, MARK_PX = 260, 110, 84, 46, 5

# Name, curve of coefficients, bottom and top of the panel.
PANELS: tuple[tuple[str, Callable[[F32], F64], float, float], ...] = (
    ("lip gap", lips.opening, -0.02, 0.24),
    ("jaw", lips.jaw, 0.0, 0.75),
    ("rounding", lips.rounding, 0.0, 1.2),
)


def curves_picture(
    cases: Sequence[tuple[Line, Mapping[str, Motion]]], seconds: float = 6.0
) -> Image.Image:
    """One strip a line, the first seconds of it; motions by name, in the same order everywhere.

    Yellow: p, b, m. Blue: f, v. Bars under the gap show where each motion's lips meet.
    """
    strips = [_strip(line, motions, seconds) for line, motions in cases]
    sheet = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _strip(line: Line, motions: Mapping[str, Motion], seconds: float) -> Image.Image:
    shown_s = min(seconds, line.seconds)
    marks_px = MARK_PX * len(motions) + 4
    width = LEFT_PX + round(shown_s * PX_A_SECOND) + 12
    height = TOP_PX + len(PANELS) * PANEL_PX + marks_px + 14
    picture = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(picture)
    _phones(pen, line, shown_s, height - 14)
    _legend(pen, f"{line.voice}, {line.name}", tuple(motions))
    for row, (name, curve, low, high) in enumerate(PANELS):
        top = TOP_PX + row * PANEL_PX + (marks_px if row else 0)
        pen.text((6, top + PANEL_PX / 2 - 8), name, INK, font=_font(13))
        pen.line([(LEFT_PX, top + PANEL_PX - 4), (width - 12, top + PANEL_PX - 4)], FAINT)
        for colour, motion in zip(PENS, motions.values(), strict=False):
            values = curve(motion.dynamics)[: int(shown_s * FRAME_RATE_HZ) + 1]
            share = np.clip((values - low) / (high - low), 0.0, 1.0)
            x = LEFT_PX + np.arange(len(values)) / FRAME_RATE_HZ * PX_A_SECOND
            y = top + PANEL_PX - 4 - share * (PANEL_PX - 10)
            pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), colour, width=2)
    for row, (colour, motion) in enumerate(zip(PENS, motions.values(), strict=False)):
        y0 = TOP_PX + PANEL_PX + row * MARK_PX
        for run in runs(lips.closed(between_frames(motion.dynamics))):
            ends = [LEFT_PX + at / 100 * PX_A_SECOND for at in (run.start, run.stop)]
            if ends[0] < width - 12:
                right = min(ends[1], width - 12)
                pen.rectangle((ends[0], y0, right, y0 + MARK_PX - 2), colour)
    return picture


def _phones(pen: ImageDraw.ImageDraw, line: Line, shown_s: float, bottom: int) -> None:
    fills = dict.fromkeys(BILABIALS, BILABIAL) | dict.fromkeys(LABIODENTALS, LABIODENTAL)
    fills[SILENCE] = QUIET
    for segment in line.segments:
        if segment.start_s >= shown_s:
            break
        x0, x1 = (LEFT_PX + min(s, shown_s) * PX_A_SECOND for s in (segment.start_s, segment.end_s))
        if segment.viseme in fills:
            pen.rectangle((x0, TOP_PX - 18, x1, bottom), fills[segment.viseme])
        pen.line([(x0, TOP_PX - 18), (x0, bottom)], FAINT)
        if segment.viseme != SILENCE:
            pen.text(((x0 + x1) / 2, TOP_PX - 10), segment.viseme, INK, _font(11), anchor="mm")


def _legend(pen: ImageDraw.ImageDraw, title: str, names: Sequence[str]) -> None:
    pen.text((6, 6), title, INK, font=_font(14))
    x = LEFT_PX + 300.0
    for colour, name in zip(PENS, names, strict=False):
        pen.rectangle((x, 12, x + 22, 16), colour)
        pen.text((x + 28, 6), name, INK, font=_font(13))
        x += 60 + 8 * len(name)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
