"""Lips against phones and against the reference, over many lines.

Knows which curves are compared where. Refuses to know how motion was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX, Motion
from training.evaluation import lips
from training.evaluation.lines import Line
from training.evaluation.metrics import (
    Closures,
    closures,
    pooled_correlation,
    separability,
    sync_offset_ms,
    weighted_correlation,
)
from training.evaluation.timeline import SILENCE, between_frames, frame_times, speech

F64 = NDArray[np.float64]
MOUTH = [i for name, i in ARKIT_INDEX.items() if name.startswith(("jaw", "mouth"))]
ENOUGH_FRAMES = 12


@dataclass(frozen=True)
class Speaking:
    """Figures of one generator on one set of lines; correlations are with the plain teacher."""

    bilabial_recall: float
    bilabial_spurious: float
    jaw_r: float  # every line's own, averaged by length
    rounding_r: float
    sync_offset_ms: float  # median over lines; positive: the lips are late
    bilabial_recall_inside: float  # closures that no silence touches
    bilabial_spurious_excusing_f: float
    closed_time: float  # share of speech without p, b, m with lips that meet
    closures_wanted: int
    closing_events: int
    opening_r: float  # of the lip gap
    width_r: float
    jaw_r_pooled: float
    rounding_r_pooled: float
    separability: float  # of visemes, relative to the plain teacher's
    lines: int

    def plain(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True)
class Curves:
    """What is compared of one line: at 25 Hz but for `closed`, which is at 100 Hz."""

    closed: NDArray[np.bool_]
    opening: F64
    jaw: F64
    rounding: F64
    width: F64


def curves(motion: Motion) -> Curves:
    """The curves of a motion by its coefficients."""
    return Curves(
        lips.closed(between_frames(motion.dynamics)),
        lips.opening(motion.dynamics),
        lips.jaw(motion.dynamics),
        lips.rounding(motion.dynamics),
        lips.width(motion.dynamics),
    )


def score(lines: Sequence[Line], shown: Sequence[Motion], reference: Sequence[Motion]) -> Speaking:
    """Measure motions [lines] against the phones and the plain teacher's motions [lines]."""
    measured = score_curves(lines, [curves(m) for m in shown], [curves(m) for m in reference])
    own = _spread_of_visemes(lines, shown)
    teachers = _spread_of_visemes(lines, reference)
    return Speaking(**{**asdict(measured), "separability": own / teachers})


def score_curves(
    lines: Sequence[Line], shown: Sequence[Curves], reference: Sequence[Curves]
) -> Speaking:
    """The same from curves, wherever they come from; separability is left out (NaN)."""
    counted = sum(
        (closures(c.closed, line.segments) for c, line in zip(shown, lines, strict=True)),
        Closures(),
    )
    talk = [
        speech(frame_times(len(c.opening)), ln.segments) for c, ln in zip(shown, lines, strict=True)
    ]

    def pairs(name: str) -> list[tuple[F64, F64]]:
        return [
            (getattr(a, name)[m], getattr(b, name)[m])
            for a, b, m in zip(shown, reference, talk, strict=True)
            if m.sum() >= ENOUGH_FRAMES
        ]

    offsets = [sync_offset_ms(a.opening, b.opening) for a, b in zip(shown, reference, strict=True)]
    return Speaking(
        bilabial_recall=counted.recall,
        bilabial_spurious=counted.spurious_rate,
        jaw_r=weighted_correlation(pairs("jaw")),
        rounding_r=weighted_correlation(pairs("rounding")),
        sync_offset_ms=_median(offsets),
        bilabial_recall_inside=counted.recall_inside,
        bilabial_spurious_excusing_f=counted.spurious_rate_excusing_f,
        closed_time=counted.closed_time,
        closures_wanted=counted.wanted,
        closing_events=counted.events,
        opening_r=weighted_correlation(pairs("opening")),
        width_r=weighted_correlation(pairs("width")),
        jaw_r_pooled=pooled_correlation(pairs("jaw")),
        rounding_r_pooled=pooled_correlation(pairs("rounding")),
        separability=float("nan"),
        lines=len(lines),
    )


def _median(values: Sequence[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(np.median(known)) if known else float("nan")


def _spread_of_visemes(lines: Sequence[Line], motions: Sequence[Motion]) -> float:
    rows, names = [], []
    for line, motion in zip(lines, motions, strict=True):
        times_s = frame_times(len(motion))
        for segment in line.segments:
            if segment.viseme == SILENCE:
                continue
            middle = (segment.start_s + segment.end_s) / 2
            at = int(np.abs(times_s - middle).argmin())
            rows.append(motion.dynamics[at, MOUTH])
            names.append(segment.viseme)
    return separability(np.asarray(rows, np.float64), names)
