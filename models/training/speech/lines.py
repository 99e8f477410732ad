"""Makes the demo characters' spoken lines, with the times of their phones.

Knows the sentences, the voices and flite's phone output. Refuses to know faces.

    python -m training.speech.lines [--out FOLDER]      (needs flite 2.2: Debian package `flite`)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

DEFAULT_OUT = Path(__file__).parents[2] / "mien/models/data/demo"
SAMPLE_RATE_HZ = 24_000
LOUDNESS_DB = -21.0  # RMS over the voiced part, relative to full scale
PEAK_LIMIT = 0.89
SILENCE_PHONES = ("pau", "h#", "#", "ssil", "sil")
MARGIN_S = 0.25  # quiet before the first and after the last phone


@dataclass(frozen=True)
class Line:
    """What a character says, in which flite voice, and how slowly (1 is the voice's own pace)."""

    character: str
    voice: str
    text: str
    stretch: float = 1.0
    pitch_hz: float | None = None


LINES = (
    Line("captain", "rms",
         "Bring five bold men to the bridge before the bells begin. If the beast moves, "
         "blow your horn; we will move as one.", 0.98),
    Line("smith", "awb",
         "A proper blade wants patience, my boy. Pump the bellows, hold the flame low, and you "
         "will forge a fine new edge.", 0.95),
    Line("witch", "slt",
         "Oh, you poor brave fool! Who told you to follow the moon into my wood? Come, perhaps "
         "we may both profit.", 1.06, 185.0),
)  # fmt: skip


@dataclass(frozen=True)
class Phone:
    """One phone of the voice's own set, in seconds from the start of the file."""

    start_s: float
    end_s: float
    name: str


def speak(line: Line) -> tuple[NDArray[np.float32], int, list[Phone]]:
    """Run flite: samples, their rate, phones."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        command = ["flite", "-voice", line.voice, "--setf", f"duration_stretch={line.stretch}"]
        if line.pitch_hz is not None:
            command += ["--setf", f"int_f0_target_mean={line.pitch_hz}"]
        command += ["-t", line.text, "-psdur", "-o", str(path)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        samples, rate_hz = soundfile.read(path, dtype="float32")
    return samples, int(rate_hz), parse_phones(output)


def parse_phones(output: str) -> list[Phone]:
    """flite prints `name:end` pairs, in seconds."""
    phones: list[Phone] = []
    start_s = 0.0
    for token in output.split():
        name, end = token.rsplit(":", 1)
        phones.append(Phone(start_s, float(end), name))
        start_s = float(end)
    return phones


def finish(
    samples: NDArray[np.float32], rate_hz: int, phones: list[Phone]
) -> tuple[NDArray[np.float32], list[Phone]]:
    """Trim to a margin of quiet, resample, level; phone times move with the trim."""
    spoken = [phone for phone in phones if phone.name not in SILENCE_PHONES]
    begin_s = max(0.0, spoken[0].start_s - MARGIN_S)
    end_s = min(len(samples) / rate_hz, spoken[-1].end_s + MARGIN_S)
    cut = samples[round(begin_s * rate_hz) : round(end_s * rate_hz)]
    sound = soxr.resample(cut, rate_hz, SAMPLE_RATE_HZ, quality="VHQ")
    loud = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
    gain = 10 ** (LOUDNESS_DB / 20) / float(np.sqrt(np.mean(loud**2)))
    gain = min(gain, PEAK_LIMIT / float(np.abs(sound).max()))
    fade = np.minimum(1.0, np.arange(len(sound)) / (0.02 * SAMPLE_RATE_HZ))
    sound = (sound * gain * fade * fade[::-1]).astype(np.float32)
    length_s = len(sound) / SAMPLE_RATE_HZ
    moved = [
        Phone(
            round(max(0.0, p.start_s - begin_s), 4),
            round(min(length_s, p.end_s - begin_s), 4),
            p.name,
        )
        for p in phones
    ]
    return sound, [p for p in moved if p.end_s > p.start_s]


def write(line: Line, folder: Path) -> None:
    """One FLAC and its JSON."""
    samples, rate_hz, phones = speak(line)
    sound, phones = finish(samples, rate_hz, phones)
    soundfile.write(folder / f"{line.character}.flac", sound, SAMPLE_RATE_HZ, subtype="PCM_16")
    about = {
        "character": line.character,
        "text": line.text,
        "voice": f"flite {line.voice}",
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "duration_s": round(len(sound) / SAMPLE_RATE_HZ, 4),
        "phone_set": "flite US English (DARPAbet)",
        "phones": [[p.start_s, p.end_s, p.name] for p in phones],
    }
    (folder / f"{line.character}.json").write_text(json.dumps(about, indent=None) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for line in LINES:
        write(line, options.out)


if __name__ == "__main__":
    main()
