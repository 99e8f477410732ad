"""From checkpoints to the weights file that ships.

Knows both checkpoints' layout and rounds to float16. Refuses to train.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.models.motion.diffusion.shapes import SLICE, EncoderShape, TransformerShape
from mien.models.motion.diffusion.weights import About, save_model
from training.motion.hearing import MEL_MEAN, MEL_SCALE

# Measured (docs/experiments.md): four steps draw less than the teacher's spread, and the mean of
# what could be said moves lips less, and shuts them less, than what is said.
STEPS, TEMPERATURE, ARTICULATION, FIRMNESS = 4, 1.15, 1.25, 0.03


def export(
    encoder: Path, transformer: Path, out: Path, *, temperature: float = TEMPERATURE,
    articulation: float = ARTICULATION, firmness: float = FIRMNESS,
) -> About:  # fmt: skip
    """Write the averaged networks of two checkpoints as one weights file."""
    heard = torch.load(encoder, weights_only=True)
    moved = torch.load(transformer, weights_only=True)
    shape: dict[str, Any] = dict(heard["shape"])
    about = About(
        encoder=EncoderShape(**{**shape, "dilations": tuple(shape["dilations"])}),
        transformer=TransformerShape(**moved["shape"]),
        lookahead_frames=int(moved["about"]["lookahead_frames"]),
        steps=STEPS,
        temperature=temperature,
        articulation=articulation,
        firmness=firmness,
        objective=str(moved["objective"]),
        notes={
            "trained": date.today().isoformat(),
            "encoder_steps": int(heard["step"]),
            "transformer_steps": int(moved["step"]),
            **{k: v for k, v in moved["about"].items() if k != "lookahead_frames"},
        },
    )
    prefix = "encoder."
    save_model(
        out,
        {k[len(prefix) :]: v for k, v in heard["average"].items() if k.startswith(prefix)},
        moved["average"],
        {
            "mel_mean": np.full(SLICE, MEL_MEAN, np.float32),
            "mel_scale": np.full(SLICE, MEL_SCALE, np.float32),
            "token_mean": moved["token_mean"].numpy(),
            "token_scale": moved["token_scale"].numpy(),
        },
        about,
    )
    return about
