"""Which voices make the corpus, how much of each, and in which order.

Knows the cast and what is held out for good: flite's `rms`, festival's `ked_diphone`, and the
languages Italian and Polish. Refuses to know how a voice speaks.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

HOURS = 17.0  # of training speech; the shares below add up to it
SHARD_S = 120.0
HELD_OUT_LANGUAGES = ("it", "pl")
HELD_OUT_VOICES = ("rms", "ked_diphone")
HELD_OUT_FIRST = 0.1  # held-out shards come in the first tenth of the work


@dataclass(frozen=True)
class Source:
    """A voice's share. `voice` is the corpus's name for it, `engine_voice` the engine's own."""

    engine: str
    engine_voice: str
    language: str
    hours: float

    @property
    def voice(self) -> str:
        """Unique over the corpus, good for a file name."""
        return f"{self.engine}_{self.engine_voice}".replace("+", "_")

    @property
    def split(self) -> str:
        """Held-out languages win over held-out voices."""
        if self.language in HELD_OUT_LANGUAGES:
            return "heldout_language"
        return "heldout_voice" if self.engine_voice in HELD_OUT_VOICES else "train"


@dataclass(frozen=True)
class Task:
    """One shard to make."""

    source: Source
    k: int
    seconds: float
    order: float


ENGLISH_ESPEAK = (
    "en-us", "en-us+m1", "en-us+m2", "en-us+m3", "en-us+m4", "en-us+m5", "en-us+m6", "en-us+m7",
    "en-us+m8", "en-us+f1", "en-us+f2", "en-us+f3", "en-us+f4", "en-us+f5", "en-us+klatt",
    "en-us+klatt2", "en-us+klatt3", "en-us+klatt4", "en-us+croak", "en-us+steph", "en-us+belinda",
    "en-us+adam", "en-us+linda", "en-us-nyc+m3", "en-gb", "en-gb+f2", "en-gb+m7", "en-gb+klatt3",
    "en-gb-x-rp+f4", "en-gb-x-rp+m2", "en-gb-scotland+m4", "en-gb-scotland+f3", "en-gb-x-gbcwmd+m1",
    "en-gb-x-gbclan+f1", "en-029+m6", "en-029+f5",
)  # fmt: skip
OTHER_ESPEAK = {
    "de": ("de", "de+f2", "de+klatt2"), "fr": ("fr-fr", "fr-fr+f4", "fr-be+m3"),
    "es": ("es", "es-419+f1", "es+m7"), "pt": ("pt", "pt-br+f3", "pt-br+m2"),
    "nl": ("nl", "nl+f5"), "ru": ("ru", "ru+f2"), "sv": ("sv", "sv+f1"), "fi": ("fi", "fi+f3"),
    "cs": ("cs", "cs+f4"), "ca": ("ca", "ca+f2"), "tr": ("tr", "tr+f1", "tr+m3"),
    "hu": ("hu", "hu+f5"), "da": ("da", "da+f3"), "ro": ("ro", "ro+f2"), "el": ("el", "el+f4"),
    "id": ("id", "id+f1"),
}  # fmt: skip
FLITE = {"slt": 2.2, "awb": 2.2, "kal16": 1.6, "rms": 0.1}
FESTIVAL = {
    "kal_diphone": ("en", 0.7), "ked_diphone": ("en", 0.08), "cmu_us_slt_arctic_hts": ("en", 0.9),
    "lp_diphone": ("it", 0.04), "pc_diphone": ("it", 0.04), "hy_fi_mv_diphone": ("fi", 0.3),
    "suo_fi_lj_diphone": ("fi", 0.3), "czech_dita": ("cs", 0.25), "czech_krb": ("cs", 0.25),
    "czech_machac": ("cs", 0.25), "czech_ph": ("cs", 0.25), "upc_ca_ona_hts": ("ca", 0.4),
    "msu_ru_nsh_clunits": ("ru", 0.4),
}  # fmt: skip
STYLED = {"sung": 0.6, "whispered": 0.25, "shouted": 0.15}
STYLED_VOICES = ("flite:slt", "flite:awb", "flite:kal16", "espeak:en-us+f2", "espeak:en-us+m3")


def sources() -> list[Source]:
    """Every voice with its hours."""
    found = [Source("flite", voice, "en", hours) for voice, hours in FLITE.items()]
    found += [Source("festival", v, language, hours) for v, (language, hours) in FESTIVAL.items()]
    share = 3.0 / len(ENGLISH_ESPEAK)
    found += [Source("espeak", voice, "en", share) for voice in ENGLISH_ESPEAK]
    count = sum(map(len, OTHER_ESPEAK.values()))
    for language, voices in OTHER_ESPEAK.items():
        found += [Source("espeak", voice, language, 3.0 / count) for voice in voices]
    found += [Source("espeak", voice, "it", 0.03) for voice in ("it", "it+f2")]
    found += [Source("espeak", voice, "pl", 0.03) for voice in ("pl", "pl+f2")]
    for style, hours in STYLED.items():
        for base in STYLED_VOICES:
            found.append(Source(style, base.split(":")[1], "en", hours / len(STYLED_VOICES)))
    return found


def _phase(voice: str) -> float:
    """Spreads the voices over the order of work; the same on every machine."""
    return (zlib.crc32(voice.encode()) % 997) / 997


def tasks(hours: float) -> list[Task]:
    """Shards for `hours` of training speech, in an order that is balanced from the start."""
    shard_s = min(SHARD_S, max(8.0, hours * 3600 / 12))
    planned: list[Task] = []
    for source in sources():
        count = max(1, math.ceil(source.hours * max(1.0, hours / HOURS) * 3600 / shard_s - 1e-6))
        for k in range(count):
            span = 1.0 if source.split == "train" else HELD_OUT_FIRST
            order = (k + _phase(source.voice)) / count * span
            planned.append(Task(source, k, shard_s, order))
    planned.sort(key=lambda task: (task.order, task.source.voice))
    kept: list[Task] = []
    left_s = hours * 3600
    for task in planned:
        if left_s > 0 or (task.source.split != "train" and hours >= 1):
            kept.append(task)
            left_s -= task.seconds if task.source.split == "train" else 0.0
    return kept
