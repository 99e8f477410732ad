"""Teeth of a person: each tooth's size, stand and colour.

Knows single teeth. Refuses to know gums, lips and light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.studio.head import HeadModel
from training.studio.mesh import rotation
from training.studio.person import Person

F32 = NDArray[np.float32]


def shape_teeth(head: HeadModel, neutral: F32, person: Person) -> tuple[F32, F32, F32]:
    """The head with this person's teeth [V, 3], and per vertex: tone about 0, height 0 (gum)..1.

    Teeth are nearly alike on both sides; crookedness breaks the symmetry.
    """
    rng = np.random.default_rng(person.seed + 71)
    look = person.teeth
    points = neutral.copy()
    tone, height = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    if not all(head.teeth.values()):
        return points, tone, height
    for jaw, sign in (("upper", -1.0), ("lower", 1.0)):
        pairs = rng.normal(size=(40, 4))
        shift = look["drop"] if jaw == "upper" else 0.6 * look["drop"]
        teeth = head.teeth[jaw]
        gone = rng.integers(len(teeth)) if look["missing"] and jaw == "upper" else -1
        for index, tooth in enumerate(teeth):
            place = points[tooth].astype(np.float64)
            centre = place.mean(0)
            rank = int(4 * abs(head.neutral[tooth, 0].mean()))
            traits = 0.75 * pairs[rank % 40] + 0.5 * rng.normal(size=4) * look["crooked"]
            root = place[:, 1].max() if jaw == "upper" else place[:, 1].min()
            up = np.clip((place[:, 1] - root) * sign / (np.ptp(place[:, 1]) + 1e-6), 0, 1)
            height[tooth] = up
            tone[tooth] = traits[0]
            longer = look["length"] * (1 + 0.05 * traits[1]) - 0.12 * look["worn"] * rng.random()
            if 1.2 < abs(head.neutral[tooth, 0].mean()) < 1.9:
                longer += 0.10 * look["canines"]
            wide = 1 + 0.4 * look["size"] - 0.045 * look["gap"] * rng.random()
            turn = rotation(9 * look["crooked"] * traits[2], 4 * look["crooked"] * traits[3],
                            5 * look["crooked"] * traits[1])  # fmt: skip
            local = (place - centre) * [wide, 1, 1] @ turn.T + centre
            local[:, 1] = root + (local[:, 1] - root) * longer + shift
            local[:, 2] += 0.07 * look["crooked"] * traits[3]
            if index == gone:
                local[:, 1] = root + (local[:, 1] - root) * 0.15
            points[tooth] = local
    return points, tone, height
