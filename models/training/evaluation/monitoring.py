"""The few figures, and the picture, that tell within a minute whether a checkpoint speaks.

Knows a small choice of lines. Refuses to know training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mien.models.motion.signal import SignalMotion
from mien.models.motion.types import Motion, MotionGenerator
from training.evaluation.heldout import held_out_lines
from training.evaluation.lines import Line, real_lines
from training.evaluation.living import compared, liveliness
from training.evaluation.performing import perform_many
from training.evaluation.picture import curves_picture
from training.evaluation.reference import by_teacher, plain
from training.evaluation.speaking import score

_SPEAKING = (
    "bilabial_recall", "bilabial_spurious", "jaw_r", "rounding_r", "sync_offset_ms", "opening_r",
    "separability", "closed_time",
)  # fmt: skip
_LIVING = ("delta_pose_ratio", "variance_ratio")
_plain_motions: dict[str, Motion] = {}


def quick(
    generator: MotionGenerator, *, speech: Path | None = None, lines: int = 3
) -> dict[str, float]:
    """Figures of a generator on held-out lines, and on recordings where given.

    `lines` a held-out voice (there are four), three times as many recordings. Keys are
    `synthetic/jaw_r`, `real/jaw_r` and so on. Held-out lines and references are kept.
    Raises `MaterialError`.
    """
    figures: dict[str, float] = {}
    for name, chosen in _sets(speech, lines).items():
        seeds = list(range(len(chosen)))
        shown = perform_many(generator, [line.audio for line in chosen], seeds)
        measured = score(chosen, shown, [reference_of(line) for line in chosen]).plain()
        acted = liveliness(chosen, by_teacher(chosen, seeds))
        lively = compared(liveliness(chosen, shown), acted)
        figures |= {f"{name}/{key}": float(measured[key]) for key in _SPEAKING}
        figures |= {f"{name}/{key}": lively[key] for key in _LIVING}
    return figures


def picture(
    generator: MotionGenerator, path: Path, *, speech: Path | None = None, lines: int = 1
) -> None:
    """Write curves over phones to a PNG: the plain teacher, `generator`, the signal baseline."""
    cases = []
    for chosen in _sets(speech, lines).values():
        ours, baseline = (
            perform_many(each, [line.audio for line in chosen], list(range(len(chosen))))
            for each in (generator, SignalMotion())
        )
        cases += three_ways(chosen, ours, baseline)
    curves_picture(cases).save(path)


def three_ways(
    lines: Sequence[Line], ours: Sequence[Motion], baseline: Sequence[Motion]
) -> list[tuple[Line, dict[str, Motion]]]:
    """Lines with the three motions that a picture compares."""
    return [
        (line, {"plain teacher": reference_of(line), "model": model, "signal": signal})
        for line, model, signal in zip(lines, ours, baseline, strict=True)
    ]


def reference_of(line: Line) -> Motion:
    """The plain teacher's motion of a line, kept for as long as the process lasts."""
    key = f"{line.voice}/{line.name}/{len(line.audio)}"
    if key not in _plain_motions:
        _plain_motions[key] = plain(line)
    return _plain_motions[key]


def _sets(speech: Path | None, lines: int) -> dict[str, list[Line]]:
    sets = {"synthetic": held_out_lines(lines)}
    if speech is not None:
        sets["real"] = real_lines(speech, 3 * lines)
    return sets
