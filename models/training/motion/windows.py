"""Scenes cut into windows that the transformer trains on, many blocks at once.

Knows how sound is disguised and encoded, which slices a block hears, and where its history lies.
Refuses to know losses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mien.models.motion.diffusion.network import (
    SLICES_PER_FRAME,
    SpeechEncoder,
    TransformerShape,
    levels,
)
from mien.models.motion.diffusion.tokens import TOKEN
from training.motion import scenes
from training.motion.disguise import disguise
from training.motion.hearing import scaled

CLEAN_SHARE = 0.15  # of the scenes are heard as the synthesiser made them


@dataclass(frozen=True)
class Windows:
    """A batch; N blocks of b frames after a history of H + 2 frames. Tokens are scaled."""

    history: Tensor  # [B, H + 2 + N * b, TOKEN] the history, then the blocks' own frames
    heard: Tensor  # [B, N, S, F + LEVELS]
    wishes: Tensor  # [B, N, b, CONDITIONS]
    close: Tensor  # [B, N, b]
    labiodental: Tensor  # [B, N, b]
    speech: Tensor  # [B, N, b]

    def rows(self, pick: Tensor) -> Windows:
        """Return the chosen windows."""
        return Windows(**{k: v[pick] for k, v in vars(self).items()})


@dataclass(frozen=True)
class Scaling:
    """Statistics that bring tokens to unit size: scaled = (token - mean) * scale."""

    mean: Tensor  # [TOKEN]
    scale: Tensor  # [TOKEN]
    speed: Tensor  # [TOKEN] how much a scaled token changes from frame to frame


def statistics(folder: Path, files: int = 60) -> Scaling:
    """Return the scaling that a sample of the scenes asks for."""
    paths = sorted(folder.glob("*.npz"))
    step = max(1, len(paths) // files)
    tokens = np.stack([s.tokens for p in paths[::step] for s in scenes.load(p)])
    spread = np.maximum(tokens.std((0, 1)), 0.02)
    speed = np.diff(tokens, axis=1).std((0, 1)) / spread
    mean = tokens.mean((0, 1))
    return Scaling(torch.from_numpy(mean), torch.from_numpy(1.0 / spread), torch.from_numpy(speed))


@torch.no_grad()
def encode(encoder: SpeechEncoder, mel: Tensor) -> Tensor:
    """Return what blocks hear, [B, S, F + LEVELS], of log-mel power [B, S, 2, BANDS]."""
    x = scaled(mel)
    features, _ = encoder(x, encoder.silence(len(x)))
    return torch.cat([features, levels(x)], dim=-1)


def cut(
    batch: list[scenes.Scene], heard: Tensor, scaling: Scaling, shape: TransformerShape,
    blocks: int, lookahead: int, shift: int,
) -> list[Windows]:  # fmt: skip
    """Return windows of `blocks` blocks, the first beginning at frame `shift` from rest."""
    b, past = shape.block_frames, shape.history_frames + 2
    raw = np.stack([s.tokens for s in batch])
    tokens = (torch.from_numpy(raw) - scaling.mean) * scaling.scale
    rest = ((torch.zeros(TOKEN) - scaling.mean) * scaling.scale).expand(len(batch), past, -1)
    tokens = torch.cat([rest, tokens], dim=1)  # frame f lies at past + f
    near = shape.heard_frames * SLICES_PER_FRAME
    padded = torch.cat([heard.new_zeros(len(batch), near, heard.shape[-1]), heard], dim=1)
    tracks = {
        name: torch.from_numpy(np.stack([getattr(s, name) for s in batch]))
        for name in ("wishes", "close", "labiodental", "speech")
    }
    span = blocks * b
    out = []
    for first in range(shift, raw.shape[1] - span - lookahead, span):
        # Block k's newest hop is first + k*b + b-1 + lookahead; its slices end with that hop.
        ends = SLICES_PER_FRAME * (first + b * torch.arange(blocks) + b + lookahead) + near
        which = ends[:, None] - near + torch.arange(near)
        part = {k: v[:, first : first + span].unflatten(1, (blocks, b)) for k, v in tracks.items()}
        out.append(
            Windows(history=tokens[:, first : first + past + span], heard=padded[:, which], **part)
        )
    return out


def stream(
    folder: Path, encoder: Callable[[], SpeechEncoder], scaling: Scaling, shape: TransformerShape,
    *, batch: int, blocks: int, lookahead: int, seed: int, scenes_at_once: int = 64,
) -> Iterator[Windows]:  # fmt: skip
    """Yield batches for ever: fresh disguises, scenes in random order, new files as they come.

    `encoder` is asked anew for every group of scenes, so that one still in training can be used.
    """
    rng = np.random.default_rng(seed)
    chance = torch.Generator().manual_seed(seed)
    kept: list[scenes.Scene] = []
    while True:
        paths = sorted(folder.glob("*.npz"))
        for pick in rng.permutation(len(paths)):
            kept += scenes.load(paths[pick])
            while len(kept) >= scenes_at_once:
                order = rng.permutation(len(kept))[:scenes_at_once]
                group = [kept[i] for i in order]
                kept = [s for i, s in enumerate(kept) if i not in set(order.tolist())]
                yield from _batches(
                    group, encoder(), scaling, shape, batch, blocks, lookahead, rng, chance
                )


def _batches(
    group: list[scenes.Scene], encoder: SpeechEncoder, scaling: Scaling, shape: TransformerShape,
    batch: int, blocks: int, lookahead: int, rng: np.random.Generator, chance: torch.Generator,
) -> Iterator[Windows]:  # fmt: skip
    pieces: list[Windows] = []
    for i in range(0, len(group), 16):
        part = group[i : i + 16]
        mel = torch.from_numpy(np.stack([s.mel for s in part]).astype(np.float32))
        with torch.no_grad():
            other, _ = disguise(mel, (), chance, pace=False)
        clean = torch.rand(len(part), generator=chance) < CLEAN_SHARE
        heard = encode(encoder, torch.where(clean[:, None, None, None], mel, other))
        shift = int(rng.integers(0, 24))
        pieces += cut(part, heard, scaling, shape, blocks, lookahead, shift)
    whole = Windows(**{k: torch.cat([getattr(p, k) for p in pieces]) for k in vars(pieces[0])})
    order = torch.randperm(len(whole.history), generator=chance)
    for i in range(0, len(order) - batch + 1, batch):
        yield whole.rows(order[i : i + batch])
