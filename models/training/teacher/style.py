"""Who speaks: how wide, how round, how lively, and the habits of one speaker.

Knows the numbers that differ between speakers. Refuses to know what is said and when.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from training.teacher.curves import F64
from training.teacher.visemes import CHANNEL, CHANNELS, GROUPS, INDEX, VISEMES


def _ones() -> F64:
    return np.ones((len(VISEMES), len(CHANNELS)))


def _zeros() -> F64:
    return np.zeros((len(VISEMES), len(CHANNELS)))


def _even() -> F64:
    return np.ones((len(VISEMES), len(GROUPS)))


@dataclass(frozen=True)
class Style:
    """One speaker on one day. Gains are about 1 for the average speaker; angles in radians."""

    jaw: float = 0.88
    parting: float = 1.0  # of the lips, beside the jaw
    rounding: float = 1.0
    spread: float = 1.0
    press: float = 1.0
    effort: float = 0.35  # how much loudness and stress open the mouth
    onset_s: float = 0.110  # of a gesture, from its start to its target
    offset_s: float = 0.120
    lead_s: float = 0.025  # gestures are this much ahead of their sound
    token: float = 0.04  # spread of one sound said twice, as a factor
    unevenness: float = 0.0  # of the mouth, left more than right
    sideways: float = 0.0  # of the mouth in speech, toward the left
    rest_gap_iod: float = 0.004
    smile_rest: float = 0.03
    restless: float = 1.0  # small habits of the lower face
    head: float = 1.12
    nod: float = 1.0
    home_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    brow: float = 1.0
    brow_unevenness: float = 0.0
    blinks_per_min: float = 17.0
    saccade: float = 1.0
    wander: float = 0.10  # chance that a new fixation is a glance away
    listen: float = 1.0  # how much happens while silent
    personal: F64 = field(default_factory=_ones)  # [28, 16] on the targets
    habit: F64 = field(default_factory=_zeros)  # [28, 16] beside the targets
    insistence: F64 = field(default_factory=_even)  # [28, 5] on the dominance


NEUTRAL = Style()
# Nobody in particular, who also keeps still: what a mouth must do on these phones.
PLAIN = replace(NEUTRAL, token=0.0, restless=0.0, rest_gap_iod=0.0, smile_rest=0.0)

_HABITS = ("lower", "upper", "stretch", "smile", "dimple", "shrug_up", "forward", "frown", "funnel")


def sample_style(rng: np.random.Generator, variety: float = 1.0) -> Style:
    """Draw a speaker; `variety` 0 is the average one, 1 as unlike each other as people are."""

    def gain(spread: float) -> float:
        return float(np.exp(np.clip(rng.normal(), -2.0, 2.0) * spread * variety))

    def about(mean: float, spread: float) -> float:
        return float(mean + np.clip(rng.normal(), -2.0, 2.0) * spread * variety)

    return Style(
        jaw=0.88 * gain(0.12), parting=gain(0.20), rounding=gain(0.16), spread=gain(0.25),
        press=gain(0.20), effort=max(about(0.35, 0.10), 0.1),
        onset_s=about(0.110, 0.010), offset_s=about(0.120, 0.014), lead_s=about(0.025, 0.007),
        token=0.04 * min(variety, 1.0), unevenness=about(0.0, 0.10), sideways=about(0.0, 0.06),
        rest_gap_iod=max(about(0.004, 0.008), 0.0), smile_rest=max(about(0.03, 0.03), 0.0),
        restless=gain(0.30), head=1.12 * gain(0.18), nod=gain(0.22),
        home_rad=(about(0.0, 0.015), about(0.0, 0.030), about(0.0, 0.018)),
        brow=gain(0.35), brow_unevenness=about(0.0, 0.12),
        blinks_per_min=float(np.clip(about(17.0, 3.0), 12.0, 23.0)), saccade=gain(0.20),
        wander=float(np.clip(about(0.10, 0.03), 0.03, 0.14)), listen=gain(0.25),
        personal=_personal(rng, variety), habit=_habit(rng, variety),
        insistence=np.exp(0.40 * variety * rng.normal(size=(len(VISEMES), len(GROUPS)))),
    )  # fmt: skip


def _personal(rng: np.random.Generator, variety: float) -> F64:
    table = np.exp(np.clip(0.30 * variety * rng.normal(size=_ones().shape), -0.6, 0.6))
    return np.asarray(table)


def _habit(rng: np.random.Generator, variety: float) -> F64:
    table = _zeros()
    for name in _HABITS:
        table[:, CHANNEL[name]] = np.abs(0.05 * variety * rng.normal(size=len(VISEMES)))
    for name in ("sil", "p", "m", "f"):
        table[INDEX[name]] = 0.0
    return table
