"""Held-out people driven by their exact labels: what every contender makes of every frame.

Knows takes and sittings. Refuses to know how figures are formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.codec.profiles import CPU
from training.evaluation.codec.contenders import LEARNED
from training.evaluation.codec.driving import (
    Seen,
    from_labels,
    relative_face,
    relative_pose,
    residual_iod,
)
from training.evaluation.codec.features import Features
from training.evaluation.codec.material import SIZE_PX, Take
from training.evaluation.codec.regions import Regions, regions
from training.evaluation.codec.scoring import Tally, score, score_sequence
from training.evaluation.codec.shots import RIGID, SEQUENCE_FRAMES, STILLS
from training.evaluation.codec.sitting import Sitting, enrolled

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Person:
    """One held-out person, enrolled."""

    take: Take
    sitting: Sitting

    @property
    def stills(self) -> range:
        """Frames that are judged one by one."""
        return range(1, 1 + len(STILLS))

    @property
    def sequence(self) -> range:
        """Frames that are judged in a row."""
        return range(1 + len(STILLS), 1 + len(STILLS) + SEQUENCE_FRAMES)

    def seen(self, index: int) -> Seen:
        """Labels of a frame in the portrait's px."""
        return from_labels(self.take.labels[index], SIZE_PX, self.sitting.frame)

    def true(self, index: int) -> U8:
        """The frame as the portrait was cut."""
        return self.sitting.cut(self.take.picture(index))

    def regions(self, index: int) -> Regions:
        """Boxes of a frame."""
        iod_px = float(self.take.labels[index].iod[0]) * SIZE_PX * self.sitting.frame.scale
        return regions(self.seen(index).points, iod_px, SIZE_PX)

    def motion(self, index: int, who: str = LEARNED) -> tuple[F32, F32]:
        """Dynamics [52] and pose [6] that should give a frame, as a contender draws it."""
        labels = self.take.labels
        pose = relative_pose(self.sitting.rig_of(who), self.seen(0), self.seen(index))
        return relative_face(labels[index].coefficients, labels[0].coefficients), pose

    def shown(self, who: str, index: int) -> U8:
        """What a contender makes of a frame."""
        return self.sitting.drawings[who](*self.motion(index, who))

    def rigid_residuals(self) -> Iterator[float]:
        """How far rigid points are from their places in frames where only the head moves, iod."""
        for index in (i for i in self.stills if self.take.names[i] == RIGID):
            pose = self.motion(index)[1]
            yield residual_iod(self.sitting.rig, self.seen(0), self.seen(index), pose)


def sat(take: Take, profile: str = CPU) -> Person:
    """Enrol a person's portrait. Raises EnrolmentError and ProfileError."""
    return Person(take, enrolled(take.pngs[0], str(take.seed), profile=profile))


def judge(person: Person, tallies: dict[str, Tally], features: Features | None) -> None:
    """Add a person's frames to every contender's tally."""
    for index in person.stills:
        true, at, points = person.true(index), person.regions(index), person.seen(index).points
        for who in person.sitting.drawings:
            tally = tallies.setdefault(who, Tally())
            score(tally, person.shown(who, index), true, at, features, points)
    row = list(person.sequence)
    true_row, at = [person.true(i) for i in row], person.regions(row[0])
    for who in person.sitting.drawings:
        shown_row = [person.shown(who, i) for i in row]
        score_sequence(tallies[who], shown_row, true_row, at)
