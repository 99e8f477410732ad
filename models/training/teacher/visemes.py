"""Visemes: where each sound wants the mouth, how much it insists, and how far it reaches.

Knows one table. Refuses to know time and speakers. Targets and dominance follow the idea of Cohen
and Massaro 1993 (each sound has a target and a dominance for each articulator, their blend is the
mouth) and the rules of JALI (Edwards, Landreth, Fiume and Singh 2016): lip-heavy sounds start
early and end late, tongue-only sounds take their neighbours' lips, sibilants narrow the jaw. The
numbers are our own.
"""

from __future__ import annotations

import numpy as np

from training.speech.phones import INDEX, VISEMES, VOWELS, Segment
from training.teacher.curves import F64

__all__ = [
    "CHANNEL", "CHANNELS", "DOMINANCE", "GROUP", "GROUPS", "INDEX", "IS_VOWEL", "REACH_OFF",
    "REACH_ON", "SIBILANTS", "TARGETS", "VISEMES", "VOWELS", "Segment",
]  # fmt: skip

SIBILANTS = frozenset(("s", "sh"))

# Mouth channels and the coefficients that they drive, both sides alike.
CHANNELS: dict[str, str] = {
    "jaw": "jawOpen", "lower": "mouthLowerDown", "upper": "mouthUpperUp",
    "stretch": "mouthStretch", "smile": "mouthSmile", "dimple": "mouthDimple",
    "funnel": "mouthFunnel", "pucker": "mouthPucker", "shrug_up": "mouthShrugUpper",
    "roll_low": "mouthRollLower", "roll_up": "mouthRollUpper", "press": "mouthPress",
    "shrug_low": "mouthShrugLower", "frown": "mouthFrown", "forward": "jawForward",
    "puff": "cheekPuff",
}  # fmt: skip
CHANNEL = {name: i for i, name in enumerate(CHANNELS)}
GROUPS = ("jaw", "parting", "spread", "round", "contact")
_GROUP_OF = {
    "jaw": "jaw", "forward": "jaw", "lower": "parting", "upper": "parting", "stretch": "spread",
    "smile": "spread", "dimple": "spread", "frown": "spread", "funnel": "round",
    "pucker": "round", "shrug_up": "round", "roll_low": "contact", "roll_up": "contact",
    "press": "contact", "shrug_low": "contact", "puff": "contact",
}  # fmt: skip
GROUP = np.array([GROUPS.index(_GROUP_OF[name]) for name in CHANNELS])

_T = dict[str, float]
# Targets; dominance of jaw, parting, spread, round, contact.
_TABLE: dict[str, tuple[_T, tuple[float, float, float, float, float]]] = {
    "sil": ({}, (0.35, 0.35, 0.35, 0.30, 0.30)),
    "aa": (dict(jaw=0.62, lower=0.20, upper=0.10, frown=0.08), (1.0, 0.8, 0.4, 0.5, 0.3)),
    "ae": (
        dict(jaw=0.52, lower=0.34, upper=0.24, stretch=0.30, smile=0.10, dimple=0.05),
        (1.0, 0.9, 0.8, 0.5, 0.3),
    ),
    "ah": (dict(jaw=0.40, lower=0.16, upper=0.06), (0.75, 0.5, 0.3, 0.3, 0.3)),
    "ao": (dict(jaw=0.47, funnel=0.46, pucker=0.26, shrug_up=0.08), (1.0, 0.5, 0.4, 1.1, 0.3)),
    "eh": (
        dict(jaw=0.42, lower=0.30, upper=0.14, stretch=0.24, smile=0.08),
        (0.9, 0.8, 0.8, 0.5, 0.3),
    ),
    "er": (
        dict(jaw=0.22, funnel=0.36, pucker=0.16, lower=0.10, frown=0.08),
        (0.7, 0.5, 0.3, 0.7, 0.3),
    ),
    "ih": (
        dict(jaw=0.26, lower=0.24, stretch=0.22, smile=0.10, upper=0.08),
        (0.75, 0.7, 0.7, 0.4, 0.3),
    ),
    "iy": (
        dict(jaw=0.16, lower=0.32, upper=0.14, stretch=0.42, smile=0.24, dimple=0.22),
        (0.85, 0.9, 1.0, 0.7, 0.3),
    ),
    "oh": (dict(jaw=0.36, funnel=0.44, pucker=0.50), (0.95, 0.6, 0.5, 1.3, 0.3)),
    "uh": (dict(jaw=0.22, funnel=0.32, pucker=0.36), (0.75, 0.6, 0.4, 0.8, 0.3)),
    "uw": (dict(jaw=0.14, funnel=0.18, pucker=0.90, shrug_low=0.06), (0.9, 0.7, 0.6, 1.6, 0.4)),
    "ue": (dict(jaw=0.13, funnel=0.28, pucker=0.80, lower=0.08), (0.9, 0.7, 0.6, 1.6, 0.3)),
    "oe": (dict(jaw=0.27, funnel=0.42, pucker=0.54), (0.9, 0.7, 0.5, 1.3, 0.3)),
    "w": (dict(jaw=0.10, funnel=0.10, pucker=1.00, shrug_low=0.10), (0.9, 0.9, 0.7, 1.8, 0.5)),
    "r": (
        dict(jaw=0.19, funnel=0.42, pucker=0.22, shrug_up=0.14, upper=0.06),
        (0.45, 0.35, 0.3, 0.8, 0.3),
    ),
    "l": (dict(jaw=0.30, lower=0.22, upper=0.12, dimple=0.08), (0.40, 0.30, 0.15, 0.06, 0.1)),
    "th": (dict(jaw=0.22, lower=0.28, upper=0.14, forward=0.12), (0.6, 0.6, 0.15, 0.15, 0.2)),
    "td": (dict(jaw=0.18, lower=0.24, upper=0.04, stretch=0.06), (0.55, 0.35, 0.12, 0.05, 0.1)),
    "n": (dict(jaw=0.20, lower=0.20, upper=0.03), (0.45, 0.25, 0.08, 0.05, 0.1)),
    "s": (
        dict(jaw=0.07, lower=0.46, upper=0.12, stretch=0.26, dimple=0.10, forward=0.22),
        (1.3, 0.9, 0.5, 0.25, 0.4),
    ),
    "sh": (
        dict(jaw=0.07, funnel=0.62, pucker=0.26, lower=0.22, upper=0.20, shrug_up=0.22,
             forward=0.30),
        (1.3, 0.8, 0.5, 1.1, 0.4),
    ),
    "k": (dict(jaw=0.27, lower=0.10), (0.30, 0.10, 0.05, 0.03, 0.1)),
    "hh": (dict(jaw=0.32, lower=0.08), (0.15, 0.06, 0.03, 0.02, 0.1)),
    "y": (dict(jaw=0.14, lower=0.24, stretch=0.30, smile=0.16), (0.6, 0.5, 0.6, 0.4, 0.2)),
    "f": (
        dict(jaw=0.09, roll_low=0.66, upper=0.20, dimple=0.14, press=0.04),
        (1.0, 1.4, 0.4, 0.35, 1.6),
    ),
    "p": (
        dict(jaw=0.10, press=0.36, roll_low=0.16, roll_up=0.10, shrug_low=0.22, puff=0.10),
        (0.75, 1.2, 0.25, 0.22, 1.6),
    ),
    "m": (
        dict(jaw=0.08, press=0.22, roll_low=0.26, roll_up=0.20, shrug_low=0.14, dimple=0.06),
        (0.75, 1.2, 0.25, 0.22, 1.6),
    ),
}  # fmt: skip

TARGETS: F64 = np.zeros((len(VISEMES), len(CHANNELS)))
for _name, (_targets, _) in _TABLE.items():
    for _channel, _value in _targets.items():
        TARGETS[INDEX[_name], CHANNEL[_channel]] = _value
DOMINANCE: F64 = np.array([_TABLE[name][1] for name in VISEMES])  # [28, 5]
# How much longer than the style's own a group takes to arrive and to leave (JALI: lips first).
REACH_ON: F64 = np.array((0.90, 1.0, 1.0, 1.15, 0.95))
REACH_OFF: F64 = np.array((0.90, 1.0, 1.0, 1.25, 0.95))
IS_VOWEL = np.array([name in VOWELS for name in VISEMES])
