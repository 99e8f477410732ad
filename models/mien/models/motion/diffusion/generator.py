"""DiffusionMotion: sound and wishes in, motion out, a block of two frames at a time.

Knows the order of a step: hear, remember, denoise, check, and lay the designer's own head, blinks
and distance on top. Refuses to know how networks are computed (a `MotionRuntime` does that) and
how they were trained. The same step runs live and offline.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from mien.models.motion.diffusion.guidance import guided, mix, reach_of, turned, variants
from mien.models.motion.diffusion.mel import BANDS, log_mel
from mien.models.motion.diffusion.nearness import approach
from mien.models.motion.diffusion.rings import (
    EncoderRings,
    keep_seen,
    oldest_slot,
    seen_rows,
)
from mien.models.motion.diffusion.runtime import BlockInput, MotionRuntime
from mien.models.motion.diffusion.sampler import noise, times
from mien.models.motion.diffusion.saying import said
from mien.models.motion.diffusion.shapes import LEVELS, SLICE, SLICES_PER_FRAME
from mien.models.motion.diffusion.state import DiffusionState
from mien.models.motion.diffusion.tokens import (
    FACE,
    GAZE,
    POSE,
    TOKEN,
    from_tokens,
)
from mien.models.motion.diffusion.wishes import finite, stacked, wish_vector
from mien.models.motion.lanes import Index
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


def _heard_slices(sound: F32) -> F32:
    """Return mel slices [L, S, SLICE] of [L, samples]; silence, most of what is heard, is known."""
    loud = sound.any(axis=1)
    if loud.all():
        return log_mel(sound).reshape(len(sound), -1, SLICE)
    slices = np.repeat(log_mel(np.zeros_like(sound[:1])), len(sound), axis=0)
    slices[loud] = log_mel(sound[loud])
    return slices.reshape(len(sound), -1, SLICE)


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
        self._rings = EncoderRings(about.encoder, self.block_frames * SLICES_PER_FRAME)
        self._temperature = np.float32(about.temperature)
        if not np.isfinite(mix(self.guidance)).all():
            raise ValueError(f"guidance must be finite, not {self.guidance}")
        reach = runtime.model.part("transformer")["reach"]
        self._reach = turned(reach_of(reach, len(mix(self.guidance))))

    def with_steps(self, steps: int) -> DiffusionMotion:
        """Return the same generator with another number of steps; they share weights and states."""
        return DiffusionMotion(self.runtime, steps=steps, guidance=self.guidance)

    def cheap(self) -> DiffusionMotion:
        """Return the same generator with as little work as keeps a stream going: nobody looks.

        One step and no guidance. Less would not do: without sound heard and tokens made, a face
        that is seen again would go on from what it was.
        """
        return DiffusionMotion(self.runtime, steps=1, guidance=Guidance())

    def warm(self, most: int = 1) -> None:
        """Run a block of every size up to `most` lanes, so that no live block is the first.

        With OpenVINO it takes about two seconds for 64.
        """
        once = self.with_steps(1)  # the other steps are the same again
        kinds = [once, self.cheap()] if guided(self.guidance) else [once]
        for count in self.runtime.batches(min(most, MOST_LANES)):
            sound = np.zeros((count, self.block_frames * HOP_SAMPLES), np.float32)
            wishes = [Controls.neutral(self.block_frames)] * count
            for kind in kinds:
                kind.step(kind.new_state(count), sound, wishes, np.ones(count, np.bool_))

    @cached_property
    def _rest(self) -> F32:
        """What a face at rest is seen as, [2 * layers, heads, 1, W / heads]."""
        model = self.runtime.model
        history = np.zeros((1, self.block_frames + 2, TOKEN), np.float32)
        seen = self.runtime.remember((history - model.token_mean) * model.token_scale)
        return seen[0, 0, :, :, None]

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
        lanes, count = np.flatnonzero(mask), len(state.seed)
        self._check(count, lanes, audio, controls, mask)
        dynamics = np.zeros((count, self.block_frames, COEFFICIENTS), np.float32)
        pose = np.zeros((count, self.block_frames, 6), np.float32)
        for at in range(0, len(lanes), MOST_LANES):
            some = lanes[at : at + MOST_LANES]
            asked = stacked([controls[lane] for lane in some])
            tokens = self._advance(state, some, audio[some], wish_vector(asked))
            dynamics[some], pose[some] = self._shown(tokens, asked)
            nearer, state.away[some] = approach(state.away[some], asked.distance)
            pose[some, :, 5] += nearer
        return dynamics, pose

    def _check(
        self, count: int, lanes: Index, audio: F32, controls: list[Controls], mask: Mask
    ) -> None:
        samples = self.block_frames * HOP_SAMPLES
        if audio.shape != (count, samples) or len(controls) != count or len(mask) != count:
            raise ValueError(
                f"a step of {count} lanes wants audio [{count}, {samples}], {count} controls "
                f"and a mask [{count}], not {audio.shape}, {len(controls)} and {len(mask)}"
            )
        sizes = sorted({len(controls[lane]) for lane in lanes})
        if sizes not in ([], [self.block_frames]):
            raise ValueError(f"controls must be {self.block_frames} frames long, not {sizes}")

    def _advance(self, state: DiffusionState, lanes: Index, audio: F32, wishes: F32) -> F32:
        """Advance `lanes` [L] of `state`; return the tokens of the block, [L, b, TOKEN].

        A step that fails leaves them as they were, so that it can be tried again: whatever
        depends on the state before is written last.
        """
        model, frames = self.runtime.model, self.block_frames
        heard, hear = self._hear(state, lanes, audio)
        history, blocks = state.history[lanes], state.blocks[lanes]
        scaled = (history - model.token_mean) * model.token_scale
        keep_seen(state.seen, lanes, blocks, self.runtime.remember(scaled))
        if not blocks.all():
            state.seen[lanes[blocks == 0]] = self._rest
        sounds, asked = variants(self.guidance, heard, wishes)
        block = BlockInput(
            noise=self._temperature
            * noise(state.seed[lanes], blocks * frames - self.lookahead_frames, frames),
            newest=scaled[:, -2:],
            seen=seen_rows(state.seen, lanes),
            reach=self._reach[oldest_slot(state.seen, blocks, frames)],
            heard=sounds,
            wishes=asked,
            mix=mix(self.guidance),
        )
        made = self.runtime.sample(block, self._times)
        tokens = made / model.token_scale + model.token_mean
        tokens = np.where(np.isfinite(tokens), tokens, history[:, -1:])
        tokens = np.clip(tokens, _LOW, _HIGH).astype(np.float32)
        hear()
        state.history[lanes] = np.concatenate([history[:, frames:], tokens], axis=1)
        state.blocks[lanes] = blocks + 1
        return tokens

    def _hear(
        self, state: DiffusionState, lanes: Index, audio: F32
    ) -> tuple[F32, Callable[[], None]]:
        """Return the newest slices, [L, heard_slices, F + LEVELS], and what will remember them."""
        model = self.runtime.model
        clean = np.clip(finite(audio), -_LOUDEST, _LOUDEST)
        sound = np.concatenate([state.sound[lanes], clean], axis=1)
        slices = (_heard_slices(sound) - model.mel_mean) * model.mel_scale
        blocks = state.blocks[lanes]
        recalled = self._rings.recalled(state.memory, lanes, blocks)
        features, after = self.runtime.encode(slices, recalled)
        new = np.concatenate([features, levels(slices)], axis=-1)
        heard = np.concatenate([state.heard[lanes, new.shape[1] :], new], axis=1)

        def remember() -> None:
            state.sound[lanes] = sound[:, -state.sound.shape[1] :]
            self._rings.keep(state.memory, lanes, blocks, after)
            state.heard[lanes] = heard

        return heard, remember

    def _shown(self, tokens: F32, asked: Controls) -> tuple[F32, F32]:
        """Return dynamics [L, b, 52] and pose [L, b, 6] with the `asked` head and blinks on top.

        The eyes make up for the wished turn of the head as for any other.
        """
        lanes, frames = tokens.shape[:2]
        shown = tokens.copy()
        shown[..., POSE][..., :3] += finite(asked.head)
        flat = shown.reshape(lanes * frames, TOKEN)
        dynamics, pose = (part.reshape(lanes, frames, -1) for part in from_tokens(flat))
        about = self.runtime.model.about
        dynamics = said(dynamics, about.articulation, about.firmness)
        lids = np.clip(finite(asked.blink), 0.0, 1.0)[..., None]
        dynamics[..., _LIDS] = np.maximum(dynamics[..., _LIDS], lids)
        return dynamics, pose
