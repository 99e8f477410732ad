"""Progress on standard error, so that standard output stays for results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed


class Step(Protocol):
    """Told once for every piece of work that is done."""

    def __call__(self) -> None: ...


def quiet_by_default(as_json: bool) -> bool:
    """Whether nobody watches: figures for a program, or no terminal."""
    return as_json or not sys.stderr.isatty()


@contextmanager
def spinner(text: str, *, quiet: bool) -> Iterator[None]:
    """Something turns while one thing is done."""
    console = Console(stderr=True, quiet=quiet)
    with console.status(text):
        yield


@contextmanager
def bar(text: str, total: int, *, quiet: bool) -> Iterator[Step]:
    """A bar that fills by one a call."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        Elapsed(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)
