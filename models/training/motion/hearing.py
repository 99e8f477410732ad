"""Trains the SpeechEncoder: what is being said, heard 40 to 120 ms later.

Knows the loss, the schedule and the checkpoint. The viseme of every 20 ms is asked for after three
delays at once, so that one network serves any look-ahead, and the accuracy at 80 and at 120 ms can
be compared. So is the mouth of a plain speaker, which visemes alone do not tell: lips begin before
their phone, and stress opens the jaw. Refuses to know how faces are driven.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.motion.diffusion.network import EncoderShape, SpeechEncoder
from training.motion.disguise import disguise
from training.motion.material import MOUTH_COLUMNS, Pool
from training.speech.phones import INDEX, VISEMES

DELAYS = {40: 2, 80: 4, 120: 6}  # milliseconds to slices
DELAY_WEIGHT = {40: 0.4, 80: 1.0, 120: 0.8}
MOUTH_DELAYS = (80, 120)
MOUTH_WEIGHT = 1.5
LEAST_SPREAD = 0.05  # what hardly moves must not weigh like what always does
MEL_MEAN, MEL_SCALE = -6.0, 0.25  # brings log-mel power to about unit size
LIP_WEIGHT = {"p": 2.5, "m": 2.5, "f": 1.8, "w": 1.6, "uw": 1.6, "uh": 1.4, "oh": 1.4, "sh": 1.3,
              "ue": 1.4, "oe": 1.4, "ao": 1.2}  # fmt: skip
WARM_UP_SLICES = 24  # at a window's start the network has heard too little to be blamed


@dataclass(frozen=True)
class HearingPlan:
    """How long and how fast."""

    minutes: float = 60.0
    batch: int = 16
    slices: int = 256
    rate: float = 1.6e-3
    seed: int = 0
    refresh_steps: int = 200


class Listener(nn.Module):
    """An encoder with a head for every delay, which only training needs."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.encoder = SpeechEncoder(shape)
        self.heads = nn.ModuleDict(
            {str(ms): nn.Linear(shape.features, len(VISEMES)) for ms in DELAYS}
        )
        self.mouths = nn.ModuleDict(
            {str(ms): nn.Linear(shape.features, len(MOUTH_COLUMNS)) for ms in MOUTH_DELAYS}
        )
        for head in self.mouths.values():  # guesses would shake what the encoder already knows
            nn.init.zeros_(head.weight)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def features(self, mel: Tensor) -> Tensor:
        """`mel` [B, S, 2, BANDS] log power; returns what is heard of it [B, S, F]."""
        x = scaled(mel)
        features: Tensor = self.encoder(x, self.encoder.silence(len(x)))[0]
        return features

    def visemes(self, features: Tensor) -> dict[int, Tensor]:
        """Return logits [B, S, visemes] for each delay."""
        return {ms: self.heads[str(ms)](features) for ms in DELAYS}

    def mouth(self, features: Tensor) -> dict[int, Tensor]:
        """Return MOUTH_COLUMNS [B, S, M] for each of MOUTH_DELAYS."""
        return {ms: self.mouths[str(ms)](features) for ms in MOUTH_DELAYS}


def scaled(mel: Tensor) -> Tensor:
    """Return slices [B, S, SLICE] as the network takes them."""
    return ((mel - MEL_MEAN) * MEL_SCALE).flatten(2)


def aligned(logits: Tensor, labels: Tensor, slices: int) -> tuple[Tensor, Tensor]:
    """Logits that have heard `slices` beyond a label's time, and those labels."""
    lag = slices - 1
    return logits[:, WARM_UP_SLICES + lag :], labels[:, WARM_UP_SLICES : labels.shape[1] - lag]


def _viseme_loss(logits: dict[int, Tensor], labels: Tensor, weights: Tensor) -> Tensor:
    total = labels.new_zeros((), dtype=torch.float32)
    for ms, slices in DELAYS.items():
        said, asked = aligned(logits[ms], labels, slices)
        total = total + DELAY_WEIGHT[ms] * functional.cross_entropy(
            said.flatten(0, 1), asked.flatten(), weights, label_smoothing=0.05
        )
    return total


def _mouth_loss(shown: dict[int, Tensor], mouth: Tensor, spread: Tensor) -> Tensor:
    total = mouth.new_zeros(())
    for ms in MOUTH_DELAYS:
        ours, theirs = aligned(shown[ms], mouth, DELAYS[ms])
        total = total + DELAY_WEIGHT[ms] * ((ours - theirs) / spread).square().mean()
    return total


def train(corpus: Path, checkpoint: Path, plan: HearingPlan, shape: EncoderShape) -> None:
    """Train for `plan.minutes` of this process, going on from `checkpoint` when it exists."""
    torch.manual_seed(plan.seed)
    pool = Pool(corpus, plan.seed)
    pool.refresh(60)
    model = Listener(shape)
    average = Listener(shape)
    optimiser = torch.optim.AdamW(
        model.parameters(), plan.rate, weight_decay=0.05, betas=(0.9, 0.98)
    )
    spent_s, step, losses = _resume(checkpoint, model, average, optimiser)
    if not spent_s:
        average.load_state_dict(model.state_dict())
    spread = torch.from_numpy(pool.mouth_spread()).clamp(min=LEAST_SPREAD)
    weights = torch.tensor([LIP_WEIGHT.get(v, 1.0) for v in VISEMES])
    rng = torch.Generator().manual_seed(plan.seed + step)
    began = time.monotonic() - spent_s
    told = (time.monotonic(), 0.0, 0, 0.0)
    while (spent_s := time.monotonic() - began) < 60 * plan.minutes:
        if step % plan.refresh_steps == 0:
            pool.refresh(40)
        share = spent_s / (60 * plan.minutes)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * _cosine(share))
        mel, viseme, mouth = map(torch.from_numpy, pool.draw(plan.batch, plan.slices))
        with torch.no_grad():
            mel, (viseme, mouth) = disguise(mel, (viseme, mouth), rng)
        features = model.features(mel)
        heard = _viseme_loss(model.visemes(features), viseme, weights)
        seen = _mouth_loss(model.mouth(features), mouth, spread)
        loss = heard + MOUTH_WEIGHT * seen
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        _follow(average, model, min(0.998, step / (step + 20)))
        told = (told[0], told[1] + heard.item(), told[2] + 1, told[3] + seen.item())
        if time.monotonic() - told[0] > 60:
            heard_loss, mouth_loss = told[1] / told[2], told[3] / told[2]
            losses.append((spent_s / 60, heard_loss))
            _save(checkpoint, model, average, optimiser, shape, spent_s, step, losses)
            print(f"{spent_s / 60:5.1f} min  step {step}  loss {heard_loss:.3f}  "
                  f"mouth {mouth_loss:.3f}  {pool.hours:.1f} h of speech", flush=True)  # fmt: skip
            told = (time.monotonic(), 0.0, 0, 0.0)
    _save(checkpoint, model, average, optimiser, shape, spent_s, step, losses)


def _cosine(share: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - keep)


def _save(
    path: Path, model: Listener, average: Listener, optimiser: torch.optim.Optimizer,
    shape: EncoderShape, spent_s: float, step: int, losses: list[tuple[float, float]],
) -> None:  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    torch.save(
        {"model": model.state_dict(), "average": average.state_dict(), "shape": asdict(shape),
         "optimiser": optimiser.state_dict(), "spent_s": spent_s, "step": step,
         "losses": losses}, new,
    )  # fmt: skip
    new.replace(path)


def _resume(
    path: Path, model: Listener, average: Listener, optimiser: torch.optim.Optimizer
) -> tuple[float, int, list[tuple[float, float]]]:
    if not path.exists():
        return 0.0, 0, []
    kept = torch.load(path, weights_only=True)
    model.load_state_dict(kept["model"])
    average.load_state_dict(kept["average"])
    optimiser.load_state_dict(kept["optimiser"])
    losses = [(float(m), float(x)) for m, x in kept["losses"]]
    return float(kept["spent_s"]), int(kept["step"]), losses


def load(path: Path) -> Listener:
    """Return the averaged listener of a checkpoint, ready to hear."""
    kept = torch.load(path, weights_only=True)
    shape = dict(kept["shape"])
    model = Listener(EncoderShape(**{**shape, "dilations": tuple(shape["dilations"])}))
    model.load_state_dict(kept["average"])
    return model.eval()


@torch.no_grad()
def score(model: Listener, pool: Pool, windows: int = 48, slices: int = 400) -> dict[str, float]:
    """Accuracy per delay, and how often p, b, m frames are found and falsely found (at 80 ms)."""
    mel, labels, _ = map(torch.from_numpy, pool.draw(windows, slices))
    logits = model.visemes(model.features(mel))
    out: dict[str, float] = {}
    for ms, delay in DELAYS.items():
        said, asked = aligned(logits[ms], labels, delay)
        spoken = asked != INDEX["sil"]
        out[f"accuracy_{ms}ms"] = float((said.argmax(-1) == asked)[spoken].float().mean())
        shut = (asked == INDEX["p"]) | (asked == INDEX["m"])
        chance = said.softmax(-1)
        heard = chance[..., INDEX["p"]] + chance[..., INDEX["m"]] > 0.5
        out[f"lips_recall_{ms}ms"] = float(heard[shut].float().mean())
        out[f"lips_precision_{ms}ms"] = float(shut[heard].float().mean()) if heard.any() else 0.0
    return out
