"""The two networks in torch: SpeechEncoder hears, MotionTransformer moves.

Knows architectures and nothing else: no audio, no sampling, no files. This is the form that is
trained, and the reference that the OpenVINO form is compared with.

After VASA-1 (arXiv 2404.10667): holistic motion tokens, a diffusion transformer that predicts the
clean motion x0, conditions per frame, past motion as context. What differs, and why, is written in
docs/decisions.md: sound is heard by a network of our own trained on phones, past motion is embedded
once a frame, and blocks of a few frames are denoised together.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.motion.diffusion.mel import BANDS
from mien.models.motion.diffusion.shapes import (
    CONDITIONS,
    LEVELS,
    SLICE,
    SLICES_PER_FRAME,
    EncoderShape,
    TransformerShape,
)
from mien.models.motion.diffusion.tokens import TOKEN

__all__ = [
    "CONDITIONS", "LEVELS", "SLICE", "SLICES_PER_FRAME", "EncoderShape", "MotionTransformer",
    "SpeechEncoder", "TransformerShape", "clock_face", "levels",
]  # fmt: skip


DROPOUT = 0.1  # in training only
Seen = list[tuple[Tensor, ...]]  # key and value of the past, [B, heads, M, W / heads], a layer


class HeardBlock(nn.Module):
    """A causal convolution over three slices, `dilation` apart, and a mix, added to its input."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Linear(3 * width, width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`x` [B, S, W] after `past` [B, 2 * dilation, W]; returns both one step further."""
        y = torch.cat([past, self.norm(x)], dim=1)
        slices, reach = x.shape[1], self.dilation
        taps = [y[:, i * reach : i * reach + slices] for i in range(3)]
        return self.added(x, *taps), y[:, slices:]

    def added(self, x: Tensor, far: Tensor, near: Tensor, here: Tensor) -> Tensor:
        """Return `x` with what is heard two dilations back, one, and here, all of one shape."""
        heard = self.taps(torch.cat([far, near, here], dim=-1))
        heard = functional.gelu(heard, approximate="tanh")
        out: Tensor = x + self.mix(functional.dropout(heard, DROPOUT, self.training))
        return out


class SpeechEncoder(nn.Module):
    """Log-mel slices in, what is being said out; strictly causal, with explicit memory."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.enter = nn.Linear(SLICE, shape.width)
        self.blocks = nn.ModuleList(HeardBlock(shape.width, d) for d in shape.dilations)
        self.norm = nn.LayerNorm(shape.width)
        self.leave = nn.Linear(shape.width, shape.features)

    def forward(self, mel: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """`mel` [B, S, SLICE], scaled; returns features [B, S, F] and the new memory."""
        x = self.enter(mel)
        memory = []
        for block, before in zip(self.blocks, past, strict=True):
            x, after = block(x, before)
            memory.append(after)
        return torch.tanh(self.leave(self.norm(x))), memory

    def silence(self, batch: int) -> list[Tensor]:
        """Return the memory of streams that have heard nothing yet."""
        weight = self.enter.weight
        return [weight.new_zeros(batch, 2 * d, self.shape.width) for d in self.shape.dilations]


class MotionLayer(nn.Module):
    """Attention to the past and the block itself, then a feed-forward; steered by the time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.steer = nn.Parameter(torch.zeros(6, width))
        self.query = nn.Linear(width, 3 * width)
        self.past = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def seen(self, past: Tensor) -> tuple[Tensor, ...]:
        """Return key and value [B, heads, M, W / heads] of the `past` [B, M, W]."""
        return self._split(self.past(past), 2)

    def forward(self, x: Tensor, past: tuple[Tensor, ...], steer: Tensor, bias: Tensor) -> Tensor:
        """`x` [B, N, W], `past` from `seen`, `steer` [B, 6, W], `bias` [(B,) heads, N, M + N]."""
        steer = (steer + self.steer)[:, :, None]
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = steer.unbind(1)
        y = _normed(x) * (1 + scale_a) + shift_a
        query, key, value = self._split(self.query(y), 3)
        past_key, past_value = past
        seen = functional.scaled_dot_product_attention(
            query,
            torch.cat([past_key, key], dim=2),
            torch.cat([past_value, value], dim=2),
            attn_mask=bias.expand(len(x), *bias.shape[-3:]).to(query.dtype),
        )
        x = x + gate_a * self.out(seen.transpose(1, 2).flatten(2))
        y = _normed(x) * (1 + scale_b) + shift_b
        out: Tensor = x + gate_b * self.down(functional.gelu(self.up(y), approximate="tanh"))
        return out

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """[B, N, parts * W] to `parts` of [B, heads, N, W / heads]."""
        shaped = x.reshape(*x.shape[:2], parts, self.heads, -1)  # [B, N, parts, heads, W / heads]
        split: tuple[Tensor, ...] = shaped.permute(2, 0, 3, 1, 4).unbind(0)
        return split


class MotionTransformer(nn.Module):
    """Predicts the clean motion tokens of a block from noisy ones; see the module's docstring."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.shape = shape
        width, block = shape.width, shape.block_frames
        heard = shape.heard_frames * SLICES_PER_FRAME * (shape.features + LEVELS)
        self.enter = nn.Linear(TOKEN, width)
        self.before = nn.Linear(2 * TOKEN, width)  # the newest two frames of the past
        self.hear = nn.Linear(heard, block * width)
        self.wish = nn.Sequential(nn.Linear(CONDITIONS, width), nn.SiLU(), nn.Linear(width, width))
        self.place = nn.Parameter(0.02 * torch.randn(block, width))
        self.remember = nn.Sequential(
            nn.Linear(3 * TOKEN, width), nn.GELU(approximate="tanh"), nn.Linear(width, width)
        )
        self.clock = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.layers = nn.ModuleList(MotionLayer(width, shape.heads) for _ in range(shape.layers))
        # How much each head minds frames by their distance: history first, then within the block.
        self.reach = nn.Parameter(torch.zeros(shape.heads, block, shape.history_frames + block))
        self.leave = nn.Linear(width, TOKEN)
        self.carry = nn.Parameter(torch.zeros(TOKEN))  # how much of the last frame goes through
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(
        self, noisy: Tensor, time: Tensor, history: Tensor, heard: Tensor, wishes: Tensor
    ) -> Tensor:
        """One block of every stream.

        `noisy` [B, b, TOKEN] at noise level `time` [B] (1 is pure noise), `history`
        [B, history_frames + 2, TOKEN], `heard` [B, heard_frames * 2, F + LEVELS], `wishes`
        [B, b, CONDITIONS]; all tokens scaled. Returns x0 [B, b, TOKEN].
        """
        newest = history[:, None, -2:].flatten(2)
        return self.denoise(
            noisy[:, None], time, self.remembered(history), newest, heard[:, None],
            wishes[:, None], self.reach,
        )[:, 0]  # fmt: skip

    def remembered(self, history: Tensor) -> Seen:
        """Return what each layer sees, key and value [B, heads, M, W / heads].

        Of tokens [B, M + 2, TOKEN]: each frame with the two before.
        """
        near = torch.cat([history[:, :-2], history[:, 1:-1], history[:, 2:]], dim=-1)
        past = self.remember(near)
        return [layer.seen(past) for layer in self.layers]  # type: ignore[operator]

    def denoise(
        self, noisy: Tensor, time: Tensor, past: Seen, newest: Tensor, heard: Tensor,
        wishes: Tensor, reach: Tensor,
    ) -> Tensor:  # fmt: skip
        """N blocks of every stream at once, as training does; `forward` with N = 1.

        `noisy` [B, N, b, TOKEN], `time` [B], `past` from `remembered`, `newest`
        [B, N, 2 * TOKEN], `heard` [B, N, S, F + LEVELS], `wishes` [B, N, b, CONDITIONS], `reach`
        [heads, N * b, M + N * b] added to the attention. Returns x0 [B, N, b, TOKEN].
        """
        steer = self.clock(clock_face(time)).unflatten(-1, (6, -1))
        sound = self.hear(heard.flatten(-2)).unflatten(-1, (-1, self.shape.width))
        x = self.enter(noisy) + self.before(newest)[:, :, None] + sound + self.wish(wishes)
        x = (x + self.place).flatten(1, 2)  # [B, N * b, W]
        for layer, seen in zip(self.layers, past, strict=True):
            x = layer(x, seen, steer, reach)
        change = self.leave(_normed(x)).unflatten(1, noisy.shape[1:3])
        out: Tensor = change + self.carry * newest[:, :, None, -TOKEN:]
        return out


def clock_face(time: Tensor) -> Tensor:
    """Return sines and cosines [B, 64] of noise levels [B]."""
    turns = torch.exp(torch.linspace(0.0, math.log(200.0), 32, device=time.device))
    angle = time[:, None] * turns * math.pi
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)


def levels(mel: Tensor) -> Tensor:
    """Return LEVELS loudnesses [..., LEVELS] of scaled mel slices [..., SLICE]."""
    bands = mel.reshape(*mel.shape[:-1], -1, LEVELS, BANDS // LEVELS)
    return bands.mean(dim=(-3, -1))


def _normed(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:])
