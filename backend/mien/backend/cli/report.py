"""How figures are printed. Knows JSON and plain lines; refuses to know what the figures mean."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass


def as_mapping(figures: object) -> Mapping[str, object]:
    """Figures as a mapping, whether they were held as one or as a dataclass."""
    if is_dataclass(figures) and not isinstance(figures, type):
        return asdict(figures)
    if isinstance(figures, Mapping):
        return figures
    raise TypeError(f"{type(figures).__name__} holds no figures")


def print_json(figures: object) -> None:
    """One JSON document on standard output, and nothing else there."""
    json.dump(as_mapping(figures), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_lines(figures: object) -> None:
    """One line a figure, `name value`."""
    rows = {name.replace("_", " "): value for name, value in as_mapping(figures).items()}
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else str(value)
        print(f"{name:{width}}  {shown}")
