"""How well a mouth goes with phones and with a reference mouth: pure functions of arrays.

Knows closures, correlation, lag and separability. Refuses to know generators, teachers and files.

Definitions. A closure is wanted wherever phones p, b, m stand; such phones that touch count as
one. It is met when the lips meet at any moment from 40 ms before to 40 ms after. A closing event
is a run of closed lips in speech at least 60 ms from silence; it is spurious when it overlaps no
wanted closure widened by 40 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.timeline import (
    BILABIALS,
    FINE_HZ,
    LABIODENTALS,
    SILENCE,
    Phone,
    runs,
    smoothly_between,
    speech,
    within,
)

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

MARGIN_S = 0.040
AWAY_FROM_SILENCE_S = 0.060
TOUCHING_S = 0.010
MAX_LAG_S = 0.30


@dataclass(frozen=True)
class Closures:
    """Counts of one line or, added up, of many."""

    wanted: int = 0
    met: int = 0
    wanted_inside: int = 0  # of these, the ones that no silence touches: harder
    met_inside: int = 0
    events: int = 0
    spurious: int = 0
    spurious_but_lip_teeth: int = 0  # not excused by f or v either
    open_fine: int = 0  # moments of speech, 10 ms each, that want no closure
    open_fine_closed: int = 0  # and show one

    def __add__(self, other: Closures) -> Closures:
        return Closures(*(a + b for a, b in zip(_counts(self), _counts(other), strict=True)))

    @property
    def recall(self) -> float:
        """Share of wanted closures that are met; NaN where none is wanted."""
        return _share(self.met, self.wanted)

    @property
    def recall_inside(self) -> float:
        """The same, without closures next to silence."""
        return _share(self.met_inside, self.wanted_inside)

    @property
    def spurious_rate(self) -> float:
        """Share of closing events that no p, b or m asks for; 0 where lips never meet."""
        return _share(self.spurious, self.events, 0.0)

    @property
    def spurious_rate_excusing_f(self) -> float:
        """The same, where f and v excuse a closure too."""
        return _share(self.spurious_but_lip_teeth, self.events, 0.0)

    @property
    def closed_time(self) -> float:
        """Share of speech without p, b, m in which the lips meet nevertheless."""
        return _share(self.open_fine_closed, self.open_fine, 0.0)


def _counts(closures: Closures) -> tuple[int, ...]:
    return tuple(vars(closures).values())


def _share(part: float, whole: float, empty: float = float("nan")) -> float:
    return part / whole if whole else empty


def wanted_closures(phones: Sequence[Phone]) -> list[tuple[float, float, bool]]:
    """Start, end (s) and whether silence touches it, of every closure that phones ask for."""
    wanted: list[tuple[float, float, bool]] = []
    last_index = -2
    for index, phone in enumerate(phones):
        if phone.viseme not in BILABIALS:
            continue
        before = phones[index - 1].viseme if index else SILENCE
        after = phones[index + 1].viseme if index + 1 < len(phones) else SILENCE
        beside_silence = SILENCE in (before, after)
        if last_index == index - 1 and phone.start_s - wanted[-1][1] < TOUCHING_S:
            start_s, _, beside = wanted.pop()
            wanted.append((start_s, phone.end_s, beside or beside_silence))
        else:
            wanted.append((phone.start_s, phone.end_s, beside_silence))
        last_index = index
    return wanted


def closures(closed: Mask, phones: Sequence[Phone]) -> Closures:
    """Count closures met and spurious; `closed` [N] at 100 Hz from the start of the line."""
    times_s = np.arange(len(closed)) / FINE_HZ
    wanted = [c for c in wanted_closures(phones) if c[0] <= times_s[-1]]
    met = [
        bool(closed[(times_s >= a - MARGIN_S) & (times_s <= b + MARGIN_S)].any())
        for a, b, _ in wanted
    ]
    inside = [not beside for _, _, beside in wanted]
    deep = speech(times_s, phones, AWAY_FROM_SILENCE_S)
    excused = within(times_s, phones, BILABIALS, MARGIN_S)
    looser = excused | within(times_s, phones, LABIODENTALS, MARGIN_S)
    events = runs(closed & deep)
    unwanted = deep & ~excused
    return Closures(
        wanted=len(wanted),
        met=sum(met),
        wanted_inside=sum(inside),
        met_inside=sum(m and i for m, i in zip(met, inside, strict=True)),
        events=len(events),
        spurious=sum(not excused[event].any() for event in events),
        spurious_but_lip_teeth=sum(not looser[event].any() for event in events),
        open_fine=int(unwanted.sum()),
        open_fine_closed=int((unwanted & closed).sum()),
    )


def correlation(a: F64, b: F64) -> float:
    """Pearson's r of two curves [T]; NaN where one of them does not move."""
    if len(a) < 3 or a.std() < 1e-6 or b.std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def pooled_correlation(pairs: Sequence[tuple[F64, F64]]) -> float:
    """Pearson's r over all lines at once, means and all."""
    if not pairs:
        return float("nan")
    return correlation(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))


def weighted_correlation(pairs: Sequence[tuple[F64, F64]]) -> float:
    """Every line's own r, averaged by the lines' lengths; a line that does not move counts 0."""
    kept = [(a, b) for a, b in pairs if len(b) >= 3 and b.std() > 1e-6]
    if not kept:
        return float("nan")
    r = np.nan_to_num([correlation(a, b) for a, b in kept])
    return float(np.average(r, weights=[len(a) for a, _ in kept]))


def sync_offset_ms(curve: F64, reference: F64) -> float:
    """How late a curve [T] is against a reference [T], both at 25 Hz, in ms.

    The lag, within 300 ms, at which their slopes go together best, between samples by a parabola.
    NaN where one does not move.
    """
    slope, wanted = (
        np.diff(smoothly_between(np.asarray(c, np.float64))) for c in (curve, reference)
    )
    if slope.std() < 1e-9 or wanted.std() < 1e-9:
        return float("nan")
    most = min(int(MAX_LAG_S * FINE_HZ), len(slope) - 3)
    lags = np.arange(-most, most + 1)
    score = np.array([_slope_agreement(slope, wanted, int(lag)) for lag in lags])
    best = int(score.argmax())
    shift = 0.0
    if 0 < best < len(score) - 1:
        before, here, after = score[best - 1 : best + 2]
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float((lags[best] + shift) * 1000 / FINE_HZ)


def _slope_agreement(slope: F64, wanted: F64, lag: int) -> float:
    a, b = (slope[lag:], wanted[: len(wanted) - lag]) if lag >= 0 else (slope[:lag], wanted[-lag:])
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0


def separability(mouth: F64, visemes: Sequence[str]) -> float:
    """How far visemes lie apart against how far each spreads, as seen in `mouth` [N, C].

    The trace of the between-class over the trace of the within-class scatter, over visemes seen
    at least five times (Fisher's criterion, unweighted by direction). Rows are phone middles.
    """
    names = np.asarray(visemes)
    kept = [name for name in sorted(set(visemes)) if (names == name).sum() >= 5]
    if len(kept) < 2:
        return float("nan")
    groups = [mouth[names == name] for name in kept]
    middle = np.concatenate(groups).mean(0)
    between = sum(len(g) * ((g.mean(0) - middle) ** 2).sum() for g in groups)
    inside = sum(((g - g.mean(0)) ** 2).sum() for g in groups)
    return float(between / inside) if inside > 0 else float("nan")
