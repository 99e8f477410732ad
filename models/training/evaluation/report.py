"""The figures as one table for people, with what was promised beside them.

Knows names, targets and rounding. Refuses to measure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from training.evaluation.results import Results
from training.evaluation.speaking import Speaking

Kept = Callable[[float], bool]


@dataclass(frozen=True)
class Promise:
    """What a figure should be, in words and as a test."""

    words: str
    kept: Kept


def at_least(value: float) -> Promise:
    """No less than this."""
    return Promise(f"≥ {value:g}", lambda x: x >= value)


def at_most(value: float) -> Promise:
    """No more than this, either way of zero."""
    return Promise(f"≤ {value:g}", lambda x: abs(x) <= value)


def around(low: float, high: float) -> Promise:
    """Between these."""
    return Promise(f"{low:g}–{high:g}", lambda x: low <= x <= high)


SPEAKING: tuple[tuple[str, str, Promise | None, Promise | None], ...] = (
    ("bilabial_recall", "closures of p, b, m met", at_least(0.95), at_least(0.85)),
    ("bilabial_spurious", "closures nobody asked for", at_most(0.25), at_most(0.40)),
    ("jaw_r", "jaw, r with the teacher", at_least(0.92), at_least(0.85)),
    ("rounding_r", "rounding, r", at_least(0.85), at_least(0.72)),
    ("sync_offset_ms", "lips late by, ms", at_most(40), at_most(40)),
    ("bilabial_recall_inside", "closures away from silence", None, None),
    ("bilabial_spurious_excusing_f", "unasked, f and v excused", None, None),
    ("closed_time", "share of other sounds shut", None, None),
    ("opening_r", "lip gap, r", None, None),
    ("separability", "visemes apart (teacher 1)", None, None),
)
OTHER: tuple[tuple[str, str, Promise | None], ...] = (
    ("gaze_error_deg", "gaze error, °", at_most(3)),
    ("distance_error", "distance error", at_most(0.005)),
    ("emotion_accuracy", "emotions told right", at_least(0.95)),
    ("emotion_monotone", "emotions that grow steadily", at_least(1)),
    ("delta_pose_ratio", "head speed / teacher's", around(0.85, 1.15)),
    ("variance_ratio", "expression spread / teacher's", around(0.85, 1.15)),
    ("pose_std_ratio", "head spread / teacher's", None),
    ("drift_ratio", "minute 5 / minute 1, worst", around(0.9, 1.1)),
    ("blinks_per_min", "blinks a minute, silent", around(10, 25)),
    ("blinks_per_min_speaking", "blinks a minute, speaking", None),
    ("idle_mouth_speed_iod_s", "mouth speed in silence, iod/s", None),
    ("chatter", "mouth on noise / on speech", None),
    ("chatter_music", "mouth on music / on speech", None),
    ("cpu_ms_per_200ms", "0.2 s of one actor, ms", at_most(40)),
    ("eight_actors_real_time_factor", "eight actors, core time / time", at_most(1)),
)


def show(results: Results, console: Console) -> None:
    """Print the table."""
    table = Table(title=f"motion source '{results.motion}'", title_justify="left")
    table.add_column("figure", no_wrap=True)
    for heading in ("promised", results.motion, "baseline", "teacher"):
        table.add_column(heading, justify="right", no_wrap=True)
    for title, held, place in (
        ("held-out voices", results.speaking, "synthetic"),
        ("real recordings", results.speaking, "real"),
        ("pixels, held-out voices", results.pixels, "synthetic"),
        ("pixels, real recordings", results.pixels, "real"),
    ):
        if place in held.get("model", {}):
            _speaking_rows(table, title, held, place)
    table.add_section()
    for key, words, promise in OTHER:
        values = [results.other.get(w, {}).get(key) for w in ("model", "baseline", "teacher")]
        table.add_row(words, promise.words if promise else "", *_cells(values, promise))
    console.print(table)
    console.print(_voices(results))
    console.print(f"{results.seconds:,.0f} s; docs/evaluation.md says what each figure means")


def _speaking_rows(
    table: Table, title: str, held: dict[str, dict[str, Speaking]], place: str
) -> None:
    table.add_section()
    table.add_row(f"[bold]{title}")
    for key, words, synthetic, real in SPEAKING:
        promise = synthetic if place == "synthetic" else real
        figures = [held.get(w, {}).get(place) for w in ("model", "baseline", "teacher")]
        values = [None if f is None else float(f.plain()[key]) for f in figures]
        if any(v is not None and math.isfinite(v) for v in values):
            table.add_row(words, promise.words if promise else "", *_cells(values, promise))


def _cells(values: list[float | None], promise: Promise | None) -> list[str]:
    cells = [_number(value) for value in values]
    own = values[0]
    if promise and own is not None and math.isfinite(own):
        cells[0] = f"[{'green' if promise.kept(own) else 'red'}]{cells[0]}"
    return cells


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _voices(results: Results) -> Table:
    table = Table(title="by voice", title_justify="left")
    table.add_column("voice", no_wrap=True)
    for key, words, _, _ in SPEAKING[:5]:
        table.add_column(words.split(",")[0] if key.endswith("_r") else words, justify="right")
    for voice, figures in results.voices.items():
        values = [float(figures.plain()[key]) for key, *_ in SPEAKING[:5]]
        table.add_row(voice, *(_number(value) for value in values))
    return table
