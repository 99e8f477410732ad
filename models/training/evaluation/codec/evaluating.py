"""The whole evaluation of the codec, part by part.

Knows the order of things and how much of each. Refuses to know how any figure is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.models.capture.reader import FaceReader
from mien.models.capture.weights import EncoderWeightsError, load_model
from mien.models.codec.profiles import CPU, learned_parts
from mien.models.enrolment import EnrolmentError
from training.evaluation.codec import clips, cost, identity, landmarks, repeating, sheets
from training.evaluation.codec.contenders import GEOMETRY, LEARNED, STATIC, gflop
from training.evaluation.codec.encoding import Reading, read_person
from training.evaluation.codec.features import Features
from training.evaluation.codec.material import PEOPLE, QUICK_PEOPLE, held_out, read
from training.evaluation.codec.people import Person, judge, sat
from training.evaluation.codec.results import Results
from training.evaluation.lines import MaterialError

Tell = Callable[[str], None]
Keep = Callable[[Results], None]
REPORT = "codec.json"


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    people: int = PEOPLE
    take_moments: int = 48
    timed_moments: int = 60


QUICK = Amount(people=QUICK_PEOPLE, take_moments=24, timed_moments=30)


class Evaluation:
    """One run; `tell` hears what is being done."""

    def __init__(
        self, facekit: Path | None, videos: Sequence[Path], amount: Amount, out: Path | None,
        tell: Tell, profile: str = CPU,
    ) -> None:  # fmt: skip
        """Fetch the held-out set and the encoder; raises MaterialError and ProfileError.

        `profile`: which of the codec's draws the frames with learned parts.
        """
        learned_parts(profile)
        self._profile = profile
        self._videos, self._amount, self._out, self._tell = videos, amount, out, tell
        self.results = Results()
        self._files = held_out(amount.people, facekit, tell)
        self._reader: FaceReader | None = None
        self._features: Features | None = None
        try:
            model = load_model()
            self._reader, self._features = FaceReader(model), Features(model)
        except EncoderWeightsError as problem:
            for figure in ("video", "motion_encoder", "retarget_r", "features", "disentanglement"):
                self.results.missing[figure] = str(problem)

    def run(self, keep: Keep = lambda results: None) -> Results:
        """Measure everything; `keep` gets what is known after every part."""
        began = time.perf_counter()
        self._people = self._enrol()
        parts = (self._studio, self._costs, self._identity, self._encoder, self._repeat,
                 self._clips)  # fmt: skip
        for part in parts:
            part()
            self.results.seconds = time.perf_counter() - began
            keep(self.results)
        return self.results

    def _enrol(self) -> list[Person]:
        people = []
        for path in self._files:
            self._tell(f"enrolling held-out person {path.stem}")
            take = read(path)
            try:
                people.append(sat(take, self._profile))
            except EnrolmentError as problem:
                self.results.refused[path.stem] = str(problem)
        if not people:
            raise MaterialError("enrolment refused every held-out person")
        self.results.people = len(people)
        self.results.missing |= people[0].sitting.missing
        self.results.landmarks = landmarks.averaged(
            landmarks.of_sitting(person.sitting, person.take.labels[0]) for person in people
        )
        return people

    def _studio(self) -> None:
        residuals: list[float] = []
        for number, person in enumerate(self._people):
            self._tell(f"drawing held-out person {number + 1} of {len(self._people)}")
            judge(person, self.results.studio, self._features)
            residuals += person.rigid_residuals()
            if self._out is not None:
                sheets.write(person, self._out)
        self.results.rigid_residual = float(np.mean(residuals))

    def _costs(self) -> None:
        self._tell("cost")
        self.results.rest_error = max(cost.rest_error(person.sitting) for person in self._people)
        motion = repeating.the_take(self._amount.timed_moments)
        drawings = self._people[0].sitting.drawings
        self.results.geometry_ms = cost.decode_ms(drawings[GEOMETRY], motion)
        if self._best == LEARNED:
            self.results.decode_ms = cost.decode_ms(drawings[LEARNED], motion)
            self.results.gflop = gflop(self._people[0].sitting.character, self._profile)
        else:
            self.results.decode_ms = self.results.geometry_ms
            self.results.missing["gflop"] = self.results.missing[LEARNED]

    def _identity(self) -> None:
        self._tell("identity")
        self.results.identity = identity.distances(self._people, self._best)

    def _encoder(self) -> None:
        if self._reader is None:
            return
        reading = Reading()
        for number, person in enumerate(self._people):
            self._tell(f"reading held-out person {number + 1} of {len(self._people)}")
            read_person(person.take, self._reader, reading)
        self.results.encoder, self.results.coefficients = reading.figures(), reading.r()
        self._recovered = reading.good()

    def _repeat(self) -> None:
        if self._reader is None:
            return
        take = repeating.the_take(self._amount.take_moments)
        chosen = [person.sitting for person in self._people[: repeating.CHARACTERS]]
        found = []
        for number, sitting in enumerate(chosen):
            self._tell(f"one take on character {number + 1} of {len(chosen)}")
            found.append(repeating.captured(sitting, self._best, take, self._reader))
        self.results.retarget = repeating.agreement(found, take.dynamics, self._recovered)
        self.results.disentanglement = repeating.disentangled(
            chosen, self._best, self._recovered, self._reader
        )

    def _clips(self) -> None:
        for path in self._videos:
            self.results.video[str(path)] = {}
            if self._reader is None:
                continue
            try:
                self.results.video[str(path)] = clips.reenact(
                    path, self._reader, self._features, self._tell, self._profile
                )
            except clips.ClipError as problem:
                self.results.missing[f"video {path}"] = str(problem)

    @property
    def _best(self) -> str:
        """The contender that takes and costs are about."""
        can = self._people[0].sitting.drawings
        return LEARNED if LEARNED in can else GEOMETRY if GEOMETRY in can else STATIC
