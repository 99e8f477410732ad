"""DiffusionMotion: sound and wishes in, motion out, a block of two frames at a time.

Knows the order of a step: hear, remember, denoise, check, and lay the designer's own head, blinks
and distance on top. Refuses to know how networks are computed (a `MotionRuntime` does that) and
how they were trained. The same step runs live and offline.
"""

from __future__ import annotations

import numpy as np

from mien.models.motion.diffusion.guidance import mix, variants
from mien.models.motion.diffusion.mel import BANDS, log_mel
from mien.models.motion.diffusion.nearness import approach
from mien.models.motion.diffusion.runtime import BlockInput, MotionRuntime
from mien.models.motion.diffusion.sampler import noise, times
from mien.models.motion.diffusion.saying import said
from mien.models.motion.diffusion.shapes import LEVELS, SLICE
from mien.models.motion.diffusion.state import DiffusionState
from mien.models.motion.diffusion.tokens import (
    FACE,
    GAZE,
    POSE,
    TOKEN,
    from_tokens,
)
from mien.models.motion.diffusion.wishes import wish_vector
from mien.models.motion.source import Guidance
from mien.models.motion.types import (
    ARKIT_INDEX,
    COEFFICIENTS,
    F32,
    HOP_SAMPLES,
    Controls,
    Mask,
    MotionState,
)

MOST_LANES = 64  # that are computed at once
_LOUDEST = 4.0  # samples beyond are no sound
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def _bounds() -> tuple[F32, F32]:
    """What a token may be: far beyond what a face does, near enough to come back from."""
    low, high = np.zeros(TOKEN, np.float32), np.full(TOKEN, 1.1, np.float32)
    high[GAZE] = 1.2
    high[POSE] = (0.9, 0.9, 0.9, 1.5, 1.5, 8.0)
    low[FACE:] = -high[FACE:]
    return low, high


_LOW, _HIGH = _bounds()


def levels(slices: F32) -> F32:
    """Return LEVELS loudnesses [..., LEVELS] of scaled mel slices [..., SLICE]."""
    bands = slices.reshape(*slices.shape[:-1], -1, LEVELS, BANDS // LEVELS)
    return np.asarray(bands.mean((-3, -1)), np.float32)


class DiffusionMotion:
    """Moves a face by a streaming diffusion transformer; see `MotionGenerator`."""

    def __init__(
        self, runtime: MotionRuntime, *, steps: int | None = None, guidance: Guidance | None = None
    ) -> None:
        """`steps` of denoising; None: what the weights recommend. Raises ValueError."""
        about = runtime.model.about
        self.runtime = runtime
        self.steps = about.steps if steps is None else steps
        self.guidance = Guidance() if guidance is None else guidance
        self.block_frames = about.transformer.block_frames
        self.lookahead_frames = about.lookahead_frames
        self._times = times(self.steps)
        self._temperature = np.float32(about.temperature)
        if not np.isfinite(mix(self.guidance)).all():
            raise ValueError(f"guidance must be finite, not {self.guidance}")

    def with_steps(self, steps: int) -> DiffusionMotion:
        """Return the same generator with another number of steps; they share weights and states."""
        return DiffusionMotion(self.runtime, steps=steps, guidance=self.guidance)

    def warm(self, lanes: tuple[int, ...] = (1,)) -> None:
        """Run a block for each number of lanes, so that no live block waits for a compiler."""
        for count in lanes:
            sound = np.zeros((count, self.block_frames * HOP_SAMPLES), np.float32)
            wishes = [Controls.neutral(self.block_frames)] * count
            self.step(self.new_state(count), sound, wishes, np.ones(count, np.bool_))

    def new_state(self, lanes: int) -> DiffusionState:
        """Return fresh memory for `lanes` streams, all with seed 0."""
        return DiffusionState.fresh(lanes, self.runtime.model.about)

    def step(
        self, state: MotionState, audio: F32, controls: list[Controls], mask: Mask
    ) -> tuple[F32, F32]:
        """Advance the lanes in `mask` by one block; see `MotionGenerator.step`."""
        if not isinstance(state, DiffusionState):
            raise TypeError(
                f"DiffusionMotion wants its own DiffusionState, not {type(state).__name__}"
            )
        self._check(len(state.seed), audio, controls, mask)
        lanes, count = np.flatnonzero(mask), len(state.seed)
        dynamics = np.zeros((count, self.block_frames, COEFFICIENTS), np.float32)
        pose = np.zeros((count, self.block_frames, 6), np.float32)
        for at in range(0, len(lanes), MOST_LANES):
            some = lanes[at : at + MOST_LANES]
            part, asked = state.take(some), [controls[lane] for lane in some]
            tokens = self._advance(part, audio[some], asked)
            dynamics[some], pose[some] = self._shown(tokens, asked)
            distance = np.stack([wish.distance for wish in asked])
            nearer, part.away = approach(part.away, distance)
            pose[some, :, 5] += nearer
            state.put(some, part)
        return dynamics, pose

    def _check(self, count: int, audio: F32, controls: list[Controls], mask: Mask) -> None:
        samples = self.block_frames * HOP_SAMPLES
        if audio.shape != (count, samples) or len(controls) != count or len(mask) != count:
            raise ValueError(
                f"a step of {count} lanes wants audio [{count}, {samples}], {count} controls "
                f"and a mask [{count}], not {audio.shape}, {len(controls)} and {len(mask)}"
            )
        if any(len(wish) != self.block_frames for wish in controls):
            sizes = sorted({len(wish) for wish in controls})
            raise ValueError(f"controls must be {self.block_frames} frames long, not {sizes}")

    def _advance(self, state: DiffusionState, audio: F32, controls: list[Controls]) -> F32:
        """Advance all lanes of `state`; return the tokens of the block, [L, b, TOKEN]."""
        model, frames = self.runtime.model, self.block_frames
        self._hear(state, audio)
        first_frame = state.blocks * frames - self.lookahead_frames
        wishes = np.stack([wish_vector(wish) for wish in controls])
        heard, asked = variants(self.guidance, state.heard, wishes)
        block = BlockInput(
            noise=self._temperature * noise(state.seed, first_frame, frames),
            history=(state.history - model.token_mean) * model.token_scale,
            heard=heard,
            wishes=asked,
            mix=mix(self.guidance),
        )
        scaled = self.runtime.sample(block, self._times)
        tokens = scaled / model.token_scale + model.token_mean
        tokens = np.where(np.isfinite(tokens), tokens, state.history[:, -1:])
        tokens = np.clip(tokens, _LOW, _HIGH).astype(np.float32)
        state.history = np.concatenate([state.history[:, frames:], tokens], axis=1)
        state.blocks = state.blocks + 1
        return tokens

    def _hear(self, state: DiffusionState, audio: F32) -> None:
        model = self.runtime.model
        clean = np.clip(np.nan_to_num(audio, nan=0.0), -_LOUDEST, _LOUDEST)
        sound = np.concatenate([state.sound, clean.astype(np.float32)], axis=1)
        state.sound = sound[:, -state.sound.shape[1] :]
        slices = log_mel(sound).reshape(len(sound), -1, SLICE)
        slices = (slices - model.mel_mean) * model.mel_scale
        features, state.memory = self.runtime.encode(slices, state.memory)
        new = np.concatenate([features, levels(slices)], axis=-1)
        state.heard = np.concatenate([state.heard[:, new.shape[1] :], new], axis=1)

    def _shown(self, tokens: F32, controls: list[Controls]) -> tuple[F32, F32]:
        """Return dynamics [L, b, 52] and pose [L, b, 6] with the wished head and blinks on top.

        The eyes make up for the wished turn of the head as for any other.
        """
        lanes, frames = tokens.shape[:2]
        head = np.nan_to_num(np.stack([c.head for c in controls]), nan=0.0, posinf=0.0, neginf=0.0)
        lids = np.nan_to_num(np.stack([c.blink for c in controls]), nan=0.0, posinf=0.0, neginf=0.0)
        shown = tokens.copy()
        shown[..., POSE][..., :3] += head
        flat = shown.reshape(lanes * frames, TOKEN)
        dynamics, pose = (part.reshape(lanes, frames, -1) for part in from_tokens(flat))
        about = self.runtime.model.about
        dynamics = said(dynamics, about.articulation, about.firmness)
        lids = np.clip(lids, 0.0, 1.0)[..., None]
        dynamics[..., _LIDS] = np.maximum(dynamics[..., _LIDS], lids)
        return dynamics, pose
