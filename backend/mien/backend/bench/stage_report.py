"""The JSON of a stage bench: what is agreed with those who read it, and what else is in it.

Knows the schema (docs/benchmarks.md gives it in words). Refuses to know how anything is measured.
"""

from __future__ import annotations

import msgspec


class Quantiles(msgspec.Struct, frozen=True):
    """In milliseconds; null where nothing was there to measure."""

    p50: float | None
    p95: float | None
    p99: float | None


class ActorFps(msgspec.Struct, frozen=True):
    """Frames a second in the rings, whatever their size."""

    min: float
    median: float


class Frames(msgspec.Struct, frozen=True):
    """Counts over what was measured."""

    due: int
    on_time: int
    in_ring: int


class Generator(msgspec.Struct, frozen=True):
    """What the load itself took, and how punctual it was."""

    cores: float  # processor time over time
    lag_p99_ms: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a load on a daemon shows."""

    profile: str
    actors: int  # that got a place
    size: int
    fps: float
    missed_ratio: float
    latency_ms: Quantiles
    attach_ms: float | None
    cpu_fraction: float
    gpu_fraction: float | None
    bytes_per_actor: int
    # beyond what was agreed
    seconds: float
    live: bool
    jitter_ms: Quantiles
    actor_fps: ActorFps
    frames: Frames
    daemon_missed_ratio: float
    rungs: dict[str, float]
    degradations: int
    refused_spawns: int
    underruns: int
    ring_bytes: int
    rss_bytes: int
    cpu_budget: float
    generator: Generator


class StageReport(Measured, frozen=True, kw_only=True):
    """One run of the stage bench, whole."""

    machine: dict[str, str]
    stage_ms: dict[str, float]
    bytes_per_character: int


AGREED = (
    "machine", "profile", "actors", "size", "fps", "missed_ratio", "latency_ms", "attach_ms",
    "stage_ms", "cpu_fraction", "gpu_fraction", "bytes_per_actor", "bytes_per_character",
)  # fmt: skip


def report_of(
    measured: Measured, machine: dict[str, str], stage_ms: dict[str, float], character_bytes: int
) -> StageReport:
    """Measurements and what belongs to them."""
    return StageReport(
        **msgspec.structs.asdict(measured),
        machine=machine,
        stage_ms=stage_ms,
        bytes_per_character=character_bytes,
    )


def as_json(report: StageReport) -> dict[str, object]:
    """What was agreed first, in its order."""
    found = msgspec.to_builtins(report)
    return {name: found[name] for name in dict.fromkeys((*AGREED, *found))}


def lines_of(report: StageReport) -> list[tuple[str, str]]:
    """For a person: what and how much."""
    wait, jitter = report.latency_ms, report.jitter_ms
    rows = [
        ("actors", f"{report.actors} at {report.size} px, {report.fps:g} frames a second"),
        ("missed", f"{report.missed_ratio:.2%} of {report.frames.due:,} frames that were due"),
        ("sound to frame", words_of(wait)),
        ("jitter", words_of(jitter)),
        ("attach", "–" if report.attach_ms is None else f"{report.attach_ms:.0f} ms"),
        ("frames a second", f"{report.actor_fps.min:g} at least, {report.actor_fps.median:g} mid"),
        ("rungs", ", ".join(f"{name} {share:.0%}" for name, share in report.rungs.items())),
        ("daemon", f"{report.cpu_fraction:.1%} of the machine, {report.rss_bytes / 1e6:,.0f} MB"),
        ("load generator", f"{report.generator.cores:.1%} of a core"),
        (
            "an actor",
            f"{report.bytes_per_actor / 1e3:,.0f} KB, ring {report.ring_bytes / 1e6:.1f} MB",
        ),
        ("a character", f"{report.bytes_per_character / 1e6:.1f} MB"),
    ]
    if report.gpu_fraction is not None:
        rows.append(("GPU", f"{report.gpu_fraction:.1%}"))
    return rows + [(f"{name}, one frame", f"{ms:.3g} ms") for name, ms in report.stage_ms.items()]


def words_of(values: Quantiles) -> str:
    """For a person."""
    if values.p50 is None:
        return "–"
    shown = ("–" if v is None else f"{v:.0f}" for v in (values.p50, values.p95, values.p99))
    return f"{' / '.join(shown)} ms (p50 / p95 / p99)"
