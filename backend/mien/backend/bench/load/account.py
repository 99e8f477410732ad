"""From what a load saw to figures: which frames were due, and which were there in time.

Knows the deadlines. A frame of a live line belongs to a moment of sound, and is due `live_us` after
that moment was sent: as much as its motion must hear beyond it, and one frame. A frame of a line
that was sent at once is due one frame after its time on a clock that begins with the line's first
frame. Frames are due at the rate that was wished for, whatever the daemon made of it. Refuses to
know processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.typing import NDArray

from mien.backend.bench.load.plan import CHUNK_US
from mien.backend.bench.load.recording import I64, Recording
from mien.protocol.wire import FrameFlag

LIVE_DEADLINE_US = 200_000  # 160 ms that motion hears ahead (a block and what follows), 40 of grace
GRACE_US = 40_000

F64 = NDArray[np.float64]


@dataclass
class ActorAccount:
    """One actor over a stretch of time."""

    actor_id: int
    priority: int
    wished_fps: float
    attach_ms: float | None  # None: it never showed a frame
    due: int = 0
    on_time: int = 0
    frames: int = 0  # in the ring, of whatever kind but held ones
    fps: float = 0.0
    latency_ms: F64 = field(default_factory=lambda: np.zeros(0))
    jitter_ms: F64 = field(default_factory=lambda: np.zeros(0))  # off the wished interval

    @property
    def missed_ratio(self) -> float:
        """Of the frames that were due."""
        return (self.due - self.on_time) / self.due if self.due else 0.0


def accounts(
    recording: Recording, start_us: int, end_us: int, *, live: bool = True
) -> list[ActorAccount]:
    """Every actor, over what was due from `start_us` to `end_us`, in order of spawning."""
    return [_account(recording, row, start_us, end_us, live) for row in recording.actors]


def first_sound_us(recording: Recording) -> int:
    """When the first piece of sound had left."""
    return int(recording.sent_us.min()) if len(recording.sent_us) else 0


def deadline_us(fps: float) -> int:
    """After its sound, for frames of a live line at a rate.

    Rates that do not divide 25 are interpolated: they need the frame of motion behind them, too.
    """
    interval_us = round(1e6 / fps)
    return LIVE_DEADLINE_US + CHUNK_US - gcd(interval_us, CHUNK_US)


def missed_ratio(found: list[ActorAccount]) -> float:
    """Of all frames that were due."""
    due = sum(account.due for account in found)
    return (due - sum(account.on_time for account in found)) / due if due else 0.0


def _account(
    recording: Recording, actor: np.void, start_us: int, end_us: int, live: bool
) -> ActorAccount:
    first_us, asked_us = int(actor["first_us"]), int(actor["asked_us"])
    attach_ms = (first_us - asked_us) / 1e3 if first_us else None
    fps = float(actor["fps"])
    account = ActorAccount(int(actor["actor"]), int(actor["priority"]), fps, attach_ms)
    frames = recording.frames[recording.frames["actor"] == actor["actor"]]
    written = np.where(frames["written_us"] > 0, frames["written_us"], frames["rung_us"])
    inside = (written >= start_us) & (written < end_us)
    inside &= frames["flags"] & int(FrameFlag.HELD) == 0
    account.frames = int(inside.sum())
    account.fps = account.frames * 1e6 / max(end_us - start_us, 1)
    for line in recording.lines[recording.lines["actor"] == actor["actor"]]:
        _add_line(account, recording, line, frames, written, (start_us, end_us), live)
    return account


def _add_line(
    account: ActorAccount,
    recording: Recording,
    line: np.void,
    frames: NDArray[np.void],
    written: I64,
    window: tuple[int, int],
    live: bool,
) -> None:
    sent = recording.sent_us[line["first"] : line["first"] + line["pieces"]]
    spoken = frames["flags"] & int(FrameFlag.SPEAKING | FrameFlag.HELD) == FrameFlag.SPEAKING
    mine = spoken & (frames["line"] == line["line"]) & (frames["pts_us"] // CHUNK_US < len(sent))
    pts, came = frames["pts_us"][mine], written[mine]
    if not len(sent) or (not live and not len(pts)):
        return
    if live:
        due_at = _live_clock(sent, deadline_us(account.wished_fps))
    else:
        origin_us = int((came - pts)[np.argmin(pts)])
        due_at = _own_clock(origin_us)
    length_us = min(int(line["samples"]) * 1_000_000 // int(line["rate_hz"]), len(sent) * CHUNK_US)
    interval_us = 1e6 / account.wished_fps
    wanted = np.arange(0, length_us, interval_us).astype(np.int64)
    due, kept = due_at(wanted), due_at(pts)
    account.due += int(_inside(due, window).sum())
    in_time = (came <= kept) & _inside(kept, window)
    account.on_time += min(len(np.unique(pts[in_time])), int(_inside(due, window).sum()))
    shown = _inside(kept, window)
    if live:
        waits_ms = (came - sent[pts // CHUNK_US]) / 1e3
        account.latency_ms = np.concatenate([account.latency_ms, waits_ms[shown]])
    gaps_ms = np.abs(np.diff(came[shown]) - interval_us) / 1e3
    account.jitter_ms = np.concatenate([account.jitter_ms, gaps_ms])


def _live_clock(sent: I64, deadline: int) -> Callable[[I64], I64]:
    return lambda pts: np.asarray(sent[pts // CHUNK_US] + pts % CHUNK_US + deadline, np.int64)


def _own_clock(origin_us: int) -> Callable[[I64], I64]:
    return lambda pts: np.asarray(origin_us + pts + GRACE_US, np.int64)


def _inside(at: I64, window: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray((at >= window[0]) & (at < window[1]))
