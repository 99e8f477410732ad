"""Who appears in the demo and what each says.

Knows the shipped characters and a person's own portrait. Refuses to know how they are performed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mien.models.motion import Cue, CueTrack, EmotionCue, GazeCue, HeadCue

PORTRAITS = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".wav", ".flac", ".ogg")

# How the shipped lines are played: what a game's designer would write on a timeline.
DIRECTION: dict[str, tuple[Cue, ...]] = {
    "captain": (
        EmotionCue.of(0, intensity=0.5, angry=1.0),
        GazeCue(3_400_000, 1_400_000, None, 0.25, 0.0),
        HeadCue(5_700_000, 1_200_000, None, (0.08, 0.0, 0.0)),
    ),
    "smith": (
        EmotionCue.of(0, intensity=0.5, happy=1.0),
        GazeCue(2_900_000, 1_000_000, None, -0.2, -0.15),
        HeadCue(2_100_000, 1_000_000, None, (0.0, 0.0, 0.08)),
    ),
    "witch": (
        EmotionCue.of(0, 2_000_000, intensity=0.6, surprised=1.0),
        EmotionCue.of(2_000_000, intensity=0.6, happy=0.7, contemptuous=0.3),
        HeadCue(4_300_000, 1_600_000, None, (0.0, 0.1, -0.08)),
    ),
}


class NothingToShow(Exception):
    """The demo has no portrait or no line; the message says where they should be."""


@dataclass(frozen=True)
class Part:
    """One character and its line."""

    name: str
    portrait: Path
    sound: Path
    cues: CueTrack
    consent: str


def own_part(portrait: Path, sound: Path) -> Part:
    """A person's own portrait and line."""
    for file in (portrait, sound):
        if not file.is_file():
            raise NothingToShow(f"there is no file '{file}'")
    return Part(portrait.stem, portrait, sound, CueTrack(), "")


def shipped_parts() -> list[Part]:
    """The characters that come with mien, in the order of their names."""
    folder = Path(str(resources.files("mien.models") / "data" / "demo"))
    parts = [_shipped(path) for path in sorted(folder.iterdir()) if path.suffix in PORTRAITS]
    if not parts:
        raise NothingToShow(f"no demo portrait is in {folder}; was mien installed whole?")
    return parts


def _shipped(portrait: Path) -> Part:
    sounds = [path for end in SOUNDS if (path := portrait.with_suffix(end)).is_file()]
    if not sounds:
        raise NothingToShow(f"the demo portrait {portrait.name} has no line beside it")
    consent = "shipped with mien; rendered, no real person"
    cues = CueTrack(DIRECTION.get(portrait.stem, ()))
    return Part(portrait.stem, portrait, sounds[0], cues, consent)
