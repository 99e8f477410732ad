"""The codec's figures as tables for people, with what was promised beside them.

Knows names, targets and rounding. Refuses to measure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from training.evaluation.codec.contenders import GEOMETRY, LEARNED, NAMES, STRETCHED
from training.evaluation.codec.results import Results
from training.evaluation.codec.scoring import Tally
from training.evaluation.report import Promise, around, at_least, at_most

FIGURES = (
    ("face_psnr", "face, dB"), ("mouth_psnr", "open mouth, dB"), ("eyes_psnr", "eyes, dB"),
    ("whole_psnr", "whole, dB"), ("face_ssim", "face, SSIM"), ("mouth_ssim", "open mouth, SSIM"),
    ("eyes_ssim", "eyes, SSIM"), ("whole_ssim", "whole, SSIM"),
    ("mouth_sharpness", "inner mouth, sharpness / truth's"),
    ("flicker", "flicker, grey levels"), ("features", "feature distance"),
)  # fmt: skip
ABOVE_GEOMETRY = {"face_psnr": 1.5, "mouth_psnr": 2.0}  # dB
OTHER: tuple[tuple[str, str, Promise | None], ...] = (
    ("median_r", "motion encoder, median r of coefficients", at_least(0.72)),
    ("good", "coefficients with r ≥ .7, of 52", at_least(30)),
    ("gaze_deg", "gaze off by, °", at_most(4.5)),
    ("pose_deg", "pose off by, °", at_most(3)),
    ("points_pct", "points off by, % of the eye distance", at_most(3)),
    ("among", "a take on many characters, read again, r", at_least(0.8)),
    ("with_take", "the same against what was asked, r", None),
    ("pose_moves_face", "a turning head moves coefficients by", None),
    ("pose_moves_gaze_deg", "a turning head moves eyes by, °", None),
    ("face_moves_pose_deg", "a moving face turns the head by, °", None),
    ("across_motion", "identity code: frames from their portrait", None),
    ("between_people", "identity code: two people's portraits", None),
    ("stretched", "open mouth of the stretched-lip warp, dB", None),
    ("rest_error", "at rest against the portrait, grey levels", at_most(0)),
    ("decode_ms", "decoding on one core, ms", at_most(25)),
    ("gflop", "learned parts, GFLOP a frame", at_most(4)),
    ("rigid_residual", "rigid points astray, of the eye distance", None),
)


def show(results: Results, console: Console) -> None:
    """Print the tables."""
    console.print(_table(f"{results.people} held-out people of the studio", results.studio))
    for clip, found in results.video.items():
        if found:
            console.print(_table(f"self-reenactment of {clip}", found))
    console.print(_others(results))
    if results.landmarks:
        console.print(_landmarks(results.landmarks))
    for what, why in results.missing.items():
        console.print(f"{what}: not measured: {why}", highlight=False)
    for seed, why in results.refused.items():
        console.print(f"person {seed}: refused by enrolment: {why}", highlight=False)
    console.print(f"{results.seconds:,.0f} s; docs/evaluation.md says what each figure means")


def _table(title: str, tallies: Mapping[str, Tally]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("figure", no_wrap=True)
    for heading in ("promised", *NAMES):
        table.add_column(heading, justify="right", no_wrap=True)
    found = {who: tally.figures() for who, tally in tallies.items()}
    for key, words in FIGURES:
        base = STRETCHED if key == "mouth_psnr" else GEOMETRY
        promise = _promise(key, found.get(base, {}).get(key, math.nan))
        cells = [_number(found.get(who, {}).get(key, math.nan)) for who in NAMES]
        own = found.get(LEARNED, {}).get(key, math.nan)
        if promise and math.isfinite(own):
            cells[-1] = f"[{'green' if promise.kept(own) else 'red'}]{cells[-1]}"
        table.add_row(words, promise.words if promise else "", *cells)
    return table


def _promise(key: str, geometry: float) -> Promise | None:
    """What learned parts should reach, given what geometry (or the stretched warp) does."""
    if key == "mouth_sharpness":
        return around(0.75, 1.2)
    if math.isnan(geometry):
        return None
    if key in ABOVE_GEOMETRY:
        return at_least(round(geometry + ABOVE_GEOMETRY[key], 2))
    return at_most(round(geometry, 2)) if key == "flicker" else None


def _others(results: Results) -> Table:
    own = {
        "rest_error": results.rest_error,
        "stretched": results.stretched_mouth,
        "decode_ms": results.decode_ms,
        "gflop": results.gflop,
        "rigid_residual": results.rigid_residual,
    }
    values = {
        **results.identity,
        **results.encoder,
        **results.retarget,
        **results.disentanglement,
        **own,
    }
    table = Table(title="encoder, repetition, cost", title_justify="left")
    for heading in ("figure", "promised", "found"):
        table.add_column(heading, justify="left" if heading == "figure" else "right", no_wrap=True)
    for key, words, promise in OTHER:
        value = values.get(key, math.nan)
        cell = _number(value)
        if promise and math.isfinite(value):
            cell = f"[{'green' if promise.kept(value) else 'red'}]{cell}"
        table.add_row(words, promise.words if promise else "", cell)
    return table


def _landmarks(found: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="portraits' landmarks off by, % of the eye distance", title_justify="left")
    table.add_column("group", no_wrap=True)
    for who in found:
        table.add_column(who, justify="right", no_wrap=True)
    for group in next(iter(found.values())):
        table.add_row(group.replace("_", " "), *(_number(f[group]) for f in found.values()))
    return table


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if abs(value) >= 5 else f"{value:.3f}"
