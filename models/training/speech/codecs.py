"""Sound sent through a codec and back, without a delay.

Knows µ-law, few bits, narrow bands, MP3 and Opus. Refuses to know what is coded.
16 kHz mono float32 everywhere.
"""

from __future__ import annotations

import io

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from training.speech.voice import SAMPLE_RATE_HZ, f32

Floats = NDArray[np.float32]
LONGEST_DELAY = 3000  # samples at 16 kHz that a codec may hold sound back


def through_codec(audio: Floats, rng: np.random.Generator) -> Floats:
    """A random codec at a random quality: [N] → [N]."""
    kind = str(rng.choice(["mu_law", "bits", "narrow", "mp3", "opus"]))
    if kind == "mu_law":
        return mu_law(narrow(audio, 8000) if rng.random() < 0.6 else audio)
    if kind == "bits":
        return few_bits(audio, int(rng.integers(6, 11)))
    if kind == "narrow":
        return narrow(audio, int(rng.choice([8000, 11025, 12000])))
    if kind == "mp3":
        return coded(audio, "mp3", "libmp3lame", int(rng.choice([16, 24, 32, 48])))
    return coded(audio, "ogg", "libopus", int(rng.choice([8, 12, 16, 24])))


def mu_law(audio: Floats) -> Floats:
    """ITU-T G.711 µ-law companding to 8 bits and back."""
    peak = float(np.abs(audio).max(initial=0.0)) + 1e-9
    pressed = np.sign(audio) * np.log1p(255 * np.abs(audio) / peak) / np.log(256)
    coarse = np.round(pressed * 127) / 127
    return f32(np.sign(coarse) * np.expm1(np.abs(coarse) * np.log(256)) / 255 * peak)


def few_bits(audio: Floats, bits: int) -> Floats:
    """Plain rounding to `bits`."""
    peak = float(np.abs(audio).max(initial=0.0)) + 1e-9
    steps = 2 ** (bits - 1) - 1
    return f32(np.round(audio / peak * steps) / steps * peak)


def narrow(audio: Floats, rate_hz: int) -> Floats:
    """Down to a lower rate and back."""
    low = soxr.resample(audio, SAMPLE_RATE_HZ, rate_hz, quality="MQ")
    back: Floats = soxr.resample(low, rate_hz, SAMPLE_RATE_HZ, quality="MQ")
    return np.pad(back, (0, max(0, len(audio) - len(back))))[: len(audio)].astype(np.float32)


def coded(audio: Floats, container: str, codec: str, kilobits: int) -> Floats:
    """Through an encoder of FFmpeg's libraries and back, its delay removed."""
    peak = float(np.abs(audio).max(initial=0.0)) + 1e-9
    memory = io.BytesIO()
    with av.open(memory, "w", format=container) as out:
        stream = out.add_stream(codec, rate=SAMPLE_RATE_HZ)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        stream.bit_rate = kilobits * 1000
        samples = np.round(audio / peak * 30000).astype(np.int16)[None]
        sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE_HZ
        for packet in [*stream.encode(sound), *stream.encode(None)]:
            out.mux(packet)
    memory.seek(0)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
    pieces: list[NDArray[np.float32]] = []
    with av.open(memory, "r") as file:
        for decoded in file.decode(audio=0):
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(decoded)]
    pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    heard = np.concatenate(pieces) if pieces else np.zeros(len(audio), np.float32)
    return _aligned(heard, audio) * np.float32(peak / (30000 / 32768))


def _aligned(heard: Floats, sent: Floats) -> Floats:
    """`heard` moved to lie on `sent`, by cross-correlation."""
    size = 1 << (len(heard) + len(sent)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    fits = np.fft.irfft(spectrum, size)
    lags = np.concatenate([np.arange(LONGEST_DELAY), np.arange(-LONGEST_DELAY, 0)])
    lag = int(lags[np.argmax(fits[lags])])
    moved = heard[lag:] if lag >= 0 else np.pad(heard, (-lag, 0))
    return np.pad(moved, (0, max(0, len(sent) - len(moved))))[: len(sent)]
