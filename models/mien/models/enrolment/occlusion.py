"""Whether the eyes and the mouth of a portrait can be seen.

Knows three kinds of evidence that covering leaves: points that wander when the picture is moved a
little, a lip or lid line that is not there, and colours that are not those of lips or eyes. Each
part gets one figure, a weighted sum of its evidence. Refuses to know what covers it.

The weights are a logistic regression over 87 faces (photographs, paintings, a statue, a cartoon,
renders with many expressions), each also bearded, with glasses, dimmed, half lit, blurred and
compressed, and each with sunglasses, blindfolds, patches, masks, scarves, hands and microphones
drawn over it. The limits are cautious. Measured again on 68 of those faces, pictures that pass the
mirror gate: 1 of 549 uncovered ones is refused, 40 of 328 covered ones are missed, mostly
patterned scarves and half-clear glasses. Drawn covers stand in for real ones: no photograph of a
real mask or hand has been judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec import topology
from mien.models.enrolment.landmarks import eye_distance_px, look_again

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Contour = tuple[int, ...]

# Scale about the middle, shift in px of 512, mirrored: small enough that a real face stays put.
_JITTERS = (
    (1.0, 0, 0, False), (1.0, 0, 0, True), (0.86, 12, -8, False),
    (0.86, -12, 8, True), (1.12, 0, 10, False), (1.12, 8, -6, True),
)  # fmt: skip
_STRIP = (41, 48)  # samples across and along a lip or lid line


@dataclass(frozen=True)
class Judge:
    """How evidence adds up: log odds that a part is covered = bias + weights · evidence."""

    weights: tuple[float, ...]
    bias: float

    def __call__(self, evidence: tuple[float, ...]) -> float:
        return self.bias + sum(w * e for w, e in zip(self.weights, evidence, strict=True))


# Order: wander, line dip, line contrast, line coherence, left-right likeness, redness, tint.
MOUTH_JUDGE = Judge((3.625, -10.94, -4.644, 5.382, -5.46, -0.192, 0.079), 22.061)
# Order: wander, contrast, coherence, spread, lightness, left-right likeness, range.
EYE_JUDGE = Judge((4.295, -0.538, 7.18, -3.745, -7.914, -3.037, -4.015), 26.017)
MOUTH_LIMIT = 2.0  # log odds
EYE_LIMIT = 3.0
BOTH_EYES_LIMIT = 1.0  # two weak witnesses are as good as a strong one


@dataclass(frozen=True)
class Visibility:
    """Log odds that each part is covered; above its limit it is."""

    mouth: float
    right_eye: float
    left_eye: float

    def hidden_parts(self) -> tuple[tuple[str, float, float], ...]:
        """Covered parts: name, log odds, limit."""
        parts = []
        if self.mouth > MOUTH_LIMIT:
            parts.append(("mouth", self.mouth, MOUTH_LIMIT))
        if min(self.right_eye, self.left_eye) > BOTH_EYES_LIMIT:
            parts.append(("eyes", min(self.right_eye, self.left_eye), BOTH_EYES_LIMIT))
        elif self.right_eye > EYE_LIMIT:
            parts.append(("right eye", self.right_eye, EYE_LIMIT))
        elif self.left_eye > EYE_LIMIT:
            parts.append(("left eye", self.left_eye, EYE_LIMIT))
        return tuple(parts)


def judge_visibility(portrait: U8, landmarks: F32) -> Visibility:
    """Look at the mouth and the eyes of `portrait` [512, 512, 3] with `landmarks` [478, 3] px."""
    wander = _wander(portrait, landmarks)
    view = _View(portrait, landmarks)
    return Visibility(
        mouth=MOUTH_JUDGE(mouth_evidence(view, wander)),
        right_eye=EYE_JUDGE(eye_evidence(view, wander, *_RIGHT_EYE)),
        left_eye=EYE_JUDGE(eye_evidence(view, wander, *_LEFT_EYE)),
    )


_RIGHT_EYE = (topology.RIGHT_UPPER_LID, topology.RIGHT_LOWER_LID)
_LEFT_EYE = (topology.LEFT_UPPER_LID, topology.LEFT_LOWER_LID)


class _View:
    """A portrait prepared for sampling along the lines of its face."""

    def __init__(self, portrait: U8, landmarks: F32) -> None:
        self.points = landmarks[:, :2]
        self.unit_px = eye_distance_px(landmarks)
        right, left = (self.points[i] for i in topology.OUTER_EYE_CORNERS)
        across = (left - right) / self.unit_px
        self.down = np.array([-across[1], across[0]], np.float32)
        grey = np.asarray(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), np.uint8)
        self.grey = _soften(grey.astype(np.float32), 0.008 * self.unit_px)
        softened = np.asarray(cv2.GaussianBlur(portrait, (0, 0), 0.012 * self.unit_px), np.uint8)
        self.lab = np.asarray(cv2.cvtColor(softened, cv2.COLOR_RGB2LAB), np.float32)
        self.lightness = float(np.median(grey[self.inside(topology.FACE_OVAL)])) + 8

    def inside(self, contour: Contour) -> NDArray[np.bool_]:
        mask = np.zeros(self.grey.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(self.points[list(contour)]).astype(np.int32)], (1,))
        return np.asarray(mask > 0)

    def strip(self, upper: Contour, lower: Contour, reach: float) -> F32:
        """Grey values [41 across, 48 along] around the line midway between two contours."""
        line = (self.points[list(upper)] + self.points[list(lower)]) / 2
        at = np.linspace(0, len(line) - 1, _STRIP[1])
        ordinals = np.arange(len(line))
        along = np.stack([np.interp(at, ordinals, line[:, axis]) for axis in (0, 1)], axis=1)
        across = np.linspace(-reach, reach, _STRIP[0]) * self.unit_px
        where = (along[None] + across[:, None, None] * self.down).astype(np.float32)
        sampled = cv2.remap(
            self.grey,
            where[..., 0],
            where[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(sampled, np.float32)


def mouth_evidence(view: _View, wander: F32) -> tuple[float, ...]:
    """What speaks for or against a mouth, in the order of `MOUTH_JUDGE`."""
    strip = view.strip(topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP, 0.2)[:, 5:-5]
    local = float(np.median(strip)) + 8
    profile = strip.mean(axis=1)
    near, line = profile[8:33], profile[14:27]
    dip = (min(profile[:14].max(), profile[-14:].max()) - line.min()) / local
    lips = view.inside(topology.OUTER_LIP)
    inner = topology.UPPER_INNER_LIP + topology.LOWER_INNER_LIP[-2:0:-1]
    skin = _grown(lips, 0.09 * view.unit_px) & ~_grown(lips, 0.02 * view.unit_px)
    tint = view.lab[lips & ~view.inside(inner)].mean(axis=0) - view.lab[skin].mean(axis=0)
    return (
        float(np.log(wander[list(topology.LIPS)].mean() + 0.002)),
        float(np.clip(dip, -0.1, 0.6)),
        float(min((near.max() - near.min()) / local, 1.0)),
        _coherence(strip),
        _likeness(strip[:, : strip.shape[1] // 2], strip[:, strip.shape[1] // 2 :]),
        float(np.clip(tint[1], -5, 12)),
        float(min(np.hypot(tint[1], tint[2]), 15.0)),
    )


def eye_evidence(view: _View, wander: F32, upper: Contour, lower: Contour) -> tuple[float, ...]:
    """What speaks for or against an eye, in the order of `EYE_JUDGE`."""
    strip = view.strip(upper, lower, 0.12)[:, 4:-4]
    local = float(np.median(strip)) + 8
    profile = strip.mean(axis=1)
    opening = view.inside(upper + lower[-2:0:-1])
    grey = view.grey[opening]
    spread = float(np.ptp(np.percentile(grey, (5, 95)))) / local if grey.size > 10 else 0.0
    return (
        float(np.log(wander[list(upper + lower)].mean() + 0.002)),
        float(np.clip((profile.max() - profile.min()) / local, 0, 2)),
        _coherence(strip),
        float(np.clip(strip.std() / local, 0, 2)),
        float(np.clip(local / view.lightness, 0, 2)),
        _likeness(strip[:, :20], strip[:, -20:]),
        float(np.clip(spread, 0, 2)),
    )


def _wander(portrait: U8, landmarks: F32) -> F32:
    """How far each point moves on the face when the picture is moved, in eye distances [478]."""
    found = [look_again(portrait, landmarks, *jitter) for jitter in _JITTERS]
    looks = np.stack([points[:, :2] for points in found if points is not None] or [landmarks])
    if len(looks) < 3:  # lost most of the time: as unsteady as can be
        return np.full(len(landmarks), 0.1, np.float32)
    away = np.linalg.norm(looks - np.median(looks, axis=0), axis=2)
    return np.asarray(away.mean(axis=0) / eye_distance_px(landmarks), np.float32)


def _coherence(strip: F32) -> float:
    """The share of the strip's variance that is the same all along the line, 0..1."""
    return float(strip.mean(axis=1).var() / (strip.var() + 4))


def _likeness(one: F32, other: F32) -> float:
    """Correlation of two halves' profiles, -1..1."""
    a, b = one.mean(axis=1), other.mean(axis=1)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1))


def _soften(image: F32, sigma_px: float) -> F32:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _grown(mask: NDArray[np.bool_], by_px: float) -> NDArray[np.bool_]:
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel, iterations=int(by_px)) > 0)
