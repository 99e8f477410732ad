"""Makes few synthetic voices sound like many real ones, on log-mel power itself.

Knows vocal tracts, rooms, microphones, noises and tempo as operations on a batch of log-mel
windows; the wave-form kind, which is slower, happens in `training.speech.augment`. Refuses to know
what runs beside the sound, except to warp its time along. Frequency warping after Jaitly and Hinton
(2013), masking after SpecAugment (Park et al. 2019).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mien.models.motion.diffusion.mel import BANDS, HIGHEST_HZ, LOWEST_HZ

DB = float(np.log(10.0) / 10.0)  # one decibel in natural-log power
FLOOR = float(np.log(1e-7))


Tracks = tuple[Tensor, ...]


def disguise(
    mel: Tensor, tracks: Tracks, rng: torch.Generator, *, pace: bool = True
) -> tuple[Tensor, Tracks]:
    """Return `mel` [B, S, 2, BANDS] as another voice, room and pace, and `tracks` [B, S, ...]."""
    if pace:
        mel, tracks = _pace(mel, tracks, rng)
    mel = _glottis(_tract(mel, rng), rng)
    loud = mel.flatten(1).logsumexp(1) - np.log(mel[0].numel())  # [B] mean power
    mel = _room(mel, rng)
    mel = _colour(mel, rng)
    mel = torch.logaddexp(mel, _others(mel, rng))
    mel = torch.logaddexp(mel, _tones(mel, loud, rng))
    mel = torch.logaddexp(mel, _noise(mel, loud, rng))
    mel = _telephone(mel, rng)
    mel = mel + _uniform(rng, len(mel), -26.0, 14.0)[:, None, None, None] * DB
    return _mask(torch.clamp(mel, min=FLOOR), rng), tracks


def _uniform(rng: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=rng)


def _chance(rng: torch.Generator, count: int, probability: float) -> Tensor:
    return torch.rand(count, generator=rng) < probability


def _smooth(rng: torch.Generator, rows: int, knots: int, points: int) -> Tensor:
    """Return smooth noise [rows, points] through `knots` uniform values within -1..1."""
    values = 2 * torch.rand(rows, 1, knots, generator=rng) - 1
    return torch.nn.functional.interpolate(values, points, mode="linear", align_corners=True)[:, 0]


def _pace(mel: Tensor, tracks: Tracks, rng: torch.Generator) -> tuple[Tensor, Tracks]:
    """Another tempo, uneven: the window's own length stays, what is past its end is repeated."""
    batch, slices = mel.shape[:2]
    base = _uniform(rng, batch, -0.28, 0.22)[:, None]
    speed = torch.exp(base + 0.3 * _smooth(rng, batch, max(slices // 12, 2), slices))
    speed = torch.where(_chance(rng, batch, 0.75)[:, None], speed, torch.ones_like(speed))
    place = torch.cumsum(speed, 1) - speed[:, :1]
    # Uneven tempo must not run out of material: squeeze what would.
    place = place * torch.clamp((slices - 1) / place[:, -1:], max=1.0)
    cell = place.floor().long().clamp(max=slices - 2)
    share = (place - cell)[..., None, None]
    rows = torch.arange(batch)[:, None]
    return (
        mel[rows, cell] * (1 - share) + mel[rows, cell + 1] * share,
        tuple(track[rows, place.round().long()] for track in tracks),
    )


def _mel_of(hz: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + hz / 700.0)


def _tract(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Another vocal tract: longer or shorter, and each formant shifted a little by itself."""
    length = _uniform(rng, len(mel), -0.20, 0.20)[:, None]
    shape = 0.07 * _smooth(rng, len(mel), 6, BANDS)
    factor = torch.exp(length + shape)
    low, high = _mel_of(torch.tensor([LOWEST_HZ, HIGHEST_HZ]))
    centres = torch.linspace(float(low), float(high), BANDS + 2)[1:-1]
    hz = 700.0 * (10.0 ** (centres / 2595.0) - 1.0)
    warped = _mel_of(hz[None] * factor)
    place = ((warped - centres[0]) / (centres[1] - centres[0])).clamp(0, BANDS - 1.001)
    cell = place.floor().long()
    share = place - cell
    rows = mel.shape[:3]
    left = mel.gather(3, cell[:, None, None].expand(*rows, BANDS))
    right = mel.gather(3, (cell + 1)[:, None, None].expand(*rows, BANDS))
    return left * (1 - share)[:, None, None] + right * share[:, None, None]


def _glottis(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Another voice source: harmonics blurred away or not, formants sharper or flatter.

    What is narrower than a few bands is pitch and bandwidth, which differ between people and
    synthesisers far more than between phones.
    """
    wide = _blurred(mel, 4)
    narrow = _blurred(mel, 1)
    fine = _uniform(rng, len(mel), 0.0, 1.25)[:, None, None, None]
    broad = _uniform(rng, len(mel), 0.65, 1.2)[:, None, None, None]
    return wide + broad * (narrow - wide) + fine * (mel - narrow)


def _blurred(mel: Tensor, reach: int) -> Tensor:
    flat = mel.flatten(0, 2)[:, None]
    padded = torch.nn.functional.pad(flat, (reach, reach), mode="replicate")
    return torch.nn.functional.avg_pool1d(padded, 2 * reach + 1, 1)[:, 0].view_as(mel)


def _room(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Late reverberation: power that decays by 60 dB in 0.15 to 0.7 s."""
    batch = len(mel)
    used = _chance(rng, batch, 0.45)
    if not bool(used.any()):
        return mel
    decay_s = _uniform(rng, batch, 0.15, 0.7)
    decay = torch.exp(-13.8 * 0.02 / decay_s)[:, None]
    wet = torch.exp(_uniform(rng, batch, -22.0, -8.0) * DB)
    power = torch.exp(mel.mean(2).clamp(max=20.0))  # [B, S, BANDS]
    tail = torch.zeros_like(power)
    now = torch.zeros_like(power[:, 0])
    for t in range(power.shape[1] - 1):
        now = decay * (now + power[:, t])
        tail[:, t + 1] = now
    level = torch.where(used, wet, torch.zeros_like(wet))[:, None, None, None]
    return torch.logaddexp(mel, torch.log(tail[:, :, None] * level + 1e-12))


def _colour(mel: Tensor, rng: torch.Generator) -> Tensor:
    """A microphone and an equaliser: a smooth curve over frequency."""
    curve = 9.0 * _smooth(rng, len(mel), 7, BANDS) + 5.0 * _smooth(rng, len(mel), 2, BANDS)
    return mel + curve[:, None, None] * DB


def _others(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Another voice of the batch behind this one, quieter."""
    level = _uniform(rng, len(mel), -32.0, -9.0) * DB
    level = torch.where(_chance(rng, len(mel), 0.25), level, torch.full_like(level, -60.0))
    return torch.roll(mel, 1, 0).roll(17, 1) + level[:, None, None, None]


def _tones(mel: Tensor, loud: Tensor, rng: torch.Generator) -> Tensor:
    """Something like music: a few partials that change now and then."""
    batch, slices = mel.shape[:2]
    notes = 6
    bands = torch.randint(2, BANDS, (batch, notes, slices // 16 + 1), generator=rng)
    lines = torch.full((batch, slices // 16 + 1, BANDS), -30.0)
    strength = -6.0 * torch.rand(batch, notes, slices // 16 + 1, generator=rng)
    lines.scatter_(2, bands.transpose(1, 2), strength.transpose(1, 2))
    lines = lines.repeat_interleave(16, 1)[:, :slices]
    level = loud + _uniform(rng, batch, -24.0, -4.0) * DB
    level = torch.where(_chance(rng, batch, 0.15), level, torch.full_like(level, -60.0))
    return (lines + level[:, None, None])[:, :, None].expand_as(mel)


def _noise(mel: Tensor, loud: Tensor, rng: torch.Generator) -> Tensor:
    """Steady noise of any colour, its power fluctuating as a periodogram's does."""
    batch = len(mel)
    colour = 10.0 * _smooth(rng, batch, 4, BANDS) * DB
    tilt = _uniform(rng, batch, -14.0, 4.0)[:, None] * torch.linspace(0, 1, BANDS)[None] * DB
    grain = torch.log(torch.rand(mel.shape, generator=rng).clamp(min=1e-3)) * 0.35
    quiet = _chance(rng, batch, 0.25)
    snr = torch.where(quiet, _uniform(rng, batch, 50.0, 80.0), _uniform(rng, batch, 6.0, 48.0))
    return (loud - snr * DB)[:, None, None, None] + (colour + tilt)[:, None, None] + grain


def _telephone(mel: Tensor, rng: torch.Generator) -> Tensor:
    """A narrow band: nothing above 3.3 to 7 kHz, at times nothing below 300 Hz."""
    batch = len(mel)
    top = torch.where(
        _chance(rng, batch, 0.22), _uniform(rng, batch, 42.0, 62.0), torch.full((batch,), 99.0)
    )
    bottom = torch.where(
        _chance(rng, batch, 0.1), _uniform(rng, batch, 3.0, 8.0), torch.full((batch,), -1.0)
    )
    band = torch.arange(BANDS)[None]
    gone = (band > top[:, None]) | (band < bottom[:, None])
    return torch.where(gone[:, None, None], torch.clamp(mel - 5.0, max=FLOOR + 2.0), mel)


def _mask(mel: Tensor, rng: torch.Generator) -> Tensor:
    """A few bands go missing, and a moment now and then."""
    batch, slices = mel.shape[:2]
    start_s = torch.randint(0, slices, (batch, 3), generator=rng)
    width_s = torch.randint(0, 4, (batch, 3), generator=rng) * _chance(rng, batch, 0.4)[:, None]
    moment = torch.arange(slices)[None, None]
    lost = (moment >= start_s[..., None]) & (moment < (start_s + width_s)[..., None])
    quiet = mel.amin(dim=(1, 2), keepdim=True)
    mel = torch.where(lost.any(1)[:, :, None, None], quiet, mel)
    start = torch.randint(0, BANDS, (batch, 1), generator=rng)
    width = torch.randint(0, 7, (batch, 1), generator=rng) * _chance(rng, batch, 0.4)[:, None]
    band = torch.arange(BANDS)[None]
    gone = (band >= start) & (band < start + width)
    return torch.where(gone[:, None, None], mel.mean(dim=(1, 2, 3), keepdim=True), mel)
