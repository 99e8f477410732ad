"""Lines in voices and languages that no training line is in.

Knows the texts (our own), which engine speaks them, and where spoken lines are kept. Refuses to
know motion. What is held out: flite's `rms`, festival's `ked_diphone`, Italian and Polish.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from mien.models.motion.types import SAMPLE_RATE_HZ
from training import paths
from training.evaluation.lines import Line, MaterialError, padded
from training.speech import phones
from training.speech.phones import Segment
from training.speech.voice import EngineMissing, SpeechFailed, Spoken

ENGLISH = (
    "Please bring my big blue bowl back from the pump room.",
    "Five very famous foxes moved far away, and we watched them go.",
    "My brother Paul bought a pumpkin from the market by the bridge.",
    "You should choose a smooth stone from the cool blue pool.",
    "The captain shouted at the boys to jump over the muddy path.",
    "Who knew that the old moon would move so slowly above us?",
    "A small pup gnawed at the edge of her warm winter coat.",
    "Stop the cart, open the gate, and let the sheep walk home.",
    "Each of these cheap shoes leaks when the weather is bad.",
    "I am afraid that nobody will ever believe our mother.",
    "Take seven red berries, crush them, and keep the thick juice.",
    "Oh no, the poor old owl is trapped in the chimney!",
)
ITALIAN = (
    "La mamma prepara il pane e la pasta per tutta la famiglia.",
    "Il bambino beve un bicchiere d'acqua prima di dormire.",
    "Domani mattina partiamo presto con il primo treno.",
    "Una piccola barca bianca passa sotto il ponte.",
    "Buongiorno, vorrei comprare due mele e un po' di formaggio.",
    "Nel bosco si sente solo il vento tra le foglie.",
    "Chi ha mangiato la mia zuppa di pomodoro?",
    "Il lupo corre veloce verso la montagna.",
)
POLISH = (
    "Mama piecze chleb, a babcia gotuje zupę pomidorową.",
    "Mały pies biega po polu i szczeka na ptaki.",
    "Jutro rano pojedziemy pociągiem do miasta.",
    "Proszę otworzyć okno, bo tu jest bardzo ciepło.",
    "Bohater opowieści mieszka w starym zamku nad morzem.",
    "Kupiłem dwa jabłka, bułkę i butelkę mleka.",
    "Wczoraj wieczorem padał deszcz i było zimno.",
    "Czy możesz mi pomóc przenieść ten ciężki stół?",
)


@dataclass(frozen=True)
class Voice:
    """A held-out voice and what it says."""

    engine: str  # "flite", "festival" or "espeak"
    name: str
    texts: tuple[str, ...]

    @property
    def label(self) -> str:
        """The row's name in reports."""
        return f"{self.engine} {self.name}"


VOICES = (
    Voice("flite", "rms", ENGLISH),
    Voice("festival", "ked_diphone", ENGLISH[:8]),
    Voice("espeak", "it+m3", ITALIAN),
    Voice("espeak", "pl+f2", POLISH),
)


def held_out_lines(most_per_voice: int | None = None) -> list[Line]:
    """The held-out lines, voice by voice; spoken where they are not kept yet.

    Raises `MaterialError` naming what to install.
    """
    return [line for voice in VOICES for line in _lines_of(voice, most_per_voice)]


def _lines_of(voice: Voice, most: int | None) -> Iterable[Line]:
    texts = voice.texts[:most]
    kept = [_folder() / f"{_key(voice, text)}.json" for text in texts]
    missing = [text for text, path in zip(texts, kept, strict=True) if not path.is_file()]
    for text, spoken in zip(missing, _speak(voice, missing), strict=True):
        if spoken is not None:  # festival drops what it could not say as written
            _keep(_folder() / f"{_key(voice, text)}.json", voice, text, spoken)
    for number, path in enumerate(kept, start=1):
        if path.is_file():
            yield _read(path, f"{voice.name}-{number}", voice.label)


def _speak(voice: Voice, texts: list[str]) -> Sequence[Spoken | None]:
    if not texts:
        return []
    try:
        if voice.engine == "festival":
            from training.speech import festival

            return festival.speak(voice.name, texts)
        from training.speech import espeak, flite

        speak = {"flite": flite.speak, "espeak": espeak.speak}[voice.engine]
        return [speak(voice.name, text) for text in texts]
    except (EngineMissing, SpeechFailed) as error:
        raise MaterialError(f"held-out lines cannot be spoken: {error}") from error


def _folder() -> Path:
    return paths.cache() / "evaluation"


def _key(voice: Voice, text: str) -> str:
    """Changes with the phone tables, so that no line is kept with times of old."""
    tables = Path(phones.__file__).read_bytes()
    words = "\n".join((voice.engine, voice.name, text)).encode()
    return hashlib.sha256(words + tables).hexdigest()[:20]


def _keep(path: Path, voice: Voice, text: str, spoken: Spoken) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.clip(spoken.audio, -1.0, 1.0)
    heard = path.with_suffix(".partial.flac")
    soundfile.write(heard, sound, SAMPLE_RATE_HZ, subtype="PCM_16")
    heard.replace(path.with_suffix(".flac"))
    rows = [[s.start_s, s.end_s, s.viseme, s.stress] for s in spoken.segments]
    about = {"voice": voice.label, "text": text, "segments": rows}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(about, ensure_ascii=False))
    partial.replace(path)


def _read(path: Path, name: str, label: str) -> Line:
    rows = json.loads(path.read_text())["segments"]
    audio, _ = soundfile.read(path.with_suffix(".flac"), dtype="float32")
    return padded(name, label, audio, [Segment(a, b, viseme, k) for a, b, viseme, k in rows])


def seen_voice_lines() -> list[Line]:
    """Lines in voices that training knows, for a recogniser that must not see held-out ones."""
    voices = (Voice("flite", "slt", ENGLISH), Voice("espeak", "en-us+m3", ENGLISH))
    return [line for voice in voices for line in _lines_of(voice, None)]
