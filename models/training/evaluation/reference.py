"""The mouth to compare with: the teacher, speaking like nobody in particular.

Knows how to make the teacher plain and how to let it act. Refuses to know what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.models.motion.perform import ControlsFor
from mien.models.motion.types import F32, Controls, Motion
from training.evaluation.lines import Line
from training.teacher import PLAIN, sample_style, teach


def plain(line: Line) -> Motion:
    """What an average speaker's mouth does on these phones: the reference of every figure."""
    done = teach(line.audio, line.segments, seed=0, style=PLAIN, controls=None)
    return _motion(line, done.dynamics, done.pose)


def acted(line: Line, seed: int, controls: Controls | None = None) -> Motion:
    """One performance of the teacher in a speaker's style drawn from `seed`: the ceiling."""
    style = sample_style(np.random.default_rng([seed, 71]))
    done = teach(line.audio, line.segments, seed=seed, style=style, controls=controls)
    return _motion(line, done.dynamics, done.pose)


def by_teacher(
    lines: Sequence[Line], seeds: Sequence[int], controls: Sequence[ControlsFor] | None = None
) -> list[Motion]:
    """The teacher as an actor: it sees the phones, and every seed is another speaker."""
    wishes = [None] * len(lines) if controls is None else [
        wish(0, line.frames) for wish, line in zip(controls, lines, strict=True)
    ]  # fmt: skip
    return [acted(*each) for each in zip(lines, seeds, wishes, strict=True)]


def _motion(line: Line, dynamics: F32, pose: F32) -> Motion:
    if len(dynamics) < line.frames:
        raise ValueError(f"{line.name}: the teacher gave {len(dynamics)} of {line.frames} frames")
    return Motion(
        np.asarray(dynamics[: line.frames], np.float32), np.asarray(pose[: line.frames], np.float32)
    )
