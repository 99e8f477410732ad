"""The doctor's report as tables for a person. Knows rich; refuses to look anything up."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from mien.backend.cli.doctor import Report


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(_facts(report))
    console.print(_uses(report))
    for problem in report["problems"]:
        console.print(f"problem: {problem}", style="bold red", highlight=False)
    if not report["problems"]:
        console.print("Everything that mien needs is here.", style="green")


def _facts(report: Report) -> Table:
    table = Table("what", "here", title="This machine", title_justify="left")
    features = ", ".join(report["cpu_features"]) or "none that matter"
    table.add_row("system", f"{report['platform']}, Python {report['python']}")
    table.add_row("processor", f"{report['cpu']}, {report['cores']} cores")
    table.add_row("vector extensions", features)
    table.add_row("memory", f"{report['memory_mib']:,} MiB")
    for gpu in report["gpus"]:
        table.add_row("graphics", f"{gpu['name']}, {gpu['memory_mib']:,} MiB, {gpu['driver']}")
    if not report["gpus"]:
        table.add_row("graphics", "no NVIDIA card found")
    for ring in report["rings"]:
        table.add_row(f"ring {ring['kind']}", f"{_yes(ring['usable'])}: {ring['why']}")
    for name, there in report["encoders"].items():
        table.add_row(f"encoder {name}", _yes(there))
    table.add_row("OpenCV", report["opencv"] or "does not load")
    table.add_row("system libGL", f"{_yes(report['libgl'])} (only some OpenCV builds want it)")
    table.add_row("label font", report["font"])
    table.add_row("ZeroMQ", report["zmq"])
    table.add_row("run directory", report["run_dir"])
    table.add_row("versions", ", ".join(f"{k} {v}" for k, v in report["versions"].items()))
    return table


def _uses(report: Report) -> Table:
    table = Table("for", "mien uses", title="What mien will use", title_justify="left")
    uses = report["uses"]
    table.add_row("pictures", uses["codec"])
    table.add_row("motion", uses["motion"])
    table.add_row("frames", f"ring {uses['ring']}")
    table.add_row("messages", uses["transport"])
    table.add_row("video files", uses["video"])
    return table


def _yes(value: bool) -> str:
    return "yes" if value else "no"
