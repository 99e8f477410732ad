"""The whole evaluation: every figure of the model, the baseline and the teacher.

Knows the order of things and how much of each. Refuses to know how any figure is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mien.models.motion.signal import SignalMotion
from mien.models.motion.types import Motion, MotionGenerator
from training.evaluation import feelings, strain
from training.evaluation.heldout import held_out_lines, seen_voice_lines
from training.evaluation.lines import Line, real_lines
from training.evaluation.living import at_rest, blinks_per_min, compared, drift, liveliness
from training.evaluation.monitoring import reference_of, three_ways
from training.evaluation.performing import Actor, by_generator
from training.evaluation.picture import curves_picture
from training.evaluation.pixels import Screen
from training.evaluation.reference import by_teacher
from training.evaluation.results import Results
from training.evaluation.scenes import scenes
from training.evaluation.speaking import Speaking, score
from training.evaluation.wishes import distance_error, gaze_errors

Tell = Callable[[str], None]
Keep = Callable[[Results], None]
PICTURE, REPORT = "curves.png", "evaluation.json"
BASELINE = "signal"


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    lines_per_voice: int | None = None  # None: all
    recordings: int | None = None
    pixel_lines_per_voice: int = 2
    pixel_recordings: int = 6
    scene_seeds: int = 4
    teacher_seeds: int = 12
    idle_seconds: float = 120.0
    wish_seeds: int = 2
    drift_seeds: int = 4
    feeling_lines_per_voice: int = 2
    pictured_recordings: int = 3
    baseline: bool = True  # everything of the baseline too, not its lips alone


QUICK = Amount(
    lines_per_voice=3, recordings=6, pixel_lines_per_voice=1, pixel_recordings=2, scene_seeds=2,
    teacher_seeds=8, idle_seconds=60.0, wish_seeds=1, drift_seeds=2, feeling_lines_per_voice=1,
    baseline=False,
)  # fmt: skip


class Evaluation:
    """One run over held-out material; `tell` hears what is being done."""

    def __init__(
        self, generator: MotionGenerator, name: str, speech: Path | None, amount: Amount, tell: Tell
    ) -> None:
        """Fetch the lines; raises `MaterialError`."""
        self._generator, self._amount, self._tell = generator, amount, tell
        self._baseline = SignalMotion()
        tell("held-out lines")
        self._heard = held_out_lines()
        self._sets = {"synthetic": held_out_lines(amount.lines_per_voice)}
        if speech is not None:
            self._sets["real"] = real_lines(speech, amount.recordings)
        self._actors: dict[str, Actor] = {
            "model": by_generator(generator),
            "baseline": by_generator(self._baseline),
            "teacher": by_teacher,
        }
        self._shown: dict[tuple[str, str], list[Motion]] = {}
        self.results = Results(name)

    def run(self, keep: Keep = lambda results: None) -> Results:
        """Measure everything, what says most first; `keep` gets what is known after every part."""
        began = time.perf_counter()
        for part in self._parts():
            part()
            if self.results.motion == BASELINE:
                self._same_for_baseline()
            self.results.seconds = time.perf_counter() - began
            keep(self.results)
        return self.results

    def _parts(self) -> Iterator[Callable[[], None]]:
        for who in self._actors:
            yield partial(self._speak, who)
        yield self._look
        yield self._strain
        for part in (self._obey, self._live):
            for who in self._thoroughly:
                yield partial(part, who)
        yield self._feel
        for who in self._thoroughly:
            yield partial(self._drift, who)

    def picture(self, path: Path) -> None:
        """Write curves over phones: a line a voice, some recordings."""
        cases = []
        for where, lines in self._sets.items():
            first = _first_of_each(lines, 1) if where == "synthetic" else range(len(lines))
            chosen = list(first)[: 4 if where == "synthetic" else self._amount.pictured_recordings]
            cases += three_ways(
                [lines[i] for i in chosen],
                [self._shown["model", where][i] for i in chosen],
                [self._shown["baseline", where][i] for i in chosen],
            )
        curves_picture(cases).save(path)

    def _speak(self, who: str) -> None:
        self._tell(f"{who}: lips")
        figures = self.results.speaking.setdefault(who, {})
        for where, lines in self._sets.items():
            shown = self._actors[who](lines, list(range(len(lines))), None)
            self._shown[who, where] = shown
            wanted = [reference_of(line) for line in lines]
            figures[where] = score(lines, shown, wanted)
            if who == "model":
                self.results.voices |= _by_voice(lines, shown, wanted)

    def _live(self, who: str) -> None:
        self._tell(f"{who}: liveliness and idling")
        long = scenes(self._heard)
        every = [s for s in long for _ in range(self._amount.scene_seeds)]
        many = [s for s in long for _ in range(self._amount.teacher_seeds)]
        if not hasattr(self, "_teachers"):
            self._teachers = liveliness(many, by_teacher(many, range(900, 900 + len(many))))
        motions = self._actors[who](every, list(range(len(every))), None)
        figures = self._other(who)
        figures |= compared(liveliness(every, motions), self._teachers)
        figures["blinks_per_min_speaking"] = blinks_per_min(motions)
        figures |= at_rest(self._actors[who], self._amount.idle_seconds, [1, 2, 3, 4])

    def _obey(self, who: str) -> None:
        self._tell(f"{who}: gaze and distance")
        seeds = list(range(self._amount.wish_seeds))
        figures, actor = self._other(who), self._actors[who]
        figures |= gaze_errors(actor, self._heard, seeds)
        figures |= distance_error(actor, self._heard, seeds)

    def _drift(self, who: str) -> None:
        self._tell(f"{who}: drift over five minutes")
        seeds = list(range(self._amount.drift_seeds))
        self._other(who).update(drift(self._actors[who], self._heard, seeds))

    def _feel(self) -> None:
        self._tell("emotions")
        recogniser = feelings.train_on(by_teacher, seen_voice_lines())
        chosen = _first_of_each(self._heard, self._amount.feeling_lines_per_voice)
        lines = [self._heard[i] for i in chosen]
        for who in self._thoroughly:
            self._other(who).update(feelings.recognised(recogniser, self._actors[who], lines))

    def _strain(self) -> None:
        self._tell("cost, and sounds that are no speech")
        speech = np.concatenate([line.audio for line in self._heard[:6]])
        generators = {"model": self._generator, "baseline": self._baseline}
        for who in (name for name in generators if name in self._thoroughly):
            self._other(who).update(strain.cost(generators[who], speech))
            self._other(who).update(strain.chatter(generators[who], speech))

    def _look(self) -> None:
        screen = Screen()
        for who in self._thoroughly:
            self._tell(f"{who}: pixels")
            figures = self.results.pixels.setdefault(who, {})
            for where, lines in self._sets.items():
                if where == "real" and who == "teacher":
                    continue
                chosen = (
                    _first_of_each(lines, self._amount.pixel_lines_per_voice)
                    if where == "synthetic"
                    else list(range(min(self._amount.pixel_recordings, len(lines))))
                )
                picked = [lines[i] for i in chosen]
                shown = [self._shown[who, where][i] for i in chosen]
                figures[where] = screen.score(picked, shown, [reference_of(ln) for ln in picked])

    @property
    def _thoroughly(self) -> list[str]:
        """Whose every figure is measured; the baseline is not measured twice."""
        left_out = not self._amount.baseline or self.results.motion == BASELINE
        return [who for who in self._actors if who != "baseline" or not left_out]

    def _same_for_baseline(self) -> None:
        self.results.other["baseline"] = dict(self.results.other.get("model", {}))
        self.results.pixels["baseline"] = dict(self.results.pixels.get("model", {}))

    def _other(self, who: str) -> dict[str, float]:
        return self.results.other.setdefault(who, {})


def _first_of_each(lines: Sequence[Line], most: int) -> list[int]:
    """Where the first lines of every voice stand."""
    chosen: list[int] = []
    for index, line in enumerate(lines):
        if sum(lines[i].voice == line.voice for i in chosen) < most:
            chosen.append(index)
    return chosen


def _by_voice(
    lines: Sequence[Line], shown: Sequence[Motion], wanted: Sequence[Motion]
) -> dict[str, Speaking]:
    figures = {}
    for voice in dict.fromkeys(line.voice for line in lines):
        at = [i for i, line in enumerate(lines) if line.voice == voice]
        figures[voice] = score(
            [lines[i] for i in at], [shown[i] for i in at], [wanted[i] for i in at]
        )
    return figures
