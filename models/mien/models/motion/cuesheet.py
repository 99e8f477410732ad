"""Cue sheets: a person's JSON file of cues, in seconds and degrees.

Knows the file's form. Refuses to know where it is from. A sheet is a list; each entry says when
(`at_s`, perhaps `for_s` and `ease_s`) and exactly one wish:

    [{"at_s": 0.0, "emotion": "happy", "intensity": 0.7},
     {"at_s": 1.2, "for_s": 2.0, "emotion": {"sad": 0.6, "afraid": 0.2}},
     {"at_s": 1.5, "for_s": 1.0, "gaze_deg": [20, -5]},
     {"at_s": 2.0, "head_deg": [0, 10, 0]},
     {"at_s": 3.0, "distance": 0.9},
     {"at_s": 3.5, "blink": 1}]
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mien.models.motion.controls import CueTrack
from mien.models.motion.cues import (
    BlinkCue,
    Cue,
    CueError,
    DistanceCue,
    EmotionCue,
    GazeCue,
    HeadCue,
)

MAX_SHEET_BYTES = 4 * 1024 * 1024
_WISHES = ("emotion", "gaze_deg", "distance", "head_deg", "blink")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=False)

    at_s: float
    for_s: float = 0.0
    ease_s: float | None = None
    intensity: float = 1.0
    emotion: str | dict[str, float] | None = None
    gaze_deg: tuple[float, float] | None = None
    distance: float | None = None
    head_deg: tuple[float, float, float] | None = None
    blink: float | None = None

    @model_validator(mode="after")
    def _one_wish(self) -> _Entry:
        wishes = [name for name in _WISHES if getattr(self, name) is not None]
        if len(wishes) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_WISHES)}; it has {len(wishes)}")
        return self

    def cue(self) -> Cue:
        """Return the cue that this entry describes; raise `CueError`."""
        start, duration = _us(self.at_s), _us(self.for_s)
        ease = None if self.ease_s is None else _us(self.ease_s)
        if self.emotion is not None:
            weights = {self.emotion: 1.0} if isinstance(self.emotion, str) else self.emotion
            return EmotionCue.of(start, duration, ease, self.intensity, **weights)
        if self.gaze_deg is not None:
            theta, phi = (math.radians(angle) for angle in self.gaze_deg)
            return GazeCue(start, duration, ease, theta, phi)
        if self.head_deg is not None:
            x, y, z = (math.radians(angle) for angle in self.head_deg)
            return HeadCue(start, duration, ease, (x, y, z))
        if self.distance is not None:
            return DistanceCue(start, duration, ease, self.distance)
        return BlinkCue(start, duration, ease, self.blink if self.blink is not None else 1.0)


def _us(seconds: float) -> int:
    if not abs(seconds) <= 1e6:
        raise CueError("bad_time", f"{seconds} s is no time on a line")
    return round(seconds * 1_000_000)


def parse_cue_sheet(text: str | bytes) -> CueTrack:
    """Return the track that a sheet describes; raise `CueError` naming the entry at fault."""
    if len(text) > MAX_SHEET_BYTES:
        raise CueError("bad_sheet", "the cue sheet is larger than 4 MiB")
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CueError("bad_sheet", f"the cue sheet is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise CueError("bad_sheet", "a cue sheet is a list of cues")
    return CueTrack([_read(number, entry) for number, entry in enumerate(entries, start=1)])


def _read(number: int, entry: object) -> Cue:
    try:
        return _Entry.model_validate(entry).cue()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise CueError("bad_sheet", f"cue {number}: {reason}") from error
    except CueError as error:
        raise CueError(error.code, f"cue {number}: {error.message}") from error


def read_cue_sheet(path: str | Path) -> CueTrack:
    """Return the track in a JSON file; raise `CueError`."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise CueError("bad_sheet", f"the cue sheet {path} does not open: {error}") from error
    return parse_cue_sheet(text)
