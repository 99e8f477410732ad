"""One run of the bench, part after part, with word of what it is at on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mien.backend.bench import live, motion, offline, rings
from mien.backend.bench.figures import Findings
from mien.backend.cli import doctor
from mien.backend.demo.parts import shipped_parts
from mien.backend.render import read_sound
from mien.models.enrolment import enroll
from mien.models.motion import SignalMotion, perform

SPEECH_RATE_HZ = 24_000


def machine() -> dict[str, str]:
    """The machine in a few words."""
    report = doctor.examine()
    return {
        "processor": report["cpu"],
        "cores": str(report["cores"]),
        "vector extensions": " ".join(report["cpu_features"]) or "none",
        "memory": f"{report['memory_mib']:,} MiB",
        "system": report["platform"],
        "Python": report["python"],
        "NumPy": report["versions"].get("numpy", "?"),
        "mien": report["versions"].get("mien", "?"),
    }


def measure_all(
    wanted: set[str], seconds: float, portrait: Path | None, flags: Sequence[str]
) -> Findings:
    """Measure the parts in `wanted`; `flags` are the daemon's."""
    findings = Findings(machine())
    part = shipped_parts()[0]
    picture = portrait or part.portrait
    heard, sound = read_sound(part.sound)
    if "ring" in wanted:
        _tell("shared memory")
        rings.measure(findings)
    if "motion" in wanted:
        _tell("motion")
        with offline.one_core():
            motion.measure(findings)
    character = None
    if "offline" in wanted:
        _tell("enrolment and decode")
        character = offline.measure(findings, picture, perform(SignalMotion(), heard))
    if "live" in wanted:
        _tell(f"the daemon, about {seconds + 40:.0f} s")
        speech = sound.mono().resampled(SPEECH_RATE_HZ)
        live.measure(findings, character or enroll(picture), speech, seconds, flags)
    return findings


def _tell(what: str) -> None:
    print(f"bench: measuring {what}", file=sys.stderr, flush=True)
