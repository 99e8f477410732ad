"""What a face does by itself: brows on accents, small habits of lips and cheeks, breath, unrest.

Knows the voice's music and a style. Refuses to make contacts: they are made after.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.types import ARKIT_INDEX
from training.teacher.articulation import Mouth
from training.teacher.curves import F64, add_bump, noise, smooth
from training.teacher.face import add
from training.teacher.prosody import TICK_HZ, Prosody
from training.teacher.style import Style

FRAME_HZ = 25


def raise_brows(
    face: F64, prosody: Prosody, style: Style, talk: F64, rng: np.random.Generator
) -> None:
    """Brows rise or knit on some accents, float with pitch, and move now and then in silence."""
    frames = len(face)
    up, down = np.zeros(frames), np.zeros(frames)
    for at_s, strength in prosody.accents:
        moves, height, hold, knits = rng.random(4)
        if moves < 0.34 + 0.22 * np.clip(strength, 0.0, 1.6):
            size = (0.16 + 0.30 * height) * np.clip(0.6 + 0.5 * strength, 0.5, 1.4) * style.brow
            y, gain = (down, 0.8) if knits < 0.2 else (up, 1.0)
            add_bump(y, FRAME_HZ, gain * size, at_s - 0.05, at_s + 0.05 + 0.25 * hold, 0.17, 0.34)
    at_s = 1.0 + 4.0 * rng.random()
    while at_s < frames / FRAME_HZ:
        moves, height, hold, wait = rng.random(4)
        if moves < 0.5 * style.listen and talk[int(at_s * FRAME_HZ)] < 0.3:
            add_bump(up, FRAME_HZ, (0.12 + 0.25 * height) * style.brow, at_s, at_s + 0.2 + hold,
                     0.25, 0.45)  # fmt: skip
        at_s += 3.0 + 6.0 * wait
    t = np.arange(frames) / FRAME_HZ
    pitch = np.interp(t, np.arange(len(prosody.pitch_semitones)) / TICK_HZ,
                      smooth(prosody.pitch_semitones, 5.0))  # fmt: skip
    up += 0.022 * np.clip(pitch, -2.0, 8.0) * style.brow * talk
    up += 0.03 * noise(rng, frames, FRAME_HZ, 0.08, 0.7)
    down += 0.03 * noise(rng, frames, FRAME_HZ, 0.08, 0.6)
    inner = 0.025 * noise(rng, frames, FRAME_HZ, 0.08, 0.6)
    add(face, "browInnerUp", np.maximum(up + inner, 0.0))
    add(face, "browOuterUp", np.maximum(0.85 * up - inner, 0.0), style.brow_unevenness)
    add(face, "browDown", np.maximum(down, 0.0), -style.brow_unevenness)
    add(face, "eyeSquint", 0.4 * np.maximum(down, 0.0))
    add(face, "eyeWide", 0.20 * np.maximum(up, 0.0))


def live(face: F64, mouth: Mouth, prosody: Prosody, style: Style, rng: np.random.Generator) -> None:
    """Habits of the lower face: it drifts aside, smiles a little, rests, wets its lips."""
    frames, talk = len(face), mouth.speech

    def drift(low_hz: float, high_hz: float) -> F64:
        return np.tanh(noise(rng, frames, FRAME_HZ, low_hz, high_hz))

    rest = style.restless
    rounded = np.clip(mouth.channels[:, list(_ROUND)].sum(1), 0.0, 1.0)
    smile = np.maximum(style.smile_rest + 0.025 * rest * drift(0.06, 0.4), 0.0) * (1 - rounded)
    add(face, "mouthSmile", smile, style.unevenness + 0.3 * style.sideways)
    side = style.sideways * (0.25 + 0.75 * talk) + 0.025 * rest * drift(0.08, 0.6)
    side += 0.02 * rest * talk * drift(0.3, 1.5)
    add(face, "mouthLeft", np.maximum(side, 0.0))
    add(face, "mouthRight", np.maximum(-side, 0.0))
    jaw = (0.5 * style.sideways + 0.03 * rest * drift(0.3, 2.0)) * talk
    add(face, "jawLeft", np.maximum(jaw, 0.0))
    add(face, "jawRight", np.maximum(-jaw, 0.0))
    add(face, "mouthFrown", np.maximum(0.03 * rest * drift(0.08, 0.5), 0.0))
    add(face, "cheekSquint", np.maximum(0.06 * rest * drift(0.08, 0.6), 0.0) + 0.3 * smile)
    add(face, "noseSneer", np.maximum(0.03 * rest * drift(0.1, 0.8), 0.0))
    add(face, "jawOpen", (style.rest_gap_iod / 0.343) * (1.0 - talk))
    _rest(face, talk, prosody, rng)


_ROUND = (6, 7)  # funnel and pucker among the channels


def _rest(face: F64, talk: F64, prosody: Prosody, rng: np.random.Generator) -> None:
    """In pauses: lips pressed or wetted now and then; parted for breath just before a phrase."""
    for begin, end in prosody.pauses:
        at_s = begin + 0.5 + 1.5 * rng.random()
        while at_s < end - 0.9:
            acts, kind, size, wait = rng.random(4)
            if acts < 0.55:
                _press(face, at_s, 0.25 + 0.5 * wait, kind, 0.15 + 0.30 * size)
            at_s += 2.5 + 5.0 * wait
        breathes, size = rng.random(), rng.random()
        if breathes < 0.5 and end - begin > 0.35 and end < len(face) / FRAME_HZ - 0.2:
            jaw = face[:, ARKIT_INDEX["jawOpen"]]
            add_bump(jaw, FRAME_HZ, 0.06 + 0.08 * size, end - 0.14, end - 0.05, 0.16, 0.10)


def _press(face: F64, at_s: float, hold_s: float, kind: float, size: float) -> None:
    pulse = np.zeros(len(face))
    add_bump(pulse, FRAME_HZ, size, at_s, at_s + hold_s, 0.22, 0.28)
    if kind < 0.55:
        add(face, "mouthPress", pulse)
        add(face, "mouthShrugLower", 0.3 * pulse)
    else:
        add(face, "mouthRollLower", 1.1 * pulse)
        add(face, "mouthRollUpper", 0.7 * pulse)
        add(face, "mouthPress", 0.3 * pulse)
