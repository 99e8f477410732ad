"""How figures are printed. Knows JSON and plain lines; refuses to know what the figures mean."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Figures = Mapping[str, object] | DataclassInstance


def as_mapping(figures: Figures) -> Mapping[str, object]:
    """Figures as a mapping, whichever way they were held."""
    if is_dataclass(figures):
        return asdict(figures)
    return figures


def print_json(figures: Figures) -> None:
    """One JSON document on standard output, and nothing else there."""
    json.dump(as_mapping(figures), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_lines(figures: Figures) -> None:
    """One line a figure, `name value`."""
    rows = {name.replace("_", " "): value for name, value in as_mapping(figures).items()}
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else str(value)
        print(f"{name:{width}}  {shown}")
