"""`mien enroll`: a portrait into a character file."""

from __future__ import annotations

import time
from pathlib import Path

from mien.backend.cli.problems import BadInput
from mien.backend.cli.progress import quiet_by_default, spinner
from mien.backend.cli.report import print_json, print_lines


def run(
    portrait: Path,
    output: Path,
    *,
    face: int | None,
    name: str | None,
    consent: str,
    as_json: bool,
) -> None:
    """Enrol and write; raises what enrolment and the file system raise."""
    if output.suffix.lower() != ".mien":
        raise BadInput(f"'{output}' must end in .mien")
    if not portrait.is_file():
        raise BadInput(f"there is no picture '{portrait}'")
    if not output.parent.is_dir():
        raise BadInput(f"there is no folder '{output.parent}' to write to")
    from mien.models.enrolment import enroll

    started = time.perf_counter()
    with spinner(f"looking at {portrait.name}", quiet=quiet_by_default(as_json)):
        character = enroll(portrait, face=face, name=name, consent=consent)
    character.save(output)
    figures = {
        "name": character.name,
        "file": str(output),
        "bytes": output.stat().st_size,
        "sha256": character.sha256,
        "seconds": round(time.perf_counter() - started, 3),
    }
    (print_json if as_json else print_lines)(figures)
