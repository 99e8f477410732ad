"""How far an enrolled portrait's landmarks are from where a render has them.

Knows exact labels and groups of points. Refuses to know how landmarks were found. Names on a curve
slide along it from one definition to the next, which costs a point one to two % and a face
nothing: so lids and inner lips are also measured as curves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.models.capture.points import GROUPS, LANDMARKS, PLACE, places
from mien.models.enrolment import EnrolmentError
from mien.models.enrolment.refined import MOUTH, curves_apart
from training.evaluation.codec.driving import from_labels
from training.evaluation.codec.material import PEOPLE, SIZE_PX, held_out, read
from training.evaluation.codec.metrics import mean
from training.evaluation.codec.sitting import Sitting, enrolled
from training.studio.labels import Labels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Figures = dict[str, float]

MEDIAPIPE, REFINED = "mediapipe", "refined"
POINTS = {
    "lids": ("right_eye", "left_eye"), "irises": ("right_iris", "left_iris"),
    "brows": ("right_brow", "left_brow"), "inner_lip": ("inner_lip",),
    "outer_lip": ("outer_lip",), "nose": ("nose",), "oval": ("oval",), "cheeks": ("cheeks",),
}  # fmt: skip
CURVES = {"lids_curve": ("right_eye", "left_eye"), "inner_lip_curve": ("mouth",)}
NAMES = (*POINTS, *CURVES)
_RINGS = {side: list(GROUPS[side]) for side in CURVES["lids_curve"]} | {MOUTH.name: MOUTH.ring}


def errors(landmarks: F32 | F64, true: F64, visible: F64, iod_px: float) -> Figures:
    """Mean error of each group in % of the outer-eye distance; NaN for one that is hidden.

    `landmarks` [478, 2 or more] px against the 170 points `true` [170, 2] px.
    """
    found = np.asarray(landmarks, np.float64)[:, :2]
    away = 100 * np.linalg.norm(found[list(LANDMARKS)] - true, axis=1) / iod_px
    out = {}
    for name, groups in POINTS.items():
        at = np.array([place for group in groups for place in places(group)])
        out[name] = mean(away[at[visible[at] > 0.5]].tolist())
    for name, rings in CURVES.items():
        out[name] = 100 / iod_px * mean([_apart(found, true, _RINGS[ring]) for ring in rings])
    return out


def _apart(found: F64, true: F64, ring: list[int]) -> float:
    return curves_apart(found[ring], true[[PLACE[i] for i in ring]])


def of_sitting(sitting: Sitting, labels: Labels) -> dict[str, Figures]:
    """Errors of a portrait's landmarks as MediaPipe and pixels have them, and refined."""
    true = from_labels(labels, SIZE_PX, sitting.frame)
    iod_px = float(labels.iod[0]) * SIZE_PX * sitting.frame.scale
    plain = sitting.rig if sitting.bare is None else sitting.bare
    return {
        who: errors(rig.landmarks, true.points, true.visible, iod_px)
        for who, rig in ((MEDIAPIPE, plain), (REFINED, sitting.rig))
    }


def averaged(found: Iterable[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Means over people, without those who hide a group."""
    people = list(found)
    return {
        who: {name: mean([figures[who][name] for figures in people]) for name in NAMES}
        for who in (MEDIAPIPE, REFINED)
    }


def main() -> None:
    """Print the table alone: `python -m training.evaluation.codec.landmarks`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--facekit", type=Path, default=None)
    asked = parser.parse_args()
    found = []
    for path in held_out(asked.people, asked.facekit, print):
        take = read(path)
        try:
            sitting = enrolled(take.pngs[0], path.stem)
        except EnrolmentError as problem:
            print(f"{path.stem}: {problem}")
            continue
        found.append(of_sitting(sitting, take.labels[0]))
    both = averaged(found)
    print(f"{len(found)} people, % of the outer-eye distance: mediapipe's, refined")
    for name in NAMES:
        print(f"{name:16} {both[MEDIAPIPE][name]:6.2f} {both[REFINED][name]:6.2f}")


if __name__ == "__main__":
    main()
