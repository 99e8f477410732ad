"""Arguments that several commands take, with the words that explain them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Motion = Annotated[
    str | None, typer.Option(help="What moves the face: diffusion (default) or signal.")
]
RunDir = Annotated[
    Path | None, typer.Option(help="Run directory, if not the default (see `mien doctor`).")
]
