"""Checkpoints to the weights files that ship with mien."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import torch

from mien.models.appearance import weights as appearance_weights
from mien.models.capture import weights as encoder_weights
from mien.models.capture.shapes import MotionEncoderShape
from mien.models.codec import harmony, skin_weights
from mien.models.codec.skin_shape import shape_from
from training.codec.appearance_network import AppearanceEncoder
from training.codec.folding import network
from training.codec.network import MotionEncoder


def export_encoder(checkpoint: Path, out: Path) -> None:
    """Write the averaged motion encoder, batch norms folded in."""
    kept = torch.load(checkpoint, weights_only=True)
    about = dict(kept["shape"])
    shape = MotionEncoderShape(
        **{name: tuple(v) if isinstance(v, list) else v for name, v in about.items()}
    )
    encoder = MotionEncoder(shape)
    encoder.load_state_dict(kept["average"])
    tensors = {name: tensor.numpy() for name, tensor in network(encoder.eval()).items()}
    notes = {"trained": date.today().isoformat(), "steps": int(kept["step"])}
    encoder_weights.save_model(out, tensors, shape, notes)


def export_appearance(checkpoint: Path, out: Path) -> None:
    """Write the averaged appearance encoder, batch norms folded in."""
    kept = torch.load(checkpoint, weights_only=True)
    encoder = AppearanceEncoder()
    encoder.load_state_dict(kept["average"])
    tensors = {name: tensor.numpy() for name, tensor in network(encoder.eval()).items()}
    notes = {"trained": date.today().isoformat(), "steps": int(kept["step"])}
    appearance_weights.save_model(out, tensors, notes)


def export_skin(checkpoint: Path, out: Path) -> None:
    """Write the averaged skin network."""
    kept = torch.load(checkpoint, weights_only=True)
    tensors = {name: tensor.numpy() for name, tensor in kept["average"].items()}
    notes = {"trained": date.today().isoformat(), "steps": int(kept["step"])}
    shape = shape_from(kept.get("shape"))  # none in those from before there were two
    skin_weights.save_model(out, tensors, notes, shape)


def export_harmony(checkpoint: Path, out: Path) -> None:
    """Write the averaged network of the mouth's light."""
    kept = torch.load(checkpoint, weights_only=True)
    tensors = {name: tensor.numpy() for name, tensor in kept["average"].items()}
    notes = {"trained": date.today().isoformat(), "steps": int(kept["step"])}
    harmony.save_model(out, tensors, notes)
