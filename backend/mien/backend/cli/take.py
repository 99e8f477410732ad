"""Takes as files: which endings there are, and what is written under each.

Knows files. Refuses to know where motion comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.backend.cli.problems import BadInput

if TYPE_CHECKING:
    from mien.models.motion.export import Take

EXPORTS = (".csv", ".json")


def check_exports(paths: Sequence[Path], rate_hz: float | None) -> None:
    """Raises BadInput for an ending, a folder or a rate that cannot be."""
    for path in paths:
        if path.suffix.lower() not in EXPORTS:
            raise BadInput(f"'{path}' is neither .csv (Live Link Face) nor .json")
        if not path.parent.is_dir():
            raise BadInput(f"there is no folder '{path.parent}'")
    if rate_hz is not None:
        from mien.models.motion.export import EXPORT_RATES_HZ

        low, high = EXPORT_RATES_HZ
        if not low <= rate_hz <= high:
            raise BadInput(f"--export-fps goes from {low:g} to {high:g}")


def read_take_file(path: Path) -> Take:
    """A take from its file, at the rate of all motion. Raises BadInput and TakeError."""
    from mien.models.motion import FRAME_RATE_HZ
    from mien.models.motion.export import read_take

    take = read_take(path.read_bytes())
    if take.frame_rate_hz != FRAME_RATE_HZ:
        raise BadInput(
            f"'{path}' has {take.frame_rate_hz:g} frames a second; only takes exported without "
            f"--export-fps ({FRAME_RATE_HZ}) can be rendered"
        )
    return take


def write_take(take: Take, path: Path, rate_hz: float | None) -> None:
    """Write a take as its ending says, at `rate_hz` (None: as it is)."""
    from mien.models.motion import FRAME_RATE_HZ
    from mien.models.motion.export import Take, live_link_csv, resample, take_json

    rate = float(FRAME_RATE_HZ) if rate_hz is None else rate_hz
    if path.suffix.lower() == ".csv":
        text = live_link_csv(take.motion, rate)
    else:
        text = take_json(Take(resample(take.motion, rate), take.source, rate))
    path.write_text(text, encoding="utf-8", newline="\n")
