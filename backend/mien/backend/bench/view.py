"""Findings as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from mien.backend.bench.figures import Findings, row


def show(findings: Findings) -> None:
    """Print the table, and the machine that it is about."""
    table = Table(title="Medians on this machine", title_justify="left")
    table.add_column("what")
    for name in ("median", "5 %–95 %", "runs"):
        table.add_column(name, justify="right")
    table.add_column("promised")
    for figure in findings.figures:
        style = "red" if figure.met is False else None
        cells = [cell.replace("**", "") for cell in row(figure)]
        table.add_row(*cells, style=style)
    console = Console()
    console.print(table)
    console.print("; ".join(f"{k} {v}" for k, v in findings.machine.items()), highlight=False)
