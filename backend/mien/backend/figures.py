"""What Stats answers.

Knows where every figure of the stage is found and what the wire calls it. Refuses to measure. The
I/O thread's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from mien.backend.casting import Casting
from mien.backend.clock import now_us
from mien.backend.config import DaemonConfig
from mien.backend.leases import Leases
from mien.backend.meters import ProcessMeter, quantile_ms
from mien.backend.performance import ActorLook, Performance
from mien.backend.stage import Stage, StagedActor
from mien.protocol import control_pb2 as pb


class Figures:
    """Makes a StatsReply."""

    def __init__(
        self,
        config: DaemonConfig,
        leases: Leases,
        stage: Stage,
        casting: Casting,
        performance: Performance,
    ) -> None:
        self._config = config
        self._leases = leases
        self._stage = stage
        self._casting = casting
        self._performance = performance
        self._process = ProcessMeter()

    def reply(self, looks: Mapping[int, ActorLook]) -> pb.StatsReply:
        """The answer, from what the performance saw of each actor."""
        at_us = now_us()
        motion = self._motion(looks)
        reply = pb.StatsReply(
            uptime_us=at_us - self._process.started_us,
            cpu_fraction=self._process.cpu_fraction(),
            memory_bytes=self._process.memory_bytes(),
            sessions=len(self._leases),
            characters=self._casting.characters,
            motion=motion,
            stage=self._stage_stats(),
        )
        for actor in self._stage:
            reply.actors.append(_actor(actor, looks.get(actor.actor_id, ActorLook()), at_us))
        return reply

    def _motion(self, looks: Mapping[int, ActorLook]) -> pb.MotionStats:
        choice = self._config.motion
        motion = pb.MotionStats(source=choice.source)
        figures = self._performance.look_at_motion()
        if figures is None:
            return motion
        steps = [look.rung.steps for look in looks.values() if look.rung and look.rung.draws]
        motion.steps = min(steps, default=figures.full_steps)
        motion.full_steps = figures.full_steps
        motion.runtime = choice.runtime if figures.full_steps else ""
        motion.step_drops = figures.step_drops
        motion.reduced_blocks, motion.late_blocks = figures.reduced_blocks, figures.late_blocks
        motion.batch_p50_ms = quantile_ms(figures.batch_us, 0.5)
        motion.batch_p95_ms = quantile_ms(figures.batch_us, 0.95)
        return motion

    def _stage_stats(self) -> pb.StageStats:
        if not self._performance.ready:
            return pb.StageStats()
        figures = self._performance.steward.figures()
        budget = self._performance.steward.budgets.in_force
        return pb.StageStats(
            cpu_budget=figures.cpu_budget,
            cpu_spent=figures.cpu_spent,
            gpu_budget_ms=budget.gpu_ms_per_frame or 0.0,
            gpu_spent_ms=figures.gpu_spent_ms,
            planned=figures.planned,
            degradations=figures.degradations,
            recoveries=figures.recoveries,
            refused_spawns=figures.refused,
            costs=[
                pb.StageCost(
                    stage=c.stage, batch=c.batch, steps=c.steps, size_px=c.size_px, ms=c.us / 1000
                )
                for c in figures.costs
            ],
            cores=figures.cores,
        )


def _actor(actor: StagedActor, look: ActorLook, at_us: int) -> pb.ActorStats:
    figures = actor.canvas.meter.figures(at_us)
    stats = pb.ActorStats(
        actor_id=actor.actor_id,
        character_name=actor.character_name,
        client_name=actor.client_name,
        fps=figures.fps,
        frames=figures.frames,
        dropped_frames=figures.dropped,
        deadline_misses=figures.deadline_misses,
        latency_p50_ms=figures.latency_p50_ms,
        latency_p95_ms=figures.latency_p95_ms,
        ring_kind=actor.canvas.ring.kind,
        ring_reason=actor.canvas.ring.reason,
        state_bytes=look.state_bytes,
        line_id=look.line_id,
        buffered_audio_us=look.buffered_audio_us,
        lead_us=look.lead_us,
        ring_bytes=actor.canvas.ring.size_bytes,
        degradations=look.degradations,
        recoveries=look.recoveries,
    )
    if look.rung is not None and look.wish is not None and look.detail is not None:
        stats.rung = look.rung.kind
        stats.steps = look.rung.steps
        stats.size_px, stats.allotted_fps = look.rung.size_px, look.rung.fps
        stats.wanted_size_px, stats.wanted_fps = look.wish.size_px, look.wish.fps
        stats.priority, stats.hidden = look.detail.priority, not look.detail.visible
    return stats
