"""Measurements of this machine. Knows which parts there are; refuses to judge other machines."""

from __future__ import annotations

from pathlib import Path

PARTS = ("offline", "motion", "ring", "live")


def run(
    *,
    seconds: float,
    portrait: Path | None,
    only: str | None,
    motion: str | None = None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Measure and print. Raises BadInput for a part that does not exist."""
    from mien.backend.bench.measure import measure_all
    from mien.backend.cli.private_daemon import motion_flags
    from mien.backend.cli.problems import BadInput

    if not seconds >= 2.0:
        raise BadInput(f"--seconds is {seconds:g}; it must be 2 or more")
    flags = motion_flags(motion, None, None)
    wanted = set(PARTS) if only is None else {part.strip() for part in only.split(",")}
    unknown = sorted(wanted - set(PARTS))
    if unknown:
        raise BadInput(f"there is no part '{unknown[0]}' to measure; there are {', '.join(PARTS)}")
    if portrait is not None and not portrait.is_file():
        raise BadInput(f"there is no picture '{portrait}'")
    findings = measure_all(wanted, seconds, portrait, flags)
    if as_json:
        from mien.backend.cli.report import print_json

        print_json(findings.as_json())
    elif as_markdown:
        print(findings.as_markdown(), end="")
    else:
        from mien.backend.bench.view import show

        show(findings)
