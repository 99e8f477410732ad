"""What an evaluation of the codec found, and its fixed form as JSON.

Knows names of figures. Refuses to know how they come about. NaN means: could not be measured; in
JSON it is null, and `more.missing` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from training.evaluation.codec.contenders import NAMES, STRETCHED
from training.evaluation.codec.scoring import AGREED, FURTHER, Tally

ENCODER_KEYS = ("median_r", "good", "gaze_deg", "pose_deg", "points_pct")
Json = Mapping[str, object]


@dataclass
class Results:
    """One evaluation."""

    studio: dict[str, Tally] = field(default_factory=dict)  # by contender
    video: dict[str, dict[str, Tally]] = field(default_factory=dict)  # by clip, contender
    encoder: dict[str, float] = field(default_factory=dict)
    coefficients: dict[str, float] = field(default_factory=dict)  # r of each
    retarget: dict[str, float] = field(default_factory=dict)
    disentanglement: dict[str, float] = field(default_factory=dict)
    identity: dict[str, float] = field(default_factory=dict)
    landmarks: dict[str, dict[str, float]] = field(default_factory=dict)  # by whose, group
    rest_error: float = math.nan
    decode_ms: float = math.nan
    geometry_ms: float = math.nan
    gflop: float = math.nan
    people: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    rigid_residual: float = math.nan  # iod
    missing: dict[str, str] = field(default_factory=dict)  # figure: why it is not there
    seconds: float = 0.0

    @property
    def stretched_mouth(self) -> float:
        """Open mouths of the stretched-lip warp, dB."""
        tally = self.studio.get(STRETCHED)
        return math.nan if tally is None else tally.figures()["mouth_psnr"]

    def as_json(self) -> Json:
        """The figures in the form that `mien eval codec --json` prints."""
        return {
            "studio": _contenders(self.studio, AGREED),
            "video": {clip: _contenders(found, AGREED) for clip, found in self.video.items()},
            "motion_encoder": {key: _number(self.encoder.get(key)) for key in ENCODER_KEYS},
            "retarget_r": _number(self.retarget.get("among")),
            "rest_error": _number(self.rest_error),
            "decode_ms": _number(self.decode_ms),
            "gflop": _number(self.gflop),
            "more": self._more(),
        }

    def _more(self) -> Json:
        return {
            "studio": _contenders(self.studio, FURTHER),
            "video": {clip: _contenders(found, FURTHER) for clip, found in self.video.items()},
            "open_mouths": {who: tally.count("mouth_psnr") for who, tally in self.studio.items()},
            "coefficients": {name: _number(r) for name, r in self.coefficients.items()},
            "retarget": {name: _number(value) for name, value in self.retarget.items()},
            "disentanglement": {k: _number(v) for k, v in self.disentanglement.items()},
            "landmarks_pct": {
                who: {group: _number(value) for group, value in found.items()}
                for who, found in self.landmarks.items()
            },
            "identity_distance": _number(self.identity.get("across_motion")),
            "identity_between_people": _number(self.identity.get("between_people")),
            "stretched_mouth_psnr": _number(self.stretched_mouth),
            "geometry_decode_ms": _number(self.geometry_ms),
            "rigid_residual_iod": _number(self.rigid_residual),
            "people": self.people,
            "refused": self.refused,
            "missing": self.missing,
            "seconds_taken": round(self.seconds, 1),
        }


def _contenders(found: Mapping[str, Tally], keys: tuple[str, ...]) -> Json:
    """Figures by contender; null for one that could not draw."""
    form: dict[str, object] = {}
    for who in NAMES:
        tally = found.get(who)
        figures = None if tally is None else tally.figures()
        form[who] = None if figures is None else {key: _number(figures[key]) for key in keys}
    return form


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(float(value), 5)
