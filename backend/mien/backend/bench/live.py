"""What the daemon achieves, seen from a client in another process.

Knows how to time attaching, the first frame of a line, a long line, and doing nothing. Refuses to
look inside the daemon, but for its share of a core, which the system tells.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from mien.backend.bench.figures import Figure, Findings
from mien.backend.cli.private_daemon import PrivateDaemon, load_patiently
from mien.backend.cli.top import motion_line
from mien.backend.demo.speaker import Speaker
from mien.backend.demo.strand import FRAME_US, LineRecord, Strand
from mien.backend.render import Sound
from mien.models.character import Character
from mien.protocol import ActorHandle, Client, LineHandle, RequestTimeoutError

IDLE_S = 8.0
SETTLE_S = 3.0
ATTACHES = 5
FIRST_FRAMES = 12
WAIT_S = 20.0


def measure(
    findings: Findings, character: Character, speech: Sound, seconds: float, flags: Sequence[str]
) -> None:
    """Everything that needs a daemon; `flags` are `mien serve`'s."""
    started = time.perf_counter()
    with PrivateDaemon(flags) as daemon:
        findings.add(Figure.of("daemon, start to ready", "s", [time.perf_counter() - started]))
        process = psutil.Process(daemon.pid)
        time.sleep(SETTLE_S)
        _cpu(findings, process, "daemon doing nothing", IDLE_S, 2.0)
        with Client.connect(daemon.run_dir, name="mien bench") as client:
            file = daemon.run_dir / "bench.mien"
            character.save(file)
            load_patiently(client, file)
            _attach(findings, client, file)
            with client.spawn(file) as actor:
                strand = Strand(actor.frames())
                _first_frames(findings, actor, strand, speech)
                time.sleep(1.0)
                _cpu(findings, process, "daemon, one actor idling", IDLE_S)
                _long_line(findings, process, actor, strand, _repeated(speech, seconds))
                _memory(findings, client)


def _cpu(
    findings: Findings, process: psutil.Process, what: str, seconds: float,
    target: float | None = None,
) -> None:  # fmt: skip
    shares = []
    process.cpu_percent()
    for _ in range(4):
        time.sleep(seconds / 4)
        shares.append(process.cpu_percent())
    findings.add(Figure.of(what, "% of a core", shares, target))


def _attach(findings: Findings, client: Client, file: Path) -> None:
    loads_ms, attaches_ms = [], []
    for _ in range(ATTACHES):
        started = time.perf_counter()
        character = client.load(file)
        loaded = time.perf_counter()
        with client.spawn(character) as actor:
            while actor.latest() is None:
                time.sleep(0.001)
            attaches_ms.append((time.perf_counter() - loaded) * 1e3)
        loads_ms.append((loaded - started) * 1e3)
    findings.add(Figure.of("load a character into the daemon", "ms", loads_ms))
    findings.add(Figure.of("attach, spawn to first frame, first time", "ms", attaches_ms[:1]))
    findings.add(Figure.of("attach, spawn to first frame", "ms", attaches_ms[1:], 300.0))


def _first_frames(findings: Findings, actor: ActorHandle, strand: Strand, speech: Sound) -> None:
    """Say, until the line's first frame is in the ring."""
    streamed_ms, whole_ms = [], []
    for seed in range(FIRST_FRAMES):
        speaker = Speaker(actor, speech, [], seed)
        streamed_ms.append(_first_frame_ms(actor, strand, speaker.line, speaker.asked_us))
        time.sleep(0.3 + 0.013 * seed)  # so that the next falls elsewhere between two frames
        asked_us = time.monotonic_ns() // 1000
        line = actor.say(speech.samples, sample_rate=speech.sample_rate_hz, seed=seed)
        whole_ms.append(_first_frame_ms(actor, strand, line, asked_us))
        time.sleep(0.3 + 0.017 * seed)
    what = "Say to first lip-synced frame in the ring"
    findings.add(Figure.of(f"{what}, sound streamed", "ms", streamed_ms, 170.0))
    findings.add(Figure.of(f"{what}, sound sent at once", "ms", whole_ms, 170.0))


def _first_frame_ms(actor: ActorHandle, strand: Strand, line: LineHandle, asked_us: int) -> float:
    record = _started(strand, line)
    waited_ms = (record.written_us[min(record.written_us)] - asked_us) / 1e3
    actor.interrupt()
    return waited_ms


def _started(strand: Strand, line: LineHandle) -> LineRecord:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        record = strand.lines.get(line.line_id)
        if record is not None and record.written_us:
            return record
        time.sleep(0.005)
    raise RequestTimeoutError("the line never began")


def _long_line(
    findings: Findings, process: psutil.Process, actor: ActorHandle, strand: Strand, speech: Sound
) -> None:
    """One actor speaking on and on."""
    process.cpu_percent()
    speaker = Speaker(actor, speech, [], seed=1)
    speaker.line.wait(speech.seconds + WAIT_S)
    share = process.cpu_percent()
    time.sleep(0.2)
    record = strand.lines[speaker.line.line_id]
    times = np.array(sorted(record.written_us.values()))
    dropped = speaker.expected_frames - len(times)
    waits_ms = [
        (written - speaker.sent_us[pts // FRAME_US]) / 1e3
        for pts, written in record.written_us.items()
        if pts // FRAME_US < len(speaker.sent_us)
    ]
    what = f"one actor speaking for {speech.seconds:.0f} s"
    rate = (len(times) - 1) * 1e6 / (times[-1] - times[0])
    findings.add(Figure.of(f"{what}: frames a second", "fps", [rate]))
    findings.add(Figure.of(f"{what}: frames dropped", "frames", [dropped], 0.0))
    findings.add(Figure.of(f"{what}: gaps for want of sound", "gaps", [speaker.line.underruns]))
    findings.add(Figure.of(f"{what}: between frames", "ms", list(np.diff(times) / 1e3)))
    findings.add(Figure.of(f"{what}: sound sent to frame in the ring", "ms", waits_ms, 170.0))
    findings.add(Figure.of(f"{what}: daemon", "% of a core", [share]))


def _memory(findings: Findings, client: Client) -> None:
    stats = client.stats()
    findings.machine["motion in the daemon"] = motion_line(stats.motion)
    findings.add(Figure.of("daemon, resident memory", "MB", [stats.memory_bytes / 1e6]))
    for actor in stats.actors:
        findings.add(Figure.of("state of an actor in the daemon", "MB", [actor.state_bytes / 1e6]))


def _repeated(speech: Sound, seconds: float) -> Sound:
    times = max(int(np.ceil(seconds / speech.seconds)), 1)
    samples = np.tile(speech.samples, (times, 1))
    return Sound(samples[: round(seconds * speech.sample_rate_hz)], speech.sample_rate_hz)
