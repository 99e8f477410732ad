"""Motion models with weights drawn by lot: small, lively, and good for nothing but tests."""

from __future__ import annotations

import numpy as np

from mien.models.motion.diffusion.shapes import EncoderShape, TransformerShape
from mien.models.motion.diffusion.tokens import FACE
from mien.models.motion.diffusion.weights import STATISTICS, About, MotionModel, expected_tensors

SMALL = About(
    encoder=EncoderShape(width=48, dilations=(1, 2, 4), features=24),
    transformer=TransformerShape(width=64, layers=2, heads=4, features=24),
    steps=3,
)


def drawn(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """One tensor, of a size that keeps what goes through about as large as it was."""
    if name.endswith("norm.weight"):
        return 1.0 + 0.1 * rng.standard_normal(shape)
    if name.endswith("carry"):
        return np.full(shape, 0.5)
    if name == "transformer.leave.weight":
        return 0.4 * rng.standard_normal(shape) / np.sqrt(shape[1])
    if name.endswith(".weight"):
        return rng.standard_normal(shape) / np.sqrt(shape[1])
    return 0.3 * rng.standard_normal(shape)


def random_model(about: About = SMALL, seed: int = 0) -> MotionModel:
    """A model whose motion moves about half of every coefficient's range."""
    rng = np.random.default_rng(seed)
    tensors = {
        name: drawn(name, shape, rng).astype(np.float32)
        for name, shape in expected_tensors(about).items()
        if name not in STATISTICS
    }
    mean = np.full(STATISTICS["token_mean"], 0.4, np.float32)
    scale = np.full_like(mean, 5.0)
    mean[FACE:] = 0.0
    return MotionModel(
        about=about,
        tensors=tensors,
        mel_mean=np.full(STATISTICS["mel_mean"], -7.0, np.float32),
        mel_scale=np.full(STATISTICS["mel_scale"], 0.25, np.float32),
        token_mean=mean,
        token_scale=scale,
    )
