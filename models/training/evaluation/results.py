"""What an evaluation found, and its fixed form as JSON.

Knows names of figures. Refuses to know how they come about. NaN means: could not be measured; in
JSON it is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from training.evaluation.speaking import Speaking

SPEAKING_KEYS = (
    "bilabial_recall", "bilabial_spurious", "jaw_r", "rounding_r", "sync_offset_ms",
)  # fmt: skip
OTHER_KEYS = (
    "gaze_error_deg", "distance_error", "emotion_accuracy", "delta_pose_ratio", "variance_ratio",
    "drift_ratio", "blinks_per_min", "cpu_ms_per_200ms",
)  # fmt: skip
Json = Mapping[str, object]


@dataclass
class Results:
    """One evaluation: of a motion source, beside the baseline and the teacher."""

    motion: str
    speaking: dict[str, dict[str, Speaking]] = field(default_factory=dict)  # who, where
    pixels: dict[str, dict[str, Speaking]] = field(default_factory=dict)
    voices: dict[str, Speaking] = field(default_factory=dict)
    other: dict[str, dict[str, float]] = field(default_factory=dict)  # who, figure
    seconds: float = 0.0

    def as_json(self) -> Json:
        """The figures in the form that `mien eval motion --json` prints."""
        own = self.speaking.get("model", {})
        seen = self.pixels.get("model", {})
        others = self.other.get("model", {})
        return {
            "motion": self.motion,
            "synthetic": _plain(own.get("synthetic")),
            "real": _plain(own.get("real")),
            "pixels": {**(_plain(seen.get("synthetic")) or {}), "real": _plain(seen.get("real"))},
            "baseline": _everything(self, "baseline"),
            "teacher": _everything(self, "teacher"),
            **{key: _number(others.get(key, math.nan)) for key in OTHER_KEYS},
            "more": {k: _number(v) for k, v in others.items() if k not in OTHER_KEYS},
            "voices": {name: _plain(figures) for name, figures in self.voices.items()},
            "seconds_taken": round(self.seconds, 1),
        }


def _everything(results: Results, who: str) -> Json:
    spoken, seen = results.speaking.get(who, {}), results.pixels.get(who, {})
    return {
        "synthetic": _plain(spoken.get("synthetic")),
        "real": _plain(spoken.get("real")),
        "pixels": _plain(seen.get("synthetic")),
        **{key: _number(value) for key, value in results.other.get(who, {}).items()},
    }


def _plain(figures: Speaking | None) -> dict[str, object] | None:
    return None if figures is None else {k: _number(v) for k, v in figures.plain().items()}


def _number(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(float(value), 5)
