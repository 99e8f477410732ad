"""What the model is judged on: lines that it has never heard, with the times of their phones.

Knows held-out synthetic voices and languages, and folders of real recordings. Refuses to know
motion. A held-out line is spoken anew from a fixed seed and then kept under the training cache.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mien.models.motion.types import F32, HOP_SAMPLES, SAMPLE_RATE_HZ
from training.speech.phones import Segment, arpabet_segments

QUIET_S = 0.3  # before and after a line, so that mouths start from rest
RECORDINGS = (".flac", ".wav")


class MaterialError(Exception):
    """Lines that cannot be had; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Line:
    """One utterance between two silences."""

    name: str
    voice: str
    audio: F32  # [N] mono at 16 kHz
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE_HZ

    @property
    def frames(self) -> int:
        """How many motion frames it has."""
        return -(-len(self.audio) // HOP_SAMPLES)


def padded(name: str, voice: str, audio: F32, segments: Sequence[Segment]) -> Line:
    """A line with quiet before and after; its phones move along."""
    quiet = np.zeros(round(QUIET_S * SAMPLE_RATE_HZ), np.float32)
    length_s = len(audio) / SAMPLE_RATE_HZ
    moved = [s.moved(QUIET_S) for s in segments]
    first = moved[0].start_s if moved else QUIET_S
    last = moved[-1].end_s if moved else QUIET_S
    end_s = length_s + 2 * QUIET_S
    around = [Segment(0.0, first, "sil"), *moved]
    if end_s - last > 1e-3:
        around.append(Segment(last, end_s, "sil"))
    return Line(name, voice, np.concatenate([quiet, audio, quiet]), tuple(around))


def real_lines(folder: Path, most: int | None = None) -> list[Line]:
    """Recordings of a folder: `name.flac` (or wav) beside `name.json` with
    `{"phones": [[start_s, end_s, "ARPABET"], ...]}`. Raises `MaterialError`."""
    if not folder.is_dir():
        raise MaterialError(f"{folder} is no folder; --speech takes one of .flac and .json pairs")
    pairs = [
        (sound, sound.with_suffix(".json"))
        for sound in sorted(folder.iterdir())
        if sound.suffix in RECORDINGS and sound.with_suffix(".json").is_file()
    ]
    if not pairs:
        raise MaterialError(f"{folder} holds no recording with its phones (name.flac + name.json)")
    return [_real_line(sound, phones) for sound, phones in pairs[:most]]


def _real_line(sound: Path, phones: Path) -> Line:
    try:
        audio, rate_hz = soundfile.read(sound, dtype="float32", always_2d=True)
        listed = json.loads(phones.read_text())["phones"]
        timed = [(float(a), float(b), str(label)) for a, b, label in listed]
        segments = arpabet_segments(timed)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise MaterialError(f"{sound.name} and {phones.name} do not read: {error}") from error
    return padded(sound.stem, "recording", at_16_khz(audio.mean(1), rate_hz), segments)


def at_16_khz(audio: NDArray[np.float32], rate_hz: int) -> F32:
    """Mono sound [N] of any rate, resampled."""
    if rate_hz == SAMPLE_RATE_HZ:
        return np.asarray(audio, np.float32)
    return np.asarray(soxr.resample(audio, rate_hz, SAMPLE_RATE_HZ), np.float32)
