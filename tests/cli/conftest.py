"""Lines made of noise, and one character, enrolled once for all tests of this folder."""

import numpy as np
import pytest
import soundfile

from mien.backend.cli import main


def speech_like(seconds, rate_hz=16_000, channels=1, seed=0):
    """Noise in syllables: what a signal-level lip driver takes for speech."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    syllables = np.clip(np.sin(2 * np.pi * 4 * time_s), 0, 1)
    return (0.3 * syllables * rng.normal(size=(channels, len(time_s)))).T.clip(-1, 1)


@pytest.fixture
def line(tmp_path):
    """Writes a sound file: `line(seconds, rate_hz, channels)`."""

    def write(seconds, rate_hz=16_000, channels=1, name="line.wav"):
        path = tmp_path / name
        soundfile.write(path, speech_like(seconds, rate_hz, channels), rate_hz)
        return path

    return write


@pytest.fixture(scope="session")
def portrait():
    """The first portrait that ships with mien."""
    from mien.backend.demo.parts import shipped_parts

    return shipped_parts()[0].portrait


@pytest.fixture(scope="session")
def character_file(tmp_path_factory, portrait):
    """A character made of it by the command line."""
    path = tmp_path_factory.mktemp("characters") / "guard.mien"
    assert main(["enroll", str(portrait), "-o", str(path), "--name", "Guard", "--json"]) == 0
    return path
