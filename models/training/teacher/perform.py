"""A whole performance from sound, phones, wishes and a seed.

Knows how the parts come together. Refuses to know where sound and phones came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.models.motion.gaze import eye_weights
from mien.models.motion.types import ARKIT_INDEX, F32, HOP_SAMPLES, Controls
from training.teacher import idle
from training.teacher.articulation import Mouth, articulate
from training.teacher.curves import F64, follow, smooth
from training.teacher.eyes import FRAME_HZ, blink, look
from training.teacher.face import blend_mood, keep_promises, speak
from training.teacher.head import bear
from training.teacher.mood import feel
from training.teacher.prosody import measure
from training.teacher.style import Style, sample_style
from training.teacher.visemes import Segment


@dataclass(frozen=True)
class Performance:
    """What the teacher shows, at 25 Hz; frame i is the face at i * 40 ms."""

    dynamics: F32  # [T, 52]
    pose: F32  # [T, 6] rotation vector in radians, translation in head widths
    gaze_rad: F32  # [T, 2] performed, in the world: theta toward the subject's left, phi up
    close: F32  # [T] 0..1: lips are to meet (p, b, m)
    labiodental: F32  # [T] 0..1: lower lip to the upper teeth (f, v)
    speech: F32  # [T] 0..1


def teach(
    audio: F32,
    segments: Sequence[Segment],
    *,
    seed: int,
    style: Style | None = None,
    controls: Controls | None = None,
) -> Performance:
    """Perform a scene: `audio` [N] at 16 kHz, phones in any order, silence between.

    The same arguments give the same performance; another seed, another one. Without a style the
    seed draws one. Frames: ceil(N / 640); `controls` must be as long.
    """
    frames = -(-len(audio) // HOP_SAMPLES)
    if frames == 0:
        raise ValueError("a scene needs sound, silent or not")
    wishes = controls or Controls.neutral(frames)
    if len(wishes) != frames:
        raise ValueError(f"{frames} frames of sound came with {len(wishes)} frames of controls")
    chance = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(8)]
    style = style or sample_style(chance[0])
    prosody = measure(audio, segments)
    mood = feel(np.asarray(wishes.emotion, np.float64), chance[1])
    mouth = articulate(prosody, style, frames, mood.jaw, chance[2])
    wish_rad = np.asarray(wishes.gaze_rad, np.float64)
    gaze = look(wish_rad, mouth.speech, prosody, style, chance[3])
    distance = np.asarray(wishes.distance, np.float64)
    pose = bear(prosody, style, mouth.speech, wish_rad, distance, mood, chance[4])
    pose[:, :3] += mood.bearing_rad + follow(np.asarray(wishes.head, np.float64), FRAME_HZ, 0.05)
    lids = blink(frames, gaze, prosody, style, mood.blinks, chance[5])
    lids = np.maximum(lids, wishes.blink)

    face = speak(mouth, style)
    idle.live(face, mouth, prosody, style, chance[6])
    idle.raise_brows(face, prosody, style, smooth(mouth.speech, 3.0), chance[7])
    blend_mood(face, mood.face, mouth)
    face = keep_promises(face, mouth, style)
    _eyes(face, gaze.gaze_rad, pose[:, :3], lids)
    return _performance(face, pose, gaze.gaze_rad, mouth)


def _eyes(face: F64, gaze_rad: F64, head_rad: F64, lids: F64) -> None:
    """Turn the eyes to where they look, against the head, and shut the lids."""
    left, up = eye_weights(gaze_rad, head_rad)
    for side, outward in (("Left", left), ("Right", -left)):
        face[:, ARKIT_INDEX["eyeLookOut" + side]] = np.maximum(outward, 0.0)
        face[:, ARKIT_INDEX["eyeLookIn" + side]] = np.maximum(-outward, 0.0)
        face[:, ARKIT_INDEX["eyeLookUp" + side]] = np.maximum(up, 0.0)
        face[:, ARKIT_INDEX["eyeLookDown" + side]] = np.maximum(-up, 0.0)
        shut = face[:, ARKIT_INDEX["eyeBlink" + side]]
        face[:, ARKIT_INDEX["eyeBlink" + side]] = shut + (1.0 - shut) * lids
        face[:, ARKIT_INDEX["eyeWide" + side]] *= 1.0 - lids


def _performance(face: F64, pose: F64, gaze_rad: F64, mouth: Mouth) -> Performance:
    def narrow(y: F64) -> F32:
        return y.astype(np.float32)

    return Performance(
        narrow(face), narrow(pose), narrow(gaze_rad), narrow(mouth.close),
        narrow(mouth.labiodental), narrow(mouth.speech),
    )  # fmt: skip
