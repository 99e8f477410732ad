"""Models small enough to see through: what drives the face is the sound's level, nothing else.

`MIEN_TEST_TROUBLE` in the environment makes one of them misbehave for characters of a given name.
"""

import hashlib
import os
import time
from dataclasses import dataclass

import numpy as np

from mien.backend.modelset import LoadedCharacter, StreamEars
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, HOP_SAMPLES

JAW = ARKIT_INDEX["jawOpen"]


@dataclass
class TinyState:
    sound: np.ndarray  # [lanes, lookahead] levels still to come out
    frame: np.ndarray
    seed: np.ndarray

    def reset(self, mask, seeds):
        self.sound[mask] = 0.0
        self.frame[mask] = -TinyMotion.lookahead_frames
        self.seed[mask] = seeds[mask]


class TinyMotion:
    """jawOpen is the level of the frame's sound; the head sways by seed and frame."""

    block_frames = 1
    lookahead_frames = 2

    def new_state(self, lanes):
        return TinyState(
            np.zeros((lanes, self.lookahead_frames)),
            np.full(lanes, -self.lookahead_frames),
            np.zeros(lanes, np.uint64),
        )

    def step(self, state, audio, controls, mask):
        lanes = len(mask)
        assert audio.shape == (lanes, HOP_SAMPLES)
        level = np.sqrt(np.mean(audio.astype(np.float64) ** 2, axis=1))
        if (level > 0.99).any() and os.environ.get("MIEN_TEST_TROUBLE") == "motion":
            raise RuntimeError("too loud")
        dynamics = np.zeros((lanes, 1, COEFFICIENTS), np.float32)
        pose = np.zeros((lanes, 1, 6), np.float32)
        for lane in np.flatnonzero(mask):
            dynamics[lane, 0, JAW] = min(1.0, 2 * state.sound[lane, 0])
            state.sound[lane] = [*state.sound[lane, 1:], level[lane]]
            phase = 0.11 * state.frame[lane] + 0.7 * float(state.seed[lane] % 97)
            pose[lane, 0, :2] = 0.1 * np.sin(phase), 0.1 * np.cos(phase)
            pose[lane, 0, :3] += controls[lane].head[0]
            state.frame[lane] += 1
        return dynamics, pose


class TinyDecoder:
    """Red is the character, green the jaw; the rest is plain."""

    def __init__(self, name, size_px):
        self.name, self.size_px = name, size_px
        self.frames = 0

    def decode(self, dynamics, pose, out=None):
        self.frames += 1
        if self.name == "slow":
            time.sleep(0.3)
        if self.name == "broken" and self.frames > 5:
            raise RuntimeError("this decoder broke")
        if out is None:
            out = np.empty((self.size_px, self.size_px, 4), np.uint8)
        out[...] = (sum(self.name.encode()) % 256, int(255 * dynamics[JAW]), 7, 255)
        return out


class TinyModels:
    profile = "tiny"
    gpu_uuid = ""
    painter = None

    def __init__(self, profile="cpu", gpu_fallback=False):
        self.fallback = gpu_fallback

    def warm(self):
        pass

    def generator(self, choice):
        return TinyMotion()

    def ears(self, pcm):
        return StreamEars(pcm)

    def load(self, source):
        data = source if isinstance(source, bytes) else source.read_bytes()
        name = data.decode()
        limits = (-0.5, 0.5, -0.5, 0.5, -0.5, 0.5)
        return LoadedCharacter(name, b"png", hashlib.sha256(data).digest(), 0, limits, name)

    def prepare(self, character):
        pass

    def decoder(self, character, size_px):
        return TinyDecoder(character.body, size_px)


class TinyModelsOnGpu(TinyModels):
    """As if they drew on the first GPU; their frames are uploaded all the same."""

    gpu_uuid = "GPU-00000000-0000-0000-0000-000000000001"
