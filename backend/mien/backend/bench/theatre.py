"""A daemon to measure, a character for its stage, and something to say.

Knows private daemons and ones that run already, and keeps everything in a folder that is removed
afterwards. Refuses to know what is measured.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.backend.bench.load.plan import ActorWish, LoadPlan
from mien.backend.bench.wish import StageWish
from mien.backend.cli.private_daemon import PrivateDaemon, load_patiently
from mien.backend.cli.problems import BadInput
from mien.protocol import Client, DaemonNotRunningError
from mien.protocol.rundir import read_endpoints

SPEECH_RATE_HZ = 24_000

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Theatre:
    """Everything in place."""

    run_dir: Path
    pid: int  # of the daemon
    server_id: str
    character: Path
    speech: Path
    folder: Path  # for what is written meanwhile

    def plan(
        self,
        actors: list[ActorWish],
        seconds: float,
        wish: StageWish,
        name: str = "rows",
        *,
        line_s: float = 0.0,
        first_seed: int = 0,
    ) -> LoadPlan:
        """A load of so many actors here."""
        return LoadPlan(
            run_dir=str(self.run_dir),
            character=str(self.character),
            speech=str(self.speech),
            rows=str(self.folder / f"{name}.npz"),
            actors=actors,
            seconds=seconds,
            live=wish.live,
            lead_s=wish.lead_s,
            spread=wish.spread,
            pixels=wish.pixels,
            line_s=line_s,
            first_seed=first_seed,
        )

    def connect(self) -> Client:
        """A client to look on with."""
        return Client.connect(self.run_dir, name="mien bench (looks on)")


@contextlib.contextmanager
def theatre(wish: StageWish, flags: tuple[str, ...], tell: Tell) -> Iterator[Theatre]:
    """Opens one; `flags` are `mien serve`'s. Raises what keeps it from being there."""
    if wish.run_dir is not None and read_endpoints(wish.run_dir) is None:
        raise BadInput(f"no daemon runs in {wish.run_dir}; start one with `mien serve`")
    with folder() as place:
        speech = place / "speech.wav"
        write_speech(speech)
        character = wish.character or enrolled(wish.portrait, place / "bench.mien", tell)
        with contextlib.ExitStack() as stack:
            if wish.run_dir is None:
                tell("starting a daemon")
                room = f"--max-actors={max(wish.actors + 8, 64)}"
                run_dir = stack.enter_context(PrivateDaemon((*flags, room))).run_dir
            else:
                run_dir = wish.run_dir.absolute()
            found = opened(run_dir, character.absolute(), speech, place)
            with found.connect() as client:
                load_patiently(client, found.character)
            yield found


def opened(run_dir: Path, character: Path, speech: Path, place: Path) -> Theatre:
    """With the daemon that runs in `run_dir`. Raises DaemonNotRunningError if none does."""
    found = read_endpoints(run_dir)
    if found is None:
        raise DaemonNotRunningError(f"no daemon runs in {run_dir}")
    return Theatre(run_dir, found.pid, found.server_id, character, speech, place)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for a while."""
    place = Path(tempfile.mkdtemp(prefix="mien-bench-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def enrolled(portrait: Path | None, to: Path, tell: Tell) -> Path:
    """A character file of a portrait, or of a shipped one."""
    from mien.backend.demo.parts import shipped_parts
    from mien.models.enrolment import enroll

    tell("enrolling a portrait")
    enroll(portrait or shipped_parts()[0].portrait).save(to)
    return to


def write_speech(to: Path) -> None:
    """The shipped lines, one after the other, as a WAV file."""
    from mien.backend.demo.parts import shipped_parts
    from mien.backend.render import read_sound

    spoken = []
    for part in shipped_parts():
        sound = read_sound(part.sound)[1].mono().resampled(SPEECH_RATE_HZ)
        spoken.append(np.clip(sound.samples[:, 0], -1.0, 1.0))
    pcm = np.round(np.concatenate(spoken) * 32767.0).astype("<i2")
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE_HZ)
        file.writeframes(pcm.tobytes())
