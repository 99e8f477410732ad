"""`mien top`: the stage of a running daemon, looked at again and again."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from mien.backend.cli.report import print_json
from mien.protocol import ActorStats, Client, MotionStats, StageStats, Stats


def run(run_dir: Path | None, *, once: bool, every_s: float, as_json: bool) -> None:
    """Show until interrupted, or once. Raises DaemonNotRunningError."""
    with Client.connect(run_dir, name="mien top", timeout_s=3.0) as client:
        stats = client.stats()
        if as_json:
            print_json(asdict(stats))
        elif once:
            Console().print(table(stats))
        else:
            _watch(client, every_s)


def table(stats: Stats) -> Table:
    """The stage as a table."""
    title = (
        f"up {stats.uptime_us / 1e6:.0f} s, {stats.cpu_fraction:.0%} of a core, "
        f"{stats.memory_bytes >> 20} MiB, {stats.sessions} clients, {stats.characters} characters\n"
        f"{motion_line(stats.motion)}\n{stage_line(stats.stage)}"
    )
    shown = Table(title=title, title_justify="left")
    for name in ("actor", "character", "client", "line", "given"):
        shown.add_column(name)
    for name in ("prio", "px", "fps", "frames", "dropped", "late", "p50 ms", "p95 ms", "sound"):
        shown.add_column(name, justify="right")
    shown.add_column("ring")
    for actor in stats.actors:
        shown.add_row(*_cells(actor))
    return shown


def stage_line(stage: StageStats) -> str:
    """What the stage may take, takes, and gave up."""
    words = (
        f"{stage.cpu_spent:.0%} of the machine spent, {stage.cpu_budget:.0%} allowed, "
        f"{stage.planned:.0%} of that planned"
    )
    if stage.degradations:
        words += f"; quality taken {stage.degradations:,} times, given back {stage.recoveries:,}"
    if stage.refused_spawns:
        words += f"; {stage.refused_spawns:,} actors refused"
    return words


def motion_line(motion: MotionStats) -> str:
    """What moves the faces, and whether it keeps up."""
    words = f"motion by {motion.source or '?'}"
    if motion.full_steps:
        words += f", {motion.steps} of {motion.full_steps} steps, {motion.runtime}"
    words += f", {motion.batch_p50_ms:.1f} ms a batch (p95 {motion.batch_p95_ms:.1f})"
    if motion.step_drops:
        words += f", {motion.reduced_blocks:,} blocks with fewer steps"
    return f"{words}, {motion.late_blocks:,} late"


def _cells(actor: ActorStats) -> tuple[str, ...]:
    return (
        str(actor.actor_id),
        actor.character_name,
        actor.client_name,
        str(actor.line_id) if actor.line_id else "idle",
        _given(actor),
        str(actor.priority),
        _of(actor.size_px, actor.wanted_size_px),
        _of(round(actor.fps), round(actor.wanted_fps)),
        f"{actor.frames:,}",
        f"{actor.dropped_frames:,}",
        f"{actor.deadline_misses:,}",
        f"{actor.latency_p50_ms:.1f}",
        f"{actor.latency_p95_ms:.1f}",
        f"{actor.buffered_audio_us / 1e6:.1f} s",
        actor.ring_kind,
    )


def _given(actor: ActorStats) -> str:
    """What it gets of what was asked for."""
    return actor.rung.replace("_", " ") if actor.visible else "not seen"


def _of(now: int, wanted: int) -> str:
    return str(now) if now == wanted else f"{now} of {wanted}"


def _watch(client: Client, every_s: float) -> None:
    with Live(table(client.stats()), auto_refresh=False, screen=False) as live:
        while True:
            time.sleep(every_s)
            live.update(table(client.stats()), refresh=True)
