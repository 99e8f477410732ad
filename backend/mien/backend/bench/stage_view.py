"""Stage benches on a terminal: progress while they run, a table afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

Step = Callable[[float], None]


class Told:
    """Where progress goes: `tell` says what begins, `bar` fills by seconds."""

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet)

    def tell(self, what: str) -> None:
        """A line on standard error."""
        self._console.print(f"bench: {what}", highlight=False)

    @contextmanager
    def bar(self, what: str, seconds: float) -> Iterator[Step]:
        """Yields what is told of seconds that passed."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        with Progress(
            *columns, TimeRemainingColumn(), console=self._console, transient=True
        ) as shown:
            task = shown.add_task(f"bench: {what}", total=seconds)
            yield lambda passed: shown.advance(task, passed)


def show_rows(title: str, rows: list[tuple[str, str]]) -> None:
    """A table of two columns on standard output."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how much")
    for what, how_much in rows:
        table.add_row(what, how_much)
    Console().print(table)
