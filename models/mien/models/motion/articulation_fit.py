"""The fitted numbers of the signal-level lip driver.

Knows two tables. How much each acoustic feature moves each channel of the mouth: ridge regression
to curves that a phone-driven teacher gave for four minutes of synthetic speech (flite, festival,
espeak-ng). Held out: jaw r .71 on another synthetic voice and .70 on real readers; width .6,
rounding .5 and .2. And how likely lips are to meet (p, b, m): logistic regression on the same
speech; held out, the area under its curve is .86 on another voice and .82 on real readers.
Refuses to know anything else.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.lanes import F64

CHANNELS = ("jaw", "lower", "upper", "spread", "smile", "pucker", "funnel")

# Rows: seven bands (from 80, 300, 630, 1080, 2000, 3150, 5300 Hz), voicing, loudness.
_BEFORE = (
    (-0.04, +0.03, -0.04, -0.04, -0.01, -0.18, -0.06),
    (-0.14, -0.04, -0.03, +0.02, +0.03, +0.30, -0.03),
    (+0.09, +0.05, -0.00, -0.01, -0.00, -0.14, +0.01),
    (-0.01, -0.04, +0.00, -0.05, -0.02, -0.01, -0.01),
    (-0.01, -0.03, +0.00, +0.03, +0.01, +0.01, +0.10),
    (+0.02, +0.07, +0.01, -0.00, -0.01, -0.24, -0.13),
    (-0.10, +0.01, -0.04, +0.00, +0.02, +0.06, +0.00),
    (+0.03, -0.01, +0.01, +0.00, +0.01, +0.04, +0.01),
    (+0.13, -0.03, +0.07, +0.06, -0.01, +0.14, +0.12),
)
_AT = (
    (+0.04, +0.07, -0.03, +0.00, +0.02, -0.30, -0.25),
    (-0.09, -0.05, -0.03, +0.02, +0.03, +0.25, +0.09),
    (+0.24, +0.03, +0.01, -0.04, -0.03, -0.09, -0.03),
    (+0.09, -0.04, +0.01, -0.06, -0.03, -0.05, +0.01),
    (+0.07, +0.02, +0.02, +0.06, +0.07, -0.04, +0.09),
    (+0.03, +0.14, +0.02, +0.12, +0.02, -0.22, -0.17),
    (-0.16, +0.06, -0.00, +0.04, -0.03, -0.00, +0.05),
    (+0.04, +0.01, +0.00, +0.02, +0.01, +0.02, +0.02),
    (-0.03, -0.04, +0.04, -0.01, -0.03, +0.30, +0.20),
)
_AFTER = (
    (-0.07, +0.14, -0.02, -0.01, +0.01, -0.26, -0.16),
    (-0.01, -0.06, -0.03, -0.01, +0.01, +0.36, +0.03),
    (+0.02, -0.04, +0.01, -0.03, -0.01, -0.02, +0.03),
    (+0.02, +0.01, -0.01, -0.03, -0.01, -0.09, -0.04),
    (+0.00, +0.01, +0.02, -0.01, +0.01, -0.02, +0.11),
    (-0.04, +0.04, -0.01, +0.02, -0.01, -0.12, -0.13),
    (-0.07, +0.01, -0.01, -0.02, +0.01, -0.00, +0.03),
    (-0.01, -0.08, -0.00, +0.01, +0.00, +0.05, +0.03),
    (+0.13, -0.08, +0.06, +0.03, -0.01, +0.15, +0.14),
)
WEIGHTS: F64 = np.array(_BEFORE + _AT + _AFTER)  # [27, 7]
CONSTANT: F64 = np.array((+0.06, +0.16, +0.01, -0.01, +0.02, -0.02, -0.01))
# How the channels lie in speech: mean and mean deviation, to which every speaker is brought.
USUAL: F64 = np.array((0.27, 0.14, 0.05, 0.05, 0.04, 0.21, 0.10))
USUAL_SPREAD: F64 = np.array((0.115, 0.075, 0.035, 0.05, 0.035, 0.15, 0.075))
# The guess of a voice not heard yet: a least-squares guess is timid, so it spreads less.
GUESS: F64 = np.array((0.23, 0.14, 0.05, 0.05, 0.04, 0.26, 0.13))
GUESS_SPREAD: F64 = np.array((0.08, 0.04, 0.02, 0.03, 0.012, 0.09, 0.045))

# Log odds that the lips meet. Rows: 90, 60, 30 ms before, now, 30, 60 ms after; columns: the bands.
CLOSURE_OFFSETS = (-9, -6, -3, 0, 3, 6)
CLOSURE_BANDS: F64 = np.array((
    (-0.1, +1.0, -0.5, +0.6, +0.0, +0.8, -0.1),
    (-0.6, -0.1, -0.2, +0.2, -0.9, +0.6, -0.0),
    (+0.5, -0.7, -0.2, +0.9, -1.1, +0.4, -1.8),
    (+2.5, -1.3, -0.9, +0.1, -1.0, -1.4, -1.3),
    (+0.4, -0.9, -0.4, +0.7, -0.1, -1.1, -2.1),
    (+0.1, +0.3, +0.2, +1.3, -0.1, +0.6, -0.9),
))  # fmt: skip  # [6, 7]
CLOSURE_VOICING: F64 = np.array((+0.5, -0.3, +0.1))  # 60 ms before, now, 60 ms after
# How far the loudness and the bands from 630, 1080 and 3150 Hz lie below their peaks on both
# sides, and the square of it.
CLOSURE_DIP: F64 = np.array((+0.4, +0.5, -0.6, -0.6))
CLOSURE_DIP_SQUARED: F64 = np.array((+2.0, +1.3, -1.1, -0.2))
CLOSURE_CONSTANT = -3.2
CLOSURE_SHARE = 0.14  # of the frames of speech, in which lips meet
CLOSURE_THRESHOLD = -1.25  # log odds, of a voice not heard yet
CLOSURE_SOFT = (-0.6, 0.35)  # about the threshold: lips draw near, lips meet
CLOSURE_LASTS_S = (0.16, 0.30)  # p, b and m take 80 ms, hardly ever 150
