"""What faces do in training frames, and how heads are held.

Knows distributions of coefficients, gazes, poses and framings. Refuses to know pictures. Speech
comes from the rule-based teacher, which performs nonsense; everything else is drawn at random, so
that no coefficient is only ever seen together with others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mien.models.motion.types import ARKIT_INDEX as I
from mien.models.motion.types import ARKIT_NAMES, EMOTIONS, Controls
from training.speech.phones import VISEMES, VOWELS, Segment
from training.studio.camera import Camera, frame_head
from training.studio.head import ANCHOR, PIVOT
from training.studio.mesh import rotation
from training.studio.pose import Placement, Tongue, set_gaze
from training.teacher import teach

F32 = NDArray[np.float32]
RATE_HZ = 16_000
JAW, CLOSE, TONGUE = I["jawOpen"], I["mouthClose"], I["tongueOut"]


class Kind(IntEnum):
    """Where a frame's expression comes from."""

    SOURCE_NEUTRAL = 0  # near-frontal, closed mouth: what portraits look like
    SOURCE_SMILE = 1  # portraits that smile or show teeth
    SOURCE_OPEN = 2  # portraits with an open mouth
    SPEECH = 3
    SPARSE = 4  # two to eight coefficients at random
    PURE = 5  # one coefficient
    FEELING = 6
    BLINK = 7
    MOUTH = 8  # mouths alone, to the extremes


@dataclass(frozen=True)
class Shot:
    """One frame to draw."""

    kind: Kind
    coefficients: F32  # [52]
    tongue: Tongue
    placement: Placement
    camera: Camera


FEELINGS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 1, "cheekSquint": 0.7, "eyeSquint": 0.5, "mouthUpperUp": 0.3, "jawOpen": 0.15},
    {"browInnerUp": 0.9, "mouthFrown": 0.8, "mouthShrugLower": 0.5, "browDown": 0.2},
    {"browDown": 1, "noseSneer": 0.5, "eyeSquint": 0.5, "mouthPress": 0.5, "jawForward": 0.3},
    {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.9, "jawOpen": 0.5},
    {"noseSneer": 1, "mouthUpperUp": 0.7, "browDown": 0.6, "eyeSquint": 0.4, "cheekSquint": 0.4},
    {"browInnerUp": 1, "browOuterUp": 0.5, "eyeWide": 0.9, "mouthStretch": 0.8, "jawOpen": 0.25},
    {"mouthSmileLeft": 0.6, "mouthDimpleLeft": 0.8, "browOuterUpLeft": 0.5},
    {"cheekPuff": 1, "mouthPress": 0.3, "mouthPucker": 0.3},
    {"browDown": 0.9, "jawOpen": 0.7, "mouthUpperUp": 0.6, "mouthStretch": 0.5, "noseSneer": 0.6},
)
MOUTHS = {"mouthSmile": 3.0, "mouthStretch": 2.0, "mouthFunnel": 3.0, "mouthPucker": 3.0,
          "mouthUpperUp": 2.5, "mouthLowerDown": 2.5, "mouthRollUpper": 1.0, "mouthRollLower": 1.0,
          "mouthShrugUpper": 1.0, "mouthShrugLower": 1.0, "mouthFrown": 1.0, "mouthDimple": 1.0,
          "mouthPress": 1.0, "mouthLeft": 0.5, "mouthRight": 0.5, "jawLeft": 0.4, "jawRight": 0.4,
          "jawForward": 0.4, "mouthClose": 1.0, "tongueOut": 0.7}  # fmt: skip
_LOOKS = [i for name, i in I.items() if name.startswith("eyeLook")]


def raise_to(
    face: F32, name: str, value: float, rng: np.random.Generator, uneven: float = 0.12
) -> None:
    """Raise a coefficient, or both sides of one a little unevenly, to at least `value`."""
    if name in I:
        face[I[name]] = max(face[I[name]], value)
        return
    tilt = uneven * rng.normal()
    for side, share in (("Left", 1 + tilt), ("Right", 1 - tilt)):
        face[I[name + side]] = max(face[I[name + side]], np.clip(value * share, 0, 1))


def plan(rng: np.random.Generator, frames: int, close: bool = False) -> list[Shot]:
    """The frames of one identity: sources first (two to three), then everything else.

    Frame 0 is always SOURCE_NEUTRAL, frame 1 a smiling or open one. `close`: hardly more than the
    face is in the picture.
    """
    framing = Framing(rng, close)
    second = Kind.SOURCE_SMILE if rng.random() < 0.6 else Kind.SOURCE_OPEN
    kinds = [Kind.SOURCE_NEUTRAL, second]
    drawn = rng.choice(
        [Kind.SPEECH, Kind.SPARSE, Kind.PURE, Kind.FEELING, Kind.BLINK, Kind.MOUTH],
        max(0, frames - 2), p=[0.27, 0.20, 0.10, 0.14, 0.07, 0.22],
    )  # fmt: skip
    kinds = (kinds + [Kind(int(k)) for k in drawn])[:frames]
    return [_shot(kind, framing, rng) for kind in kinds]


def _shot(kind: Kind, framing: Framing, rng: np.random.Generator) -> Shot:
    face, tongue = express(kind, rng)
    calm = kind <= Kind.SOURCE_OPEN
    placement, camera = framing.draw(rng, calm)
    yaw, pitch = (rng.normal(size=2) * (3, 2)) if calm else _gaze(rng)
    set_gaze(face, yaw, pitch, rng.uniform(-1, 3))
    return Shot(kind, face, tongue, placement, camera)


def express(kind: Kind, rng: np.random.Generator) -> tuple[F32, Tongue]:
    """Coefficients [52] without gaze, and the tongue."""
    face = np.zeros(len(ARKIT_NAMES), np.float32)
    tongue = Tongue()
    if kind == Kind.SOURCE_NEUTRAL:
        for name in rng.choice([n for n in ARKIT_NAMES if n.startswith("brow")], 2):
            face[I[str(name)]] = abs(rng.normal()) * 0.05
    elif kind == Kind.SOURCE_SMILE:
        _feel(face, FEELINGS[0], rng.uniform(0.4, 1.0), rng)
        raise_to(face, "jawOpen", rng.uniform(0, 0.2), rng)
    elif kind == Kind.SOURCE_OPEN:
        raise_to(face, "jawOpen", rng.uniform(0.08, 0.45), rng)
        raise_to(face, "mouthLowerDown", rng.uniform(0, 0.4), rng)
        raise_to(face, "mouthUpperUp", rng.uniform(0, 0.4), rng)
    elif kind == Kind.SPEECH:
        face, tongue = _speech(rng)
    elif kind == Kind.SPARSE:
        face = _sparse(rng)
    elif kind == Kind.PURE:
        index = int(rng.choice([i for i in range(len(face)) if i not in _LOOKS]))
        face[index] = rng.uniform(0.3, 1)
        if index == CLOSE:
            face[JAW] = face[CLOSE]
    elif kind == Kind.FEELING:
        _feel(face, FEELINGS[rng.integers(len(FEELINGS))], rng.uniform(0.3, 1.05), rng)
        if rng.random() < 0.5:
            face[rng.integers(len(face) - 1)] = rng.uniform(0, 0.6)
    elif kind == Kind.MOUTH:
        face, tongue = _mouth(rng)
    if kind == Kind.BLINK or (kind > Kind.SOURCE_OPEN and rng.random() < 0.18):
        raise_to(face, "eyeBlink", 1.0 if rng.random() < 0.45 else rng.uniform(0.1, 1), rng, 0.05)
    return _possible(face, rng), _tongue(face, tongue, rng)


def _feel(face: F32, feeling: dict[str, float], strength: float, rng: np.random.Generator) -> None:
    for name, value in feeling.items():
        raise_to(face, name, min(1.0, value * strength * rng.uniform(0.7, 1.3)), rng)


def _sparse(rng: np.random.Generator) -> F32:
    face = np.zeros(len(ARKIT_NAMES), np.float32)
    for index in rng.choice(len(face), rng.integers(2, 9), replace=False):
        name = ARKIT_NAMES[index]
        if index in _LOOKS or (index == TONGUE and rng.random() < 0.5):
            continue
        value = rng.uniform(0.1, 1)
        face[index] = value
        if name.endswith(("Left", "Right")) and rng.random() < 0.5 and name[-4:] == "Left":
            face[I[name[:-4] + "Right"]] = value
    return face


def _mouth(rng: np.random.Generator) -> tuple[F32, Tongue]:
    face = np.zeros(len(ARKIT_NAMES), np.float32)
    draw = rng.random()
    face[JAW] = 0 if draw < 0.12 else rng.uniform(0, 0.3) if draw < 0.55 else rng.uniform(0.2, 0.85)
    names, weights = list(MOUTHS), np.array(list(MOUTHS.values()))
    count = int(rng.choice([0, 1, 2, 3], p=[0.12, 0.38, 0.33, 0.17]))
    for name in rng.choice(names, count, replace=False, p=weights / weights.sum()):
        raise_to(face, str(name), rng.uniform(0.1, 1.0), rng)
    lift = rng.uniform(0.2, 1) if rng.random() < 0.35 else 0.0
    out = rng.uniform(0.1, 0.3) if rng.random() < 0.15 and face[JAW] > 0.06 else 0.0
    return face, Tongue(lift, out, rng.normal() * 0.3)


def _possible(face: F32, rng: np.random.Generator) -> F32:
    """Keep what cannot be together apart: both jaw sides, wide shut eyes, a shut open mouth."""
    np.clip(face, 0, 1, out=face)
    for a, b in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        if min(face[I[a]], face[I[b]]) > 0:
            face[I[a if rng.random() < 0.5 else b]] = 0
    for side in ("Left", "Right"):
        if face[I["eyeBlink" + side]] > 0.3:
            face[I["eyeWide" + side]] = 0
    if face[TONGUE] > 0:  # a tongue comes out through an opening
        face[JAW] = max(face[JAW], 0.18 + 0.3 * face[TONGUE])
        face[CLOSE] = 0
    face[CLOSE] = min(face[CLOSE], face[JAW])
    return face


def _tongue(face: F32, tongue: Tongue, rng: np.random.Generator) -> Tongue:
    out = max(float(face[TONGUE]), tongue.out)
    if face[JAW] < 0.05 or face[CLOSE] > 0.6 * face[JAW] + 0.05:
        out = 0.0 if face[TONGUE] == 0 else out
    return Tongue(tongue.lift * (out < 0.3), out, tongue.side)


def _gaze(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() < 0.15:
        return 0.0, 0.0
    yaw = float(np.clip(rng.normal() * 14, -30, 30))
    return yaw, float(np.clip(rng.normal() * 9, -26, 24))


CLOSE_HEIGHT = 10.6  # model units above and below the middle: a face fills three quarters of that


class Framing:
    """How one identity is placed before its camera: what stays, and what changes by frame."""

    def __init__(self, rng: np.random.Generator, close: bool = False) -> None:
        self.distance = float(np.exp(rng.uniform(np.log(42), np.log(140))))
        self.half_height = (CLOSE_HEIGHT if close else 14.8) * float(np.exp(rng.normal() * 0.06))
        self.offset = (rng.normal() * 0.6, rng.normal() * 0.6)
        self.rest_deg = rng.normal(size=3) * (9, 5, 4)

    def draw(self, rng: np.random.Generator, calm: bool) -> tuple[Placement, Camera]:
        """A pose near the identity's own for calm frames, anything within limits else."""
        spread, most = np.array([19.0, 9.5, 9.0]), np.array([50.0, 25.0, 30.0])
        if calm:
            angles = self.rest_deg * 0.6
        else:
            angles = self.rest_deg * 0.3 + rng.normal(size=3) * spread * np.exp(0.4 * rng.normal())
        yaw, pitch, roll = np.clip(angles, -most, most)
        share = rng.uniform(0, 0.6) if not calm else 0.2
        body = rotation(yaw * share, 0.0, roll * share)
        neck = body.T @ rotation(yaw, pitch, roll)
        shift = np.zeros(3) if calm else rng.normal(size=3) * (0.7, 0.4, 0.9)
        placement = Placement(body, neck, shift)
        zoom = 1.0 if calm else float(np.exp(rng.normal() * 0.07))
        rest = ANCHOR - PIVOT
        anchor = rest if not calm else placement.head @ rest
        if not calm:  # the camera follows most of the way
            anchor = 0.7 * (placement.head @ rest + body @ shift) + 0.3 * rest
        camera = frame_head(anchor, distance=self.distance * zoom,
                            half_height=self.half_height * zoom, offset=self.offset)  # fmt: skip
        return placement, camera


# Speech, from the teacher.


@lru_cache(maxsize=4)
def _scene(seed: int, seconds: float = 8.0) -> tuple[F32, list[Tongue]]:
    """Coefficients [T, 52] of a made-up scene, and the tongue at each frame."""
    rng = np.random.default_rng([seed, 977])
    segments = _phones(rng, seconds)
    audio = _sound(rng, segments, seconds)
    frames = -(-len(audio) // 640)
    wishes = Controls.neutral(frames)
    feeling = np.zeros(len(EMOTIONS), np.float32)
    feeling[0], feeling[rng.integers(len(EMOTIONS))] = 0.3, 0.7
    wishes.emotion[:] = feeling / feeling.sum()
    face = teach(audio, segments, seed=seed, controls=wishes).dynamics
    tongues = [Tongue()] * frames
    for segment in segments:
        lift = {"l": 1.0, "td": 0.9, "n": 0.9, "s": 0.45}.get(segment.viseme, 0.0)
        out = 0.24 if segment.viseme == "th" else 0.0
        for k in range(int(segment.start_s * 25), min(frames, int(segment.end_s * 25) + 1)):
            if lift or out:
                tongues[k] = Tongue(lift, out)
    return face, tongues


def _speech(rng: np.random.Generator) -> tuple[F32, Tongue]:
    face, tongues = _scene(int(rng.integers(12)))
    frame = int(rng.integers(len(face)))
    return face[frame].copy(), tongues[frame]


def _phones(rng: np.random.Generator, seconds: float) -> list[Segment]:
    consonants = [v for v in VISEMES if v not in VOWELS and v != "sil"]
    vowels = sorted(VOWELS)
    segments, t = [], 0.3
    while t < seconds - 0.4:
        for kind in (consonants, vowels):
            length = rng.gamma(6.0, 0.013) + 0.02 + 0.035 * (kind is vowels)
            name = kind[int(rng.integers(len(kind)))]
            segments.append(Segment(t, t + length, name, float(rng.random() < 0.2)))
            t += length
        t += rng.uniform(0.2, 0.6) * (rng.random() < 0.06)
    return segments


def _sound(rng: np.random.Generator, segments: list[Segment], seconds: float) -> F32:
    """A buzz for vowels and hiss for the rest: the teacher hears loudness, not words."""
    audio = 1e-4 * rng.normal(size=int(seconds * RATE_HZ))
    for segment in segments:
        a, b = int(segment.start_s * RATE_HZ), min(int(segment.end_s * RATE_HZ), len(audio))
        t = np.arange(max(b - a, 0)) / RATE_HZ
        if segment.viseme in VOWELS:
            tone = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 8))
            audio[a:b] += 0.1 * tone * np.exp(0.2 * rng.normal())
        else:
            audio[a:b] += 0.02 * rng.normal(size=len(t))
    return audio.astype(np.float32)
