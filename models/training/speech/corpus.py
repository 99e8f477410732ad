"""Makes the speech corpus: every voice of the plan, in parallel, resumable; and reports on it.

Knows the order of work and what to do when a voice fails. Refuses to know engines and faces.

    python -m training.speech.corpus [--hours 17] [--jobs 2] [--out FOLDER]
    python -m training.speech.corpus --report
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from training.speech.make import make_shard
from training.speech.plan import HOURS, Task, tasks
from training.speech.shards import (
    ShardAbout,
    Utterance,
    append_manifest,
    default_folder,
    file_name,
    load_shard,
    read_manifest,
    rebuild_manifest,
)
from training.speech.voice import EngineMissing, SpeechFailed

__all__ = ["Utterance", "build", "load_shard", "read_manifest", "report"]

SHARDS_A_PROCESS = 30  # then a fresh one: the engines leak a little
LINE_EVERY = 20  # shards, where there is no terminal to show a bar


def build(hours: float, jobs: int, folder: Path, console: Console) -> int:
    """Make what is missing; returns how many shards could not be made."""
    there = {about.file for about in rebuild_manifest(folder)}
    wanted = [t for t in tasks(hours) if file_name(t.source.voice, t.k) not in there]
    missing: dict[str, str] = {}
    columns = (TextColumn("speech"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("speech", total=len(wanted))
        for done, (task, result) in enumerate(_work(wanted, jobs, folder), 1):
            progress.advance(bar)
            if isinstance(result, ShardAbout):
                append_manifest(folder, result)
            elif missing.setdefault(task.source.voice, str(result)) == str(result):
                console.print(f"{task.source.voice}: {result}", style="yellow", highlight=False)
            if not console.is_terminal and done % LINE_EVERY == 0:
                console.print(f"{done} of {len(wanted)} shards", highlight=False)
    return len(wanted) - sum((folder / file_name(t.source.voice, t.k)).exists() for t in wanted)


def _work(
    wanted: list[Task], jobs: int, folder: Path
) -> Iterable[tuple[Task, ShardAbout | Exception]]:
    """Shards as they are made. A voice that is not installed is asked only once more per job; a
    crash of an engine costs the shards in flight."""
    queue = list(reversed(wanted))
    absent: set[str] = set()
    while queue:
        with ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=SHARDS_A_PROCESS
        ) as pool:
            running: dict[Future[ShardAbout], Task] = {}
            broken = False
            while (queue or running) and not broken:
                while queue and len(running) < jobs:
                    task = queue.pop()
                    if task.source.voice not in absent:
                        running[pool.submit(make_shard, task, folder)] = task
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    try:
                        yield task, future.result()
                    except EngineMissing as error:
                        absent.add(task.source.voice)
                        yield task, error
                    except BrokenProcessPool:
                        broken = True
                        yield task, SpeechFailed("the engine crashed")
                    except Exception as error:
                        yield task, error


def report(folder: Path, console: Console) -> None:
    """Hours by engine, language and split, as tables."""
    shards = read_manifest(folder)
    for key in ("engine", "language"):
        sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for shard in shards:
            sums[getattr(shard, key)][shard.split] += shard.seconds / 3600
        console.print(_table(key, sums))
    voices = len({shard.voice for shard in shards})
    utterances = sum(shard.utterances for shard in shards)
    hours = sum(s.seconds for s in shards if s.split == "train") / 3600
    console.print(
        f"{hours:.2f} hours to train on; {len(shards)} shards, {voices} voices,"
        f" {utterances} utterances in {folder}"
    )


def _table(key: str, sums: dict[str, dict[str, float]]) -> Table:
    columns = ("train", "heldout_voice", "heldout_language")
    table = Table(key, *columns, title=f"hours by {key}")
    for name in sorted(sums, key=lambda n: -sum(sums[n].values())):
        table.add_row(name, *(f"{sums[name][c]:.2f}" if sums[name][c] else "" for c in columns))
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--hours", type=float, default=HOURS, help="of training speech")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None, help="the corpus folder")
    parser.add_argument("--report", action="store_true", help="only say what is there")
    options = parser.parse_args()
    folder = options.out or default_folder()
    console = Console()
    if not options.report:
        # Leave by way of the pool, so that no worker is left behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        left = build(options.hours, options.jobs, folder, console)
        if left:
            console.print(f"{left} shards could not be made", style="red")
    report(folder, console)


if __name__ == "__main__":
    main()
