"""Can a feeling be told from the motion? A small classifier trained on the teacher's.

Knows window statistics and multinomial logistic regression. Refuses to know pictures: what a
person would recognise in pixels is another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.controls import CueTrack
from mien.models.motion.cues import EmotionCue
from mien.models.motion.types import ARKIT_INDEX, EMOTIONS, FRAME_RATE_HZ, Motion
from training.evaluation.lines import Line
from training.evaluation.performing import Actor

F64 = NDArray[np.float64]

SETTLES_FRAMES = FRAME_RATE_HZ
INTENSITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
FALLS_AT_MOST = 0.02  # in mean probability, from one intensity to the next, and is still monotone
_FACE = [i for name, i in ARKIT_INDEX.items() if not name.startswith("eyeLook")]
_RIDGE, _PASSES, _RATE = 3e-3, 600, 0.5


def features(motion: Motion) -> F64:
    """Statistics of one clip, [F]: mean and spread of face and head, from its second second on."""
    start = min(SETTLES_FRAMES, len(motion) // 2)
    whole = np.concatenate([motion.dynamics[start:, _FACE], motion.pose[start:, :3]], axis=1)
    return np.asarray(np.concatenate([whole.mean(0), whole.std(0)]), np.float64)


@dataclass(frozen=True)
class Recogniser:
    """Multinomial logistic regression on standardised statistics."""

    centre: F64  # [F]
    scale: F64  # [F]
    weights: F64  # [F + 1, 8]

    def probabilities(self, clips: F64) -> F64:
        """[N, F] to [N, 8] in the order of EMOTIONS."""
        return _softmax(_standard(clips, self.centre, self.scale) @ self.weights)


def fit(clips: F64, felt: F64) -> Recogniser:
    """Fit on statistics [N, F] and felt weights [N, 8]; no chance is involved.

    Cross-entropy with soft targets and a ridge, by plain gradient descent with momentum.
    """
    centre = clips.mean(0)
    scale = np.maximum(clips.std(0), 0.01)
    x = _standard(clips, centre, scale)
    weights = np.zeros((x.shape[1], felt.shape[1]))
    speed = np.zeros_like(weights)
    steepest = float(np.linalg.norm(x, 2)) ** 2 / len(x)
    step = 4 * _RATE / max(steepest, 1e-6)
    for _ in range(_PASSES):
        slope = x.T @ (_softmax(x @ weights) - felt) / len(x) + _RIDGE * weights
        speed = 0.9 * speed - step * slope
        weights = weights + speed
    return Recogniser(centre, scale, weights)


def _standard(clips: F64, centre: F64, scale: F64) -> F64:
    return np.concatenate([(clips - centre) / scale, np.ones((len(clips), 1))], axis=1)


def _softmax(x: F64) -> F64:
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def feeling(emotion: str, intensity: float) -> CueTrack:
    """An emotion held through a line."""
    return CueTrack([EmotionCue.of(0, 0, 0, intensity, **{emotion: 1.0})])


def _felt(emotion: str, intensity: float) -> F64:
    row = np.zeros(len(EMOTIONS))
    row[0] = 1.0 - intensity
    row[EMOTIONS.index(emotion)] += intensity
    return row


def train_on(teacher: Actor, lines: Sequence[Line]) -> Recogniser:
    """A recogniser of the teacher's feelings, at full and at lesser intensities."""
    rng = np.random.default_rng(20)
    clips, felt, wishes = [], [], []
    for line in lines:
        for emotion in EMOTIONS:
            for intensity in (1.0, float(rng.uniform(0.1, 0.9))):
                clips.append(line)
                felt.append(_felt(emotion, intensity))
                wishes.append(feeling(emotion, intensity))
    motions = teacher(clips, list(range(7000, 7000 + len(clips))), wishes)
    return fit(np.stack([features(m) for m in motions]), np.stack(felt))


def recognised(
    recogniser: Recogniser, actor: Actor, lines: Sequence[Line], seed: int = 0
) -> dict[str, float]:
    """Share of full-intensity clips told right, and how probability rises with intensity.

    `emotion_monotone` is the share of the seven feelings whose mean probability never falls by
    more than .02 from one of the five intensities to the next.
    """
    asked = [(e, k) for e in EMOTIONS[1:] for k in INTENSITIES[1:]] + [(EMOTIONS[0], 1.0)]
    clips = [line for _ in asked for line in lines]
    wishes = [feeling(e, k) for e, k in asked for _ in lines]
    motions = actor(clips, list(range(seed, seed + len(clips))), wishes)
    seen = recogniser.probabilities(np.stack([features(m) for m in motions]))
    told = dict(zip(asked, seen.reshape(len(asked), len(lines), -1), strict=True))
    calm = told[(EMOTIONS[0], 1.0)]
    right = {e: float((told[(e, 1.0)].argmax(1) == i).mean()) for i, e in enumerate(EMOTIONS)}
    curves = {
        e: [float(calm[:, i].mean())] + [float(told[(e, k)][:, i].mean()) for k in INTENSITIES[1:]]
        for i, e in enumerate(EMOTIONS)
        if i
    }
    rising = [bool((np.diff(curve) >= -FALLS_AT_MOST).all()) for curve in curves.values()]
    return {
        "emotion_accuracy": float(np.mean(list(right.values()))),
        "emotion_monotone": float(np.mean(rising)),
        **{f"emotion_accuracy_{e}": value for e, value in right.items()},
        **{
            f"emotion_at_{round(100 * k)}_percent": float(np.mean([c[j] for c in curves.values()]))
            for j, k in enumerate(INTENSITIES)
        },
    }
