"""A daemon with tiny models as a theatre of the bench, and loads for it."""

import wave

import numpy as np

from mien.backend.bench.load.plan import ActorWish, LoadPlan
from mien.backend.bench.theatre import Theatre

RATE_HZ = 16_000


def write_noise(path, seconds=3.0):
    """Speech as far as tiny models care."""
    samples = 3000 * np.random.default_rng(0).normal(size=round(RATE_HZ * seconds))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def theatre_of(daemon, folder):
    (folder / "hero.mien").write_bytes(b"hero")
    write_noise(folder / "speech.wav")
    return Theatre(
        daemon.run_dir, daemon.pid, daemon.endpoints.server_id, folder / "hero.mien",
        folder / "speech.wav", folder,
    )  # fmt: skip


def load_of(theatre, actors=2, seconds=2.5, **more):
    wishes = [ActorWish(128)] * actors
    return LoadPlan(
        run_dir=str(theatre.run_dir), character=str(theatre.character),
        speech=str(theatre.speech), rows=str(theatre.folder / "rows.npz"), actors=wishes,
        seconds=seconds, **more,
    )  # fmt: skip
